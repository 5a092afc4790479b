import assert from "node:assert/strict";
import { test } from "node:test";
import { noteText } from "../src/logic/history.ts";
import { wordOf } from "../src/texts/index.ts";

const zh = (actor: string, action: string, note: string): string =>
  noteText({ time: "", actor, action, from: null, to: "", note }, (group, word) => wordOf("zh", group, word));

test("the gateway's notes are in the reader's language", () => {
  assert.equal(zh("system", "opened", "incident 2328-0: gas_alarm, major"), "可燃或有毒气体 · 重要");
  assert.equal(zh("system", "limit_changed", "E05-02.1 (gas_alarm)"), "可燃或有毒气体 · E05-02.1");
  assert.equal(zh("system", "merged_from", "YC2026112300008 (12-0) by system"), "YC2026112300008 · 系统");
  assert.equal(zh("system", "opened", "incident 1-0: of_our_own, major"), "of_our_own · 重要");
});

test("limits that passed are named", () => {
  assert.equal(zh("system", "stage_overdue", "verify"), "核实时限");
  assert.equal(zh("system", "remind", "overdue"), "超期");
  assert.equal(zh("system", "supervise", ""), "");
  assert.equal(zh("wang", "remind", "overdue"), "overdue");
});

test("a verdict is a word, and what people wrote stays", () => {
  assert.equal(zh("li", "close", "false"), "误报");
  assert.equal(zh("li", "close", "real: 已加固: 两处"), "属实: 已加固: 两处");
  assert.equal(zh("li", "comment", "incident 1-0: gas_alarm, major"), "incident 1-0: gas_alarm, major");
});
