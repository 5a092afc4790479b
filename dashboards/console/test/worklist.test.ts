import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, firstTab, fits, groupOf, isIn, isNamed, isTurnOf, loudest, mainStep, move, wanted } from "../src/logic/worklist.ts";
import type { Case } from "../src/types.ts";

const NOW = Date.parse("2026-11-23T01:00:00.000Z");
const ZHANG = { name: "zhang", roles: ["duty_officer"] };
const WANG = { name: "wang", roles: ["handler"] };
const after = (minutes: number): string => new Date(NOW + minutes * 60_000).toISOString();

function item(id: string, more: Partial<Case> = {}): Case {
  return {
    id, number: id, source: "iot", reporter: "", state: "reported", stage: "report", final: false, severity: "minor", asset: id,
    asset_name: "", class: "", class_kind: "", class_name: "", standard: "", condition: "", text_zh: "", text_en: "",
    district: "", grid: "", department: "", latitude: null, longitude: null, incidents: [], condition_holds: true,
    deadline: null, overdue: false, acknowledged_by: null, acknowledged_at: null, assignee: null, opened: after(-60),
    updated: after(-60), closed: null, feedback: null, merged_into: null,
    stage_deadline: null, total_deadline: null, total_overdue: false, stages_overdue: 0, returns: 0, reworks: 0, reported_again: 0, supervised: false,
    escalation: null,
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
  assert.deepEqual(wanted(cases, "new", ZHANG, NOW), ["late", "grave", "older", "mild", "calm", "none"]);
});

test("tabs tell whose move it is", () => {
  const mine = item("mine", { acknowledged_by: "zhang" });
  const given = item("given", { acknowledged_by: "zhang", assignee: "wang" });
  const closed = item("closed", { final: true, acknowledged_by: "zhang", closed: after(-1), overdue: true });
  assert.deepEqual([isIn("new", mine, ZHANG, NOW), isIn("mine", mine, ZHANG, NOW)], [false, true]);
  assert.deepEqual([isIn("mine", given, ZHANG, NOW), isIn("mine", given, WANG, NOW)], [false, true]);
  assert.deepEqual([isIn("closed", closed, ZHANG, NOW), isIn("overdue", closed, ZHANG, NOW)], [true, false]);
  // The clock here says so before the gateway has told it.
  assert.equal(isIn("overdue", item("late", due(-1)), ZHANG, NOW), true);
});

test("closed cases come by when they closed", () => {
  const cases = [item("a", { final: true, closed: after(-9) }), item("b", { final: true, closed: after(-1) })];
  assert.deepEqual(wanted(cases, "closed", ZHANG, NOW), ["b", "a"]);
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

test("each role sees what waits for it, and begins where its work is", () => {
  const at = (state: string): string[] =>
    ["acceptor", "duty_officer", "dispatcher", "handler", "verifier", "shift_leader", "evaluator"].filter((role) => isTurnOf(item("x", { state }), [role]));
  assert.deepEqual(at("reported"), ["acceptor"]);
  assert.deepEqual(at("filed"), ["dispatcher"]);
  assert.deepEqual(at("returned"), ["dispatcher", "shift_leader"]);
  assert.deepEqual(at("dispatched"), ["handler"]);
  assert.deepEqual(at("pending_check"), ["verifier"]);
  assert.deepEqual(at("suspended"), ["shift_leader"]);
  assert.equal(isTurnOf(item("x", { state: "closed", final: true }), ["acceptor"]), false);
  assert.deepEqual([["duty_officer"], ["handler"], ["handler", "shift_leader"], ["evaluator"]].map(firstTab), ["new", "turn", "new", "progress"]);
});

test("a filter takes all its words, in whatever is known of a case", () => {
  const cover = item("1", { asset_name: "人民路3号雨水井盖", district: "盐湖区", department: "市政处", number: "YC20261128001" });
  assert.deepEqual(["", "人民路", "盐湖 市政", "yc2026", "人民路 空港"].map((text) => fits(cover, text)), [true, true, true, true, false]);
});

test("the loudest alarm is the critical case that waits longest", () => {
  const cases = [
    item("taken", { severity: "critical", acknowledged_by: "li", opened: after(-90) }),
    item("young", { severity: "critical", opened: after(-1) }),
    item("old", { severity: "critical", opened: after(-20) }),
    item("major", { severity: "major", opened: after(-80) }),
    item("over", { severity: "critical", final: true, opened: after(-95) }),
  ];
  const { first, others } = loudest(cases);
  assert.deepEqual([first?.id, others], ["old", 1]);
  assert.deepEqual(loudest([]), { first: null, others: 0 });
});

test("a title names a part, or a group by what stands after its sort", () => {
  assert.equal(isNamed("人民路3号雨水井盖 井盖倾斜 14.9°", "人民路3号雨水井盖"), true);
  assert.equal(isNamed("控制箱 YJ-X0003 停电，26 盏路灯失去供电", "cabinet:YJ-X0003"), true);
  assert.equal(isNamed("井盖倾斜 14.9°", "人民路3号雨水井盖"), false);
  assert.equal(isNamed("控制箱停电", "cabinet:YJ-X0003"), false);
});

test("a part is a group if it says of which known sort", () => {
  assert.deepEqual(groupOf("cabinet:YJ-X0003"), { by: "cabinet", name: "YJ-X0003" });
  assert.deepEqual(groupOf("carrier_cell:460-00:17"), { by: "carrier_cell", name: "460-00:17" });
  assert.equal(groupOf("1408020103000016"), null);
  assert.equal(groupOf("road:解放路"), null);
});
