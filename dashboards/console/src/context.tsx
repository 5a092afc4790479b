// What every page needs: language and texts, who is logged in, the catalogue, the clock, the live stream.

import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Lang } from "./logic/format.ts";
import type { LiveState } from "./live.ts";
import { type Key, textOf, wordOf } from "./texts/index.ts";
import type { Case, Field, Kind, Me } from "./types.ts";

export interface Context {
  lang: Lang;
  me: Me;
  kinds: Map<string, Kind>;
  /** Milliseconds that the gateway's clock is ahead of this machine's. */
  skewMs: number;
  live: LiveState;
  /** Cases that are open, and those that closed since the page was loaded. */
  cases: Map<string, Case>;
  /** Notices to whoever is logged in that are unread. */
  unread: number;
  /** Asks for the count anew. */
  lookUnread: () => void;
  /** Goes up when the stream was opened anew: what pages loaded may be old. */
  epoch: number;
  /** Told every live event until the returned function is called. */
  onEvent: (listener: (name: string, data: unknown) => void) => () => void;
  tell: (message: string, kind?: "good" | "bad") => void;
}

export const AppContext = createContext<Context | null>(null);

export function useApp(): Context {
  const context = useContext(AppContext);
  if (context === null) throw new Error("used outside of the application");
  return context;
}

export interface Texts {
  lang: Lang;
  t: (key: Key, places?: Record<string, string | number>) => string;
  /** A word of the API. */
  w: (group: string, word: string) => string;
}

export function texts(lang: Lang): Texts {
  return {
    lang,
    t: (key, places) => textOf(lang, key, places),
    w: (group, word) => wordOf(lang, group, word),
  };
}

export function useTexts(): Texts {
  return texts(useApp().lang);
}

/** The gateway's time, renewed every `everyMs`. */
export function useNow(everyMs: number): number {
  const { skewMs } = useApp();
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now + skewMs;
}

/** Calls the newest `listener` for live events while the component is there. */
export function useEvents(listener: (name: string, data: unknown) => void): void {
  const { onEvent } = useApp();
  const newest = useRef(listener);
  newest.current = listener;
  useEffect(() => onEvent((name, data) => newest.current(name, data)), [onEvent]);
}

export function fieldLabel(kinds: Map<string, Kind>, kind: string, name: string, lang: Lang): string {
  const field = fieldOf(kinds, kind, name);
  return field === null ? name : lang === "zh" ? field.zh : field.en;
}

export function fieldOf(kinds: Map<string, Kind>, kind: string, name: string): Field | null {
  return kinds.get(kind)?.fields.find((field) => field.name === name) ?? null;
}

export function kindLabel(kinds: Map<string, Kind>, kind: string, lang: Lang): string {
  const found = kinds.get(kind);
  return found === undefined ? kind : lang === "zh" ? found.zh : found.en;
}
