// Putting a draft to work: why, after which trial, and above what it is to be rolled back. What stands against it
// (red tests, a report about another draft) is shown in the gateway's words, and only then it can be forced.

import { useState } from "preact/hooks";
import { ApiFailure, get, post } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { mayPublish } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import type { Files, Trial } from "../types_rules.ts";
import { AskForm } from "./ask_form.tsx";

/** Trials that are offered: the newest. */
const TRIALS = 20;
const LONGEST_REASON = 400;

interface Props {
  files: Files;
  changes: number;
  /** The trial that was started with the draft. */
  trial: string | null;
  done: () => void;
}

export function PublishForm({ files, changes, trial, done }: Props) {
  const { me, tell } = useApp();
  const { t } = useTexts();
  const now = useNow(60_000);
  const loaded = useLoaded(() => get<{ items: Trial[] }>("/api/v1/rules/trials"), []);
  const [fields, setFields] = useState({ reason: "", after: trial ?? "", perHour: "", faults: "", hours: "24" });
  const [against, setAgainst] = useState<string[] | null>(null);
  const [sure, setSure] = useState(false);
  if (!mayPublish(me.roles)) return <p class="dim">{t("publish.notYours")}</p>;
  const set = (part: Partial<typeof fields>): void => setFields({ ...fields, ...part });
  const number = (text: string): number | null => (text.trim() === "" ? null : Math.max(0, Math.floor(Number(text) || 0)));
  const publish = async (): Promise<void> => {
    const limits = {
      ...(number(fields.perHour) === null ? {} : { limit_incidents_per_hour: number(fields.perHour) }),
      ...(number(fields.faults) === null ? {} : { limit_faults: number(fields.faults) }),
    };
    const body = {
      files,
      reason: fields.reason.trim(),
      ...(fields.after === "" ? {} : { after_trial: fields.after }),
      ...limits,
      ...(Object.keys(limits).length === 0 ? {} : { limit_hours: number(fields.hours) ?? 24 }),
      ...(sure ? { force: true } : {}),
    };
    try {
      await post("/api/v1/rules/publish", body);
      tell(t("publish.done"));
      done();
    } catch (error) {
      setSure(false);
      if (!(error instanceof ApiFailure) || error.code !== "blocked") throw error;
      setAgainst(error.against);
    }
  };
  const trials = (loaded.value?.items ?? []).filter((each) => each.state === "done").slice(0, TRIALS);
  return (
    <AskForm go={publish} label={t(sure ? "publish.goForced" : "publish.go")} grave={sure} disabled={fields.reason.trim() === ""}>
      <p class="dim">{t("publish.about")}</p>
      {changes === 0 && <p class="holds">{t("publish.noChange")}</p>}
      <label class="wide">
        {t("publish.reason")}
        <textarea name="reason" rows={2} required maxLength={LONGEST_REASON} value={fields.reason} onInput={(event) => set({ reason: event.currentTarget.value })} />
      </label>
      <div class="fields">
        <label class="broad">
          {t("publish.after")}
          <select name="after" value={fields.after} onChange={(event) => set({ after: event.currentTarget.value })}>
            <option value="">{t("publish.noTrial")}</option>
            {trials.map((each) => (
              <option key={each.id} value={each.id}>
                {momentText(new Date(each.asked).toISOString(), now)} {each.by} {each.draft?.slice(0, 12)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <fieldset class="fields">
        <legend>{t("publish.limits")}</legend>
        <label>
          {t("publish.perHour")}
          <input type="number" name="per-hour" min="1" value={fields.perHour} onInput={(event) => set({ perHour: event.currentTarget.value })} />
        </label>
        <label>
          {t("publish.faults")}
          <input type="number" name="faults" min="0" value={fields.faults} onInput={(event) => set({ faults: event.currentTarget.value })} />
        </label>
        <label>
          {t("publish.hours")}
          <input type="number" name="hours" min="1" max="720" value={fields.hours} onInput={(event) => set({ hours: event.currentTarget.value })} />
        </label>
      </fieldset>
      {against !== null && (
        <div class="notice over" role="alert">
          <strong>{t("publish.blocked")}</strong>
          <ul>
            {against.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
          <label class="check">
            <input type="checkbox" name="force" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} />
            {t("publish.force")}
          </label>
        </div>
      )}
    </AskForm>
  );
}
