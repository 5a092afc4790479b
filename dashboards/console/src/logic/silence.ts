// Silences: from what the form holds to what the API takes, what is missing in it, and how a list of them is read.

import type { Key } from "../texts/index.ts";
import type { Silence, Weekly } from "../types.ts";
import { fromField } from "./zone.ts";

/** What a silence may name, in the order of the form: the narrow ones first. */
export const SCOPES = ["asset", "device", "condition", "rule", "key", "district", "grid", "feeder", "cabinet", "catchment", "carrier_cell"] as const;
export type Scope = (typeof SCOPES)[number];

/** What the form holds. Moments are texts of the bureau's clocks, `2026-11-23T03:04`. */
export interface Draft {
  matches: Partial<Record<Scope, string>>;
  /** Empty: at once. */
  from: string;
  /** Minutes that it lasts, or `until`: to the moment in `to`. */
  lasts: string;
  to: string;
  weekly: Weekly | null;
  until_clear: boolean;
  work_order: string;
  reason: string;
  comment: string;
}

export interface SilenceBody {
  matches: Partial<Record<Scope, string>>;
  from?: string;
  to?: string;
  minutes?: number;
  weekly?: Weekly;
  until_clear: boolean;
  work_order?: string;
  reason: string;
  comment: string;
}

/** A draft from an address: `?asset=…&condition=…`. */
export function draftOf(search: URLSearchParams): Draft {
  const matches: Draft["matches"] = {};
  for (const scope of SCOPES) {
    const word = search.get(scope);
    if (word !== null && word !== "") matches[scope] = word;
  }
  return { matches, from: "", lasts: "120", to: "", weekly: null, until_clear: false, work_order: "", reason: "", comment: "" };
}

/** The words that are named, without those left empty. */
function named(draft: Draft): SilenceBody["matches"] {
  const words = SCOPES.map((scope) => [scope, draft.matches[scope]?.trim() ?? ""] as const);
  return Object.fromEntries(words.filter(([, word]) => word !== ""));
}

const iso = (field: string): string => new Date(fromField(field) ?? NaN).toISOString();

/** What the API takes. Only of a draft of which `missing` has nothing to say. */
export function bodyOf(draft: Draft): SilenceBody {
  const body: SilenceBody = {
    matches: named(draft),
    until_clear: draft.until_clear,
    reason: draft.reason.trim(),
    comment: draft.comment.trim(),
  };
  if (draft.from !== "") body.from = iso(draft.from);
  if (draft.lasts === "until") body.to = iso(draft.to);
  else body.minutes = Number(draft.lasts);
  if (draft.weekly !== null) body.weekly = { ...draft.weekly, days: [...draft.weekly.days].sort() };
  if (draft.work_order.trim() !== "") body.work_order = draft.work_order.trim();
  return body;
}

/** What a preview is asked with: what is covered, and in which hours. It looks back, and has no end. */
export function lookOf(draft: Draft): Pick<SilenceBody, "matches" | "weekly"> {
  const look: Pick<SilenceBody, "matches" | "weekly"> = { matches: named(draft) };
  if (draft.weekly !== null) look.weekly = { ...draft.weekly, days: [...draft.weekly.days].sort() };
  return look;
}

/** What keeps a draft from being looked at. */
export function unseeable(draft: Draft): Key | null {
  if (Object.keys(named(draft)).length === 0) return "silence.needsScope";
  if (draft.weekly !== null && draft.weekly.days.length === 0) return "silence.needsDays";
  return null;
}

/** What a duty officer may not silence: no single asset or device is named, or it lasts longer than a day. */
const DUTY_OFFICER_MS = 24 * 3_600_000;

function isWide(draft: Draft, begins: number, ends: number): boolean {
  const { asset, device } = named(draft);
  return (asset === undefined && device === undefined) || ends - begins > DUTY_OFFICER_MS;
}

/**
 * What keeps a draft from being put to work at `now`: the first thing that is missing. `leads`: the account may
 * silence what is wide or long as well.
 */
export function missing(draft: Draft, now: number, leads: boolean): Key | null {
  const first = unseeable(draft);
  if (first !== null) return first;
  const begins = draft.from === "" ? now : fromField(draft.from);
  if (begins === null) return "silence.needsFrom";
  const ends = draft.lasts === "until" ? fromField(draft.to) : begins + Number(draft.lasts) * 60_000;
  if (ends === null || ends <= Math.max(begins, now)) return "silence.needsEnd";
  if (!leads && isWide(draft, begins, ends)) return "silence.needsLeader";
  return draft.reason.trim() === "" ? "silence.needsReason" : null;
}

export interface Listed {
  /** It covers, or rests between two of its hours. */
  running: Silence[];
  planned: Silence[];
  ended: Silence[];
}

/** Those that run by their end, those to come by their beginning, those that are over by when they ended. */
export function listed(silences: Silence[]): Listed {
  const time = (text: string): number => Date.parse(text);
  return {
    running: silences.filter(({ state }) => state === "active" || state === "resting").sort((a, b) => time(a.to) - time(b.to)),
    planned: silences.filter(({ state }) => state === "planned").sort((a, b) => time(a.from) - time(b.from)),
    ended: silences.filter(({ state }) => state === "ended").sort((a, b) => time(b.ended ?? b.to) - time(a.ended ?? a.to)),
  };
}

/** The words that a silence names, in the form's order. */
export function wordsOf(matches: Silence["matches"]): [Scope, string][] {
  return SCOPES.flatMap((scope): [Scope, string][] => (matches[scope] === undefined ? [] : [[scope, matches[scope]]]));
}

/** Where a silence of one incident begins: its asset (or, without one, its device) and what is wrong there. */
export function aroundIncident(item: { asset: string; device: string; condition: string }): Record<string, string> {
  return item.asset === "" ? { device: item.device, condition: item.condition } : { asset: item.asset, condition: item.condition };
}
