// What each rule costs and brings: the processor's time and memory beside incidents, cases, minutes of staff, and how
// often staff called it wrong.

import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { kindLabel, useApp, useNow, useTexts } from "../context.tsx";
import { countText, lengthText, sizeText } from "../logic/format.ts";
import { useLoaded } from "../load.ts";
import { Waiting } from "../parts/bits.tsx";
import { RulesTabs } from "../parts/rules_tabs.tsx";
import { href } from "../router.ts";
import type { RuleAccount } from "../types_rules.ts";

const DAY_MS = 86_400_000;
const PERIODS = [7, 30, 90] as const;
const SORTS = ["duty_minutes", "incidents", "false_share", "cpu_ms", "state_bytes"] as const;
/** Called wrong more often than this, a rule wants mending. */
const POOR = 0.2;

export function CostsPage() {
  const { kinds, lang, epoch } = useApp();
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const [days, setDays] = useState<number>(30);
  const [sort, setSort] = useState<(typeof SORTS)[number]>("duty_minutes");
  const minute = Math.floor(now / 60_000);
  const loaded = useLoaded(() => get<{ items: RuleAccount[] }>(query("/api/v1/rules/accounts", { from: minute * 60_000 - days * DAY_MS })), [days, epoch, minute]);
  const items = [...(loaded.value?.items ?? [])].sort((a, b) => (b[sort] ?? -1) - (a[sort] ?? -1) || a.rule.localeCompare(b.rule));
  return (
    <RulesTabs here="costs">
      <div class="sheet broad">
        <div class="bar many">
          <h2>{t("cost.title")}</h2>
          <span class="tabs small">
            {PERIODS.map((each) => (
              <button key={each} class={each === days ? "here" : ""} aria-pressed={each === days} onClick={() => setDays(each)}>
                {t("trial.days", { count: each })}
              </button>
            ))}
          </span>
          <label class="line push">
            {t("cost.sort")}
            <select value={sort} onChange={(event) => setSort(event.currentTarget.value as (typeof SORTS)[number])}>
              {SORTS.map((each) => (
                <option key={each} value={each}>
                  {w("cost", each)}
                </option>
              ))}
            </select>
          </label>
        </div>
        {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
        {loaded.value !== null && (
          <div class="scroll">
            <table class="grid figures-table">
              <thead>
                <tr>
                  <th>{t("why.rule")}</th>
                  {(["incidents", "cases", "open_cases", "duty_minutes", "false_share", "evaluations", "faults", "cpu_ms", "state_bytes"] as const).map((column) => (
                    <th key={column}>{w("cost", column)}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {items.map((item) => (
                  <tr key={`${item.kind} ${item.rule}`}>
                    <td>
                      <a class="mono" href={href("rules", item.rule)}>
                        {item.rule}
                      </a>{" "}
                      <span class="dim">{item.kind === null ? t("cost.gone") : kindLabel(kinds, item.kind, lang)}</span>
                      {item.paused && <span class="badge over">{t("rules.paused")}</span>}
                    </td>
                    <td>{countText(item.incidents)}</td>
                    <td>{countText(item.cases)}</td>
                    <td>{countText(item.open_cases)}</td>
                    <td class="strong">{countText(Math.round(item.duty_minutes))}</td>
                    <td class={item.false_share !== null && item.false_share > POOR ? "holds" : ""}>
                      {item.false_share === null ? "–" : `${Math.round(item.false_share * 100)} %`} <span class="dim">{item.judged > 0 && `${item.false_alarms}/${item.judged}`}</span>
                    </td>
                    <td>{countText(item.evaluations)}</td>
                    <td class={item.faults > 0 ? "bad" : "dim"}>{countText(item.faults)}</td>
                    <td>{item.cpu_ms === null ? "–" : item.cpu_ms < 1_000 ? `${item.cpu_ms.toFixed(1)} ms` : lengthText(item.cpu_ms, lang)}</td>
                    <td>{item.state_bytes === null ? "–" : sizeText(item.state_bytes)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <p class="dim small">{t("cost.about")}</p>
      </div>
    </RulesTabs>
  );
}
