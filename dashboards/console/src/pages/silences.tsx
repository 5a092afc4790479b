// Silences and maintenance windows: what runs, what is to come and what is over; one of them beside the list, or
// the form for a new one.

import { useState } from "preact/hooks";
import { all, get, post, query, remove } from "../api.ts";
import { type Texts, useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { countdown, momentText } from "../logic/format.ts";
import { maySilence } from "../logic/roles.ts";
import { listed, wordsOf } from "../logic/silence.ts";
import { Facts, failureText, Section, SeverityMark, titleOf, Waiting } from "../parts/bits.tsx";
import { SilenceForm } from "../parts/silence_form.tsx";
import { href } from "../router.ts";
import type { Incident, Page, Silence } from "../types.ts";

/** Those that are not over are loaded to the last; of the others, the newest. */
const OPEN_PAGES = 3;
const ENDED = 50;
/** Open incidents that are looked through for those that a silence holds back. */
const INCIDENT_PAGES = 3;
/** How often the list is loaded again, in milliseconds: the stream does not tell of silences. */
const EVERY_MS = 15_000;

async function load(): Promise<Silence[]> {
  const open = ["active", "resting", "planned"].map((state) => all<Silence>("/api/v1/silences", { state, limit: 1_000 }, OPEN_PAGES));
  const ended = get<Page<Silence>>(query("/api/v1/silences", { state: "ended", limit: ENDED }));
  return [...(await Promise.all(open)).flat(), ...(await ended).items];
}

export function SilencesPage({ id, search }: { id: string | null; search: URLSearchParams }) {
  const { me, epoch } = useApp();
  const { t } = useTexts();
  const now = useNow(1_000);
  const loaded = useLoaded(load, [epoch, Math.floor(now / EVERY_MS)]);
  const { running, planned, ended } = listed(loaded.value ?? []);
  const chosen = loaded.value?.find((silence) => silence.id === id) ?? null;
  const groups = [
    ["silence.running", running],
    ["silence.planned", planned],
    ["silence.ended", ended],
  ] as const;
  return (
    <div class={`split ${id === null ? "" : "chosen"}`}>
      <div class="list-side">
        <div class="list-head">
          <h2>{t("silence.title")}</h2>
          {maySilence(me.roles) && (
            <a class={`button ${id === "new" ? "here" : "main"}`} href={href("silences", "new")}>
              {t("silence.new")}
            </a>
          )}
        </div>
        {loaded.value === null ? (
          <Waiting failure={loaded.failure} reload={loaded.reload} />
        ) : (
          <div class="cases">
            {groups.map(([title, silences]) => (
              <section key={title} aria-label={t(title)}>
                <h3 class="group">
                  {t(title)} <span class="side">{silences.length}</span>
                </h3>
                <ol>
                  {silences.map((silence) => (
                    <SilenceRow key={silence.id} item={silence} here={silence.id === id} now={now} />
                  ))}
                  {silences.length === 0 && <li class="dim none">{t("app.none")}</li>}
                </ol>
              </section>
            ))}
          </div>
        )}
      </div>
      <div class="card-side">
        {id === null && <p class="dim pad">{t("silence.choose")}</p>}
        {id === "new" && <SilenceForm key={search.toString()} search={search} done={loaded.reload} />}
        {id !== null && id !== "new" && <SilenceCard key={id} id={id} listed={chosen} done={loaded.reload} />}
      </div>
    </div>
  );
}

/** What a silence covers, in words: its scopes, joined by dots. */
function scopeText(item: Pick<Silence, "matches">, { w }: Texts): string {
  const words = wordsOf(item.matches).map(([scope, word]) => (scope === "condition" ? w("condition", word) : `${w("scope", scope)} ${word}`));
  return words.join(" · ");
}

function weeklyText(item: Silence, { t, w }: Texts): string {
  if (item.weekly === null) return "";
  const days = item.weekly.days.map((day) => w("weekday", String(day))).join(t("silence.comma"));
  return `${days} ${item.weekly.from}–${item.weekly.to}`;
}

function endText(item: Silence, now: number, texts: Texts): string {
  if (item.state === "planned") return momentText(item.from, now);
  if (item.state === "ended") return momentText(item.ended ?? item.to, now);
  return countdown(item.to, item.from, now, texts.lang).text;
}

function SilenceRow({ item, here, now }: { item: Silence; here: boolean; now: number }) {
  const texts = useTexts();
  const { t, w } = texts;
  return (
    <li class={`case silence ${here ? "here" : ""} ${item.state === "ended" ? "over" : ""}`}>
      <span class={`dot ${item.state}`} aria-hidden="true" />
      <div class="what">
        <div class="title">
          <a href={href("silences", item.id)}>{scopeText(item, texts)}</a>
        </div>
        <div class="dim under">
          {item.reason} · {w("actor", item.author)}
        </div>
      </div>
      <div class="right">
        <div class="left-time">{endText(item, now, texts)}</div>
        <div class="dim under">
          {w("silenceState", item.state)}
          {item.held > 0 && <> · {t("silence.held", { count: item.held })}</>}
        </div>
      </div>
    </li>
  );
}

function SilenceCard({ id, listed: known, done }: { id: string; listed: Silence | null; done: () => void }) {
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(1_000);
  // One that ended long ago is in an old link only.
  const loaded = useLoaded(() => get<Silence>(`/api/v1/silences/${encodeURIComponent(id)}`), [id, known?.state, known?.held, known?.cleared]);
  const item = loaded.value;
  if (item === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return (
    <article class="card">
      <a class="back" href={href("silences")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2>{scopeText(item, texts)}</h2>
          <p class="dim">
            {w("silenceState", item.state)} · {item.reason}
          </p>
        </div>
        {item.state !== "ended" && (
          <div class="clock">
            <strong>{endText(item, now, texts)}</strong>
            <span>{t(item.state === "planned" ? "silence.begins" : "silence.left")}</span>
          </div>
        )}
      </header>
      <Ending
        item={item}
        done={() => {
          loaded.reload();
          done();
        }}
      />
      <Facts
        rows={[
          ...wordsOf(item.matches).map(([scope, word]): [string, string] => [w("scope", scope), scope === "condition" ? w("condition", word) : word]),
          [t("silence.from"), momentText(item.from, now)],
          [t("silence.to"), momentText(item.to, now)],
          [t("silence.weekly"), weeklyText(item, texts)],
          [t("silence.untilClear"), item.until_clear ? t("silence.yes") : ""],
          [t("silence.workOrder"), item.work_order === null ? "" : <span class="mono">{item.work_order}</span>],
          [t("silence.author"), `${w("actor", item.author)} ${momentText(item.created, now)}`],
          [t("silence.comment"), item.comment],
          [t("silence.heldBack"), t("silence.heldCounts", { held: item.held, cleared: item.cleared })],
          [t("silence.rearmed"), item.rearmed.join(" ")],
          [t("silence.endedAt"), item.ended === null ? "" : `${momentText(item.ended, now)} · ${w("endedBy", item.ended_why ?? "")} · ${w("actor", item.ended_by ?? "")}`],
        ]}
      />
      {item.state !== "ended" && <HeldBack id={item.id} held={item.held} />}
    </article>
  );
}

/** Ending is asked twice: what was held back and still holds calls people at once. */
function Ending({ item, done }: { item: Silence; done: () => void }) {
  const { me, tell } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const [asked, setAsked] = useState<"one" | "order" | null>(null);
  const [busy, setBusy] = useState(false);
  if (item.state === "ended" || !maySilence(me.roles)) return null;
  const end = async (): Promise<void> => {
    setBusy(true);
    try {
      if (asked === "order") await post(`/api/v1/work_orders/${encodeURIComponent(item.work_order ?? "")}/close`, {});
      else await remove(`/api/v1/silences/${item.id}`);
      tell(t("silence.endedNow"));
      done();
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
    setAsked(null);
  };
  return (
    <div class="actions spaced">
      {asked === null ? (
        <div class="buttons">
          <button onClick={() => setAsked("one")}>{t("silence.end")}</button>
          {item.work_order !== null && <button onClick={() => setAsked("order")}>{t("silence.closeOrder", { order: item.work_order })}</button>}
        </div>
      ) : (
        <div class="step-form" role="group" aria-label={t("silence.end")}>
          <p>{t(asked === "order" ? "silence.sureOrder" : "silence.sure")}</p>
          <div class="buttons">
            <button class="main" ref={(button) => button?.focus()} disabled={busy} onClick={() => void end()}>
              {t("silence.endNow")}
            </button>
            <button onClick={() => setAsked(null)}>{t("app.cancel")}</button>
          </div>
        </div>
      )}
    </div>
  );
}

/** The open incidents that it holds back now. */
function HeldBack({ id, held }: { id: string; held: number }) {
  const { epoch } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const now = useNow(60_000);
  const loaded = useLoaded(async () => {
    const open = await all<Incident>("/api/v1/incidents", { state: "open", limit: 1_000 }, INCIDENT_PAGES);
    return open.filter((incident) => incident.silenced_by === id);
  }, [id, held, epoch]);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return (
    <Section title={t("silence.heldNow")} side={loaded.value.length}>
      {loaded.value.length === 0 && <p class="dim">{t("app.none")}</p>}
      <table class="grid rows">
        <tbody>
          {loaded.value.slice(0, 50).map((incident) => (
            <tr key={incident.id} onClick={() => (location.hash = href("incidents", incident.id))}>
              <td>
                <SeverityMark severity={incident.severity} active={false} />
              </td>
              <td>
                <a href={href("incidents", incident.id)}>{titleOf(incident, texts)}</a>
              </td>
              <td class="num">{momentText(incident.opened, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
