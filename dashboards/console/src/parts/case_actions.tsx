// What this account may do with a case now: the step that brings it on as a button, the others beside it,
// with a form where a step needs more than a click.

import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { mainStep } from "../logic/worklist.ts";
import type { CaseDetail, StepAction } from "../types.ts";
import { failureText } from "./bits.tsx";

/** Steps that close or undo things: never a lone click. */
const GRAVE = ["reject", "cancel", "force_close", "merge"];
/** Steps that are folded away, so that the usual ones are found at a glance. */
const RARE = [...GRAVE, "supervise", "suspend"];
/** Steps whose form has a field besides the note. */
const WITH_FIELD = ["assign", "dispatch", "close", "merge"];
const FEEDBACK = ["real", "false", "nuisance", "duplicate"] as const;

/** The letter of a key, with Caps Lock on and while a Chinese input method holds the key back, too. */
export function keyOf(event: KeyboardEvent): string {
  return /^Key[A-Z]$/.test(event.code) && event.key.length !== 1 ? event.code.slice(3).toLowerCase() : event.key.toLowerCase();
}

/** Takes a step and says how it went; gives whether it was taken. */
export function useStep(): (id: string, step: string, body: Record<string, string>) => Promise<boolean> {
  const { tell } = useApp();
  const texts = useTexts();
  return async (id, step, body) => {
    try {
      await post(`/api/v1/cases/${id}/${step}`, body);
      tell(texts.t("case.done", { step: texts.w("step", step) }));
      return true;
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
      return false;
    }
  };
}

export function CaseActions({ item, done }: { item: CaseDetail; done: () => void }) {
  const { t, w } = useTexts();
  const take = useStep();
  const [form, setForm] = useState<StepAction | null>(null);
  const [unfolded, setUnfolded] = useState(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    setForm(null);
    setUnfolded(false);
  }, [item.id, item.state]);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select") !== null;
      if (event.key === "Escape") setForm(null);
      if (typing || event.ctrlKey || event.metaKey || event.altKey || keyOf(event) !== "c") return;
      const comment = item.actions.find((action) => action.step === "comment");
      if (comment !== undefined) {
        event.preventDefault();
        setForm(comment);
      }
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [item]);
  if (item.final) return null;
  const run = async (step: string, body: Record<string, string>): Promise<void> => {
    setBusy(true);
    const taken = await take(item.id, step, body);
    setBusy(false);
    if (taken) {
      setForm(null);
      done();
    }
  };
  const actions = item.actions.filter((action) => action.step !== "acknowledge" || item.acknowledged_by === null);
  if (actions.length === 0) return <p class="dim actions">{t("case.noActions")}</p>;
  const main = mainStep(actions.map((action) => action.step), item.acknowledged_by !== null);
  const isShown = (action: StepAction): boolean => unfolded || !RARE.includes(action.step);
  const order = actions.filter(isShown).sort((a, b) => Number(b.step === main) - Number(a.step === main));
  const press = (action: StepAction): void => {
    if (action.needs_note || WITH_FIELD.includes(action.step) || GRAVE.includes(action.step)) setForm(action);
    else void run(action.step, {});
  };
  return (
    <div class="actions">
      <div class="buttons">
        {order.map((action) => (
          <button
            key={action.step}
            class={action.step === main ? "main" : GRAVE.includes(action.step) ? "grave" : ""}
            disabled={busy}
            aria-expanded={form?.step === action.step}
            onClick={() => press(action)}
          >
            {w("step", action.step)}
            {action.step === "acknowledge" && <kbd>A</kbd>}
            {action.step === "comment" && <kbd>C</kbd>}
          </button>
        ))}
        {order.length < actions.length && (
          <button class="plain" onClick={() => setUnfolded(true)}>
            {t("case.more")} …
          </button>
        )}
      </div>
      {form !== null && <StepForm key={form.step} item={item} action={form} busy={busy} run={run} cancel={() => setForm(null)} />}
    </div>
  );
}

interface FormProps {
  item: CaseDetail;
  action: StepAction;
  busy: boolean;
  run: (step: string, body: Record<string, string>) => Promise<void>;
  cancel: () => void;
}

function StepForm({ item, action, busy, run, cancel }: FormProps) {
  const { cases, me } = useApp();
  const { t, w, lang } = useTexts();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("input, textarea, select")?.focus(), []);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (form.current === null) return;
    const body: Record<string, string> = {};
    for (const [name, value] of new FormData(form.current)) {
      if (typeof value === "string" && value.trim() !== "") body[name] = value.trim();
    }
    void run(action.step, body);
  };
  const others = [...cases.values()].filter((other) => other.id !== item.id && !other.final && other.district === item.district);
  return (
    <form class="step-form" ref={form} onSubmit={submit}>
      {action.step === "assign" && (
        <label>
          {t("case.to")}
          <input name="to" required defaultValue={me.name} />
        </label>
      )}
      {action.step === "dispatch" && (
        <label>
          {t("case.department")}
          <input name="department" required defaultValue={item.department} />
        </label>
      )}
      {action.step === "merge" && (
        <label>
          {t("case.into")}
          <select name="into" required>
            {others.map((other) => (
              <option key={other.id} value={other.id}>
                {other.number} {lang === "zh" ? other.text_zh : other.text_en} {other.asset_name}
              </option>
            ))}
          </select>
        </label>
      )}
      {action.step === "close" && (
        <fieldset>
          <legend>{t("case.feedback")}</legend>
          {FEEDBACK.map((word) => (
            <label key={word} class="radio">
              <input type="radio" name="feedback" value={word} required />
              {w("feedback", word)}
            </label>
          ))}
        </fieldset>
      )}
      <label class="wide">
        {action.step === "comment" ? t("case.addNote") : action.needs_note ? t("case.reason") : t("case.note")}
        <textarea name="note" rows={2} maxLength={600} required={action.needs_note} />
      </label>
      <div class="buttons">
        <button type="submit" class={GRAVE.includes(action.step) ? "grave" : "main"} disabled={busy}>
          {w("step", action.step)}
        </button>
        <button type="button" onClick={cancel}>
          {t("app.cancel")}
        </button>
      </div>
    </form>
  );
}
