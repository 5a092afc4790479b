// The API's shapes of rule checks, tests, trials and evaluations; names as in the OpenAPI document and in the
// reports themselves. Times in reports are epoch milliseconds.

import type { FieldValue, Severity } from "./types.ts";

export type Files = Record<string, string>;

export interface PackFiles {
  version: string;
  files: Files;
}

export interface Mistake {
  file: string;
  line: number;
  column: number;
  severity?: "error" | "warning";
  message: string;
  hint?: string | null;
  source?: string | null;
}

export interface Check {
  ok: boolean;
  mistakes: Mistake[];
}

export interface TestResult {
  file: string;
  rule: string;
  name: string;
  line: number;
  failure: { line: number; column: number; message: string; source_line: string; values: string[]; tape: string[] } | null;
}

export interface FileCoverage {
  file: string;
  lines: number;
  lines_hit: number;
  branches: number;
  branches_hit: number;
  listing: { line: number; hit: boolean; exempt: string | null }[];
  conditions: { line: number; column: number; text: string; was_true: boolean; was_false: boolean; was_unknown: boolean; exempt: string | null }[];
}

export interface TestReport {
  passed: number;
  failed: number;
  untested: string[];
  tests: TestResult[];
  coverage: FileCoverage[];
}

export interface Tested {
  ok: boolean;
  mistakes: Mistake[];
  report: TestReport | null;
}

export interface Diff {
  from: string | null;
  to: string;
  text: string;
}

export interface Tally {
  live: number;
  draft: number;
  same: number;
  added: number;
  removed: number;
  moved: number;
  severity: number;
}

export interface TallyRow {
  name: string;
  incidents: Tally;
}

export interface TrialExample {
  change: "added" | "removed" | "moved" | "severity";
  rule: string;
  key: string;
  asset: string;
  device: string;
  district: string;
  live_opened: number | null;
  draft_opened: number | null;
  live_severity: Severity | null;
  draft_severity: Severity | null;
  text_zh: string;
  text_en: string;
  evidence: { file: string; line: number; source: string; steps: { text: string; value: string }[] } | null;
}

export interface TrialReport {
  id: string;
  sort: "backtest" | "shadow";
  by: string;
  asked: number;
  draft: string;
  live: string;
  against: "live" | "history";
  from: number;
  to: number;
  start: string;
  counts: { records: number; messages: number; generated: number };
  skipped: Record<string, number>;
  left_out: number;
  commands: number;
  difference: {
    incidents: Tally;
    cases: Tally;
    rules: TallyRow[];
    devices: TallyRow[];
    districts: TallyRow[];
    shifts: TallyRow[];
    examples: TrialExample[];
  };
  sweep: { rule: string; name: string; values: number[] } | null;
  sweep_rows: { value: number; incidents: Tally; cases: Tally }[];
  costs: { side: string; evaluations: number; operations: number; faults: number; shared: number }[];
  busy_ms: number;
  elapsed_ms: number;
}

export interface Trial {
  id: string;
  sort: "backtest" | "shadow";
  state: "running" | "done" | "failed" | "cancelled";
  by: string;
  /** Epoch milliseconds. */
  asked: number;
  progress: number;
  messages: number;
  error?: string | null;
  summary?: string;
  draft?: string;
  live?: string;
  report?: TrialReport;
}

export interface Shadow {
  version: string;
  by: string;
  reason: string;
  since: number;
  state: "starting" | "catching_up" | "running" | "dropped_out" | "failed";
  note: string;
  /** It began anew at a start of the gateway. */
  anew: boolean;
  behind: number;
  summary: string | null;
  report: TrialReport | null;
}

/** One evaluation of a rule for a device, with everything shown. */
export interface RuleEvaluation {
  rule: string;
  version: string;
  tier: string;
  now: number;
  kept_from: string[];
  keys: { key: string; is: string; says: string }[];
  steps: { line: number; column: number; text: string; value: string; because: string }[];
  readings: { field: string; value: FieldValue | null; event_time: number | null; state: string }[];
  slots: { id: string; holds: string; due: number | null }[];
  fault: [number, number, string] | null;
  /** Of a moment that is over: the state it was put together from, and how many messages came after that. */
  from?: string | null;
  messages?: number | null;
}

/** A parameter of a rule: declared, set, and what a device gets. */
export interface Parameter {
  rule: string;
  kind: string;
  name: string;
  /** Seconds for a length of time. */
  default: number | boolean;
  min: number | null;
  max: number | null;
  unit: string;
  is_duration: boolean;
  settings: { scope: string; value: number | boolean; devices: number; unusable: string | null }[];
  effective: { device: string; value: number | boolean; from: string } | null;
}

/** What a rule costs and brings. */
export interface RuleAccount {
  rule: string;
  kind: string | null;
  evaluations: number;
  operations: number;
  faults: number;
  skipped: number;
  paused: boolean;
  cpu_ms: number | null;
  state_bytes: number | null;
  incidents: number;
  cases: number;
  open_cases: number;
  steps: number;
  duty_minutes: number;
  judged: number;
  false_alarms: number;
  false_share: number | null;
}
