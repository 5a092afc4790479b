// Sums over what a trial found.

import type { Texts } from "../context.tsx";
import type { Tally, Trial } from "../types_rules.ts";

/** How many are not alike. */
export function changes(tally: Tally): number {
  return tally.added + tally.removed + tally.moved + tally.severity;
}

/** The most of all, and at least 1: what a bar is drawn against. */
export function widest(counts: number[]): number {
  return counts.reduce((most, count) => Math.max(most, count), 1);
}

/** How far it is, in percent; a whole that is not reached shows as less. */
export function percent(progress: number): number {
  return Math.min(100, Math.floor(progress * 100));
}

/** Running ones first, then by when they were asked for. */
export function listed(trials: Trial[]): Trial[] {
  return [...trials].sort((a, b) => Number(b.state === "running") - Number(a.state === "running") || b.asked - a.asked);
}

const COUNTS = /^live (\d+), draft (\d+): \d+ same, (\d+) added, (\d+) removed, (\d+) moved, (\d+) of another severity$/;

/** A report's one line in the reader's language, what is none left out; the line itself if it is of another form. */
export function summaryText(summary: string, { t, w }: Texts): string {
  const parts = summary.split("; ").map((part) => {
    const [what = "", rest = ""] = part.split(/ (.*)/s);
    const found = COUNTS.exec(rest);
    if (found === null || (what !== "incidents" && what !== "cases")) return null;
    const [live, draft, ...changed] = found.slice(1);
    const words = (["added", "removed", "moved", "severity"] as const).flatMap((sort, index) => (changed[index] === "0" ? [] : [`${w("tally", sort)} ${changed[index]}`]));
    return `${t(`trial.${what}`)} ${live} → ${draft}${words.length === 0 ? "" : ` (${words.join(", ")})`}`;
  });
  return parts.includes(null) ? summary : parts.join(" · ");
}
