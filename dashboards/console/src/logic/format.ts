// Times, lengths of time and values as people read them. The moment and the language are given; the clocks
// are the bureau's.

import { inZone } from "./zone.ts";

export type Lang = "zh" | "en";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A length of time in at most two units: `1天2小时`, `42分`, `1d 2h`. Under a minute: seconds. */
export function lengthText(ms: number, lang: Lang): string {
  const length = Math.abs(ms);
  const unit = lang === "zh" ? { d: "天", h: "小时", m: "分", s: "秒", gap: "" } : { d: "d", h: "h", m: "min", s: "s", gap: " " };
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${unit.gap}${small}${smallUnit}`;
  if (length >= DAY_MS) {
    return pair(Math.floor(length / DAY_MS), unit.d, Math.floor((length % DAY_MS) / HOUR_MS), unit.h);
  }
  if (length >= HOUR_MS) {
    return pair(Math.floor(length / HOUR_MS), unit.h, Math.floor((length % HOUR_MS) / MINUTE_MS), unit.m);
  }
  if (length >= MINUTE_MS) return `${Math.floor(length / MINUTE_MS)}${unit.m}`;
  return `${Math.floor(length / 1_000)}${unit.s}`;
}

export interface Countdown {
  /** `剩42分`, `超1小时5分`. */
  text: string;
  /** `over`: the time is up; `soon`: less than a quarter of the limit or 30 minutes are left; `calm`. */
  urgency: "over" | "soon" | "calm";
}

/** How a deadline stands at `now`. */
export function countdown(due: string, started: string, now: number, lang: Lang): Countdown {
  const left = Date.parse(due) - now;
  const length = lengthText(left, lang);
  if (left <= 0) return { text: lang === "zh" ? `超${length}` : `${length} over`, urgency: "over" };
  const whole = Date.parse(due) - Date.parse(started);
  const soon = left < Math.min(whole / 4, 2 * HOUR_MS) || left < 30 * MINUTE_MS;
  return { text: lang === "zh" ? `剩${length}` : `${length} left`, urgency: soon ? "soon" : "calm" };
}

/** A moment as a person on the same day would write it: time alone today, else with the date. */
export function momentText(time: string | null, now: number): string {
  if (time === null) return "–";
  const ms = Date.parse(time);
  if (Number.isNaN(ms)) return time;
  const moment = inZone(ms);
  const today = inZone(now);
  const clock = `${moment.hour}:${moment.minute}:${moment.second}`;
  const day = `${moment.month}-${moment.day}`;
  if (moment.year !== today.year) return `${moment.year}-${day} ${clock}`;
  return day === `${today.month}-${today.day}` ? clock : `${day} ${clock}`;
}

/** Hours and minutes on the bureau's clocks. */
export function clockText(ms: number): string {
  const { hour, minute } = inZone(ms);
  return `${hour}:${minute}`;
}

/** How long ago: `3分前`, `3min ago`. */
export function agoText(time: string | null, now: number, lang: Lang): string {
  if (time === null) return "–";
  const length = lengthText(Math.max(0, now - Date.parse(time)), lang);
  return lang === "zh" ? `${length}前` : `${length} ago`;
}

/** A value with its unit; numbers without needless digits. */
export function valueText(value: number | boolean | string | null, unit: string, lang: Lang): string {
  if (value === null) return lang === "zh" ? "未知" : "unknown";
  if (typeof value === "boolean") return lang === "zh" ? (value ? "是" : "否") : value ? "yes" : "no";
  if (typeof value === "string") return value;
  const digits = Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 2 : 4;
  const text = String(Number(value.toFixed(digits)));
  return unit === "" ? text : unit === "°" || unit === "%" ? `${text}${unit}` : `${text} ${unit}`;
}

/** A count with separators. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** Bytes in the largest unit that leaves a whole number before the point. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1_000 ** at;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}
