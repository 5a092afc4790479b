import assert from "node:assert/strict";
import { test } from "node:test";
import { changeCount, diffLines, type Draft, filesOf, nameFault, rebased, ruleTemplate, withFile } from "../src/logic/draft.ts";

const BASE = { "a.rhai": "one", "b.rhai": "two" };
const empty: Draft = { base: "v1", changed: {}, trial: "t" };

test("a draft holds what differs, and what is put back is no change", () => {
  const changed = withFile(empty, BASE, "a.rhai", "ONE");
  assert.deepEqual(filesOf(BASE, changed), { "a.rhai": "ONE", "b.rhai": "two" });
  assert.equal(changeCount(withFile(changed, BASE, "a.rhai", "one")), 0);
  const removed = withFile(withFile(changed, BASE, "b.rhai", null), BASE, "c.rhai", "new");
  assert.deepEqual(filesOf(BASE, removed), { "a.rhai": "ONE", "c.rhai": "new" });
  // A new file that is removed again was never there.
  assert.equal(changeCount(withFile(removed, BASE, "c.rhai", null)), 2);
  assert.deepEqual(BASE, { "a.rhai": "one", "b.rhai": "two" });
});

test("changes move to another base, but not what is the same there", () => {
  const draft = withFile(withFile(empty, BASE, "a.rhai", "ONE"), BASE, "b.rhai", null);
  const next = rebased(draft, "v2", { "a.rhai": "ONE", "b.rhai": "2", "c.rhai": "3" });
  assert.deepEqual(next, { base: "v2", changed: { "b.rhai": null }, trial: null });
});

test("a new file's name leaves no folder and takes no place", () => {
  assert.deepEqual(["../x", ".x", "a b", "a/b", "", "a", "噪声-1"].map((name) => nameFault(name, BASE)), ["badName", "badName", "badName", "badName", "badName", "nameTaken", null]);
  assert.match(ruleTemplate("manhole-noise"), /key: "manhole-noise"/);
});

test("a difference is read line by line", () => {
  const text = "a.rhai\n  same\n- gone\n+ new\n  ...\n+ \nb.rhai (new)\n+ - dash\n";
  assert.deepEqual(diffLines(text).map(({ sort, text: shown }) => [sort, shown]), [
    ["file", "a.rhai"], ["same", "same"], ["gone", "gone"], ["new", "new"], ["gap", "⋯"], ["new", ""], ["file", "b.rhai (new)"], ["new", "- dash"],
  ]);
  assert.deepEqual(diffLines(""), []);
});
