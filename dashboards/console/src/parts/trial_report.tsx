// What a draft would have changed: the sums, by rule, district, shift and device, a sweep, examples, and the cost.

import { useNow, useTexts } from "../context.tsx";
import { countText, lengthText, momentText } from "../logic/format.ts";
import { changes, widest } from "../logic/trial.ts";
import { href } from "../router.ts";
import type { Tally, TallyRow, TrialExample, TrialReport } from "../types_rules.ts";
import { Section } from "./bits.tsx";

const COLUMNS = ["live", "draft", "same", "added", "removed", "moved", "severity"] as const;
const TABLES = [
  ["trial.byRule", "rules"],
  ["trial.byDistrict", "districts"],
  ["trial.byShift", "shifts"],
  ["trial.byDevice", "devices"],
] as const;
/** Rows of a table that are shown. */
const ROWS = 25;

export function TrialReportView({ report }: { report: TrialReport }) {
  const { t, lang } = useTexts();
  const now = useNow(60_000);
  const { difference, counts } = report;
  const none = changes(difference.incidents) + changes(difference.cases) === 0;
  const moment = (ms: number): string => momentText(new Date(ms).toISOString(), now);
  return (
    <div class="trial-report">
      <p class="dim">
        {t("trial.stretch", { from: moment(report.from), to: moment(report.to) })} · {t(`trial.against.${report.against}`)} ·{" "}
        {t("trial.speed", { messages: countText(counts.messages), time: lengthText(report.elapsed_ms, lang) })}
      </p>
      {counts.generated > 0 && <p class="holds">{t("trial.generated", { count: countText(counts.generated) })}</p>}
      {Object.entries(report.skipped).map(([action, count]) => (
        <p key={action} class="dim">
          {t("trial.skipped", { count, action })}
        </p>
      ))}
      {report.left_out > 0 && <p class="holds">{t("trial.leftOut", { count: countText(report.left_out) })}</p>}
      {report.commands > 0 && <p class="holds">{t("trial.commands", { count: countText(report.commands) })}</p>}
      <div class="scroll">
        <table class="grid figures-table tallies">
          <TallyHead first="" />
          <tbody>
            <TallyLine name={t("trial.incidents")} tally={difference.incidents} />
            <TallyLine name={t("trial.cases")} tally={difference.cases} />
          </tbody>
        </table>
      </div>
      {none && <p class="good">{t("trial.noChange")}</p>}
      {report.sweep !== null && <SweepTable report={report} />}
      {TABLES.map(([title, table]) => (
        <TallyTable key={table} title={t(title)} table={table} rows={difference[table]} />
      ))}
      {difference.examples.length > 0 && (
        <Section title={t("trial.examples")}>
          <ol class="examples">
            {difference.examples.map((example, index) => (
              <Example key={index} example={example} moment={moment} />
            ))}
          </ol>
        </Section>
      )}
      <Costs report={report} />
    </div>
  );
}

function TallyHead({ first }: { first: string }) {
  const { w } = useTexts();
  return (
    <thead>
      <tr>
        <th>{first}</th>
        {COLUMNS.map((column) => (
          <th key={column}>{w("tally", column)}</th>
        ))}
      </tr>
    </thead>
  );
}

function TallyLine({ name, tally, link }: { name: string; tally: Tally; link?: string }) {
  return (
    <tr>
      <td>{link === undefined ? name : <a href={link}>{name}</a>}</td>
      {COLUMNS.map((column) => (
        <td key={column} class={tally[column] === 0 ? "dim" : column === "added" || column === "removed" ? `tally-${column}` : ""}>
          {countText(tally[column])}
        </td>
      ))}
    </tr>
  );
}

function TallyTable({ title, table, rows }: { title: string; table: string; rows: TallyRow[] }) {
  const { t } = useTexts();
  const changed = rows.filter((row) => changes(row.incidents) > 0).sort((a, b) => changes(b.incidents) - changes(a.incidents));
  if (changed.length === 0) return null;
  const link = (name: string): string | undefined => (table === "rules" ? href("rules", name) : table === "devices" ? href("devices", name) : undefined);
  return (
    <Section title={title} side={changed.length}>
      <div class="scroll">
        <table class="grid figures-table">
          <TallyHead first="" />
          <tbody>
            {changed.slice(0, ROWS).map((row) => {
              const to = link(row.name);
              return <TallyLine key={row.name} name={row.name || t("evaluation.unnamed")} tally={row.incidents} {...(to === undefined ? {} : { link: to })} />;
            })}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

/** What each value would have brought, with a bar against the most. */
function SweepTable({ report }: { report: TrialReport }) {
  const { t, w } = useTexts();
  const most = widest(report.sweep_rows.map((row) => row.incidents.draft));
  return (
    <Section title={t("trial.sweepOf", { name: `${report.sweep?.rule}.${report.sweep?.name}` })}>
      <table class="grid figures-table">
        <thead>
          <tr>
            <th>{t("trial.value")}</th>
            <th>{t("trial.incidents")}</th>
            <th>{w("tally", "added")}</th>
            <th>{w("tally", "removed")}</th>
            <th>{t("trial.cases")}</th>
          </tr>
        </thead>
        <tbody>
          {report.sweep_rows.map((row) => (
            <tr key={row.value}>
              <td class="strong">{row.value}</td>
              <td>
                {countText(row.incidents.draft)}
                <span class="share-bar">
                  <span style={{ width: `${(100 * row.incidents.draft) / most}%` }} />
                </span>
              </td>
              <td class={row.incidents.added > 0 ? "tally-added" : "dim"}>{countText(row.incidents.added)}</td>
              <td class={row.incidents.removed > 0 ? "tally-removed" : "dim"}>{countText(row.incidents.removed)}</td>
              <td>{countText(row.cases.draft)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function Example({ example, moment }: { example: TrialExample; moment: (ms: number) => string }) {
  const { w, t, lang } = useTexts();
  const side = (opened: number | null, severity: string | null): string => (opened === null || severity === null ? t("app.none") : `${w("severity", severity)} ${moment(opened)}`);
  return (
    <li>
      <p>
        <strong class={`tally-${example.change}`}>{w("tally", example.change)}</strong> {(lang === "zh" ? example.text_zh : example.text_en) || example.key}{" "}
        <a href={href("devices", example.device)}>{example.device}</a>{" "}
        <span class="dim">
          {example.rule}.{example.key} · {example.district}
        </span>
      </p>
      <p class="dim">
        {w("tally", "live")} {side(example.live_opened, example.live_severity)} → {w("tally", "draft")} {side(example.draft_opened, example.draft_severity)}
      </p>
      {example.evidence !== null && (
        <details>
          <summary>
            {example.evidence.file} {t("why.line", { line: example.evidence.line })}
          </summary>
          <pre class="source">{example.evidence.source.trim()}</pre>
          <table class="grid">
            <tbody>
              {example.evidence.steps.map((step, index) => (
                <tr key={index}>
                  <td class="mono wrap">{step.text}</td>
                  <td class={`mono verdict ${step.value}`}>{w("verdict", step.value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </li>
  );
}

function Costs({ report }: { report: TrialReport }) {
  const { t, w, lang } = useTexts();
  return (
    <Section title={t("trial.costs")}>
      <table class="grid figures-table">
        <thead>
          <tr>
            <th>{t("trial.cost.side")}</th>
            <th>{t("trial.cost.evaluations")}</th>
            <th>{t("trial.cost.shared")}</th>
            <th>{t("trial.cost.operations")}</th>
            <th>{t("trial.cost.faults")}</th>
          </tr>
        </thead>
        <tbody>
          {report.costs.map((cost) => (
            <tr key={cost.side}>
              <td>{w("trialSide", cost.side)}</td>
              <td>{countText(cost.evaluations)}</td>
              <td class="dim">{countText(cost.shared)}</td>
              <td>{countText(cost.operations)}</td>
              <td class={cost.faults > 0 ? "bad" : "dim"}>{countText(cost.faults)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="dim">
        {t("trial.cost.busy", {
          time: report.busy_ms < 1_000 ? `${report.busy_ms} ms` : lengthText(report.busy_ms, lang),
        })}
      </p>
    </Section>
  );
}
