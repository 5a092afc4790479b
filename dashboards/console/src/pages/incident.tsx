// One incident and what decided it.

import { get } from "../api.ts";
import { kindLabel, useApp, useEvents, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { momentText } from "../logic/format.ts";
import { assetRow, Facts, Section, SeverityMark, titleOf, Waiting } from "../parts/bits.tsx";
import { DecisionsFold } from "../parts/decisions.tsx";
import { Members } from "../parts/members.tsx";
import { SilenceLink } from "../parts/silence_link.tsx";
import { Why } from "../parts/why.tsx";
import { href } from "../router.ts";
import type { Incident } from "../types.ts";

export function IncidentPage({ id }: { id: string }) {
  const { kinds, lang, epoch } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(10_000);
  const loaded = useLoaded(() => get<Incident>(`/api/v1/incidents/${encodeURIComponent(id)}`), [id, epoch]);
  useEvents((name, data) => {
    if (name.startsWith("incident.") && (data as Incident).id === id) loaded.reload();
  });
  const item = loaded.value;
  if (item === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return (
    <article class="card narrow">
      <header class="card-head">
        <SeverityMark severity={item.severity} active={item.state === "open"} />
        <div class="card-title">
          <h2>{titleOf(item, texts)}</h2>
          <p class="dim">
            {w("severity", item.severity)} · {w("incident", item.state)}
          </p>
        </div>
        <SilenceLink incident={item} />
        {item.case !== null && <a href={href("work", item.case)}>{t("incident.toCase")}</a>}
      </header>
      <Facts
        rows={[
          [t("incident.device"), <a href={href("devices", item.device)}>{item.device}</a>],
          [t("incident.kind"), kindLabel(kinds, item.kind, lang)],
          assetRow(item.asset, texts),
          [t("device.district"), item.district],
          [t("incident.opened"), momentText(item.opened, now)],
          [t("incident.clearedAt"), momentText(item.cleared, now)],
          [t("incident.parent"), link("incidents", item.parent)],
          [t("incident.silencedBy"), link("silences", item.silenced_by)],
          [t("incident.inhibitedBy"), link("incidents", item.inhibited_by)],
        ]}
      />
      <Members incident={item} />
      <Section title={t("case.why")}>
        <Why incident={item} />
      </Section>
      <DecisionsFold parameters={{ incident: item.id }} />
    </article>
  );
}

function link(page: string, id: string | null) {
  return id === null ? "" : <a href={href(page, id)}>{id}</a>;
}
