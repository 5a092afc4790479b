// Duty: who watches which district now and next, hand-overs, rosters, escalation chains, and how people are reached.

import { useState } from "preact/hooks";
import { get } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { byDay, has, untilText, watchText } from "../logic/duty.ts";
import { clockText, momentText } from "../logic/format.ts";
import { leads, mayHandOver } from "../logic/roles.ts";
import { toField } from "../logic/zone.ts";
import { useLoaded } from "../load.ts";
import { Section, Waiting } from "../parts/bits.tsx";
import { ChainsCard } from "../parts/chains.tsx";
import { ContactCard } from "../parts/contact.tsx";
import { HandOverForm, HandOvers } from "../parts/hand_over.tsx";
import { RosterForm } from "../parts/roster_form.tsx";
import { href } from "../router.ts";
import type { Duty, Roster, Watch } from "../types_duty.ts";

const TABS = ["watches", "chains", "contact"] as const;
/** How often the page looks again, in milliseconds: the stream does not tell of shifts. */
const EVERY_MS = 20_000;

export function DutyPage({ id, search }: { id: string | null; search: URLSearchParams }) {
  const { t } = useTexts();
  const tab = TABS.find((each) => each === id) ?? "watches";
  return (
    <div class="tabbed">
      <div class="sub-tabs" role="tablist">
        {TABS.map((each) => (
          <a key={each} role="tab" aria-selected={each === tab} class={each === tab ? "here" : ""} href={href("duty", each === "watches" ? null : each)}>
            {t(`duty.${each}`)}
          </a>
        ))}
      </div>
      <div class="tab-body">
        {tab === "watches" && <Watches district={search.get("district")} act={search.get("do")} />}
        {tab === "chains" && <ChainsCard />}
        {tab === "contact" && <ContactCard search={search} />}
      </div>
    </div>
  );
}

function Watches({ district, act }: { district: string | null; act: string | null }) {
  const { me, epoch, cases } = useApp();
  const { t } = useTexts();
  const now = useNow(1_000);
  const [changes, setChanges] = useState(0);
  const loaded = useLoaded(async () => {
    const [watches, rosters] = await Promise.all([
      get<{ items: Duty[] }>("/api/v1/duty/watches"),
      get<{ items: Roster[] }>("/api/v1/duty/rosters"),
    ]);
    return { watches: watches.items, rosters: rosters.items };
  }, [epoch, changes, Math.floor(now / EVERY_MS)]);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const { watches, rosters } = loaded.value;
  const mine = watches.find((duty) => duty.now.some((watch) => has(watch, me.name)) || duty.hand_over_owed?.by === me.name);
  const chosen = district === null ? (mine ?? watches[0] ?? null) : (watches.find((duty) => duty.roster === district) ?? null);
  const own = watches.map((duty) => duty.roster).filter((name) => name !== "");
  const districts = [...new Set([...cases.values()].map((item) => item.district))].filter((name) => name !== "" && !own.includes(name));
  const goTo = (to: string | null, what?: string): void => {
    setChanges((count) => count + 1);
    location.hash = href("duty", null, { ...(to === null ? {} : { district: to }), ...(what === undefined ? {} : { do: what }) });
  };
  const making = act === "new" && leads(me.roles);
  return (
    <div class={`split ${district === null && act === null ? "" : "chosen"}`}>
      <div class="list-side">
        <div class="list-head">
          <h2>{t("duty.title")}</h2>
          {leads(me.roles) && (
            <a class="button" href={href("duty", null, { do: "new" })}>
              {t("roster.new")}
            </a>
          )}
        </div>
        {watches.length === 0 && <p class="pad holds">{t("duty.none")}</p>}
        <ol class="cases">
          {watches.map((duty) => (
            <DistrictRow key={duty.roster} duty={duty} here={!making && duty.roster === chosen?.roster} now={now} />
          ))}
        </ol>
      </div>
      <div class="card-side">
        {making && (
          <article class="card">
            <h2>{t("roster.new")}</h2>
            <RosterForm roster={null} districts={districts} done={(to) => goTo(to)} cancel={() => goTo(null)} />
          </article>
        )}
        {!making && chosen === null && <p class="dim pad">{t("duty.choose")}</p>}
        {!making && chosen !== null && (
          <DistrictCard
            key={chosen.roster}
            duty={chosen}
            roster={rosters.find((roster) => roster.district === chosen.roster) ?? null}
            others={own}
            now={now}
            act={act}
            goTo={(what) => goTo(chosen.roster, what)}
          />
        )}
      </div>
    </div>
  );
}

function DistrictRow({ duty, here, now }: { duty: Duty; here: boolean; now: number }) {
  const texts = useTexts();
  const { t } = texts;
  const first = duty.now[0];
  return (
    <li class={`case silence ${here ? "here" : ""}`}>
      <span class={`dot ${first === undefined ? "missing" : "active"}`} aria-hidden="true" />
      <div class="what">
        <div class="title">
          <a href={href("duty", null, { district: duty.roster })}>{duty.roster || t("duty.everywhere")}</a>
          {duty.hand_over_owed !== null && <span class="badge over">{t("duty.owedMark")}</span>}
        </div>
        <div class="under dim">{first === undefined ? <span class="holds">{t("duty.nobodyNow")}</span> : watchText(first, texts)}</div>
      </div>
      <div class="right">
        <div class="left-time">{first === undefined ? "" : untilText(first, now, texts)}</div>
        <div class="dim under">{t("duty.open", { count: duty.open_cases })}</div>
      </div>
    </li>
  );
}

interface CardProps {
  duty: Duty;
  roster: Roster | null;
  others: string[];
  now: number;
  act: string | null;
  goTo: (what?: string) => void;
}

function DistrictCard({ duty, roster, others, now, act, goTo }: CardProps) {
  const { me } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const owed = duty.hand_over_owed;
  const mine = owed?.by === me.name || duty.now.some((watch) => has(watch, me.name));
  return (
    <article class="card">
      <a class="back" href={href("duty")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2>{duty.roster || t("duty.everywhere")}</h2>
          <p class="dim">{t("duty.open", { count: duty.open_cases })}</p>
        </div>
      </header>
      {owed !== null && <p class="notice over">{t("duty.owed", { who: owed.by, shift: owed.shift, since: momentText(owed.since, now) })}</p>}
      <div class="watches">
        {duty.now.map((watch) => (
          <WatchBox key={`${watch.shift}${watch.from}`} title={t("duty.now")} watch={watch} now={now} />
        ))}
        {duty.now.length === 0 && <p class="watch-box none">{t("duty.nobodyNow")}</p>}
        {duty.next !== null && <WatchBox title={t("duty.next")} watch={duty.next} now={now} />}
      </div>
      <div class="actions spaced">
        <div class="buttons">
          {mayHandOver(me.roles) && (mine || leads(me.roles)) && act !== "hand-over" && (
            <button class={mine ? "main" : ""} onClick={() => goTo("hand-over")}>
              {t("handover.make")}
            </button>
          )}
          {leads(me.roles) && act !== "edit" && <button onClick={() => goTo("edit")}>{t("roster.edit")}</button>}
        </div>
        {act === "hand-over" && <HandOverForm duty={duty} others={others} done={() => goTo()} cancel={() => goTo()} />}
        {act === "edit" && roster !== null && <RosterForm roster={roster} districts={[]} done={() => goTo()} cancel={() => goTo()} />}
      </div>
      <Plan duty={duty} now={now} />
      <HandOvers district={duty.roster} fresh={duty.last_hand_over?.id ?? ""} />
    </article>
  );
}

function WatchBox({ title, watch, now }: { title: string; watch: Watch; now: number }) {
  const { t } = useTexts();
  return (
    <section class="watch-box" aria-label={title}>
      <h3>
        {title} <span class="side">{watch.shift}</span>
      </h3>
      <p class="who-now">{watch.officer ?? t("duty.nobody")}</p>
      {watch.leader !== null && (
        <p>
          {t("duty.leader")} {watch.leader}
        </p>
      )}
      <p class="dim num">
        {momentText(watch.from, now)} – {momentText(watch.to, now)}
      </p>
    </section>
  );
}

/** The next days, a row for each watch. */
function Plan({ duty, now }: { duty: Duty; now: number }) {
  const { me } = useApp();
  const { t, w } = useTexts();
  const dayOf = (time: string): string => toField(Date.parse(time)).slice(0, 10);
  const today = toField(now).slice(0, 10);
  const weekday = (day: string): string => w("weekday", String(((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7) + 1));
  return (
    <Section title={t("duty.plan")}>
      <table class="grid plan">
        <tbody>
          {byDay(duty.ahead, dayOf).map(([day, watches]) =>
            watches.map((watch, index) => (
              <tr key={`${watch.shift}${watch.from}`} class={has(watch, me.name) ? "mine" : ""}>
                <td class="num">{index === 0 && `${day.slice(5)} ${day === today ? t("duty.today") : weekday(day)}`}</td>
                <td>{watch.shift}</td>
                <td class="num dim">
                  {clockText(Date.parse(watch.from))}–{clockText(Date.parse(watch.to))}
                </td>
                <td class="strong">{watch.officer ?? <span class="holds">{t("duty.nobody")}</span>}</td>
                <td>{watch.leader}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </Section>
  );
}
