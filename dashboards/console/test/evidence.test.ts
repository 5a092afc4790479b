import assert from "node:assert/strict";
import { test } from "node:test";
import { decisive } from "../src/logic/evidence.ts";
import type { Change } from "../src/types.ts";

function change(more: Partial<Change>): Change {
  return { id: "1-0", change: "opened", time: "", trigger: "message", seq: 1, file: "", line: 1, column: 1, source: "", readings: [], steps: [], slots: [], ...more };
}
const step = (text: string, value: string) => ({ line: 1, column: 1, text, value });

test("the narrowest true comparison names the field, with all its thresholds", () => {
  const source = "incident(msg.battery_pct < 10 || msg.tilt_deg > 30.0 || held(band(msg.tilt_deg, 10.0, 8.0), 10.s));";
  const found = decisive(change({
    source,
    steps: [step(source.slice(9, -2), "true"), step("msg.battery_pct < 10", "false"), step("msg.tilt_deg > 30.0", "true")],
  }));
  assert.equal(found?.field, "tilt_deg");
  assert.deepEqual(found?.thresholds, [
    { value: 30, label: ">" },
    { value: 10, label: "trip" },
    { value: 8, label: "reset" },
  ]);
});

test("parameters and variables are what they stood for", () => {
  const found = decisive(change({
    source: "incident(yes(lean > param.open_deg) || yes(msg.cover_open), #{ value: lean });",
    readings: [
      { field: "tilt_deg", value: 47.6, time: null, seq: 1 },
      { field: "cover_open", value: true, time: null, seq: 1 },
    ],
    steps: [
      step("lean", "45.9"),
      step("abs(msg.tilt_deg - or_else(dev.baseline_tilt_deg, 0.0))", "45.9"),
      step("msg.tilt_deg - or_else(dev.baseline_tilt_deg, 0.0)", "45.9"),
      step("msg.tilt_deg", "47.6"),
      step("lean > param.open_deg", "true"),
      step("param.open_deg", "30"),
      step("msg.cover_open", "true"),
    ],
  }));
  assert.deepEqual(found, { field: "tilt_deg", thresholds: [{ value: 31.7, label: ">" }] }, "the baseline of 1.7 is added");
});

test("a band's limits may be reckoned", () => {
  const found = decisive(change({
    source: "incident(band(msg.level_pct, param.warn_pct, param.warn_pct - 5.0), #{",
    readings: [{ field: "level_pct", value: 92.9, time: null, seq: 1 }],
    steps: [
      step("band(msg.level_pct, param.warn_pct, param.warn_pct - 5.0)", "true"),
      step("msg.level_pct", "92.9"),
      step("param.warn_pct", "80"),
      step("param.warn_pct - 5.0", "75"),
    ],
  }));
  assert.deepEqual(found, { field: "level_pct", thresholds: [{ value: 80, label: "trip" }, { value: 75, label: "reset" }] });
});

test("a variable of several readings gets no threshold", () => {
  const found = decisive(change({
    readings: [{ field: "level_pct", value: 10, time: null, seq: 1 }],
    steps: [step("rise > 5", "true"), step("rise", "7"), step("msg.level_pct - previous(msg.level_pct, 0)", "8"), step("msg.level_pct", "10")],
  }));
  assert.deepEqual(found, { field: "level_pct", thresholds: [] });
});

test("a comparison written the other way round is turned", () => {
  assert.deepEqual(decisive(change({ source: "incident(20 < msg.level_pct)" })), {
    field: "level_pct",
    thresholds: [{ value: 20, label: ">" }],
  });
});

test("without a threshold the first number that was read is shown", () => {
  const readings = [
    { field: "cover_open", value: true, time: null, seq: 1 },
    { field: "power_w", value: 3, time: null, seq: 1 },
  ];
  assert.deepEqual(decisive(change({ source: "incident(odd(msg))", readings })), { field: "power_w", thresholds: [] });
  assert.equal(decisive(change({ source: "raise(#{})" })), null);
});
