// The API's shapes that the console reads; names as in the OpenAPI document.

export type Severity = "info" | "minor" | "major" | "critical";

export interface Page<T> {
  items: T[];
  cursor: string | null;
}

export interface Deadline {
  limit: "urgent_hour" | "work_hour" | "work_day" | "natural_day";
  amount: number;
  started: string;
  due: string;
}

export interface Case {
  id: string;
  number: string;
  source: string;
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
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  assignee: string | null;
  opened: string;
  updated: string;
  closed: string | null;
  feedback: string | null;
  merged_into: string | null;
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
}

export interface Rule {
  id: string;
  file: string;
  doc: string;
  facts: Record<string, string>;
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
