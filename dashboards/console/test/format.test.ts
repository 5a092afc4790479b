import assert from "node:assert/strict";
import { test } from "node:test";
import { agoText, clockText, countdown, lengthText, momentText, valueText } from "../src/logic/format.ts";
import { setZone } from "../src/logic/zone.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("a length of time has at most two units", () => {
  assert.equal(lengthText(59_999, "zh"), "59秒");
  assert.equal(lengthText(42 * MINUTE, "zh"), "42分");
  assert.equal(lengthText(HOUR, "zh"), "1小时");
  assert.equal(lengthText(HOUR + 5 * MINUTE, "zh"), "1小时5分");
  assert.equal(lengthText(26 * HOUR + 59 * MINUTE, "zh"), "1天2小时");
  assert.equal(lengthText(26 * HOUR, "en"), "1d 2h");
  assert.equal(lengthText(-42 * MINUTE, "en"), "42min");
});

test("a countdown says how much is left or over, and when it presses", () => {
  const started = "2026-11-23T01:00:00.000Z";
  const due = "2026-11-23T03:00:00.000Z";
  const at = (minutes: number) => countdown(due, started, Date.parse(started) + minutes * MINUTE, "zh");
  assert.deepEqual(at(0), { text: "剩2小时", urgency: "calm" });
  assert.deepEqual(at(91), { text: "剩29分", urgency: "soon" });
  assert.deepEqual(at(120), { text: "超0秒", urgency: "over" });
  assert.deepEqual(at(192), { text: "超1小时12分", urgency: "over" });
  assert.equal(countdown(due, started, Date.parse(due) + HOUR, "en").text, "1h over");
  // A limit of days presses in its last two hours, not in its last quarter.
  const long = "2026-11-30T01:00:00.000Z";
  assert.equal(countdown(long, started, Date.parse(long) - 3 * HOUR, "zh").urgency, "calm");
  assert.equal(countdown(long, started, Date.parse(long) - 1.9 * HOUR, "zh").urgency, "soon");
});

test("a moment of today is its time alone", () => {
  const now = Date.parse("2026-11-23T09:00:00+08:00");
  assert.equal(momentText("2026-11-22T19:04:05.000Z", now), "03:04:05", "on the bureau's clocks, wherever this runs");
  assert.equal(momentText("2026-11-22T15:04:05.000Z", now), "11-22 23:04:05");
  assert.equal(momentText("2025-01-01T19:04:05.000Z", now), "2025-01-02 03:04:05");
  assert.equal(momentText(null, now), "–");
  assert.equal(momentText("9223372036854775807", now), "9223372036854775807");
});

test("the gateway's time zone counts, and an unknown one changes nothing", () => {
  const midnight = Date.parse("2026-11-23T00:00:00.000Z");
  setZone("Asia/Urumqi");
  setZone("Mars/Base");
  assert.equal(clockText(midnight), "06:00");
  setZone("Asia/Shanghai");
  assert.equal(clockText(midnight), "08:00");
});

test("how long ago never runs ahead", () => {
  const now = Date.parse("2026-11-23T01:00:00.000Z");
  assert.equal(agoText("2026-11-23T00:57:00.000Z", now, "zh"), "3分前");
  assert.equal(agoText("2026-11-23T01:00:09.000Z", now, "en"), "0s ago");
});

test("values carry their unit and no needless digits", () => {
  assert.equal(valueText(38.2000001, "°", "zh"), "38.2°");
  assert.equal(valueText(228.44, "V", "zh"), "228.4 V");
  assert.equal(valueText(0.00012, "g", "zh"), "0.0001 g");
  assert.equal(valueText(true, "", "zh"), "是");
  assert.equal(valueText(false, "", "en"), "no");
  assert.equal(valueText(null, "V", "zh"), "未知");
  assert.equal(valueText("扫路", "", "zh"), "扫路");
});
