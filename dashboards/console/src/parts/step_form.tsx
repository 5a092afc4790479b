// The form of a step that needs more than a click: a reason, a person, a department, a verdict on the alarm.

import { useEffect, useRef } from "preact/hooks";
import { get } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { GRAVE, type StepBody, WITHIN } from "../logic/steps.ts";
import { useLoaded } from "../load.ts";
import type { CaseDetail, Profile, StepAction } from "../types.ts";
import { PersonSelect, usePeople } from "./people.tsx";

const FEEDBACK = ["real", "false", "nuisance", "duplicate"] as const;
/** Minutes that are offered for getting a case on its way. */
const WITHIN_MIN = 15;
/** The most minutes that the gateway takes: a week. */
const MAX_WITHIN_MIN = 10_080;

interface Props {
  item: CaseDetail;
  action: StepAction;
  busy: boolean;
  run: (step: string, body: StepBody) => Promise<void>;
  cancel: () => void;
}

export function StepForm({ item, action, busy, run, cancel }: Props) {
  const { t, w } = useTexts();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("input, textarea, select, .verdicts button")?.focus(), []);
  const bodyOf = (extra: StepBody): StepBody => {
    const body: StepBody = { ...extra };
    for (const [name, value] of new FormData(form.current ?? undefined)) {
      if (typeof value === "string" && value.trim() !== "") body[name] = name === "within_min" ? Number(value) : value.trim();
    }
    return body;
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(action.step, bodyOf({}));
  };
  const isClose = action.step === "close";
  return (
    <form class="step-form" ref={form} onSubmit={submit}>
      {action.step === WITHIN && (
        <label>
          {t("escalation.withinMinutes")}
          <input name="within_min" type="number" min="1" max={MAX_WITHIN_MIN} required defaultValue={String(WITHIN_MIN)} />
        </label>
      )}
      {action.step === "assign" && <Assignee />}
      {action.step === "dispatch" && <Department own={item.department} />}
      {action.step === "merge" && <Into item={item} />}
      {isClose && (
        <div class="verdicts" role="group" aria-label={t("case.feedback")}>
          <span class="dim">{t("case.oneTap")}</span>
          {FEEDBACK.map((word) => (
            <button key={word} type="button" class={word === "real" ? "main big" : "big"} disabled={busy} onClick={() => void run("close", bodyOf({ feedback: word }))}>
              {w("feedback", word)}
            </button>
          ))}
        </div>
      )}
      {action.step !== WITHIN && (
        <label class="wide">
          {action.step === "comment" ? t("case.addNote") : action.needs_note ? t("case.reason") : t("case.note")}
          <textarea name="note" rows={2} maxLength={600} required={action.needs_note} />
        </label>
      )}
      <div class="buttons">
        {!isClose && (
          <button type="submit" class={GRAVE.includes(action.step) ? "grave" : "main"} disabled={busy}>
            {action.step === WITHIN ? t("escalation.within") : w("step", action.step)}
          </button>
        )}
        <button type="button" onClick={cancel}>
          {t("app.cancel")}
        </button>
      </div>
    </form>
  );
}

function Assignee() {
  const { me } = useApp();
  const { t } = useTexts();
  const people = usePeople(["handler", "duty_officer"]);
  return (
    <label>
      {t("case.toWhom")}
      <PersonSelect key={people.length} name="to" people={people} value={me.name} required />
    </label>
  );
}

function Department({ own }: { own: string }) {
  const { t } = useTexts();
  const loaded = useLoaded(() => get<Profile>("/api/v1/profile"), []);
  return (
    <label>
      {t("case.department")}
      <input name="department" required defaultValue={own} list="step-departments" />
      <datalist id="step-departments">
        {(loaded.value?.departments ?? []).map((department) => (
          <option key={department} value={department} />
        ))}
      </datalist>
    </label>
  );
}

/** Another open case of the district. */
function Into({ item }: { item: CaseDetail }) {
  const { cases } = useApp();
  const { t, lang } = useTexts();
  const others = [...cases.values()].filter((other) => other.id !== item.id && !other.final && other.district === item.district);
  return (
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
  );
}
