import assert from "node:assert/strict";
import { test } from "node:test";
import { href, parsePlace } from "../src/router.ts";

test("an address names a page and a thing and is read back", () => {
  for (const [page, id] of [["devices", "cover:1/井 盖"], ["work", "12-0"]] as const) {
    const place = parsePlace(href(page, id));
    assert.deepEqual([place.page, place.id], [page, id]);
  }
  const place = parsePlace(href("rules", "tilt", { line: 4 }));
  assert.deepEqual([place.page, place.id, place.search.get("line")], ["rules", "tilt", "4"]);
});

test("what is no address is the work list", () => {
  for (const hash of ["", "#", "#/nowhere/1", "#/devices/%E0%A4%A"]) {
    assert.equal(parsePlace(hash).id, null, hash);
  }
  assert.equal(parsePlace("#/nowhere").page, "work");
});
