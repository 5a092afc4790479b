import assert from "node:assert/strict";
import { test } from "node:test";
import { every, lines, range } from "../src/logic/series.ts";

const HOUR = 3_600_000;

test("short stretches are raw, long ones in windows of some 300", () => {
  assert.equal(every(HOUR), null);
  assert.equal(every(24 * HOUR), "5m");
  assert.equal(every(7 * 24 * HOUR), "60m");
  assert.equal(every(400 * 24 * HOUR), "1440m");
});

test("points and windows become lines", () => {
  const raw = lines({ field: "on", truncated: false, points: [["1970-01-01T00:00:01.000Z", true], ["1970-01-01T00:00:02.000Z", 2.5], ["1970-01-01T00:00:03.000Z", "text"]] });
  assert.deepEqual(raw, { times: [1, 2, 3], values: [1, 2.5, null], lows: null, highs: null });
  const windows = lines({ field: "x", truncated: false, points: [["1970-01-01T00:00:01.000Z", { min: 1, max: 3, mean: 2, last: 3, count: 2 }]] });
  assert.deepEqual(windows, { times: [1], values: [2], lows: [1], highs: [3] });
});

test("the axis holds the line and the thresholds", () => {
  assert.deepEqual(range([[0, 10], [null]], [30]), [0, 32.4]);
  assert.deepEqual(range([[]], []), [0, 1]);
  const [low, high] = range([[5]], []);
  assert.ok(low < 5 && high > 5);
});
