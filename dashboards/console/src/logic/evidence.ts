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

/** A comparison that is a step of its own: two terms, nothing joined to them. */
const COMPARED = /^(?<left>[^<>=!&|]+?)\s*(?<operator>>=|<=|>|<)\s*(?<right>[^<>=!&|]+)$/;

/** The arguments of a call, as they are written: `band(a, f(b, c))` gives `a` and `f(b, c)`. */
function argumentsOf(call: string, name: string): string[] | null {
  if (!call.startsWith(`${name}(`) || !call.endsWith(")")) return null;
  const found: string[] = [];
  let depth = 0;
  let argument = "";
  for (const letter of call.slice(name.length + 1, -1)) {
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    if (depth < 0) return null;
    if (letter === "," && depth === 0) {
      found.push(argument.trim());
      argument = "";
    } else argument += letter;
  }
  return [...found, argument.trim()];
}

/** What a rule's own names stood for: parameters, attributes and variables are told as steps with their values. */
class Names {
  constructor(private readonly change: Change) {}

  number(term: string): number | null {
    const literal = Number(term);
    if (term.trim() !== "" && Number.isFinite(literal)) return literal;
    const step = this.change.steps.find((other) => other.text === term);
    return step === undefined || step.value.trim() === "" || !Number.isFinite(Number(step.value)) ? null : Number(step.value);
  }

  /** The field that a term is: one that is read, or a variable that is a reading less some constant. */
  field(term: string): Shifted | null {
    const read = /^msg\.([a-z0-9_]+)$/.exec(term);
    if (read !== null) return { field: read[1]!, by: 0 };
    if (!/^[a-z_][a-z0-9_]*$/.test(term)) return null;
    // A variable's definition comes after it. A threshold for another figure than the plotted one would mislead.
    const at = this.change.steps.findIndex((step) => step.text === term);
    const value = this.number(term);
    if (at === -1 || value === null) return null;
    for (const step of this.change.steps.slice(at + 1)) {
      const [, field, minus] = /^msg\.([a-z0-9_]+)( - .*)?$/.exec(step.text) ?? [];
      const reading = this.change.readings.find((other) => other.field === field);
      if (typeof reading?.value !== "number" || Number(step.value) !== value) continue;
      return { field: reading.field, by: minus === undefined ? 0 : reading.value - value };
    }
    return null;
  }
}

interface Shifted {
  field: string;
  /** What the field's reading has more than the term. */
  by: number;
}

interface Comparison {
  field: string;
  thresholds: Threshold[];
  held: boolean;
}

/** What a step compares, its names replaced by what they stood for. */
function comparisonOf(text: string, value: string, names: Names): Comparison | null {
  const held = value === "true";
  const band = argumentsOf(text, "band");
  if (band !== null) {
    const [x = "", trip = "", reset = ""] = band;
    const [of, at, back] = [names.field(x), names.number(trip), names.number(reset)];
    if (of === null || at === null || back === null) return null;
    return { field: of.field, thresholds: [threshold(at, of, "trip"), threshold(back, of, "reset")], held };
  }
  const { left = "", operator = "", right = "" } = COMPARED.exec(text)?.groups ?? {};
  const [of, than] = [names.field(left), names.number(right)];
  if (of !== null && than !== null) return { field: of.field, thresholds: [threshold(than, of, operator)], held };
  const [turned, limit] = [names.field(right), names.number(left)];
  if (turned !== null && limit !== null) return { field: turned.field, thresholds: [threshold(limit, turned, MIRROR[operator]!)], held };
  return null;
}

/** A term's threshold as one of the field's readings. */
function threshold(value: number, { by }: Shifted, label: string): Threshold {
  return { value: Number((value + by).toFixed(3)), label };
}

/**
 * The field that decided a change: of the comparisons that held, the first; else, of the sub-expressions that
 * came out true, the narrowest that names a field; else any field with a threshold; else the first value read.
 */
export function decisive(change: Change): Decisive | null {
  const names = new Names(change);
  const compared = change.steps
    .map((step) => comparisonOf(step.text, step.value, names))
    .filter((comparison): comparison is Comparison => comparison !== null);
  const all = thresholdsIn([change.source, ...change.steps.map((step) => step.text)].join("\n"));
  for (const { field, thresholds } of compared) {
    const list = all.get(field) ?? [];
    list.push(...thresholds.filter((one) => !list.some((known) => known.value === one.value && known.label === one.label)));
    all.set(field, list);
  }
  const isRead = (field: string, type: string): boolean =>
    change.readings.some((reading) => reading.field === field && typeof reading.value === type);
  const inTrueSteps = change.steps
    .filter((step) => step.value === "true")
    .sort((a, b) => a.text.length - b.text.length)
    .flatMap((step) => [...step.text.matchAll(ANY_FIELD)].map((match) => match[1]!));
  const candidates = [
    ...compared.filter((comparison) => comparison.held).map((comparison) => comparison.field),
    ...inTrueSteps.filter((field) => all.has(field)),
    ...inTrueSteps.filter((field) => isRead(field, "number") || isRead(field, "boolean")),
    ...all.keys(),
    ...change.readings.filter((reading) => typeof reading.value === "number").map((reading) => reading.field),
    ...change.readings.filter((reading) => typeof reading.value === "boolean").map((reading) => reading.field),
  ];
  const field = candidates[0];
  return field === undefined ? null : { field, thresholds: all.get(field) ?? [] };
}
