// Backtests: those that run with their progress, and every report that was kept.

import { useEffect, useRef } from "preact/hooks";
import { get, remove } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { changeCount, readDraft } from "../logic/draft.ts";
import { countText, momentText } from "../logic/format.ts";
import { mayPublish, mayTry } from "../logic/roles.ts";
import { changes, listed, percent, summaryText } from "../logic/trial.ts";
import { useLoaded } from "../load.ts";
import { useAsk } from "../parts/ask.ts";
import { draftFiles } from "../parts/draft_files.ts";
import { Waiting } from "../parts/bits.tsx";
import { RulesTabs } from "../parts/rules_tabs.tsx";
import { TrialForm } from "../parts/trial_form.tsx";
import { TrialReportView } from "../parts/trial_report.tsx";
import { href } from "../router.ts";
import type { Trial } from "../types_rules.ts";

/** How often a running backtest and the list are asked for, in milliseconds. */
const RUNNING_MS = 1_000;
const LIST_MS = 5_000;

export function TrialsPage({ id }: { id: string | null }) {
  const { me, epoch } = useApp();
  const { t } = useTexts();
  const now = useNow(RUNNING_MS);
  const loaded = useLoaded(() => get<{ items: Trial[] }>("/api/v1/rules/trials"), [epoch, id, Math.floor(now / LIST_MS)]);
  const trials = listed(loaded.value?.items ?? []);
  return (
    <RulesTabs here="trials">
      <div class={`split ${id === null ? "" : "chosen"}`}>
        <div class="list-side">
          <div class="list-head">
            <h2>{t("trial.title")}</h2>
            {mayTry(me.roles) && (
              <a class={`button ${id === "new" ? "here" : "main"}`} href={href("trials", "new")}>
                {t("trial.new")}
              </a>
            )}
          </div>
          {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
          <ol class="cases">
            {trials.map((trial) => (
              <TrialRow key={trial.id} trial={trial} here={trial.id === id} now={now} />
            ))}
            {loaded.value !== null && trials.length === 0 && <li class="dim pad">{t("trial.none")}</li>}
          </ol>
        </div>
        <div class="card-side">
          {id === null && <p class="dim pad">{t("trial.choose")}</p>}
          {id === "new" && (
            <article class="card">
              <a class="back" href={href("trials")}>
                {t("work.back")}
              </a>
              <h2>{t("trial.new")}</h2>
              <TrialForm draft={changeCount(readDraft()) > 0 ? draftFiles : null} />
            </article>
          )}
          {id !== null && id !== "new" && <TrialCard key={id} id={id} changed={loaded.reload} />}
        </div>
      </div>
    </RulesTabs>
  );
}

function TrialRow({ trial, here, now }: { trial: Trial; here: boolean; now: number }) {
  const texts = useTexts();
  const { t, w } = texts;
  return (
    <li class={`case silence ${here ? "here" : ""}`}>
      <span class={`dot ${trial.state === "running" ? "active" : trial.state === "done" ? "resting" : "ended"}`} aria-hidden="true" />
      <div class="what">
        <div class="title">
          <a href={href("trials", trial.id)}>
            {trial.sort === "shadow" ? t("rulesTab.shadow") : t("rulesTab.trials")} <span class="mono dim">{trial.draft?.slice(0, 12)}</span>
          </a>
        </div>
        <div class="dim under">{trial.summary === undefined ? trial.error : summaryText(trial.summary, texts)}</div>
      </div>
      <div class="right">
        <div class="left-time">{trial.state === "running" ? `${percent(trial.progress)} %` : w("trialState", trial.state)}</div>
        <div class="dim under">
          {momentText(new Date(trial.asked).toISOString(), now)} · {w("actor", trial.by)}
        </div>
      </div>
    </li>
  );
}

function TrialCard({ id, changed }: { id: string; changed: () => void }) {
  const { me } = useApp();
  const { t, w } = useTexts();
  const { busy, ask } = useAsk();
  const now = useNow(RUNNING_MS);
  const kept = useRef<Trial | null>(null);
  // A report does not change any more.
  const look = async (): Promise<Trial> => kept.current ?? get<Trial>(`/api/v1/rules/trials/${encodeURIComponent(id)}`);
  const loaded = useLoaded(look, [id, Math.floor(now / RUNNING_MS)]);
  const trial = loaded.value;
  kept.current = trial?.state === "done" ? trial : null;
  // The list beside it says at once what came of it.
  useEffect(changed, [trial?.state]);
  if (trial === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const draft = readDraft();
  const cancel = async (): Promise<void> => {
    if (await ask(() => remove(`/api/v1/rules/trials/${encodeURIComponent(id)}`), t("trial.cancelled"))) loaded.reload();
  };
  return (
    <article class="card trial">
      <a class="back" href={href("trials")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2>
            {trial.sort === "shadow" ? t("rulesTab.shadow") : t("rulesTab.trials")} <span class="mono dim">{trial.draft?.slice(0, 12)}</span>
          </h2>
          <p class="dim">
            {w("trialState", trial.state)} · {w("actor", trial.by)} · {momentText(new Date(trial.asked).toISOString(), now)}
          </p>
        </div>
        {trial.report !== undefined && (
          <div class="clock">
            <strong>{countText(changes(trial.report.difference.incidents))}</strong>
            <span>Δ {t("trial.incidents")}</span>
          </div>
        )}
      </header>
      {trial.state === "running" && (
        <div class="progress-line">
          <progress max="1" value={trial.progress} aria-label={w("trialState", "running")} />
          <span class="num">{percent(trial.progress)} %</span>
          <span class="dim">{t("trial.progress", { messages: countText(trial.messages) })}</span>
          {mayTry(me.roles) && (
            <button disabled={busy} onClick={() => void cancel()}>
              {t("trial.cancel")}
            </button>
          )}
        </div>
      )}
      {trial.error != null && trial.error !== "" && <p class="notice over">{trial.error}</p>}
      {trial.report !== undefined && <TrialReportView report={trial.report} />}
      {trial.report !== undefined && draft?.trial === id && mayPublish(me.roles) && (
        <div class="buttons">
          <a class="button main" href={href("draft", null, { tab: "publish" })}>
            {t("trial.publishThis")}
          </a>
        </div>
      )}
    </article>
  );
}
