import assert from "node:assert/strict";
import { test } from "node:test";
import { secondsText, shareText, stretchOf } from "../src/logic/evaluation.ts";
import { fromField, setZone, toField } from "../src/logic/zone.ts";

const NOW = Date.parse("2026-12-31T16:30:00Z");
const text = (ms: number): string => new Date(ms).toISOString();

test("months are the bureau's: half past midnight on New Year's Day is a new one there", () => {
  const month = stretchOf("month", NOW, "", "")!;
  assert.deepEqual([text(month.from), month.to], ["2026-12-31T16:00:00.000Z", NOW]);
  const last = stretchOf("last_month", NOW, "", "")!;
  assert.deepEqual([text(last.from), text(last.to)], ["2026-11-30T16:00:00.000Z", "2026-12-31T16:00:00.000Z"]);
});

test("own days are both whole, and the wrong way round they are none", () => {
  const own = stretchOf("own", NOW, "2026-12-30", "2026-12-31")!;
  assert.deepEqual([text(own.from), text(own.to)], ["2026-12-29T16:00:00.000Z", "2026-12-31T16:00:00.000Z"]);
  assert.equal(stretchOf("own", NOW, "2026-12-31", "2026-12-30"), null);
  assert.equal(stretchOf("own", NOW, "", "2026-12-30"), null);
  assert.equal(stretchOf("7d", NOW, "", "")!.from, NOW - 7 * 86_400_000);
});

test("shares and lengths are short, and a dash where nothing was counted", () => {
  assert.deepEqual([shareText(0.92512), shareText(1), shareText(0), shareText(null)], ["92.5%", "100%", "0%", "–"]);
  assert.deepEqual([secondsText(5_400, "zh"), secondsText(null, "en")], ["1小时30分", "–"]);
});

test("a field of date and time is read on the bureau's clocks, and written back the same", () => {
  assert.equal(text(fromField("2026-11-23T08:05")!), "2026-11-23T00:05:00.000Z");
  assert.equal(toField(Date.parse("2026-11-23T00:05:00Z")), "2026-11-23T08:05");
  assert.equal(text(fromField("2026-11-23")!), "2026-11-22T16:00:00.000Z");
  for (const none of ["", "tomorrow", "2026-02-30T00:00", "2026-11-23T24:00"]) assert.equal(fromField(none), null, none);
  setZone("Europe/Berlin");
  try {
    assert.equal(text(fromField("2026-10-25T02:30")!), "2026-10-25T00:30:00.000Z", "the first of two");
    assert.equal(text(fromField("2026-03-29T02:30")!), "2026-03-29T01:30:00.000Z", "left out: as if they had not jumped");
  } finally {
    setZone("Asia/Shanghai");
  }
});
