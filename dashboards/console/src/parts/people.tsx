// The people of the bureau: loaded once, picked from lists, so that no name is typed wrongly at night.

import { get } from "../api.ts";
import { useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import type { Person } from "../types_duty.ts";

/** How long the list of people is taken as it was, in milliseconds. */
const KEEP_MS = 60_000;
let known: { at: number; people: Promise<Person[]> } | null = null;

function load(): Promise<Person[]> {
  if (known === null || Date.now() - known.at > KEEP_MS) {
    const people = get<{ items: Person[] }>("/api/v1/people").then((answer) => answer.items);
    people.catch(() => (known = null));
    known = { at: Date.now(), people };
  }
  return known.people;
}

/** Accounts changed: the next look loads them again. */
export function forgetPeople(): void {
  known = null;
}

/** Everybody; those with one of `first` before the others. */
export function usePeople(first: string[] = []): Person[] {
  const loaded = useLoaded(load, []);
  const rank = (person: Person): number => (person.roles.some((role) => first.includes(role)) ? 0 : 1);
  return [...(loaded.value ?? [])].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

interface SelectProps {
  name?: string;
  people: Person[];
  value: string;
  empty?: string;
  required?: boolean;
  label?: string;
  change?: (name: string) => void;
}

/** One person. A name that is not in the list any more stays, so that nothing changes by being shown. */
export function PersonSelect({ name, people, value, empty, required, label, change }: SelectProps) {
  const { w } = useTexts();
  const strange = value !== "" && !people.some((person) => person.name === value);
  return (
    <select name={name} value={value} required={required} aria-label={label} onChange={(event) => change?.(event.currentTarget.value)}>
      {(empty !== undefined || value === "") && <option value="">{empty ?? ""}</option>}
      {strange && <option value={value}>{value}</option>}
      {people.map((person) => (
        <option key={person.name} value={person.name}>
          {person.name} ({person.roles.map((role) => w("role", role)).join(" ")})
        </option>
      ))}
    </select>
  );
}

/** The list with the one at `index` a place earlier. */
function earlier(chosen: string[], index: number): string[] {
  const moved = [...chosen];
  moved.splice(index - 1, 0, ...moved.splice(index, 1));
  return moved;
}

/** People in the order of their turns. */
export function TurnsPicker(props: { label: string; people: Person[]; chosen: string[]; change: (chosen: string[]) => void }) {
  const { label, people, chosen, change } = props;
  const { t } = useTexts();
  return (
    <div class="turns" role="group" aria-label={label}>
      <span class="turns-label">{label}</span>
      <ol>
        {chosen.map((who, index) => (
          <li key={who}>
            {who}
            {index > 0 && (
              <button type="button" class="plain" title={t("roster.up")} aria-label={`${t("roster.up")} ${who}`} onClick={() => change(earlier(chosen, index))}>
                ←
              </button>
            )}
            <button type="button" class="plain" title={t("roster.remove")} aria-label={`${t("roster.remove")} ${who}`} onClick={() => change(chosen.filter((other) => other !== who))}>
              ×
            </button>
          </li>
        ))}
        <li class="add">
          <PersonSelect people={people.filter((person) => !chosen.includes(person.name))} value="" empty={`+ ${t("roster.add")}`} label={`${label}: ${t("roster.add")}`} change={(who) => who !== "" && change([...chosen, who])} />
        </li>
      </ol>
    </div>
  );
}
