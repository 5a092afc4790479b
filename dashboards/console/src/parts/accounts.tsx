// Staff accounts: roles, districts, password, whether they may log in.

import { useState } from "preact/hooks";
import { get, patch, post } from "../api.ts";
import { useTexts } from "../context.tsx";
import { ROLES } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import { href } from "../router.ts";
import { useAsk } from "./ask.ts";
import { Section, Waiting } from "./bits.tsx";
import { forgetPeople } from "./people.tsx";

interface Account {
  name: string;
  roles: string[];
  districts: string[];
  disabled: boolean;
}

/** The shortest password that the gateway takes, in characters. */
const SHORTEST_PASSWORD = 10;

/** `chosen`: an account, or `new` with a leading space, which no name has. */
export function Accounts({ chosen }: { chosen: string | null }) {
  const { t, w } = useTexts();
  const loaded = useLoaded(() => get<{ items: Account[] }>("/api/v1/users"), []);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const accounts = loaded.value.items;
  const account = accounts.find((each) => each.name === chosen) ?? null;
  const making = chosen === NEW;
  const done = (name: string): void => {
    forgetPeople();
    loaded.reload();
    location.hash = href("admin", "accounts", { name });
  };
  return (
    <div class={`split ${chosen === null ? "" : "chosen"}`}>
      <div class="list-side">
        <div class="list-head">
          <h2>{t("adminTab.accounts")}</h2>
          <a class={`button ${making ? "here" : "main"}`} href={href("admin", "accounts", { name: NEW })}>
            {t("account.new")}
          </a>
        </div>
        <ol class="cases">
          {accounts.map((each) => (
            <li key={each.name} class={`case silence ${each.name === chosen ? "here" : ""} ${each.disabled ? "over" : ""}`}>
              <span class={`dot ${each.disabled ? "ended" : "resting"}`} aria-hidden="true" />
              <div class="what">
                <div class="title">
                  <a href={href("admin", "accounts", { name: each.name })}>{each.name}</a>
                  {each.disabled && <span class="badge quiet">{t("account.disabled")}</span>}
                </div>
                <div class="dim under">{each.roles.map((role) => w("role", role)).join(" · ")}</div>
              </div>
              <div class="right dim">{each.districts.join(" ") || t("account.everywhere")}</div>
            </li>
          ))}
        </ol>
      </div>
      <div class="card-side">
        {making && <AccountForm key={NEW} account={null} done={done} />}
        {!making && account === null && <p class="dim pad">{t("account.choose")}</p>}
        {account !== null && <AccountForm key={account.name + JSON.stringify(account)} account={account} done={done} />}
      </div>
    </div>
  );
}

const NEW = " new";

function AccountForm({ account, done }: { account: Account | null; done: (name: string) => void }) {
  const { t, w } = useTexts();
  const { busy, ask } = useAsk();
  const [name, setName] = useState(account?.name ?? "");
  const [roles, setRoles] = useState<string[]>(account?.roles ?? ["duty_officer"]);
  const [districts, setDistricts] = useState((account?.districts ?? []).join(" "));
  const [password, setPassword] = useState("");
  const path = `/api/v1/users/${encodeURIComponent(name)}`;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const rights = { roles, districts: districts.split(/[\s,，、]+/).filter((word) => word !== "") };
    const taken =
      account === null
        ? await ask(() => post("/api/v1/users", { name, password, ...rights }), t("account.made"))
        : await ask(() => patch(path, rights), t("account.saved"));
    if (taken) done(name);
  };
  const toggle = (role: string): void => setRoles(roles.includes(role) ? roles.filter((other) => other !== role) : ROLES.filter((each) => each === role || roles.includes(each)));
  const disable = async (): Promise<void> => {
    if (await ask(() => patch(path, { disabled: !account?.disabled }), t("account.saved"))) done(name);
  };
  const setTheirPassword = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await ask(() => post(`${path}/password`, { password }), t("account.passwordSet"))) setPassword("");
  };
  return (
    <article class="card">
      <a class="back" href={href("admin", "accounts")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2>{account?.name ?? t("account.new")}</h2>
        </div>
        {account !== null && (
          <div class="buttons">
            <a class="button" href={href("duty", "contact", { user: account.name })}>
              {t("account.contact")}
            </a>
            <button disabled={busy} onClick={() => void disable()}>
              {t(account.disabled ? "account.enable" : "account.disable")}
            </button>
          </div>
        )}
      </header>
      <form class="step-form" onSubmit={(event) => void save(event)}>
        {account === null && (
          <div class="fields">
            <label>
              {t("account.name")}
              <input name="name" required maxLength={64} autocomplete="off" value={name} onInput={(event) => setName(event.currentTarget.value.trim())} />
            </label>
            <label>
              {t("account.password")}
              <input name="password" type="password" required minLength={SHORTEST_PASSWORD} autocomplete="new-password" value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
            </label>
          </div>
        )}
        <div class="chips" role="group" aria-label={t("account.roles")}>
          {ROLES.map((role) => (
            <button key={role} type="button" class={roles.includes(role) ? "here" : ""} aria-pressed={roles.includes(role)} onClick={() => toggle(role)}>
              {w("role", role)}
            </button>
          ))}
        </div>
        <label>
          {t("account.districts")}
          <input name="districts" value={districts} onInput={(event) => setDistricts(event.currentTarget.value)} />
        </label>
        <div class="buttons">
          <button type="submit" class="main" disabled={busy || roles.length === 0}>
            {t("account.save")}
          </button>
        </div>
      </form>
      {account !== null && (
        <Section title={t("account.setPassword")}>
          <form class="bar" onSubmit={(event) => void setTheirPassword(event)}>
            <input type="password" class="grow" required minLength={SHORTEST_PASSWORD} autocomplete="new-password" aria-label={t("account.newPassword")} placeholder={t("account.newPassword")} value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
            <button disabled={busy}>{t("account.setPassword")}</button>
          </form>
        </Section>
      )}
    </article>
  );
}
