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
