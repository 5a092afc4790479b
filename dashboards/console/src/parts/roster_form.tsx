// A district's roster as a form: shifts with the people that take turns, and swaps of single days.

import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { useTexts } from "../context.tsx";
import { checkRoster, newShift } from "../logic/duty.ts";
import type { DutyDay, DutyOverride, Person, Roster, Shift, Turns } from "../types_duty.ts";
import { useAsk } from "./ask.ts";
import { PersonSelect, TurnsPicker, usePeople } from "./people.tsx";

const DAYS: DutyDay[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "working", "free"];
const OFFICERS = ["duty_officer", "shift_leader"];
const LEADERS = ["shift_leader"];
/** The longest name in letters: three bytes each of the 200 that the gateway takes. */
const LONGEST_NAME = 60;

interface Props {
  /** `null`: of a district that has none yet. */
  roster: Roster | null;
  /** Districts that are known by their devices and cases, to be offered. */
  districts: string[];
  done: (district: string) => void;
  cancel: () => void;
}

export function RosterForm({ roster, districts, done, cancel }: Props) {
  const { t, w } = useTexts();
  const { busy, ask } = useAsk();
  const [draft, setDraft] = useState<Roster>(roster ?? { district: "", shifts: [newShift(undefined, "")], overrides: [] });
  const [sure, setSure] = useState(false);
  const officers = usePeople(OFFICERS);
  const leaders = usePeople(LEADERS);
  const fault = checkRoster(draft);
  const setShift = (index: number, change: Partial<Shift>): void =>
    setDraft((old) => ({ ...old, shifts: old.shifts.map((shift, at) => (at === index ? { ...shift, ...change } : shift)) }));
  const put = async (shifts: Shift[], said: string): Promise<void> => {
    const body = { roster: { ...draft, district: draft.district.trim(), shifts, overrides: shifts.length === 0 ? [] : draft.overrides } };
    if (await ask(() => post("/api/v1/duty/rosters", body), said)) done(body.roster.district);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (fault === null) void put(draft.shifts, t("roster.saved"));
  };
  return (
    <form class="step-form roster-form" onSubmit={submit}>
      {roster === null && (
        <label>
          {t("roster.district")}
          <input list="roster-districts" maxLength={LONGEST_NAME} value={draft.district} onInput={(event) => setDraft({ ...draft, district: event.currentTarget.value })} />
          <datalist id="roster-districts">
            {districts.map((district) => (
              <option key={district} value={district} />
            ))}
          </datalist>
        </label>
      )}
      {draft.shifts.map((shift, index) => (
        <ShiftFields
          key={index}
          number={index + 1}
          shift={shift}
          officers={officers}
          leaders={leaders}
          change={(change) => setShift(index, change)}
          remove={draft.shifts.length > 1 ? () => setDraft({ ...draft, shifts: draft.shifts.filter((_, at) => at !== index) }) : null}
        />
      ))}
      <div class="buttons">
        <button type="button" onClick={() => setDraft({ ...draft, shifts: [...draft.shifts, newShift(draft.shifts.at(-1), "")] })}>
          {t("roster.addShift")}
        </button>
      </div>
      <Overrides roster={draft} people={officers} change={(overrides) => setDraft({ ...draft, overrides })} />
      <div class="buttons">
        <button type="submit" class="main" disabled={busy || fault !== null}>
          {t("roster.save")}
        </button>
        <button type="button" onClick={cancel}>
          {t("app.cancel")}
        </button>
        {fault !== null && <span class="hint holds">{w("rosterFault", fault)}</span>}
        {roster !== null && !sure && (
          <button type="button" class="plain push" onClick={() => setSure(true)}>
            {t("roster.takeAway")}
          </button>
        )}
      </div>
      {sure && (
        <div class="buttons" role="group" aria-label={t("roster.takeAway")}>
          <span class="hint">{t("roster.takeAwaySure")}</span>
          <button type="button" class="grave" disabled={busy} onClick={() => void put([], t("roster.takenAway"))}>
            {t("roster.takeAway")}
          </button>
          <button type="button" onClick={() => setSure(false)}>
            {t("app.cancel")}
          </button>
        </div>
      )}
    </form>
  );
}

interface ShiftProps {
  number: number;
  shift: Shift;
  officers: Person[];
  leaders: Person[];
  change: (change: Partial<Shift>) => void;
  remove: (() => void) | null;
}

function ShiftFields({ number, shift, officers, leaders, change, remove }: ShiftProps) {
  const { t, w } = useTexts();
  const toggle = (day: DutyDay): void =>
    change({ days: shift.days.includes(day) ? shift.days.filter((other) => other !== day) : DAYS.filter((each) => each === day || shift.days.includes(each)) });
  return (
    <fieldset class="shift">
      <legend>{t("roster.shiftN", { count: number })}</legend>
      <div class="fields">
        <label>
          {t("roster.name")}
          <input required maxLength={LONGEST_NAME} value={shift.name} onInput={(event) => change({ name: event.currentTarget.value })} />
        </label>
        <label>
          {t("roster.from")}
          <input type="time" required value={shift.from} onInput={(event) => change({ from: event.currentTarget.value })} />
        </label>
        <label>
          {t("roster.to")}
          <input type="time" required value={shift.to} onInput={(event) => change({ to: event.currentTarget.value })} />
        </label>
      </div>
      <div class="chips" role="group" aria-label={t("roster.days")}>
        {DAYS.map((day) => (
          <button key={day} type="button" class={shift.days.includes(day) ? "here" : ""} aria-pressed={shift.days.includes(day)} onClick={() => toggle(day)}>
            {w("dutyDay", day)}
          </button>
        ))}
        {shift.days.length === 0 && <span class="dim">{t("roster.everyDay")}</span>}
      </div>
      <TurnsFields label={t("duty.officer")} turns={shift.officers} people={officers} change={(turns) => change({ officers: turns })} />
      <TurnsFields label={t("duty.leader")} turns={shift.leaders} people={leaders} change={(turns) => change({ leaders: turns })} />
      {remove !== null && (
        <button type="button" class="plain" onClick={remove}>
          {t("roster.remove")}
        </button>
      )}
    </fieldset>
  );
}

/** Who takes turns; how long a turn is and when the first began matter only when there is more than one. */
function TurnsFields(props: { label: string; turns: Turns; people: Person[]; change: (turns: Turns) => void }) {
  const { label, turns, people, change } = props;
  const { t } = useTexts();
  return (
    <div class="turn-line">
      <TurnsPicker label={label} people={people} chosen={turns.people} change={(chosen) => change({ ...turns, people: chosen })} />
      {turns.people.length > 1 && (
        <>
          <label>
            {t("roster.turnDays")}
            <input type="number" min="1" max="366" value={turns.days || 1} onInput={(event) => change({ ...turns, days: Number(event.currentTarget.value) || 1 })} />
          </label>
          <label>
            {t("roster.since")}
            <input type="date" value={turns.since} onInput={(event) => change({ ...turns, since: event.currentTarget.value })} />
          </label>
        </>
      )}
    </div>
  );
}

function Overrides(props: { roster: Roster; people: Person[]; change: (overrides: DutyOverride[]) => void }) {
  const { roster, people, change } = props;
  const { t } = useTexts();
  const rows = roster.overrides;
  const set = (index: number, part: Partial<DutyOverride>): void => change(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <fieldset class="shift">
      <legend>{t("roster.overrides")}</legend>
      {rows.map((row, index) => (
        <div key={index} class="row-fields">
          <input type="date" required aria-label={t("roster.date")} value={row.date} onInput={(event) => set(index, { date: event.currentTarget.value })} />
          <select required aria-label={t("roster.shift")} value={row.shift} onChange={(event) => set(index, { shift: event.currentTarget.value })}>
            {roster.shifts.map((shift) => (
              <option key={shift.name} value={shift.name}>
                {shift.name}
              </option>
            ))}
          </select>
          <select aria-label={t("roster.post")} value={row.post} onChange={(event) => set(index, { post: event.currentTarget.value === "leader" ? "leader" : "officer" })}>
            <option value="officer">{t("duty.officer")}</option>
            <option value="leader">{t("duty.leader")}</option>
          </select>
          <PersonSelect people={people} value={row.who} required label={t("roster.who")} change={(who) => set(index, { who })} />
          <button type="button" class="plain" onClick={() => change(rows.filter((_, at) => at !== index))}>
            {t("roster.remove")}
          </button>
        </div>
      ))}
      <button type="button" onClick={() => change([...rows, { date: "", shift: roster.shifts[0]?.name ?? "", post: "officer", who: "" }])}>
        {t("roster.addOverride")}
      </button>
    </fieldset>
  );
}
