import assert from "node:assert/strict";
import { test } from "node:test";
import { aroundIncident, bodyOf, type Draft, draftOf, listed, lookOf, missing, unseeable, wordsOf } from "../src/logic/silence.ts";
import type { Silence } from "../src/types.ts";

const NOW = Date.parse("2026-11-23T04:00:00Z");
const draft = (change: Partial<Draft>): Draft => ({ ...draftOf(new URLSearchParams("asset=3205080101000001")), reason: "抢修", ...change });

test("an address fills the scope of the form, and only that", () => {
  const made = draftOf(new URLSearchParams("asset=A1&condition=bin_full&reason=x&rule="));
  assert.deepEqual(made.matches, { asset: "A1", condition: "bin_full" });
  assert.equal(made.reason, "");
});

test("a draft becomes what the API takes", () => {
  assert.deepEqual(bodyOf(draft({ matches: { asset: " A1 ", grid: "  " } })), {
    matches: { asset: "A1" },
    minutes: 120,
    until_clear: false,
    reason: "抢修",
    comment: "",
  });
  const weekly = { days: [7, 6], from: "22:00", to: "06:00" };
  const body = bodyOf(draft({ from: "2026-11-24T08:00", lasts: "until", to: "2026-12-01T08:00", weekly, work_order: " WO-7 " }));
  assert.deepEqual([body.from, body.to, body.minutes], ["2026-11-24T00:00:00.000Z", "2026-12-01T00:00:00.000Z", undefined]);
  assert.deepEqual([body.weekly, body.work_order], [{ days: [6, 7], from: "22:00", to: "06:00" }, "WO-7"]);
});

test("what a preview shows depends on scope and hours alone", () => {
  const before = JSON.stringify(lookOf(draft({})));
  assert.equal(JSON.stringify(lookOf(draft({ reason: "另一个理由", lasts: "30" }))), before);
  assert.notEqual(JSON.stringify(lookOf(draft({ matches: { asset: "A2" } }))), before);
  assert.notEqual(JSON.stringify(lookOf(draft({ weekly: { days: [1], from: "22:00", to: "06:00" } }))), before);
});

test("what is missing is named, the first thing first", () => {
  assert.equal(unseeable(draft({ matches: { asset: " " } })), "silence.needsScope");
  assert.equal(missing(draft({ weekly: { days: [], from: "22:00", to: "06:00" } }), NOW, true), "silence.needsDays");
  assert.equal(missing(draft({ reason: " " }), NOW, true), "silence.needsReason");
  assert.equal(missing(draft({ lasts: "until" }), NOW, true), "silence.needsEnd");
  assert.equal(missing(draft({ lasts: "until", to: "2026-11-23T11:59" }), NOW, true), "silence.needsEnd", "it is noon there");
  assert.equal(missing(draft({ lasts: "until", to: "2026-11-23T12:01" }), NOW, true), null);
  assert.equal(missing(draft({ from: "2026-11-25T12:00", lasts: "until", to: "2026-11-24T12:00" }), NOW, true), "silence.needsEnd");
  assert.equal(missing(draft({}), NOW, true), null);
});

test("what is wide or long is the shift leader's", () => {
  const area = draft({ matches: { district: "盐湖区" } });
  assert.deepEqual([missing(area, NOW, false), missing(area, NOW, true)], ["silence.needsLeader", null]);
  assert.equal(missing(draft({ lasts: "1440" }), NOW, false), null, "a whole day of one asset");
  assert.equal(missing(draft({ lasts: "until", to: "2026-11-24T12:01" }), NOW, false), "silence.needsLeader", "a day and a minute");
});

test("a list is read in three parts, the most pressing first", () => {
  const silence = (id: string, state: Silence["state"], from: string, to: string, ended: string | null): Silence => ({ id, state, from, to, ended }) as Silence;
  const { running, planned, ended } = listed([
    silence("later", "active", "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z", null),
    silence("old", "ended", "2026-11-01T00:00:00Z", "2026-11-09T00:00:00Z", "2026-11-02T00:00:00Z"),
    silence("weekly", "resting", "2026-11-01T00:00:00Z", "2026-11-24T00:00:00Z", null),
    silence("next", "planned", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", null),
    silence("new", "ended", "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-03T00:00:00Z"),
  ]);
  assert.deepEqual([running, planned, ended].map((part) => part.map(({ id }) => id)), [["weekly", "later"], ["next"], ["new", "old"]]);
});

test("what a silence names stands in the form's order", () => {
  assert.deepEqual(wordsOf({ district: "盐湖区", condition: "bin_full" }), [["condition", "bin_full"], ["district", "盐湖区"]]);
  assert.deepEqual(aroundIncident({ asset: "", device: "d", condition: "c" }), { device: "d", condition: "c" });
});
