// The escalation chains: who is called about which cases, when, and what comes back. Leaders edit them as a form.

import { useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { chainText } from "../logic/duty.ts";
import { leads } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import type { Severity } from "../types.ts";
import type { Chain, Chains, ChainStep, Person } from "../types_duty.ts";
import { useAsk } from "./ask.ts";
import { SeverityMark, Waiting } from "./bits.tsx";
import { PersonSelect, usePeople } from "./people.tsx";

const SEVERITIES: Severity[] = ["info", "minor", "major", "critical"];
const LONGEST_NAME = 60;
/** The longest wait that the gateway takes, in minutes. */
const LONGEST_WAIT = 10_080;

export function ChainsCard() {
  const { me, epoch } = useApp();
  const { t } = useTexts();
  const loaded = useLoaded(() => get<Chains>("/api/v1/duty/escalation"), [epoch]);
  const [editing, setEditing] = useState(false);
  const answer = loaded.value;
  if (answer === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const done = (): void => {
    setEditing(false);
    loaded.reload();
  };
  return (
    <div class="sheet">
      <h2 class="sheet-title">
        {t("duty.chains")} <span class="dim">{t("chain.about")}</span>
      </h2>
      {answer.usual && <p class="dim">{t("chain.usual")}</p>}
      {!editing && (
        <>
          <ol class="chains">
            {answer.chains.map((chain) => (
              <ChainLine key={chain.name} chain={chain} />
            ))}
          </ol>
          {leads(me.roles) && (
            <div class="buttons">
              <button class="main" onClick={() => setEditing(true)}>
                {t("chain.edit")}
              </button>
            </div>
          )}
        </>
      )}
      {editing && <ChainsForm chains={answer.chains} usual={answer.usual} done={done} cancel={() => setEditing(false)} />}
    </div>
  );
}

function ChainLine({ chain }: { chain: Chain }) {
  const texts = useTexts();
  const { t, w } = texts;
  return (
    <li class="chain">
      <p class="chain-head">
        <SeverityMark severity={chain.severity_from} active={false} />
        <strong>{chain.name}</strong>
        <span class="dim">
          {t("chain.from")} {w("severity", chain.severity_from)}
          {chain.conditions.length > 0 && ` · ${chain.conditions.map((word) => w("condition", word)).join(t("silence.comma"))}`}
          {chain.districts.length > 0 && ` · ${chain.districts.join(t("silence.comma"))}`}
        </span>
      </p>
      <p>{chainText(chain, texts)}</p>
      {chain.progress_min > 0 && <p class="dim">{t("chain.progress", { minutes: chain.progress_min })}</p>}
    </li>
  );
}

function ChainsForm(props: { chains: Chain[]; usual: boolean; done: () => void; cancel: () => void }) {
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const people = usePeople(["duty_officer", "shift_leader"]);
  const [chains, setChains] = useState<Chain[]>(props.chains);
  const put = async (wanted: Chain[]): Promise<void> => {
    if (await ask(() => post("/api/v1/duty/escalation", { chains: wanted }), t("chain.saved"))) props.done();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void put(chains);
  };
  const set = (index: number, part: Partial<Chain>): void => setChains(chains.map((chain, at) => (at === index ? { ...chain, ...part } : chain)));
  const fresh: Chain = { name: "", severity_from: "major", conditions: [], districts: [], steps: [{ after_min: 0, level: 1, to: "officer" }], repeat_min: 15, repeats: 2, progress_min: 30 };
  return (
    <form class="step-form" onSubmit={submit}>
      {chains.map((chain, index) => (
        <ChainFields key={index} chain={chain} people={people} change={(part) => set(index, part)} remove={() => setChains(chains.filter((_, at) => at !== index))} />
      ))}
      <div class="buttons">
        <button type="button" onClick={() => setChains([...chains, fresh])}>
          {t("chain.add")}
        </button>
      </div>
      <div class="buttons">
        <button type="submit" class="main" disabled={busy || chains.length === 0}>
          {t("chain.save")}
        </button>
        <button type="button" onClick={props.cancel}>
          {t("app.cancel")}
        </button>
        {!props.usual && (
          <button type="button" class="plain push" disabled={busy} onClick={() => void put([])}>
            {t("chain.reset")}
          </button>
        )}
      </div>
    </form>
  );
}

function ChainFields(props: { chain: Chain; people: Person[]; change: (part: Partial<Chain>) => void; remove: () => void }) {
  const { chain, people, change, remove } = props;
  const { t, w } = useTexts();
  const words = (text: string): string[] => text.split(/[\s,，、]+/).filter((word) => word !== "");
  const number = (event: Event & { currentTarget: HTMLInputElement }): number => Math.max(0, Math.floor(Number(event.currentTarget.value) || 0));
  const setStep = (index: number, part: Partial<ChainStep>): void => change({ steps: chain.steps.map((step, at) => (at === index ? { ...step, ...part } : step)) });
  return (
    <fieldset class="shift">
      <legend>{chain.name || t("chain.add")}</legend>
      <div class="fields">
        <label>
          {t("chain.name")}
          <input required maxLength={LONGEST_NAME} value={chain.name} onInput={(event) => change({ name: event.currentTarget.value })} />
        </label>
        <label>
          {t("chain.from")}
          <select value={chain.severity_from} onChange={(event) => change({ severity_from: event.currentTarget.value as Severity })}>
            {SEVERITIES.map((severity) => (
              <option key={severity} value={severity}>
                {w("severity", severity)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("chain.conditions")}
          <input defaultValue={chain.conditions.join(" ")} onChange={(event) => change({ conditions: words(event.currentTarget.value) })} />
        </label>
        <label>
          {t("chain.districts")}
          <input defaultValue={chain.districts.join(" ")} onChange={(event) => change({ districts: words(event.currentTarget.value) })} />
        </label>
      </div>
      {chain.steps.map((step, index) => (
        <div key={index} class="row-fields">
          <span class="dim">{t("chain.step", { count: index + 1 })}</span>
          <label>
            {t("chain.afterMin")}
            <input type="number" min="0" max={LONGEST_WAIT} value={step.after_min} onInput={(event) => setStep(index, { after_min: number(event) })} />
          </label>
          <label>
            {t("chain.level")}
            <input type="number" min="1" max="9" value={step.level} onInput={(event) => setStep(index, { level: Math.max(1, number(event)) })} />
          </label>
          <label>
            {t("chain.whom")}
            <select
              value={typeof step.to === "string" ? step.to : "user"}
              onChange={(event) => {
                const to = event.currentTarget.value;
                setStep(index, { to: to === "user" ? { user: people[0]?.name ?? "" } : to === "leader" ? "leader" : "officer" });
              }}
            >
              <option value="officer">{t("duty.officer")}</option>
              <option value="leader">{t("duty.leader")}</option>
              <option value="user">{t("chain.account")}</option>
            </select>
          </label>
          {typeof step.to !== "string" && <PersonSelect people={people} value={step.to.user} required label={t("chain.account")} change={(user) => setStep(index, { to: { user } })} />}
          <button type="button" class="plain" onClick={() => change({ steps: chain.steps.filter((_, at) => at !== index) })}>
            {t("roster.remove")}
          </button>
        </div>
      ))}
      <button type="button" onClick={() => change({ steps: [...chain.steps, { after_min: 5, level: chain.steps.at(-1)?.level ?? 1, to: "leader" }] })}>
        {t("chain.addStep")}
      </button>
      <div class="fields">
        <label>
          {t("chain.repeatMin")}
          <input type="number" min="0" max={LONGEST_WAIT} value={chain.repeat_min} onInput={(event) => change({ repeat_min: number(event) })} />
        </label>
        <label>
          {t("chain.repeats")}
          <input type="number" min="0" max="1000" value={chain.repeats} onInput={(event) => change({ repeats: number(event) })} />
        </label>
        <label>
          {t("chain.progressMin")}
          <input type="number" min="0" max={LONGEST_WAIT} value={chain.progress_min} onInput={(event) => change({ progress_min: number(event) })} />
        </label>
      </div>
      <button type="button" class="plain" onClick={remove}>
        {t("roster.remove")}
      </button>
    </fieldset>
  );
}
