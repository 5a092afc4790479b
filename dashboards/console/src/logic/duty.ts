// Rosters, hand-overs and escalation chains in words and as forms hold them.

import type { Texts } from "../context.tsx";
import type { Case } from "../types.ts";
import type { Chain, ChainStep, Duty, Escalation, HandOver, Roster, Shift, StepTarget, Watch } from "../types_duty.ts";
import { countdown, lengthText } from "./format.ts";

const MINUTE_MS = 60_000;
/** The most remarks on single cases in a hand-over: the gateway's own limit. */
export const MAX_REMARKS = 100;

/** A shift as a new row of the form has it: the next one begins where the last ends. */
export function newShift(before: Shift | undefined, name: string): Shift {
  const turns = (): Shift["officers"] => ({ people: [], since: "", days: 1 });
  const from = before?.to ?? "08:00";
  return { name, days: [], from, to: before?.from ?? "20:00", officers: turns(), leaders: turns() };
}

/** A roster without what the form leaves empty; `null`: it would not be taken, and why. */
export function checkRoster(roster: Roster): "noShifts" | "noName" | "sameName" | "noOfficer" | null {
  if (roster.shifts.length === 0) return "noShifts";
  const names = roster.shifts.map((shift) => shift.name.trim());
  if (names.includes("")) return "noName";
  if (new Set(names).size < names.length) return "sameName";
  if (roster.shifts.some((shift) => shift.officers.people.length === 0)) return "noOfficer";
  return null;
}

/** Who watches, in words: `li · 值班长 chen`. */
export function watchText(watch: Watch, { t }: Texts): string {
  const officer = watch.officer ?? t("duty.nobody");
  return watch.leader === null ? officer : `${officer} · ${t("duty.leader")} ${watch.leader}`;
}

/** Whether that account has the watch. */
export function has(watch: Watch, user: string): boolean {
  return watch.officer === user || watch.leader === user;
}

/** Watches by the day on which they begin, on the bureau's clocks. */
export function byDay(watches: Watch[], dayOf: (time: string) => string): [string, Watch[]][] {
  const days = new Map<string, Watch[]>();
  for (const watch of watches) {
    const day = dayOf(watch.from);
    days.set(day, [...(days.get(day) ?? []), watch]);
  }
  return [...days];
}

/** The open cases that a roster watches, the most pressing first as they are listed. */
export function watched(cases: Iterable<Case>, roster: string, others: string[]): Case[] {
  const own = (item: Case): boolean => (roster === "" ? !others.includes(item.district) : item.district === roster);
  return [...cases].filter((item) => !item.final && own(item)).sort((a, b) => Date.parse(a.opened) - Date.parse(b.opened));
}

/** The hand-over that whoever comes on duty has not looked at: the newest, unless it is the own. */
export function unseenHandOver(duty: Duty, me: string, seen: string | null): HandOver | null {
  const last = duty.last_hand_over;
  const mine = duty.now.some((watch) => has(watch, me));
  return last === null || !mine || last.from === me || last.id === seen ? null : last;
}

/** Whom a step calls. */
export function targetText(to: StepTarget, { t }: Texts): string {
  return typeof to === "string" ? t(to === "officer" ? "duty.officer" : "duty.leader") : to.user;
}

/** A chain as one line: when whom, and again how often. */
export function chainText(chain: Chain, texts: Texts): string {
  const { t } = texts;
  if (chain.steps.length === 0) return t("chain.nobody");
  const step = (each: ChainStep, index: number): string => {
    const when = index === 0 ? (each.after_min === 0 ? t("chain.atOnce") : t("chain.after", { minutes: each.after_min })) : `+${t("chain.minutes", { minutes: each.after_min })}`;
    return `${when} ${targetText(each.to, texts)}`;
  };
  const parts = chain.steps.map(step);
  if (chain.repeat_min > 0 && chain.repeats > 0) parts.push(t("chain.again", { minutes: chain.repeat_min, times: chain.repeats }));
  return parts.join(" → ");
}

/** Where the calls about a case stand at `now`. */
export function escalationText(item: Case, escalation: Escalation, now: number, texts: Texts): { text: string; urgent: boolean } {
  const { t, lang } = texts;
  const who = escalation.next_who.length === 0 ? t("duty.nobody") : escalation.next_who.join(t("silence.comma"));
  const left = escalation.next_at === null ? null : Date.parse(escalation.next_at) - now;
  if (escalation.waits_for === "nothing" || left === null) {
    return { text: t(escalation.waits_for === "nothing" ? "escalation.still" : "escalation.over"), urgent: escalation.waits_for !== "nothing" };
  }
  const time = left <= 0 ? t("escalation.now") : lengthText(left, lang);
  if (escalation.waits_for === "acknowledgement") return { text: t("escalation.next", { who, time }), urgent: true };
  const by = item.acknowledged_by ?? who;
  return { text: t("escalation.progress", { who: by, time }), urgent: left < 5 * MINUTE_MS };
}

/** How long somebody is still on duty. */
export function untilText(watch: Watch, now: number, texts: Texts): string {
  return countdown(watch.to, watch.from, now, texts.lang).text;
}
