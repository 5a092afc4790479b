// One case from top to bottom: what, where, whose, until when, what to do, why, and what happened so far.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { type Texts, useApp, useEvents, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { agoText, countdown, momentText } from "../logic/format.ts";
import { noteText, verifying } from "../logic/history.ts";
import { RANK } from "../logic/worklist.ts";
import { href } from "../router.ts";
import type { Case, CaseDetail, CaseEvent, Deadline, Incident, Page } from "../types.ts";
import { Attachments } from "./attachments.tsx";
import { assetRow, clockOf, Facts, limitText, placeOf, Section, SeverityMark, titleOf, Waiting } from "./bits.tsx";
import { CaseActions } from "./case_actions.tsx";
import { DecisionsFold } from "./decisions.tsx";
import { EscalationLine } from "./escalation.tsx";
import { Members } from "./members.tsx";
import { SilenceLink } from "./silence_link.tsx";
import { Why } from "./why.tsx";

const STAGES = ["report", "file", "dispatch", "handle", "check", "close"] as const;
/** Incidents of a case that are loaded. */
const MAX_INCIDENTS = 20;

export function CaseCard({ id }: { id: string }) {
  const { epoch } = useApp();
  const loaded = useLoaded(() => get<CaseDetail>(`/api/v1/cases/${encodeURIComponent(id)}`), [id, epoch]);
  useEvents((name, data) => {
    if (name.startsWith("case.") && (data as Case).id === id) loaded.reload();
  });
  const item = loaded.value;
  if (item === null || item.id !== id) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return <Card item={item} reload={loaded.reload} />;
}

function Card({ item, reload }: { item: CaseDetail; reload: () => void }) {
  const texts = useTexts();
  const { t, w, lang } = texts;
  const now = useNow(1_000);
  const clock = clockOf(item, now, texts);
  const unseen = !item.final && item.acknowledged_by === null;
  const underWay = verifying(item.history, item.state);
  return (
    <article class="card">
      <a class="back" href={href("work")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <SeverityMark severity={item.severity} active={unseen} />
        <div class="card-title">
          <h2>
            {titleOf(item, texts)}
            {item.supervised && <span class="badge over supervised">{t("case.supervised")}</span>}
          </h2>
          <p class="dim">
            {placeOf(item, texts)} · {w("severity", item.severity)}
            {item.incidents.length > 0 && " · "}
            {item.incidents.length > 0 && <span class={item.condition_holds ? "holds" : ""}>{t(item.condition_holds ? "case.holds" : "case.gone")}</span>}
          </p>
        </div>
        {clock !== null && (
          <div class={`clock ${clock.urgency}`}>
            <strong>{clock.text}</strong>
            <span>{item.deadline === null ? "" : limitText(item.deadline, texts)}</span>
          </div>
        )}
      </header>
      <StageBar item={item} />
      <EscalationLine item={item} />
      {underWay !== null && (
        <p class="notice">
          <strong>{t("case.verifying")}</strong> {noteText(underWay, w, lang)}
        </p>
      )}
      <CaseActions item={item} done={reload} />
      <Facts
        rows={[
          [t("device.district"), item.district],
          [t("device.grid"), item.grid],
          assetRow(item.asset, texts),
          [t("case.class"), item.class_name === "" ? "" : `${item.class} ${item.class_name}`],
          [t("case.owner"), item.department],
          ...deadlineRows(item, now, texts),
          [t("case.acknowledgedBy"), item.acknowledged_by === null ? <span class={item.final ? "dim" : "holds"}>{t("case.nobody")}</span> : `${item.acknowledged_by} ${momentText(item.acknowledged_at, now)}`],
          [t("case.assignee"), item.assignee ?? ""],
          [t("case.number"), <span class="mono">{item.number}</span>],
          [t("case.source"), sourceText(item, texts)],
          [t("case.turns"), turnsText(item, texts)],
          [t("case.opened"), `${momentText(item.opened, now)} (${agoText(item.opened, now, lang)})`],
          [t("case.map"), item.latitude === null || item.longitude === null ? "" : <span class="mono">{`${item.latitude.toFixed(5)}, ${item.longitude.toFixed(5)}`}</span>],
          [t("case.feedback"), item.feedback === null ? "" : w("feedback", item.feedback)],
          [t("case.mergedInto"), item.merged_into === null ? "" : <a href={href("work", item.merged_into)}>{item.merged_into}</a>],
        ]}
      />
      <Attachments item={item} />
      <CaseIncidents item={item} />
      <DecisionsFold parameters={{ case: item.id }} />
      <Section title={t("case.history")}>
        <Timeline events={item.history} />
      </Section>
    </article>
  );
}

/** The three clocks of a case: handling, the stage that it stands in, and the whole. */
function deadlineRows(item: CaseDetail, now: number, texts: Texts): [string, ComponentChildren][] {
  const { t, w } = texts;
  const told = (deadline: Deadline, passed: boolean): ComponentChildren => {
    const { text, urgency } = countdown(deadline.due, deadline.started, now, texts.lang);
    return (
      <>
        {limitText(deadline, texts)} → {momentText(deadline.due, now)}{" "}
        {!item.final && <span class={`left-time ${passed ? "over" : urgency}`}>{text}</span>}
      </>
    );
  };
  const late = item.stages_overdue > 0 ? ` ${t("case.stagesOverdue", { count: item.stages_overdue })}` : "";
  const rows: [string, ComponentChildren][] = [
    [t("case.deadline"), item.deadline === null ? t("work.noDeadline") : told(item.deadline, item.overdue)],
  ];
  const stage = item.stage_deadline;
  if (stage !== null) rows.push([w("stageLimit", stage.stage), <>{told(stage.deadline, stage.overdue)}{late !== "" && <span class="dim">{late}</span>}</>]);
  else if (late !== "") rows.push([t("case.stageLimits"), late.trim()]);
  if (item.total_deadline !== null) rows.push([t("case.total"), told(item.total_deadline, item.total_overdue)]);
  return rows;
}

/** Who reported it: a rule, with a link to it, or people. */
function sourceText(item: Case, { w }: Texts): ComponentChildren {
  const source = w("source", item.source);
  if (item.reporter === "") return source;
  return (
    <>
      {source} · {item.source === "iot" ? <a href={href("rules", item.reporter)}>{item.reporter}</a> : item.reporter}
    </>
  );
}

/** How often it went back, as far as it did. */
function turnsText(item: Case, { t }: Texts): string {
  const counted: [number, string][] = [
    [item.returns, t("case.returns", { count: item.returns })],
    [item.reworks, t("case.reworks", { count: item.reworks })],
    [item.reported_again, t("case.reportedAgain", { count: item.reported_again })],
  ];
  return counted.filter(([count]) => count > 0).map(([, text]) => text).join(" · ");
}

function StageBar({ item }: { item: Case }) {
  const { w } = useTexts();
  const at = STAGES.indexOf(item.stage as (typeof STAGES)[number]);
  return (
    <ol class="stages">
      {STAGES.map((stage, index) => (
        <li key={stage} class={index < at ? "past" : index === at ? "now" : ""} aria-current={index === at ? "step" : undefined}>
          {index === at ? w("state", item.state) : w("stage", stage)}
        </li>
      ))}
    </ol>
  );
}

function CaseIncidents({ item }: { item: Case }) {
  const { t, w, lang } = useTexts();
  const now = useNow(60_000);
  const [chosen, setChosen] = useState<string | null>(null);
  const ids = item.incidents.slice(-MAX_INCIDENTS);
  const loaded = useLoaded(
    () => Promise.all(ids.map((id) => get<Incident>(`/api/v1/incidents/${id}`))),
    [item.id, ids.join(), item.updated],
  );
  useEffect(() => setChosen(null), [item.id]);
  if (ids.length === 0) return null;
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const incidents = loaded.value;
  const incident = incidents.find((other) => other.id === chosen) ?? worst(incidents);
  if (incident === undefined) return null;
  return (
    <>
      <Section
        title={t("case.why")}
        side={
          <>
            <SilenceLink incident={incident} /> <a href={href("devices", incident.device)}>{incident.device}</a>
          </>
        }
      >
        <Why key={incident.id} incident={incident} />
      </Section>
      <Members incident={incident} />
      {incidents.length > 1 && (
        <Section title={t("case.incidents")} side={item.incidents.length}>
          <table class="grid rows">
            <tbody>
              {incidents.map((other) => (
                <tr key={other.id} class={other.id === incident.id ? "here" : ""} onClick={() => setChosen(other.id)}>
                  <td>
                    <SeverityMark severity={other.severity} active={false} />
                  </td>
                  <td>{lang === "zh" ? other.text_zh : other.text_en}</td>
                  <td class="num">{momentText(other.opened, now)}</td>
                  <td>{w("incident", other.state)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Section>
      )}
      <Recent device={incident.device} not={item.incidents} />
    </>
  );
}

/** The incident that a case is about first: one that is still open, the gravest, the earliest. */
function worst(incidents: Incident[]): Incident | undefined {
  const rank = (incident: Incident): number => (incident.state === "open" ? 0 : 10) + RANK[incident.severity];
  return [...incidents].sort((a, b) => rank(a) - rank(b))[0];
}

/** What else happened with this device lately. */
function Recent({ device, not }: { device: string; not: string[] }) {
  const { t, w, lang } = useTexts();
  const now = useNow(60_000);
  const loaded = useLoaded(() => get<Page<Incident>>(query("/api/v1/incidents", { device, limit: 6 })), [device, not.length]);
  const others = (loaded.value?.items ?? []).filter((incident) => !not.includes(incident.id)).slice(0, 5);
  if (others.length === 0) return null;
  return (
    <Section title={t("case.recent")}>
      <table class="grid rows">
        <tbody>
          {others.map((incident) => (
            <tr key={incident.id} onClick={() => (location.hash = href("incidents", incident.id))}>
              <td>
                <SeverityMark severity={incident.severity} active={false} />
              </td>
              <td>{lang === "zh" ? incident.text_zh : incident.text_en}</td>
              <td class="num">{momentText(incident.opened, now)}</td>
              <td>{w("incident", incident.state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

/** The history, the newest first: people in ink, the system in grey. */
function Timeline({ events }: { events: CaseEvent[] }) {
  const { w, lang } = useTexts();
  const now = useNow(60_000);
  return (
    <ol class="timeline">
      {[...events].reverse().map((event, index) => (
        <li key={`${event.time}${events.length - index}`} class={event.actor === "system" ? "system" : ""}>
          <span class="num dim">{momentText(event.time, now)}</span>
          <span class="actor">{w("actor", event.actor)}</span>
          <span>
            {w("step", event.action)}
            {event.from !== null && event.from !== event.to && <span class="dim"> → {w("state", event.to)}</span>}
            {event.note !== "" && <span class="note">{noteText(event, w, lang)}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}
