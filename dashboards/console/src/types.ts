// The API's shapes that the console reads; names as in the OpenAPI document.

import type { Escalation } from "./types_duty.ts";

export type Severity = "info" | "minor" | "major" | "critical";

export interface Page<T> {
  items: T[];
  cursor: string | null;
}

export interface Deadline {
  limit: "urgent_minute" | "urgent_hour" | "work_hour" | "work_day" | "natural_day";
  amount: number;
  started: string;
  due: string;
}

/** The limit of the stage that a case stands in. */
export interface StageDeadline {
  stage: "file" | "verify" | "dispatch" | "check";
  deadline: Deadline;
  overdue: boolean;
}

export interface Case {
  id: string;
  number: string;
  source: string;
  /** A rule's id where the source is `iot`. */
  reporter: string;
  state: string;
  stage: string;
  final: boolean;
  severity: Severity;
  asset: string;
  asset_name: string;
  class: string;
  class_kind: string;
  class_name: string;
  standard: string;
  condition: string;
  text_zh: string;
  text_en: string;
  district: string;
  grid: string;
  department: string;
  latitude: number | null;
  longitude: number | null;
  incidents: string[];
  condition_holds: boolean;
  deadline: Deadline | null;
  overdue: boolean;
  stage_deadline: StageDeadline | null;
  total_deadline: Deadline | null;
  total_overdue: boolean;
  /** How many limits of stages have passed. */
  stages_overdue: number;
  returns: number;
  reworks: number;
  reported_again: number;
  supervised: boolean;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  assignee: string | null;
  opened: string;
  updated: string;
  closed: string | null;
  feedback: string | null;
  merged_into: string | null;
  escalation: Escalation | null;
}

export interface CaseEvent {
  time: string;
  actor: string;
  action: string;
  from: string | null;
  to: string;
  note: string;
}

export interface StepAction {
  step: string;
  needs_note: boolean;
}

export interface CaseDetail extends Case {
  history: CaseEvent[];
  actions: StepAction[];
}

export interface Incident {
  id: string;
  rule: string;
  rule_version: string;
  asset: string;
  device: string;
  kind: string;
  key: string;
  condition: string;
  severity: Severity;
  worst: Severity;
  state: "open" | "cleared";
  district: string;
  opened: string;
  updated: string;
  cleared: string | null;
  value: number | null;
  late: boolean;
  reopened: number;
  text_zh: string;
  text_en: string;
  parent: string | null;
  case: string | null;
  silenced_by: string | null;
  inhibited_by: string | null;
}

/** What was decided, and why. */
export interface Decision {
  id: string;
  time: string;
  incident: string | null;
  case: string | null;
  rule: string;
  asset: string;
  device: string | null;
  district: string;
  what: string;
  who: string | null;
  why: string;
  text_zh: string;
  text_en: string;
  note: string;
  refs: string[];
}

export interface Weekly {
  /** 1 is Monday, 7 is Sunday. */
  days: number[];
  /** `22:00`. */
  from: string;
  /** `06:00`; at or before `from`: of the next day. */
  to: string;
}

export interface Silence {
  id: string;
  state: "planned" | "active" | "resting" | "ended";
  /** What it covers, by field; everything named must fit. */
  matches: Record<string, string>;
  from: string;
  to: string;
  weekly: Weekly | null;
  until_clear: boolean;
  work_order: string | null;
  reason: string;
  comment: string;
  author: string;
  created: string;
  held: number;
  cleared: number;
  rearmed: string[];
  ended: string | null;
  ended_by: string | null;
  ended_why: string | null;
}

/** What a silence would hide now and would have hidden in the past seven days. */
export interface Preview {
  live: number;
  week: number;
  with_case: number;
  assets: number;
  by_condition: { condition: string; severity: Severity; count: number }[];
  examples: Incident[];
  truncated: boolean;
}

/** What the console reads of the city profile. */
export interface Profile {
  classes: {
    id: string;
    kind: string;
    code: string;
    name: string;
    big_name: string;
    standards: { id: string; filing: string; closing: string; limit: Deadline["limit"]; amount: number }[];
  }[];
  sources: { name: string; zh: string; en: string; start: string }[];
  departments: string[];
  name: string;
  time_zone: string;
  groups: { condition: string; by: string[]; distinct: number; share: number | null; within_min: number; parent_condition: string; severity: Severity }[];
  outlast_min: number;
  inhibitions: { cause: string; condition: string; by: string[]; within_min: number }[];
  verifications: { condition: string; readings: number; grace_min: number; window_min: number; auto_close: boolean }[];
  /** As TOML. */
  text: string;
}

/** The two sheets of a day. */
export interface DaySheets {
  day: string;
  devices: number;
  messages: Record<string, number>;
  values: Record<string, number>;
  worst: { device: string; messages: Record<string, number>; values: Record<string, number> }[];
}

export interface Evaluation {
  by: string;
  from: string;
  to: string;
  items: EvaluationRow[];
}

export interface EvaluationRow {
  key: string;
  name: string;
  cases: number;
  open: number;
  closed: number;
  not_filed: number;
  on_time: number;
  overdue: number;
  on_time_share: number | null;
  rework: number;
  rework_share: number | null;
  returned: number;
  supervised: number;
  real: number;
  false_alarms: number;
  nuisance: number;
  duplicates: number;
  false_share: number | null;
  alarms: number;
  alarms_per_hour: number;
  acknowledge_median_s: number | null;
  acknowledge_p90_s: number | null;
  handle_median_s: number | null;
  close_median_s: number | null;
  close_p90_s: number | null;
}

export type FieldValue = number | boolean | string;

export interface EvidenceReading {
  field: string;
  value: FieldValue | null;
  time: string | null;
  seq: number | null;
}

export interface EvidenceStep {
  line: number;
  column: number;
  text: string;
  value: string;
}

export interface Change {
  id: string;
  change: string;
  time: string;
  trigger: string;
  seq: number;
  file: string;
  line: number;
  column: number;
  source: string;
  readings: EvidenceReading[];
  steps: EvidenceStep[];
  slots: { id: string; before: string; after: string }[];
}

export interface Explanation {
  incident: string;
  rule: string;
  rule_version: string;
  changes: Change[];
}

export interface Device {
  id: string;
  kind: string;
  model: string;
  asset_code: string;
  name: string;
  latitude: number | null;
  longitude: number | null;
  district: string;
  grid: string;
  department: string;
  asset_type: string;
  interval_s: number;
  attributes: Record<string, FieldValue>;
  life: string;
  has_token: boolean;
  heard: string | null;
}

export interface Latest {
  device: string;
  time: string | null;
  fields: Record<string, { value: FieldValue; time: string; quality: string }>;
}

export interface DeviceDetail extends Device {
  latest: Latest;
}

export interface Bucket {
  min: number;
  max: number;
  mean: number;
  last: number;
  count: number;
}

export interface Series {
  field: string;
  points: [string, FieldValue | Bucket][];
  truncated: boolean;
}

export interface Field {
  name: string;
  type: "number" | "integer" | "bool" | "text";
  unit: string;
  zh: string;
  en: string;
}

export interface Kind {
  name: string;
  zh: string;
  en: string;
  fields: Field[];
  attributes: Field[];
}

export interface Me {
  name: string;
  roles: string[];
  districts: string[];
  expires: string;
}

export interface Status {
  version: string;
  ready: boolean;
  journal: number;
  applied: number;
  ledger: number;
  time: string;
  clock: string;
  devices: number;
  pack: string | null;
  faults: string[];
  streams: number;
  /** An IANA name. */
  time_zone: string;
}

export interface Balance {
  messages: Record<string, number>;
  values: Record<string, number>;
}

export interface Overview {
  open_incidents: Record<Severity, number>;
  open_cases: number;
  overdue_cases: number;
}

export interface Pack {
  id: string;
  version: string;
  by: string;
  files: string[];
  time: string;
  reason: string;
  /** What its tests said; empty: none were run. */
  tests: string;
  /** The report of the trial that it was published after. */
  trial: string | null;
  trial_summary: string | null;
  /** What stood against it, when it was published nevertheless. */
  forced: string[];
  limit_incidents_per_hour: number | null;
  limit_faults: number | null;
  limit_hours: number | null;
}

/** How a rule runs and what it has cost. */
export interface RuleNow {
  tier: { tier: "lowered" | "interpreter"; reason: { line: number; column: number; message: string } | null };
  evaluations: number;
  operations: number;
  faults: number;
  skipped: number;
  paused: boolean;
  signals: number;
  last_fault: { device: string; time_ms: number; line: number; column: number; message: string } | null;
}

export interface Rule {
  id: string;
  file: string;
  doc: string;
  facts: Record<string, string>;
  /** Not there until the engine has the pack. */
  now?: RuleNow | null;
}

export interface Rules {
  pack: Pack | null;
  items: Rule[];
  packs: Pack[];
}

export interface RuleDetail extends Rule {
  pack: string;
  source: string;
}
