import assert from "node:assert/strict";
import { test } from "node:test";
import { texts } from "../src/context.tsx";
import { changes, listed, percent, summaryText, widest } from "../src/logic/trial.ts";
import type { Trial } from "../src/types_rules.ts";

const tally = (changed: Partial<Record<"added" | "removed" | "moved" | "severity", number>>) => ({ live: 9, draft: 9, same: 5, added: 0, removed: 0, moved: 0, severity: 0, ...changed });

test("what is alike is no change", () => {
  assert.equal(changes(tally({})), 0);
  assert.equal(changes(tally({ added: 1, removed: 2, moved: 3, severity: 4 })), 10);
});

test("a whole that is not reached shows as less", () => {
  assert.deepEqual([0, 0.999, 1].map(percent), [0, 99, 100]);
  assert.deepEqual([widest([]), widest([0]), widest([3, 8])], [1, 1, 8]);
});

test("what runs stands before what is done", () => {
  const trial = (id: string, state: Trial["state"], asked: number): Trial => ({ id, state, asked, sort: "backtest", by: "li", progress: 0, messages: 0 });
  assert.deepEqual(listed([trial("old", "done", 1), trial("new", "failed", 3), trial("runs", "running", 2)]).map((each) => each.id), ["runs", "new", "old"]);
});

test("a report's line is said in the reader's language", () => {
  const line = "incidents live 12, draft 9: 8 same, 1 added, 3 removed, 0 moved, 0 of another severity; cases live 2, draft 2: 2 same, 0 added, 0 removed, 0 moved, 0 of another severity";
  assert.equal(summaryText(line, texts("zh")), "告警 12 → 9 (新增 1, 消失 3) · 案件 2 → 2");
  assert.equal(summaryText("of another form; entirely", texts("zh")), "of another form; entirely");
});
