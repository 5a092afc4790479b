// The API's shapes of duty and notifications; names as in the OpenAPI document.

import type { Severity } from "./types.ts";

export interface Person {
  name: string;
  roles: string[];
  districts: string[];
}

export interface Watch {
  shift: string;
  from: string;
  to: string;
  officer: string | null;
  leader: string | null;
}

export interface HandOver {
  id: string;
  time: string;
  from: string;
  shift: string;
  note: string;
  items: { case: string; remark: string }[];
  /** How many cases were open in all. */
  open: number;
}

export interface Duty {
  district: string;
  /** The roster's district; empty for the one of all others. */
  roster: string;
  now: Watch[];
  next: Watch | null;
  /** The plan of the next days. */
  ahead: Watch[];
  hand_over_owed: { by: string; shift: string; since: string } | null;
  open_cases: number;
  last_hand_over: HandOver | null;
}

export type DutyDay = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun" | "working" | "free";

export interface Turns {
  people: string[];
  /** `2026-11-30`; empty: 1970-01-01. */
  since: string;
  days: number;
}

export interface Shift {
  name: string;
  days: DutyDay[];
  from: string;
  to: string;
  officers: Turns;
  leaders: Turns;
}

export interface DutyOverride {
  date: string;
  shift: string;
  post: "officer" | "leader";
  who: string;
}

export interface Roster {
  district: string;
  shifts: Shift[];
  overrides: DutyOverride[];
}

export type StepTarget = "officer" | "leader" | { user: string };

export interface ChainStep {
  after_min: number;
  level: number;
  to: StepTarget;
}

export interface Chain {
  name: string;
  severity_from: Severity;
  conditions: string[];
  districts: string[];
  steps: ChainStep[];
  repeat_min: number;
  repeats: number;
  progress_min: number;
}

export interface Chains {
  chains: Chain[];
  /** Nobody set any: these are the usual ones. */
  usual: boolean;
}

export interface QuietHours {
  from: string;
  to: string;
  below: Severity;
}

export interface Contact {
  user: string;
  language: "zh" | "en";
  channels: { channel: string; address: string }[];
  quiet: QuietHours[];
}

export interface ContactAnswer {
  contact: Contact | null;
  /** The channels that the gateway has beside the console. */
  channels: string[];
}

/** What one person was told. */
export interface NoticeBody {
  kind: string;
  case: string | null;
  number: string;
  district: string;
  severity: Severity | "";
  level: number;
  text_zh: string;
  text_en: string;
  replaces?: string[];
  counts?: Partial<Record<Severity, number>>;
  cases?: string[];
  user: string;
}

export interface Notice {
  id: string;
  time: string;
  read: boolean;
  /** The case whose notification stands in its place. */
  withdrawn?: string | null;
  body: NoticeBody;
}

export interface Notices {
  items: Notice[];
  unread: number;
  cursor: string | null;
}

export interface Delivery {
  channel: string;
  state: "pending" | "delivered" | "failed" | "withdrawn" | "sent" | "read";
  attempts: number;
  last_try: string | null;
  next_try: string | null;
  answer: string;
}

/** Who is called about a case next. */
export interface Escalation {
  chain: string;
  level: number;
  waits_for: "acknowledgement" | "progress" | "nothing";
  next_at: string | null;
  next_who: string[];
  told: string[];
}
