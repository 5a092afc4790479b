// The evaluation of a period: how departments, districts, classes and rules did; as a table, and to take away.

import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { type Period, PERIODS, secondsText, shareText, stretchOf, SUBJECTS } from "../logic/evaluation.ts";
import { countText } from "../logic/format.ts";
import { toField } from "../logic/zone.ts";
import { Waiting } from "../parts/bits.tsx";
import { href } from "../router.ts";
import type { Evaluation, EvaluationRow } from "../types.ts";

const FILES = ["csv", "xlsx"] as const;
/** A share that is worse is marked. */
const POOR = { onTime: 0.8, rework: 0.2, false: 0.3 };
/** The period's end moves on with the clock, in steps of so many milliseconds. */
const STEP_MS = 60_000;

const fieldText = (ms: number): string => toField(ms).replace("T", " ");

export function EvaluationPage() {
  const { t, w, lang } = useTexts();
  const now = Math.floor(useNow(STEP_MS) / STEP_MS) * STEP_MS;
  const [by, setBy] = useState<(typeof SUBJECTS)[number]>("department");
  const [period, setPeriod] = useState<Period>("30d");
  const [first, setFirst] = useState(() => toField(now).slice(0, 10));
  const [last, setLast] = useState(first);
  const stretch = stretchOf(period, now, first, last);
  const parameters = { by, from: stretch?.from ?? null, to: stretch?.to ?? null };
  const loaded = useLoaded(
    async () => (stretch === null ? null : get<Evaluation>(query("/api/v1/evaluation", parameters))),
    [by, stretch?.from, stretch?.to],
  );
  const rows = loaded.value?.items ?? [];
  return (
    <div class="sheet broad">
      <h2 class="sheet-title">
        {t("evaluation.title")}
        {stretch !== null && (
          <span class="dim">
            {" "}
            {fieldText(stretch.from)} – {fieldText(stretch.to)}
          </span>
        )}
      </h2>
      <div class="bar many">
        <div class="tabs" role="group" aria-label={t("evaluation.by")}>
          {SUBJECTS.map((each) => (
            <button key={each} class={each === by ? "here" : ""} aria-pressed={each === by} onClick={() => setBy(each)}>
              {w("evaluationBy", each)}
            </button>
          ))}
        </div>
        <select aria-label={t("evaluation.period")} value={period} onChange={(event) => setPeriod(event.currentTarget.value as Period)}>
          {PERIODS.map((each) => (
            <option key={each} value={each}>
              {w("period", each)}
            </option>
          ))}
        </select>
        {period === "own" && (
          <>
            <input type="date" aria-label={t("evaluation.first")} value={first} onInput={(event) => setFirst(event.currentTarget.value)} />
            <input type="date" aria-label={t("evaluation.last")} value={last} onInput={(event) => setLast(event.currentTarget.value)} />
          </>
        )}
        {stretch !== null && (
          <span class="downloads">
            <span class="dim">{t("evaluation.download")}</span>
            {FILES.map((format) => (
              <a key={format} href={query("/api/v1/evaluation", { ...parameters, format, lang })} download={`evaluation.${format}`}>
                {format.toUpperCase()}
              </a>
            ))}
          </span>
        )}
      </div>
      {stretch === null && <p class="bad pad">{t("evaluation.wrongDays")}</p>}
      {(loaded.failure !== null || (stretch !== null && loaded.value === null)) && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      {rows.length > 0 && <Table by={loaded.value?.by ?? by} rows={rows} />}
      {loaded.value !== null && rows.length === 0 && <p class="dim pad">{t("evaluation.none")}</p>}
      <p class="dim small">{t("evaluation.about")}</p>
    </div>
  );
}

function Table({ by, rows }: { by: string; rows: EvaluationRow[] }) {
  const { t, w, lang } = useTexts();
  const pair = (median: number | null, most: number | null): string => (median === null ? "–" : `${secondsText(median, lang)} / ${secondsText(most, lang)}`);
  return (
    <div class="scroll">
      <table class="grid full figures-table">
        <thead>
          <tr>
            <th>{w("evaluationBy", by)}</th>
            <th>{t("evaluation.cases")}</th>
            <th>{t("evaluation.open")}</th>
            <th>{t("evaluation.closed")}</th>
            <th>{t("evaluation.notFiled")}</th>
            <th>{t("evaluation.onTime")}</th>
            <th>{t("evaluation.overdue")}</th>
            <th>{t("evaluation.rework")}</th>
            <th>{t("evaluation.returned")}</th>
            <th>{t("evaluation.supervised")}</th>
            <th>{t("evaluation.false")}</th>
            <th>{t("evaluation.alarms")}</th>
            <th>{t("evaluation.perHour")}</th>
            <th class="long">{t("evaluation.acknowledge")}</th>
            <th class="long">{t("evaluation.handle")}</th>
            <th class="long">{t("evaluation.close")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              <td class="subject">
                {by === "rule" && row.key !== "" ? <a href={href("rules", row.key)}>{row.key}</a> : row.key === "" ? t("evaluation.unnamed") : row.name === "" ? row.key : row.name}
                {row.name !== "" && row.name !== row.key && <span class="dim"> {row.key}</span>}
              </td>
              <td>{countText(row.cases)}</td>
              <td>{countText(row.open)}</td>
              <td>{countText(row.closed)}</td>
              <td>{countText(row.not_filed)}</td>
              <Share share={row.on_time_share} part={row.on_time} whole={row.on_time + row.overdue} poor={row.on_time_share !== null && row.on_time_share < POOR.onTime} />
              <td>{countText(row.overdue)}</td>
              <Share share={row.rework_share} part={row.rework} whole={row.cases} poor={(row.rework_share ?? 0) > POOR.rework} />
              <td>{countText(row.returned)}</td>
              <td>{countText(row.supervised)}</td>
              <Share share={row.false_share} part={row.false_alarms + row.nuisance} whole={row.real + row.false_alarms + row.nuisance + row.duplicates} poor={(row.false_share ?? 0) > POOR.false} />
              <td>{countText(row.alarms)}</td>
              <td>{Number(row.alarms_per_hour.toFixed(2))}</td>
              <td>{pair(row.acknowledge_median_s, row.acknowledge_p90_s)}</td>
              <td>{secondsText(row.handle_median_s, lang)}</td>
              <td>{pair(row.close_median_s, row.close_p90_s)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A share with what it was counted from, as a bar as well: a column of them is compared at a glance. */
function Share({ share, part, whole, poor }: { share: number | null; part: number; whole: number; poor: boolean }) {
  const { t } = useTexts();
  return (
    <td class={`share ${poor ? "poor" : ""}`} title={t("evaluation.ofCases", { part, whole })}>
      {shareText(share)}
      <span class="share-bar" aria-hidden="true">
        <span style={{ width: `${(share ?? 0) * 100}%` }} />
      </span>
    </td>
  );
}
