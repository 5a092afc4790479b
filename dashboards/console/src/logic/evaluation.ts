// Periods of an evaluation, and its figures as people read them.

import { type Lang, lengthText } from "./format.ts";
import { fromField, inZone } from "./zone.ts";

export const SUBJECTS = ["department", "district", "class", "rule"] as const;
export const PERIODS = ["7d", "30d", "month", "last_month", "own"] as const;
export type Period = (typeof PERIODS)[number];

const DAY_MS = 24 * 3_600_000;

export interface Stretch {
  from: number;
  /** The first moment after. */
  to: number;
}

/** The first moment of a month, counted from the year 0. */
function monthBegins(months: number): number {
  const [year, month] = [Math.floor(months / 12), (months % 12) + 1];
  return fromField(`${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-01`) ?? NaN;
}

/**
 * The stretch of a period at `now`, in the bureau's days. `own` is from the first to the last day that are given,
 * both whole; `null` if these are none or the wrong way round.
 */
export function stretchOf(period: Period, now: number, first: string, last: string): Stretch | null {
  const { year, month } = inZone(now);
  const months = Number(year) * 12 + Number(month) - 1;
  switch (period) {
    case "7d":
      return { from: now - 7 * DAY_MS, to: now };
    case "30d":
      return { from: now - 30 * DAY_MS, to: now };
    case "month":
      return { from: monthBegins(months), to: now };
    case "last_month":
      return { from: monthBegins(months - 1), to: monthBegins(months) };
    case "own": {
      const [from, end] = [fromField(first), fromField(last)];
      if (from === null || end === null || end < from) return null;
      const next = new Date(Date.parse(`${last}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
      return { from, to: fromField(next) ?? end + DAY_MS };
    }
  }
}

/** A share of 0 to 1: `92.5%`; a dash where nothing was counted. */
export function shareText(share: number | null): string {
  return share === null ? "–" : `${Number((share * 100).toFixed(1))}%`;
}

export function secondsText(seconds: number | null, lang: Lang): string {
  return seconds === null ? "–" : lengthText(seconds * 1_000, lang);
}
