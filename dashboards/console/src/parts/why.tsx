// Why an incident opened: the field that decided as a plot with its thresholds, the rule and its line,
// the values read, and every sub-expression.

import { useMemo, useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { fieldLabel, fieldOf, useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { decisive } from "../logic/evidence.ts";
import { momentText, valueText } from "../logic/format.ts";
import { every, lines } from "../logic/series.ts";
import { href } from "../router.ts";
import type { Change, Explanation, Incident, Series } from "../types.ts";
import { Waiting } from "./bits.tsx";
import { Chart } from "./chart.tsx";

const MINUTE_MS = 60_000;
/** How much is shown before the change, and at least after it. */
const BEFORE_MS = 90 * MINUTE_MS;
const AFTER_MS = 30 * MINUTE_MS;
/** A long incident is shown up to this long after its change. */
const LONGEST_MS = 12 * 60 * MINUTE_MS;

export function Why({ incident }: { incident: Incident }) {
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const loaded = useLoaded(() => get<Explanation>(`/api/v1/incidents/${incident.id}/explanation`), [incident.id, incident.updated]);
  const [chosen, setChosen] = useState<string | null>(null);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const { changes, rule, rule_version: version } = loaded.value;
  if (changes.length === 0) return <p class="dim">{t("why.none")}</p>;
  const lastOpening = [...changes].reverse().find((change) => change.change === "opened" || change.change === "reopened");
  const change = changes.find((other) => other.id === chosen) ?? lastOpening ?? changes[0]!;
  return (
    <div class="why">
      {changes.length > 1 && (
        <div class="tabs small">
          {changes.slice(-8).map((other) => (
            <button key={other.id} class={other.id === change.id ? "here" : ""} onClick={() => setChosen(other.id)}>
              {w("change", other.change)} {momentText(other.time, now)}
            </button>
          ))}
        </div>
      )}
      {incident.late && <p class="dim">{t("why.late")}</p>}
      <DecisivePlot incident={incident} change={change} />
      <Readings incident={incident} change={change} />
      <p class="rule-line">
        {t("why.rule")}{" "}
        <a href={href("rules", rule, change.line > 0 ? { line: change.line } : {})}>{rule}</a>
        {change.line > 0 && <> · {t("why.line", { line: change.line })}</>} · {t("why.version")}{" "}
        <span class="mono" title={version}>
          {version.slice(0, 12)}
        </span>{" "}
        · {t("why.trigger")} {w("why.trigger", change.trigger)}
      </p>
      {change.source !== "" && (
        <pre class="source">
          <span class="line-number">{change.line}</span>
          {change.source.trim()}
        </pre>
      )}
      <Steps incident={incident} change={change} />
    </div>
  );
}

function DecisivePlot({ incident, change }: { incident: Incident; change: Change }) {
  const { kinds, lang } = useApp();
  const { t, w } = useTexts();
  const found = decisive(change);
  const at = Date.parse(change.time);
  const end = incident.cleared === null ? at + AFTER_MS : Date.parse(incident.cleared) + AFTER_MS;
  const from = at - BEFORE_MS;
  const to = Math.min(Math.max(end, at + AFTER_MS), at + LONGEST_MS);
  const field = found === null ? null : fieldOf(kinds, incident.kind, found.field);
  const isText = field?.type === "text";
  const loaded = useLoaded(async () => {
    if (found === null || isText) return null;
    const window = every(to - from);
    const path = `/api/v1/devices/${incident.device}/series`;
    return get<Series>(query(path, { field: found.field, from, to, every: window }));
  }, [incident.device, found?.field, from, to, isText]);
  const drawn = useMemo(() => (loaded.value === null ? null : lines(loaded.value)), [loaded.value]);
  if (found === null || isText) return null;
  if (drawn === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  if (drawn.times.length === 0) return <p class="dim">{t("why.noSeries")}</p>;
  const reading = change.readings.find((other) => other.field === found.field);
  const value = typeof reading?.value === "number" ? reading.value : typeof reading?.value === "boolean" ? Number(reading.value) : null;
  return (
    <Chart
      lines={drawn}
      from={from / 1_000}
      to={to / 1_000}
      thresholds={found.thresholds.map(({ value, label }) => ({ value, label: w("why.threshold", label), below: label === "reset" }))}
      mark={{ time: Date.parse(reading?.time ?? change.time) / 1_000, value, label: t("why.decided") }}
      label={fieldLabel(kinds, incident.kind, found.field, lang)}
      unit={field?.unit ?? ""}
      stepped={field?.type === "bool"}
      height={190}
      lang={lang}
    />
  );
}

/** What was read, at a glance. */
function Readings({ incident, change }: { incident: Incident; change: Change }) {
  const { kinds, lang } = useApp();
  const { t } = useTexts();
  const now = useNow(60_000);
  const known = change.readings.filter((reading) => reading.value !== null);
  if (known.length === 0) return null;
  return (
    <p class="readings">
      <span class="dim">{t("why.read")}</span>
      {known.map((reading) => (
        <span key={reading.field} title={`${reading.field} ${momentText(reading.time, now)}`}>
          {fieldLabel(kinds, incident.kind, reading.field, lang)}{" "}
          <strong class="num">{valueText(reading.value, fieldOf(kinds, incident.kind, reading.field)?.unit ?? "", lang)}</strong>
        </span>
      ))}
    </p>
  );
}

function Steps({ incident, change }: { incident: Incident; change: Change }) {
  const { kinds, lang } = useApp();
  const { t, w } = useTexts();
  const now = useNow(60_000);
  // A variable is used in several places, and came out the same in each.
  const steps = change.steps.filter((step, at) => at === change.steps.findIndex((other) => other.text === step.text && other.value === step.value));
  if (change.readings.length + change.steps.length + change.slots.length === 0) return null;
  return (
    <details>
      <summary>{t("why.steps")}</summary>
      <table class="grid">
        <tbody>
          {steps.map((step) => (
            <tr key={`${step.text}=${step.value}`}>
              <td class="mono wrap">{step.text}</td>
              <td class={`mono verdict ${step.value}`}>{w("verdict", step.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {change.readings.length > 0 && <h4>{t("why.read")}</h4>}
      <table class="grid">
        <tbody>
          {change.readings.map((reading) => (
            <tr key={reading.field}>
              <td>
                {fieldLabel(kinds, incident.kind, reading.field, lang)} <span class="dim mono">{reading.field}</span>
              </td>
              <td class="num">{valueText(reading.value, fieldOf(kinds, incident.kind, reading.field)?.unit ?? "", lang)}</td>
              <td class="num dim">{momentText(reading.time, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {change.slots.length > 0 && <h4>{t("why.state")}</h4>}
      <table class="grid">
        <tbody>
          {change.slots.map((slot) => (
            <tr key={slot.id}>
              <td class="mono wrap">{slot.id}</td>
              <td class="mono">
                {slot.before} → {slot.after}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
