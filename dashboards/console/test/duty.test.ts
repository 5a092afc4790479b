import assert from "node:assert/strict";
import { test } from "node:test";
import { texts } from "../src/context.tsx";
import { byDay, chainText, checkRoster, escalationText, newShift, unseenHandOver, watched } from "../src/logic/duty.ts";
import type { Case } from "../src/types.ts";
import type { Chain, Duty, Escalation, HandOver, Roster, Watch } from "../src/types_duty.ts";

const zh = texts("zh");
const en = texts("en");
const NOW = Date.parse("2026-11-28T12:00:00.000Z");
const after = (minutes: number): string => new Date(NOW + minutes * 60_000).toISOString();
const watch = (shift: string, officer: string | null, from: number, to: number): Watch => ({ shift, officer, leader: null, from: after(from), to: after(to) });

test("a roster is only sent when it would be taken", () => {
  const shift = newShift(undefined, "白班");
  const roster = (...shifts: Roster["shifts"]): Roster => ({ district: "", shifts, overrides: [] });
  const manned = { ...shift, officers: { people: ["li"], since: "", days: 1 } };
  assert.equal(checkRoster(roster()), "noShifts");
  assert.equal(checkRoster(roster({ ...manned, name: " " })), "noName");
  assert.equal(checkRoster(roster(manned, manned)), "sameName");
  assert.equal(checkRoster(roster(shift)), "noOfficer");
  assert.equal(checkRoster(roster(manned, { ...manned, name: "夜班" })), null);
  // The next shift goes on where the one before ends.
  assert.deepEqual([newShift(manned, "夜班").from, newShift(manned, "夜班").to], ["20:00", "08:00"]);
});

test("the plan stands by days", () => {
  const watches = [watch("夜班", "li", -60, 600), watch("白班", "wang", 600, 1_320), watch("夜班", "li", 1_320, 2_000)];
  const days = byDay(watches, (time) => time.slice(0, 10));
  assert.deepEqual(days.map(([day, of]) => [day, of.length]), [["2026-11-28", 2], ["2026-11-29", 1]]);
});

test("a roster watches its district, the one of all others the rest", () => {
  const item = (id: string, district: string, final = false): Case => ({ id, district, final, opened: after(-Number(id)) }) as Case;
  const cases = [item("1", "盐湖区"), item("2", "空港区"), item("3", "空港区"), item("4", "盐湖区", true)];
  assert.deepEqual(watched(cases, "盐湖区", ["盐湖区"]).map((each) => each.id), ["1"]);
  assert.deepEqual(watched(cases, "", ["盐湖区"]).map((each) => each.id), ["3", "2"]);
});

test("who comes on duty is shown the hand-over until it was seen", () => {
  const note: HandOver = { id: "9-0", time: after(-5), from: "li", shift: "白班", note: "盯住 3 号井", items: [], open: 0 };
  const duty: Duty = { district: "", roster: "", now: [watch("夜班", "wang", -5, 600)], next: null, ahead: [], hand_over_owed: null, open_cases: 0, last_hand_over: note };
  assert.equal(unseenHandOver(duty, "wang", null)?.id, "9-0");
  assert.equal(unseenHandOver(duty, "wang", "9-0"), null);
  assert.equal(unseenHandOver(duty, "li", null), null, "the own");
  assert.equal(unseenHandOver(duty, "zhao", null), null, "not on duty");
});

test("a chain reads as one line", () => {
  const chain: Chain = {
    name: "urgent", severity_from: "major", conditions: [], districts: [], repeat_min: 15, repeats: 4, progress_min: 30,
    steps: [{ after_min: 0, level: 1, to: "officer" }, { after_min: 5, level: 2, to: { user: "chen" } }],
  };
  assert.equal(chainText(chain, zh), "立即 值班员 → +5 分 chen → 每 15 分再呼，至多 4 次");
  assert.equal(chainText({ ...chain, steps: [] }, en), "calls nobody");
});

test("the case says who is called next, what stops it, and that it does not go on", () => {
  const item = { acknowledged_by: "li" } as Case;
  const base: Escalation = { chain: "urgent", level: 1, waits_for: "acknowledgement", next_at: after(4), next_who: ["chen"], told: ["li"] };
  assert.deepEqual(escalationText(item, base, NOW, zh), { text: "4分 后呼叫 chen", urgent: true });
  assert.deepEqual(escalationText(item, { ...base, waits_for: "progress", next_at: after(28) }, NOW, en), { text: "li must move it on within 28min, or it comes back and calls again", urgent: false });
  assert.equal(escalationText(item, { ...base, waits_for: "progress", next_at: after(4) }, NOW, en).urgent, true);
  assert.deepEqual(escalationText(item, { ...base, waits_for: "nothing", next_at: null }, NOW, zh), { text: "不再呼叫", urgent: false });
  assert.equal(escalationText(item, { ...base, next_at: null }, NOW, en).text, "The last level was called, and nobody took over");
});
