// The work list: which case is in which tab, in which order, and how it stays still under the cursor.

import type { Case, Severity } from "../types.ts";

export const TABS = ["new", "turn", "mine", "progress", "overdue", "closed"] as const;
export type Tab = (typeof TABS)[number];

/** The gravest first. */
export const RANK: Record<Severity, number> = { critical: 0, major: 1, minor: 2, info: 3 };

/** Whether the deadline has passed at `now`, whether or not the gateway has told so yet. */
export function isOverdue(item: Case, now: number): boolean {
  return !item.final && (item.overdue || (item.deadline !== null && Date.parse(item.deadline.due) <= now));
}

/** The states in which a case waits for a role: who brings it on from there. */
const TURNS: Record<string, string[]> = {
  acceptor: ["reported", "check_passed"],
  verifier: ["pending_verify", "pending_check"],
  dispatcher: ["filed", "returned"],
  handler: ["dispatched", "handling"],
  shift_leader: ["returned", "suspended"],
};

/** Whether a case waits for somebody with these roles. */
export function isTurnOf(item: Case, roles: string[]): boolean {
  return !item.final && roles.some((role) => TURNS[role]?.includes(item.state) === true);
}

/** The tab that somebody with these roles begins with: whose work is a step of the workflow sees what waits for it. */
export function firstTab(roles: string[]): Tab {
  if (roles.some((role) => ["duty_officer", "acceptor", "shift_leader"].includes(role))) return "new";
  return roles.some((role) => role in TURNS) ? "turn" : "progress";
}

/** Whether a case has all these words in what people know of it: number, place, text, district, department. */
export function fits(item: Case, wanted: string): boolean {
  const words = wanted.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return true;
  const known = [item.number, item.asset_name, item.asset, item.text_zh, item.text_en, item.district, item.grid, item.department, item.assignee, item.acknowledged_by].join(" ").toLowerCase();
  return words.every((word) => known.includes(word));
}

/** Whether a title names the part already. A group such as `cabinet:X-12` is named by what stands after its sort. */
export function isNamed(title: string, name: string): boolean {
  return title.includes(name.slice(name.indexOf(":") + 1));
}

const GROUPS = ["district", "grid", "feeder", "cabinet", "catchment", "carrier_cell"];

/** What a part is, if it is a group of a known sort such as `cabinet:X-12`, and its name. */
export function groupOf(asset: string): { by: string; name: string } | null {
  const [by, ...name] = asset.split(":");
  return by !== undefined && name.length > 0 && GROUPS.includes(by) ? { by, name: name.join(":") } : null;
}

/** Who looks at the list. */
export interface Viewer {
  name: string;
  roles: string[];
}

export function isIn(tab: Tab, item: Case, { name: me, roles }: Viewer, now: number): boolean {
  switch (tab) {
    case "new":
      return !item.final && item.acknowledged_by === null;
    case "turn":
      return isTurnOf(item, roles);
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
export function wanted(cases: Iterable<Case>, tab: Tab, me: Viewer, now: number): string[] {
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

/** The critical case that nobody has taken over for the longest time, and how many more there are. */
export function loudest(cases: Iterable<Case>): { first: Case | null; others: number } {
  const waiting = [...cases].filter((item) => !item.final && item.severity === "critical" && item.acknowledged_by === null);
  waiting.sort((a, b) => Date.parse(a.opened) - Date.parse(b.opened) || (a.id < b.id ? -1 : 1));
  return { first: waiting[0] ?? null, others: Math.max(0, waiting.length - 1) };
}
