// How the gateway itself is doing: faults first, then positions, the two sheets, open work.

import { get } from "../api.ts";
import { useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { countText, momentText } from "../logic/format.ts";
import { Facts, Section, Waiting } from "../parts/bits.tsx";
import { MESSAGE_TERMS, Sheet, VALUE_TERMS } from "../parts/sheet.tsx";
import type { Balance, Overview, Status } from "../types.ts";

const SEVERITIES = ["critical", "major", "minor", "info"] as const;

export function StatusPage() {
  const { t, w } = useTexts();
  const now = useNow(5_000);
  const beat = Math.floor(now / 5_000);
  const status = useLoaded(() => get<Status>("/api/v1/status"), [beat]);
  const balance = useLoaded(() => get<Balance>("/api/v1/balance"), [beat]);
  const overview = useLoaded(() => get<Overview>("/api/v1/overview"), [beat]);
  const item = status.value;
  if (item === null) return <Waiting failure={status.failure} reload={status.reload} />;
  return (
    <div class="sheet status">
      <header class="card-head">
        <div class="card-title">
          <h2 class={item.ready ? "" : "bad"}>
            {!item.ready ? t("status.notReady") : item.faults.length === 0 ? t("status.ready") : t("status.faulty", { count: item.faults.length })}
          </h2>
        </div>
      </header>
      <Section title={t("status.faults")}>
        {item.faults.length === 0 && <p class="dim">{t("status.noFaults")}</p>}
        <ul class="fault-list">
          {item.faults.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      </Section>
      <div class="columns three">
        <Section title={t("status.positions")}>
          <table class="grid">
            <tbody>
              <Position label={t("status.journal")} at={item.journal} head={item.journal} />
              <Position label={t("status.applied")} at={item.applied} head={item.journal} />
              <Position label={t("status.ledger")} at={item.ledger} head={item.journal} />
            </tbody>
          </table>
          <Facts
            rows={[
              [t("status.time"), momentText(item.time, now)],
              [t("status.clock"), momentText(item.clock, now)],
              [t("status.devices"), countText(item.devices)],
              [t("status.streams"), countText(item.streams)],
              [t("status.pack"), item.pack ?? t("app.none")],
              [t("status.version"), item.version],
            ]}
          />
        </Section>
        {balance.value !== null && (
          <>
            <Sheet title={t("status.messages")} whole="journaled" sheet={balance.value.messages} terms={MESSAGE_TERMS} beside="refused" />
            <Sheet title={t("status.values")} whole="decoded" sheet={balance.value.values} terms={VALUE_TERMS} beside={null} />
          </>
        )}
        {overview.value !== null && (
          <Section title={t("status.openWork")}>
            <table class="grid">
              <tbody>
                <tr>
                  <td>{t("status.openCases")}</td>
                  <td class="num strong">{countText(overview.value.open_cases)}</td>
                </tr>
                <tr>
                  <td>{t("status.overdueCases")}</td>
                  <td class={`num strong ${overview.value.overdue_cases > 0 ? "bad" : ""}`}>{countText(overview.value.overdue_cases)}</td>
                </tr>
                {SEVERITIES.map((severity) => (
                  <tr key={severity}>
                    <td>
                      {t("status.openIncidents")} · {w("severity", severity)}
                    </td>
                    <td class="num">{countText(overview.value?.open_incidents[severity] ?? 0)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Section>
        )}
      </div>
    </div>
  );
}

function Position({ label, at, head }: { label: string; at: number; head: number }) {
  const { t } = useTexts();
  const behind = head - at;
  return (
    <tr>
      <td>{label}</td>
      <td class="num strong">{countText(at)}</td>
      <td class="dim">{behind > 0 ? t("status.behind", { count: countText(behind) }) : t("status.upToDate")}</td>
    </tr>
  );
}
