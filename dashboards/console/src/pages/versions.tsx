// The packs that were live, the newest first: who, why, after which tests and trial, what differs from another one,
// and putting one back to work.

import { useState } from "preact/hooks";
import { get, post, query } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { mayPublish } from "../logic/roles.ts";
import { summaryText } from "../logic/trial.ts";
import { useLoaded } from "../load.ts";
import { useAsk } from "../parts/ask.ts";
import { Facts, Section, Waiting } from "../parts/bits.tsx";
import { DiffText } from "../parts/diff.tsx";
import { RulesTabs } from "../parts/rules_tabs.tsx";
import { href, replacePlace } from "../router.ts";
import type { Pack, Rules } from "../types.ts";
import type { Diff } from "../types_rules.ts";

/** Versions that are offered to compare with. */
const COMPARED = 50;

export function VersionsPage({ id, search }: { id: string | null; search: URLSearchParams }) {
  const { epoch } = useApp();
  const { t } = useTexts();
  const now = useNow(60_000);
  const loaded = useLoaded(() => get<Rules>("/api/v1/rules"), [epoch]);
  const packs = loaded.value?.packs ?? [];
  // A roll-back makes a version live again under a new record.
  const chosen = packs.find((pack) => pack.id === id || pack.version === id) ?? null;
  return (
    <RulesTabs here="versions">
      <div class={`split ${id === null ? "" : "chosen"}`}>
        <div class="list-side">
          <div class="list-head">
            <h2>{t("version.title")}</h2>
          </div>
          {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
          {loaded.value !== null && packs.length === 0 && <p class="dim pad">{t("rules.none")}</p>}
          <ol class="cases">
            {packs.map((pack, index) => (
              <VersionRow key={pack.id} pack={pack} live={index === 0} here={pack.id === chosen?.id} now={now} />
            ))}
          </ol>
        </div>
        <div class="card-side">
          {chosen === null ? (
            <p class="dim pad">{t("version.choose")}</p>
          ) : (
            <VersionCard key={chosen.id} pack={chosen} packs={packs} from={search.get("from")} done={loaded.reload} />
          )}
        </div>
      </div>
    </RulesTabs>
  );
}

function VersionRow({ pack, live, here, now }: { pack: Pack; live: boolean; here: boolean; now: number }) {
  const { t, w } = useTexts();
  return (
    <li class={`case silence ${here ? "here" : ""}`}>
      <span class={`dot ${live ? "active" : "ended"}`} aria-hidden="true" />
      <div class="what">
        <div class="title">
          <a href={href("versions", pack.id)}>
            <span class="mono">{pack.version.slice(0, 12)}</span> {w("actor", pack.by)}
          </a>
          {pack.forced.length > 0 && <span class="badge over">{t("version.forced")}</span>}
        </div>
        <div class="dim under">{pack.reason}</div>
      </div>
      <div class="right">
        <div class="left-time">{momentText(pack.time, now)}</div>
        <div class="dim under">{live ? <span class="strong">{t("rules.now")}</span> : t("rules.files", { count: pack.files.length })}</div>
      </div>
    </li>
  );
}

interface CardProps {
  pack: Pack;
  packs: Pack[];
  /** The version to compare with; without it, the one before. */
  from: string | null;
  done: () => void;
}

function VersionCard({ pack, packs, from, done }: CardProps) {
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(60_000);
  const before = packs.slice(packs.indexOf(pack) + 1).find((other) => other.version !== pack.version) ?? null;
  const other = from ?? before?.version ?? null;
  const loaded = useLoaded(async () => (other === null ? null : get<Diff>(query("/api/v1/rules/diff", { from: other, to: pack.version }))), [other, pack.version]);
  const limits = [
    pack.limit_incidents_per_hour === null ? "" : t("version.perHour", { count: pack.limit_incidents_per_hour }),
    pack.limit_faults === null ? "" : t("version.faults", { count: pack.limit_faults }),
    pack.limit_hours === null ? "" : t("version.hours", { count: pack.limit_hours }),
  ].filter((text) => text !== "");
  const versions = [...new Map(packs.map((each) => [each.version, each])).values()].filter((each) => each.version !== pack.version).slice(0, COMPARED);
  return (
    <article class="card">
      <a class="back" href={href("versions")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2 class="mono">{pack.version.slice(0, 12)}</h2>
          <p class="dim">
            {t("rules.by")} {w("actor", pack.by)} · {momentText(pack.time, now)} · {t("rules.files", { count: pack.files.length })}
          </p>
        </div>
      </header>
      <RollBack pack={pack} live={packs[0]?.version === pack.version} done={done} />
      <Facts
        rows={[
          [t("version.reason"), pack.reason],
          [t("version.tests"), pack.tests],
          [t("version.trial"), pack.trial === null ? "" : <a href={href("trials", pack.trial)}>{pack.trial_summary === null ? pack.trial : summaryText(pack.trial_summary, texts)}</a>],
          [t("version.limits"), limits.join(" · ")],
          [t("version.forced"), pack.forced.length === 0 ? "" : <span class="holds">{pack.forced.join("; ")}</span>],
        ]}
      />
      <Section
        title={other === null ? t("draftTab.diff") : t("diff.between", { from: other.slice(0, 12), to: pack.version.slice(0, 12) })}
        side={
          <select aria-label={t("diff.compare")} value={other ?? ""} onChange={(event) => replacePlace(href("versions", pack.id, { from: event.currentTarget.value }))}>
            {versions.map((each) => (
              <option key={each.version} value={each.version}>
                {each.version.slice(0, 12)} {momentText(each.time, now)}
              </option>
            ))}
          </select>
        }
      >
        {loaded.failure !== null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
        {loaded.value !== null && <DiffText text={loaded.value.text} />}
        {other === null && <p class="dim">{t("diff.none")}</p>}
      </Section>
    </article>
  );
}

/** Asked twice: it takes the place of what is live at once. */
function RollBack({ pack, live, done }: { pack: Pack; live: boolean; done: () => void }) {
  const { me } = useApp();
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  if (live || !mayPublish(me.roles)) return null;
  const back = async (event: Event): Promise<void> => {
    event.preventDefault();
    const short = pack.version.slice(0, 12);
    if (await ask(() => post("/api/v1/rules/rollback", { version: pack.version, reason: reason.trim() }), t("version.rolledBack", { version: short }))) {
      setAsked(false);
      done();
    }
  };
  return (
    <div class="actions spaced">
      {!asked && (
        <div class="buttons">
          <button onClick={() => setAsked(true)}>{t("version.rollback")}</button>
        </div>
      )}
      {asked && (
        <form class="step-form" onSubmit={(event) => void back(event)}>
          <p>{t("version.rollbackSure", { version: pack.version.slice(0, 12) })}</p>
          <label class="wide">
            {t("version.rollbackReason")}
            <input name="reason" autoFocus maxLength={300} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
          <div class="buttons">
            <button type="submit" class="grave" disabled={busy}>
              {t("version.rollback")}
            </button>
            <button type="button" onClick={() => setAsked(false)}>
              {t("app.cancel")}
            </button>
          </div>
        </form>
      )}
    </div>
  );
}
