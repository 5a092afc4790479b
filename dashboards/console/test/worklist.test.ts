import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, isIn, mainStep, move, wanted } from "../src/logic/worklist.ts";
import type { Case } from "../src/types.ts";

const NOW = Date.parse("2026-11-23T01:00:00.000Z");
const after = (minutes: number): string => new Date(NOW + minutes * 60_000).toISOString();

function item(id: string, more: Partial<Case> = {}): Case {
  return {
    id, number: id, source: "iot", reporter: "", state: "reported", stage: "report", final: false, severity: "minor", asset: id,
    asset_name: "", class: "", class_kind: "", class_name: "", standard: "", condition: "", text_zh: "", text_en: "",
    district: "", grid: "", department: "", latitude: null, longitude: null, incidents: [], condition_holds: true,
    deadline: null, overdue: false, acknowledged_by: null, acknowledged_at: null, assignee: null, opened: after(-60),
    updated: after(-60), closed: null, feedback: null, merged_into: null,
    stage_deadline: null, total_deadline: null, total_overdue: false, stages_overdue: 0, returns: 0, reworks: 0, reported_again: 0, supervised: false,
    ...more,
  };
}

const due = (minutes: number): Pick<Case, "deadline"> => ({
  deadline: { limit: "urgent_hour", amount: 2, started: after(-60), due: after(minutes) },
});

test("work comes by minutes left, then severity, then age; no limit comes last", () => {
  const cases = [
    item("none"),
    item("late", due(-5)),
    item("mild", due(30)),
    item("grave", { ...due(30), severity: "critical" }),
    item("older", { ...due(30), opened: after(-90) }),
    item("calm", due(600)),
  ];
  assert.deepEqual(wanted(cases, "new", "zhang", NOW), ["late", "grave", "older", "mild", "calm", "none"]);
});

test("tabs tell whose move it is", () => {
  const mine = item("mine", { acknowledged_by: "zhang" });
  const given = item("given", { acknowledged_by: "zhang", assignee: "wang" });
  const closed = item("closed", { final: true, acknowledged_by: "zhang", closed: after(-1), overdue: true });
  assert.deepEqual([isIn("new", mine, "zhang", NOW), isIn("mine", mine, "zhang", NOW)], [false, true]);
  assert.deepEqual([isIn("mine", given, "zhang", NOW), isIn("mine", given, "wang", NOW)], [false, true]);
  assert.deepEqual([isIn("closed", closed, "zhang", NOW), isIn("overdue", closed, "zhang", NOW)], [true, false]);
  // The clock here says so before the gateway has told it.
  assert.equal(isIn("overdue", item("late", due(-1)), "zhang", NOW), true);
});

test("closed cases come by when they closed", () => {
  const cases = [item("a", { final: true, closed: after(-9) }), item("b", { final: true, closed: after(-1) })];
  assert.deepEqual(wanted(cases, "closed", "zhang", NOW), ["b", "a"]);
});

test("a list that is pointed at keeps its rows in their places", () => {
  assert.deepEqual(arrange(["a", "b"], ["c", "b", "d"], true), { shown: ["a", "b"], waiting: 2 });
  assert.deepEqual(arrange(["a", "b"], ["c", "b", "d"], false), { shown: ["c", "b", "d"], waiting: 0 });
  assert.deepEqual(arrange([], ["c"], true), { shown: ["c"], waiting: 0 });
});

test("moving stays within the list", () => {
  assert.equal(move(["a", "b"], null, 1), "a");
  assert.equal(move(["a", "b"], null, -1), "b");
  assert.equal(move(["a", "b"], "a", 1), "b");
  assert.equal(move(["a", "b"], "b", 1), "b");
  assert.equal(move(["a", "b"], "gone", 1), "a");
  assert.equal(move([], "a", 1), null);
});

test("the main step brings a case on", () => {
  assert.equal(mainStep(["assign", "acknowledge", "comment"], false), "acknowledge");
  assert.equal(mainStep(["dispatch", "cancel"], true), "dispatch");
  assert.equal(mainStep(["comment"], true), null);
});
