// What this account may do with a case now: the step that brings it on as a button, the others beside it,
// with a form where a step needs more than a click.

import { useEffect, useState } from "preact/hooks";
import { post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { GRAVE, RARE, type StepBody, WITH_FIELD, WITHIN } from "../logic/steps.ts";
import { mainStep } from "../logic/worklist.ts";
import type { CaseDetail, StepAction } from "../types.ts";
import { failureText } from "./bits.tsx";
import { StepForm } from "./step_form.tsx";

/** The letter of a key, with Caps Lock on and while a Chinese input method holds the key back, too. */
export function keyOf(event: KeyboardEvent): string {
  return /^Key[A-Z]$/.test(event.code) && event.key.length !== 1 ? event.code.slice(3).toLowerCase() : event.key.toLowerCase();
}

/** Takes a step and says how it went; gives whether it was taken. */
export function useStep(): (id: string, step: string, body: StepBody) => Promise<boolean> {
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
  const run = async (step: string, body: StepBody): Promise<void> => {
    setBusy(true);
    const taken = await take(item.id, step === WITHIN ? "acknowledge" : step, body);
    setBusy(false);
    if (taken) {
      setForm(null);
      done();
    }
  };
  const actions = offered(item);
  if (actions.length === 0) return <p class="dim actions">{t("case.noActions")}</p>;
  const main = mainStep(actions.map((action) => action.step), item.acknowledged_by !== null);
  const isShown = (action: StepAction): boolean => unfolded || !RARE.includes(action.step);
  const order = actions.filter(isShown).sort((a, b) => Number(b.step === main) - Number(a.step === main));
  const press = (action: StepAction): void => {
    if (action.needs_note || WITH_FIELD.includes(action.step) || GRAVE.includes(action.step)) setForm(form?.step === action.step ? null : action);
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
            {action.step === WITHIN ? t("escalation.within") : w("step", action.step)}
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

/** The steps that make sense now: what somebody has taken over is not offered again, unless calls go on. */
function offered(item: CaseDetail): StepAction[] {
  const calling = item.escalation?.waits_for === "acknowledgement";
  const free = item.acknowledged_by === null || calling;
  return item.actions.flatMap((action) => {
    // Files have a place of their own on the card.
    if (action.step === "attach") return [];
    if (action.step !== "acknowledge") return [action];
    if (!free) return [];
    return item.escalation === null ? [action] : [action, { step: WITHIN, needs_note: false }];
  });
}
