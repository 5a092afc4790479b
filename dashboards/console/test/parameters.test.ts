import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeText } from "../src/logic/format.ts";
import { parsedValue, settingText } from "../src/logic/parameters.ts";

test("a setting is taken within the limits that the rule declares, and only of its own type", () => {
  const angle = { default: 30, min: 15, max: 90 };
  assert.deepEqual(["15", "90", "14.9", "91", "", "x", "true", "1e999"].map((text) => parsedValue(text, angle)), [15, 90, null, null, null, null, null, null]);
  assert.equal(parsedValue("-3", { default: 0, min: null, max: null }), -3);
  const flag = { default: true, min: null, max: null };
  assert.deepEqual(["true", "false", "1", ""].map((text) => parsedValue(text, flag)), [true, false, null, null]);
});

test("a length of time is read in its own units", () => {
  assert.equal(settingText(600, { unit: "s", is_duration: true }, "zh"), "10分");
  assert.equal(settingText(30, { unit: "°", is_duration: false }, "zh"), "30°");
  assert.equal(settingText(false, { unit: "", is_duration: false }, "en"), "no");
});

test("bytes are short", () => {
  assert.deepEqual([0, 999, 1_000, 150_400, 2_345_678, 9e12].map(sizeText), ["0 B", "999 B", "1.0 kB", "150 kB", "2.3 MB", "9000 GB"]);
});
