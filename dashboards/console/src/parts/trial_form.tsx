// Starting a backtest: which rules, over which stretch, with a sweep or not.

import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { useTexts } from "../context.tsx";
import { changeCount, keepDraft, readDraft } from "../logic/draft.ts";
import { fromField } from "../logic/zone.ts";
import { href } from "../router.ts";
import type { Files, Trial } from "../types_rules.ts";
import { AskForm } from "./ask_form.tsx";

const STRETCHES = ["1d", "3d", "7d", "14d", "30d"] as const;

interface Props {
  /** The draft's files; `null`: there is no draft, or only the live pack is to be tried. */
  draft: (() => Promise<Files>) | null;
}

export function TrialForm({ draft }: Props) {
  const { t } = useTexts();
  const changes = changeCount(readDraft());
  const [what, setWhat] = useState(draft !== null && changes > 0 ? "draft" : "live");
  const [stretch, setStretch] = useState("7d");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [sweep, setSweep] = useState("");
  const [history, setHistory] = useState(false);
  const start = async (): Promise<void> => {
    const files = what === "draft" && draft !== null ? await draft() : null;
    const begins = stretch === "own" ? String(fromField(from) ?? from) : stretch;
    const ends = to === "" ? null : String(fromField(to) ?? to);
    const body = {
      ...(files === null ? {} : { files }),
      from: begins,
      ...(ends === null ? {} : { to: ends }),
      ...(sweep.trim() === "" ? {} : { sweep: sweep.trim() }),
      history,
      examples: 20,
    };
    const trial = await post<Trial>("/api/v1/rules/backtest", body);
    const kept = readDraft();
    if (files !== null && kept !== null && trial !== null) keepDraft({ ...kept, trial: trial.id });
    location.hash = href("trials", trial?.id ?? null);
  };
  return (
    <AskForm look="trial-form" go={start} label={t("trial.start")}>
      <p class="dim">{t("trial.about")}</p>
      <div class="fields">
        <label>
          {t("trial.what")}
          <select name="what" value={what} onChange={(event) => setWhat(event.currentTarget.value)}>
            {draft !== null && changes > 0 && <option value="draft">{t("trial.draft", { count: changes })}</option>}
            <option value="live">{t("trial.live")}</option>
          </select>
        </label>
        <label>
          {t("trial.from")}
          <select name="stretch" value={stretch} onChange={(event) => setStretch(event.currentTarget.value)}>
            <option value="yesterday">{t("trial.yesterday")}</option>
            {STRETCHES.map((each) => (
              <option key={each} value={each}>
                {t("trial.days", { count: each.slice(0, -1) })}
              </option>
            ))}
            <option value="own">{t("trial.own")}</option>
          </select>
        </label>
        {stretch === "own" && (
          <label>
            {t("trial.from")}
            <input type="datetime-local" name="from" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
          </label>
        )}
        <label>
          {t("trial.to")}
          <input type="datetime-local" name="to" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
        </label>
        <label class="broad">
          {t("trial.sweep")}
          <input name="sweep" placeholder={t("trial.sweepHint")} value={sweep} onInput={(event) => setSweep(event.currentTarget.value)} />
        </label>
        <label class="check">
          <input type="checkbox" name="history" checked={history} onChange={(event) => setHistory(event.currentTarget.checked)} />
          {t("trial.history")}
        </label>
      </div>
    </AskForm>
  );
}
