// Incidents, the newest first.

import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { kindLabel, useApp, useEvents, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { agoText, momentText } from "../logic/format.ts";
import { SeverityMark, titleOf, Waiting } from "../parts/bits.tsx";
import { KindSelect } from "../parts/kind_select.tsx";
import { href } from "../router.ts";
import type { Incident, Page } from "../types.ts";

const STATES = ["open", "cleared", ""] as const;
const PAGE = 100;

export function IncidentsPage() {
  const { kinds, lang, epoch } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(10_000);
  const [state, setState] = useState<(typeof STATES)[number]>("open");
  const [kind, setKind] = useState("");
  const [more, setMore] = useState<Page<Incident> | null>(null);
  const [changed, setChanged] = useState(false);
  const loaded = useLoaded(async () => {
    const page = await get<Page<Incident>>(query("/api/v1/incidents", { state, kind, limit: PAGE }));
    setMore(null);
    setChanged(false);
    return page;
  }, [state, kind, epoch]);
  useEvents((name) => {
    if (name.startsWith("incident.")) setChanged(true);
  });
  const items = [...(loaded.value?.items ?? []), ...(more?.items ?? [])];
  const cursor = more === null ? (loaded.value?.cursor ?? null) : more.cursor;
  const loadMore = async (): Promise<void> => {
    const page = await get<Page<Incident>>(query("/api/v1/incidents", { state, kind, limit: PAGE, cursor }));
    setMore((old) => ({ items: [...(old?.items ?? []), ...page.items], cursor: page.cursor }));
  };
  return (
    <div class="sheet">
      <div class="bar">
        <div class="tabs">
          {STATES.map((each) => (
            <button key={each} class={each === state ? "here" : ""} onClick={() => setState(each)}>
              {each === "" ? t("incident.all") : w("incident", each)}
            </button>
          ))}
        </div>
        <KindSelect label={t("incident.kind")} kind={kind} choose={setKind} />
        <button class={`waiting ${changed ? "some" : ""}`} disabled={!changed} onClick={loaded.reload}>
          {changed ? t("incident.changed") : ""}
        </button>
      </div>
      {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      <table class="grid rows full">
        <thead>
          <tr>
            <th />
            <th>{t("incident.what")}</th>
            <th class="rare">{t("incident.device")}</th>
            <th class="rare">{t("incident.kind")}</th>
            <th class="rare">{t("device.district")}</th>
            <th>{t("incident.opened")}</th>
            <th class="rare">{t("incident.clearedAt")}</th>
            <th>{t("incident.case")}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.id} onClick={() => (location.hash = href("incidents", item.id))}>
              <td>
                <SeverityMark severity={item.severity} active={item.state === "open" && item.severity === "critical"} />
              </td>
              <td>
                <a href={href("incidents", item.id)}>{titleOf(item, texts)}</a>
                {item.silenced_by !== null && <span class="dim"> {t("incident.silenced")}</span>}
                {item.inhibited_by !== null && <span class="dim"> {t("incident.inhibited")}</span>}
                {item.reopened > 0 && <span class="dim"> {t("incident.reopened", { count: item.reopened })}</span>}
              </td>
              <td class="mono rare">{item.device}</td>
              <td class="rare">{kindLabel(kinds, item.kind, lang)}</td>
              <td class="rare">{item.district}</td>
              <td class="num" title={agoText(item.opened, now, lang)}>
                {momentText(item.opened, now)}
              </td>
              <td class="num rare">{momentText(item.cleared, now)}</td>
              <td>
                {item.case !== null && (
                  <a href={href("work", item.case)} onClick={(event) => event.stopPropagation()}>
                    {t("incident.toCase")}
                  </a>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {loaded.value !== null && items.length === 0 && <p class="dim pad">{t("app.empty")}</p>}
      {cursor !== null && <button onClick={() => void loadMore()}>{t("app.more")}</button>}
    </div>
  );
}
