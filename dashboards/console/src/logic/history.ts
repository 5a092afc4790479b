// What a case's history says, in the reader's language: the gateway writes its own notes in fixed forms.

import type { CaseEvent } from "../types.ts";
import type { Lang } from "./format.ts";

/** A word of the API in the reader's language. */
type Words = (group: string, word: string) => string;

const INCIDENT = /^incident \S+: (\w+), (\w+)$/;
const LIMIT = /^(\S+) \((\w+)\)$/;
const FOLDED = /^(\S+) \(\S+\) by (.+)$/;
/** Said in both languages, with what both have in common after it: a moment, or readings. */
const BOTH = /^(.*?[\u4e00-\u9fff]) \/ (.*?)((?:: | \(|\d{2}-\d{2} ).*)?$/s;

/** An event's note; what people wrote stays as they wrote it. */
export function noteText(event: CaseEvent, w: Words, lang: Lang = "zh"): string {
  const { action, note } = event;
  if (action === "close") {
    const [verdict = "", ...rest] = note.split(": ");
    return [w("feedback", verdict), ...rest].join(": ");
  }
  if (event.actor !== "system" && action !== "merged_from") return note;
  if (action === "stage_overdue") return w("stageLimit", note);
  // The gateway's reminders and supervision say whether the limit had passed.
  if (note === "overdue") return w("step", note);
  const incident = INCIDENT.exec(note);
  if (incident !== null) return `${w("condition", incident[1]!)} · ${w("severity", incident[2]!)}`;
  const limit = action === "limit_changed" ? LIMIT.exec(note) : null;
  if (limit !== null) return `${w("condition", limit[2]!)} · ${limit[1]}`;
  const both = BOTH.exec(note);
  if (both !== null) return lang === "zh" ? `${both[1]} ${both[3]?.trim() ?? ""}`.trim() : `${both[2]}${both[3] ?? ""}`.trim();
  const folded = action === "merged_from" ? FOLDED.exec(note) : null;
  if (folded !== null) return `${folded[1]} · ${w("actor", folded[2]!)}`;
  return note;
}

/** What the sensors' verification says while it is under way; `null`: none is. */
export function verifying(events: CaseEvent[], state: string): CaseEvent | null {
  if (state !== "pending_check") return null;
  const last = [...events].reverse().find((event) => event.action.startsWith("verif") || event.action === "rework");
  return last?.action === "verification_began" ? last : null;
}
