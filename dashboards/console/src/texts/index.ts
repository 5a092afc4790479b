// The text of a key in the chosen language, with its places filled.

import type { Lang } from "../logic/format.ts";
import { en } from "./en.ts";
import { zh } from "./zh.ts";

export type Key = keyof typeof zh;

const TEXTS: Record<Lang, Record<Key, string>> = { zh, en };

/** Fills `{name}` in the key's text. */
export function textOf(lang: Lang, key: Key, places: Record<string, string | number> = {}): string {
  return TEXTS[lang][key].replace(/\{(\w+)\}/g, (_, name: string) => String(places[name] ?? ""));
}

/** The text of a word of the API (`severity.critical`); the word itself when there is no text for it. */
export function wordOf(lang: Lang, group: string, word: string): string {
  const key = `${group}.${word}`;
  return key in zh ? TEXTS[lang][key as Key] : word;
}
