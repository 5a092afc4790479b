// How somebody is reached: language, channels with their addresses, and own quiet hours; with a test that is sent at once.

import { useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { leads } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import { href, replacePlace } from "../router.ts";
import type { Severity } from "../types.ts";
import type { Contact, ContactAnswer } from "../types_duty.ts";
import { useAsk } from "./ask.ts";
import { Waiting } from "./bits.tsx";
import { PersonSelect, usePeople } from "./people.tsx";

/** What may wait; what is critical never does. */
const BELOW: Severity[] = ["minor", "major", "critical"];
const LONGEST_ADDRESS = 200;

export function ContactCard({ search }: { search: URLSearchParams }) {
  const { me } = useApp();
  const { t } = useTexts();
  const people = usePeople(["duty_officer", "shift_leader"]);
  const user = (leads(me.roles) ? search.get("user") : null) ?? me.name;
  const loaded = useLoaded(() => get<ContactAnswer>(`/api/v1/users/${encodeURIComponent(user)}/contact`), [user]);
  return (
    <div class="sheet narrow">
      <h2 class="sheet-title">{t("duty.contact")}</h2>
      {leads(me.roles) && (
        <div class="bar fields">
          <label>
            {t("contact.whose")}
            <PersonSelect people={people} value={user} change={(name) => replacePlace(href("duty", "contact", { user: name }))} />
          </label>
        </div>
      )}
      {loaded.value === null ? <Waiting failure={loaded.failure} reload={loaded.reload} /> : <ContactForm key={`${user} ${JSON.stringify(loaded.value)}`} user={user} answer={loaded.value} done={loaded.reload} />}
    </div>
  );
}

function ContactForm({ user, answer, done }: { user: string; answer: ContactAnswer; done: () => void }) {
  const { t, w } = useTexts();
  const { busy, ask } = useAsk();
  const { language, channels, quiet } = answer.contact ?? { language: "zh", channels: [], quiet: [] };
  const before: Omit<Contact, "user"> = { language, channels, quiet };
  const [draft, setDraft] = useState(before);
  // A test tells of what is saved, so what is not saved yet comes first.
  const saved = JSON.stringify(draft) === JSON.stringify(before);
  const path = `/api/v1/users/${encodeURIComponent(user)}/contact`;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await ask(() => post(path, draft), t("contact.saved"))) done();
  };
  const setChannel = (index: number, part: Partial<Contact["channels"][number]>): void =>
    setDraft({ ...draft, channels: draft.channels.map((row, at) => (at === index ? { ...row, ...part } : row)) });
  const setQuiet = (index: number, part: Partial<Contact["quiet"][number]>): void =>
    setDraft({ ...draft, quiet: draft.quiet.map((row, at) => (at === index ? { ...row, ...part } : row)) });
  return (
    <form class="step-form" onSubmit={(event) => void save(event)}>
      <label>
        {t("contact.language")}
        <select name="language" value={draft.language} onChange={(event) => setDraft({ ...draft, language: event.currentTarget.value === "en" ? "en" : "zh" })}>
          <option value="zh">{w("lang", "zh")}</option>
          <option value="en">{w("lang", "en")}</option>
        </select>
      </label>
      <fieldset class="shift">
        <legend>{t("contact.channels")}</legend>
        <p class="dim">{t(answer.channels.length === 0 ? "contact.noChannels" : "contact.console")}</p>
        {draft.channels.map((row, index) => (
          <div key={index} class="row-fields">
            <select aria-label={t("contact.channel")} value={row.channel} onChange={(event) => setChannel(index, { channel: event.currentTarget.value })}>
              {[...new Set([...answer.channels, row.channel])].map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
            <input class="grow" aria-label={t("contact.address")} placeholder={t("contact.address")} maxLength={LONGEST_ADDRESS} value={row.address} onInput={(event) => setChannel(index, { address: event.currentTarget.value })} />
            <button type="button" class="plain" onClick={() => setDraft({ ...draft, channels: draft.channels.filter((_, at) => at !== index) })}>
              {t("roster.remove")}
            </button>
          </div>
        ))}
        {answer.channels.length > 0 && (
          <button type="button" onClick={() => setDraft({ ...draft, channels: [...draft.channels, { channel: answer.channels[0]!, address: "" }] })}>
            {t("contact.addChannel")}
          </button>
        )}
      </fieldset>
      <fieldset class="shift">
        <legend>{t("contact.quiet")}</legend>
        <p class="dim">{t("contact.quietAbout")}</p>
        {draft.quiet.map((row, index) => (
          <div key={index} class="row-fields">
            <input type="time" required aria-label={t("roster.from")} value={row.from} onInput={(event) => setQuiet(index, { from: event.currentTarget.value })} />
            <input type="time" required aria-label={t("roster.to")} value={row.to} onInput={(event) => setQuiet(index, { to: event.currentTarget.value })} />
            <label class="line">
              {t("contact.below")}
              <select value={row.below} onChange={(event) => setQuiet(index, { below: event.currentTarget.value as Severity })}>
                {BELOW.map((severity) => (
                  <option key={severity} value={severity}>
                    {w("severity", severity)}
                  </option>
                ))}
              </select>
            </label>
            <button type="button" class="plain" onClick={() => setDraft({ ...draft, quiet: draft.quiet.filter((_, at) => at !== index) })}>
              {t("roster.remove")}
            </button>
          </div>
        ))}
        <button type="button" onClick={() => setDraft({ ...draft, quiet: [...draft.quiet, { from: "22:00", to: "07:00", below: "major" }] })}>
          {t("contact.addQuiet")}
        </button>
      </fieldset>
      <div class="buttons">
        <button type="submit" class="main" disabled={busy}>
          {t("contact.save")}
        </button>
        <button type="button" disabled={busy || !saved} onClick={() => void ask(() => post(`${path}/test`, {}), t("contact.tested"))}>
          {t("contact.test")}
        </button>
      </div>
    </form>
  );
}
