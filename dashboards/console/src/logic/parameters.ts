// Values of rules' parameters as people write and read them.

import type { Parameter } from "../types_rules.ts";
import { type Lang, lengthText, valueText } from "./format.ts";

/** A setting with its unit; a length of time in its own units. */
export function settingText(value: number | boolean, { unit, is_duration }: Pick<Parameter, "unit" | "is_duration">, lang: Lang): string {
  return is_duration && typeof value === "number" ? lengthText(value * 1_000, lang) : valueText(value, unit, lang);
}

/** What a field's text means for that parameter; `null`: it would not be taken. */
export function parsedValue(text: string, { default: own, min, max }: Pick<Parameter, "default" | "min" | "max">): number | boolean | null {
  if (typeof own === "boolean") return text === "true" ? true : text === "false" ? false : null;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return null;
  return (min !== null && value < min) || (max !== null && value > max) ? null : value;
}
