// From what decided an incident to what a chart shows: the field that decided, and its thresholds.

import type { Change } from "../types.ts";

export interface Threshold {
  value: number;
  /** `>`, `<`, `trip`, `reset`. */
  label: string;
}

export interface Decisive {
  field: string;
  thresholds: Threshold[];
}

const COMPARISON = /msg\.([a-z0-9_]+)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)/g;
const REVERSED = /(-?\d+(?:\.\d+)?)\s*(>=|<=|>|<)\s*msg\.([a-z0-9_]+)/g;
const BAND = /band\(\s*msg\.([a-z0-9_]+)\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)/g;
const ANY_FIELD = /msg\.([a-z0-9_]+)/g;
const MIRROR: Record<string, string> = { ">": "<", "<": ">", ">=": "<=", "<=": ">=" };

/** Every threshold in a text, by field. */
function thresholdsIn(text: string): Map<string, Threshold[]> {
  const found = new Map<string, Threshold[]>();
  const add = (field: string, value: number, label: string): void => {
    const list = found.get(field) ?? [];
    if (!list.some((known) => known.value === value && known.label === label)) list.push({ value, label });
    found.set(field, list);
  };
  for (const [, field, operator, number] of text.matchAll(COMPARISON)) add(field!, Number(number), operator!);
  for (const [, number, operator, field] of text.matchAll(REVERSED)) add(field!, Number(number), MIRROR[operator!]!);
  for (const [, field, trip, reset] of text.matchAll(BAND)) {
    add(field!, Number(trip), "trip");
    add(field!, Number(reset), "reset");
  }
  return found;
}

/**
 * The field that decided a change: of the sub-expressions that came out true, the narrowest that names a
 * field with a threshold; else any field with a threshold; else the first number that was read.
 */
export function decisive(change: Change): Decisive | null {
  const texts = [change.source, ...change.steps.map((step) => step.text)];
  const all = thresholdsIn(texts.join("\n"));
  const isNumber = (field: string): boolean =>
    change.readings.some((reading) => reading.field === field && typeof reading.value === "number");
  const inTrueSteps = change.steps
    .filter((step) => step.value === "true")
    .sort((a, b) => a.text.length - b.text.length)
    .flatMap((step) => [...step.text.matchAll(ANY_FIELD)].map((match) => match[1]!));
  const candidates = [
    ...inTrueSteps.filter((field) => all.has(field)),
    ...inTrueSteps.filter(isNumber),
    ...all.keys(),
    ...change.readings.filter((reading) => typeof reading.value === "number").map((reading) => reading.field),
    ...change.readings.filter((reading) => typeof reading.value === "boolean").map((reading) => reading.field),
  ];
  const field = candidates[0];
  return field === undefined ? null : { field, thresholds: all.get(field) ?? [] };
}
