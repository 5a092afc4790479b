// A new silence: what it covers, when, until when and why. What it hides now and would have hidden in the past
// seven days is looked at before it is put to work.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { momentText } from "../logic/format.ts";
import { leads } from "../logic/roles.ts";
import { bodyOf, type Draft, draftOf, lookOf, missing, type Scope, SCOPES, unseeable } from "../logic/silence.ts";
import { toField, zoneName } from "../logic/zone.ts";
import { href } from "../router.ts";
import type { Preview, Rules, Silence } from "../types.ts";
import { failureText, SeverityMark, titleOf } from "./bits.tsx";

/** How long a silence lasts, in minutes, as choices. A duty officer's ends within a day. */
const LASTS = ["30", "60", "120", "240", "480", "1440"] as const;
const DAYS = [1, 2, 3, 4, 5, 6, 7];
const OFTEN: Scope[] = ["asset", "device", "condition", "district"];

export function SilenceForm({ search, done }: { search: URLSearchParams; done: () => void }) {
  const { me, tell } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const now = useNow(10_000);
  const [draft, setDraft] = useState<Draft>(() => draftOf(search));
  const [seen, setSeen] = useState<{ look: string; preview: Preview } | null>(null);
  const [busy, setBusy] = useState(false);
  const look = JSON.stringify(lookOf(draft));
  const isSeen = seen !== null && seen.look === look;
  const lacks = missing(draft, now, leads(me.roles));
  const cannotLook = unseeable(draft);
  const set = (change: Partial<Draft>): void => setDraft((old) => ({ ...old, ...change }));
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>(search.size > 0 ? "input[name=reason]" : "input")?.focus(), []);

  const preview = async (): Promise<void> => {
    setBusy(true);
    try {
      const answer = await post<Preview>("/api/v1/silences/preview", lookOf(draft));
      if (answer !== null) setSeen({ look, preview: answer });
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
  };
  const put = async (): Promise<void> => {
    setBusy(true);
    try {
      const made = await post<Silence>("/api/v1/silences", bodyOf(draft));
      tell(t("silence.made"));
      done();
      if (made !== null) location.hash = href("silences", made.id);
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!isSeen && cannotLook === null) void preview();
    else if (isSeen && lacks === null) void put();
  };
  return (
    <article class="card">
      <a class="back" href={href("silences")}>
        {t("work.back")}
      </a>
      <h2>{t("silence.new")}</h2>
      <form class="step-form" ref={form} onSubmit={submit}>
        <ScopeFields draft={draft} set={set} />
        <TimeFields draft={draft} set={set} now={now} />
        <ReasonFields draft={draft} set={set} />
        {isSeen && <Shown preview={seen.preview} />}
        <div class="buttons">
          <button type="submit" class={isSeen ? "" : "main"} disabled={busy || cannotLook !== null} onClick={(event) => (event.preventDefault(), void preview())}>
            {t(isSeen ? "silence.lookAgain" : "silence.look")}
          </button>
          {isSeen && (
            <button type="button" class="main" disabled={busy || lacks !== null} onClick={() => void put()}>
              {t("silence.put")}
            </button>
          )}
          <a class="button" href={href("silences")}>
            {t("app.cancel")}
          </a>
          <span class="dim hint" role="status">
            {isSeen ? (lacks === null ? "" : t(lacks)) : cannotLook === null ? t("silence.lookFirst") : t(cannotLook)}
          </span>
        </div>
      </form>
    </article>
  );
}

interface FieldsProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
}

/** Everything that is named must fit; the usual four are shown, the others are a click away. */
function ScopeFields({ draft, set }: FieldsProps) {
  const { t, w } = useTexts();
  const [unfolded, setUnfolded] = useState(SCOPES.some((scope) => !OFTEN.includes(scope) && draft.matches[scope] !== undefined));
  const rules = useLoaded(() => get<Rules>("/api/v1/rules"), []);
  const known = (fact: string): string[] => [...new Set((rules.value?.items ?? []).map((rule) => rule.facts[fact] ?? "").filter((word) => word !== ""))].sort();
  const choices: Partial<Record<Scope, string[]>> = { condition: known("condition"), rule: (rules.value?.items ?? []).map((rule) => rule.id) };
  return (
    <fieldset class="fields">
      <legend>{t("silence.covers")}</legend>
      {SCOPES.filter((scope) => unfolded || OFTEN.includes(scope)).map((scope) => (
        <label key={scope}>
          {w("scope", scope)}
          <input
            name={scope}
            value={draft.matches[scope] ?? ""}
            maxLength={128}
            list={choices[scope] === undefined ? undefined : `known-${scope}`}
            onInput={(event) => set({ matches: { ...draft.matches, [scope]: event.currentTarget.value } })}
          />
          {choices[scope] !== undefined && (
            <datalist id={`known-${scope}`}>
              {choices[scope].map((word) => (
                <option key={word} value={word}>
                  {scope === "condition" ? w("condition", word) : word}
                </option>
              ))}
            </datalist>
          )}
        </label>
      ))}
      {!unfolded && (
        <button type="button" class="plain" onClick={() => setUnfolded(true)}>
          {t("silence.moreScopes")} …
        </button>
      )}
    </fieldset>
  );
}

function TimeFields({ draft, set, now }: FieldsProps & { now: number }) {
  const { t, w } = useTexts();
  const weekly = draft.weekly;
  return (
    <fieldset class="fields">
      <legend>
        {t("silence.when")} <span class="dim">{zoneName()}</span>
      </legend>
      <label>
        {t("silence.fromOrNow")}
        <input type="datetime-local" name="from" value={draft.from} min={toField(now)} onInput={(event) => set({ from: event.currentTarget.value })} />
      </label>
      <label>
        {t("silence.lasts")}
        <select name="lasts" value={draft.lasts} onChange={(event) => set({ lasts: event.currentTarget.value })}>
          {LASTS.map((minutes) => (
            <option key={minutes} value={minutes}>
              {Number(minutes) < 60 ? t("silence.minutes", { count: minutes }) : t("silence.hours", { count: Number(minutes) / 60 })}
            </option>
          ))}
          <option value="until">{t("silence.untilMoment")}</option>
        </select>
      </label>
      {draft.lasts === "until" && (
        <label>
          {t("silence.to")}
          <input type="datetime-local" name="to" value={draft.to} min={toField(now)} onInput={(event) => set({ to: event.currentTarget.value })} />
        </label>
      )}
      <label>
        {t("silence.workOrder")}
        <input name="work_order" value={draft.work_order} maxLength={128} placeholder={t("silence.optional")} onInput={(event) => set({ work_order: event.currentTarget.value })} />
      </label>
      <label class="check">
        <input type="checkbox" name="until_clear" checked={draft.until_clear} onChange={(event) => set({ until_clear: event.currentTarget.checked })} />
        {t("silence.untilClearLong")}
      </label>
      <label class="check">
        <input
          type="checkbox"
          name="weekly"
          checked={weekly !== null}
          onChange={(event) => set({ weekly: event.currentTarget.checked ? { days: [], from: "22:00", to: "06:00" } : null })}
        />
        {t("silence.weeklyOnly")}
      </label>
      {weekly !== null && (
        <div class="week">
          {DAYS.map((day) => (
            <label key={day} class="check">
              <input
                type="checkbox"
                checked={weekly.days.includes(day)}
                onChange={(event) =>
                  set({ weekly: { ...weekly, days: event.currentTarget.checked ? [...weekly.days, day] : weekly.days.filter((other) => other !== day) } })
                }
              />
              {w("weekday", String(day))}
            </label>
          ))}
          <input type="time" aria-label={t("silence.from")} value={weekly.from} required onInput={(event) => set({ weekly: { ...weekly, from: event.currentTarget.value } })} />
          –
          <input type="time" aria-label={t("silence.to")} value={weekly.to} required onInput={(event) => set({ weekly: { ...weekly, to: event.currentTarget.value } })} />
        </div>
      )}
    </fieldset>
  );
}

function ReasonFields({ draft, set }: FieldsProps) {
  const { t } = useTexts();
  return (
    <>
      <label>
        {t("case.reason")}
        <input name="reason" value={draft.reason} maxLength={40} onInput={(event) => set({ reason: event.currentTarget.value })} />
      </label>
      <label>
        {t("silence.comment")}
        <textarea name="comment" rows={2} maxLength={600} value={draft.comment} onInput={(event) => set({ comment: event.currentTarget.value })} />
      </label>
    </>
  );
}

/** What it hides: the figures that decide whether it is too wide. */
function Shown({ preview }: { preview: Preview }) {
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(60_000);
  const grave = preview.by_condition.some((row) => row.severity === "critical");
  return (
    <section class={`preview ${grave ? "grave" : ""}`} aria-live="polite">
      <p class="figures">
        <span>
          <strong class="num">{preview.live}</strong> {t("silence.previewLive")}
        </span>
        <span>
          <strong class="num">{preview.week}</strong> {t("silence.previewWeek")}
        </span>
        <span>
          <strong class="num">{preview.with_case}</strong> {t("silence.previewCases")}
        </span>
        <span>
          <strong class="num">{preview.assets}</strong> {t("silence.previewAssets")}
        </span>
      </p>
      {grave && <p class="bad">{t("silence.previewGrave")}</p>}
      {preview.truncated && <p class="bad">{t("silence.previewTruncated")}</p>}
      {preview.by_condition.length > 0 && (
        <ul class="kinds">
          {preview.by_condition.slice(0, 12).map((row) => (
            <li key={`${row.condition} ${row.severity}`}>
              <SeverityMark severity={row.severity} active={row.severity === "critical"} /> {w("condition", row.condition)} <span class="num">{row.count}</span>
            </li>
          ))}
        </ul>
      )}
      {preview.examples.length > 0 && (
        <details>
          <summary>{t("silence.examples", { count: preview.examples.length })}</summary>
          <table class="grid">
            <tbody>
              {preview.examples.map((incident) => (
                <tr key={incident.id}>
                  <td>
                    <a href={href("incidents", incident.id)} target="_blank" rel="noopener">
                      {titleOf(incident, texts)}
                    </a>
                  </td>
                  <td class="num dim">{momentText(incident.opened, now)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </section>
  );
}
