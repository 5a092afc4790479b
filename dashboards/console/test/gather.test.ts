import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { gathered } from "../src/logic/gather.ts";

test("news are handed on one by one when they are few, together when they are many, and none is lost", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const handed: number[][] = [];
  const { put, stop } = gathered<number>((items) => handed.push(items), 250);
  put(1);
  assert.deepEqual(handed, [[1]], "the first does not wait");
  for (const item of [2, 3, 4]) put(item);
  assert.deepEqual(handed, [[1]]);
  mock.timers.tick(250);
  assert.deepEqual(handed, [[1], [2, 3, 4]]);
  put(5);
  mock.timers.tick(250);
  assert.deepEqual(handed, [[1], [2, 3, 4], [5]]);
  mock.timers.tick(250);
  put(6);
  assert.deepEqual(handed.at(-1), [6], "after a pause the next one does not wait");
  put(7);
  stop();
  mock.timers.tick(1_000);
  assert.equal(handed.length, 4);
  mock.timers.reset();
});
