import assert from "node:assert/strict";
import { test } from "node:test";
import { type Refusal, together, wordOfReason } from "../src/logic/refusals.ts";

const row = (part: Partial<Refusal>): Refusal => ({
  device: "cover-1",
  registered: true,
  listener: "mqtt",
  reason: "login_bad_credentials",
  count: 1,
  first: "2026-11-23T03:10:00Z",
  last: "2026-11-23T03:20:00Z",
  from: "10.0.0.1",
  ...part,
});

test("a credential that does not fit is a wrong key, or a device that nobody registered", () => {
  assert.equal(wordOfReason(row({})), "wrong_key");
  assert.equal(wordOfReason(row({ reason: "bad_credentials", registered: false })), "not_registered");
  assert.equal(wordOfReason(row({ device: null })), "login_bad_credentials");
  assert.equal(wordOfReason(row({ reason: "too_large" })), "too_large");
});

test("a device's refusals are counted together since the first, and the newest is told", () => {
  assert.equal(together([]), null);
  const rows = [row({ count: 2, first: "2026-11-23T04:00:00Z", reason: "packet_too_large" }), row({ count: 10 })];
  const all = together(rows);
  assert.deepEqual([all?.count, all?.since, all?.last.reason], [12, "2026-11-23T03:10:00Z", "packet_too_large"]);
});
