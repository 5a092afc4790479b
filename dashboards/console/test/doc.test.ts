import assert from "node:assert/strict";
import { test } from "node:test";
import { docIn } from "../src/logic/doc.ts";

const DOC = "Bin full.\n\n90 % for half an hour\nis full (满溢).\n\n垃圾箱满溢。\n\n持续半小时为\n满溢；取 `fill_pct`\n较低者。";

test("a doc comment is shown in the reader's language", () => {
  assert.deepEqual(docIn(DOC, "en"), ["Bin full.", "90 % for half an hour is full (满溢)."]);
  assert.deepEqual(docIn(DOC, "zh"), ["垃圾箱满溢。", "持续半小时为满溢；取 `fill_pct` 较低者。"]);
});

test("one that has the other language alone is shown as it is", () => {
  assert.deepEqual(docIn("Bin full.", "zh"), ["Bin full."]);
  assert.deepEqual(docIn("", "zh"), []);
});
