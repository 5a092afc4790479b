// The work list: which case is in which tab, in which order, and how it stays still under the cursor.

import type { Case, Severity } from "../types.ts";

export const TABS = ["new", "mine", "progress", "overdue", "closed"] as const;
export type Tab = (typeof TABS)[number];

/** The gravest first. */
export const RANK: Record<Severity, number> = { critical: 0, major: 1, minor: 2, info: 3 };

/** Whether the deadline has passed at `now`, whether or not the gateway has told so yet. */
export function isOverdue(item: Case, now: number): boolean {
  return !item.final && (item.overdue || (item.deadline !== null && Date.parse(item.deadline.due) <= now));
}

export function isIn(tab: Tab, item: Case, me: string, now: number): boolean {
  switch (tab) {
    case "new":
      return !item.final && item.acknowledged_by === null;
    case "mine":
      return !item.final && (item.assignee === me || (item.assignee === null && item.acknowledged_by === me));
    case "progress":
      return !item.final && item.acknowledged_by !== null;
    case "overdue":
      return isOverdue(item, now);
    case "closed":
      return item.final;
  }
}

/** Work by minutes left to the deadline, then severity, then age; closed cases by when they closed. */
export function compare(a: Case, b: Case): number {
  if (a.final && b.final) return Date.parse(b.closed ?? b.updated) - Date.parse(a.closed ?? a.updated);
  const due = (item: Case): number => (item.deadline === null ? Infinity : Math.floor(Date.parse(item.deadline.due) / 60_000));
  const [dueA, dueB] = [due(a), due(b)];
  if (dueA !== dueB) return dueA < dueB ? -1 : 1;
  if (RANK[a.severity] !== RANK[b.severity]) return RANK[a.severity] - RANK[b.severity];
  return Date.parse(a.opened) - Date.parse(b.opened) || (a.id < b.id ? -1 : 1);
}

/** The ids of a tab in their order. */
export function wanted(cases: Iterable<Case>, tab: Tab, me: string, now: number): string[] {
  return [...cases].filter((item) => isIn(tab, item, me, now)).sort(compare).map((item) => item.id);
}

export interface Arranged {
  /** What is shown, in this order. */
  shown: string[];
  /** How many are waiting to be shown. */
  waiting: number;
}

/**
 * What to show when the order should be `next`. While somebody points at the list, rows stay where they
 * are, rows that left the tab stay too, and new ones wait.
 */
export function arrange(shown: string[], next: string[], still: boolean): Arranged {
  if (!still || shown.length === 0) return { shown: next, waiting: 0 };
  const known = new Set(shown);
  return { shown, waiting: next.filter((id) => !known.has(id)).length };
}

/** The row `by` rows away from the selected one, within the list. */
export function move(shown: string[], selected: string | null, by: number): string | null {
  if (shown.length === 0) return null;
  const at = selected === null ? -1 : shown.indexOf(selected);
  if (at === -1) return (by > 0 ? shown[0] : shown[shown.length - 1]) ?? null;
  return shown[Math.min(shown.length - 1, Math.max(0, at + by))] ?? null;
}

/** The step that brings a case on, of those that may be taken. */
export function mainStep(steps: string[], acknowledged: boolean): string | null {
  const order = acknowledged
    ? ["file", "dispatch", "receive", "handle", "check", "close", "resume", "verify"]
    : ["acknowledge", "file", "dispatch", "receive", "handle", "check", "close"];
  return order.find((step) => steps.includes(step)) ?? null;
}
