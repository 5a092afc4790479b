// A rule's parameters: what it declares, what is set where, what a device gets and which setting gave it. Leaders tune
// them for a kind, a district, a group or a device, within the limits that the rule declares.

import { useState } from "preact/hooks";
import { get, put, query, remove } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { mayTry } from "../logic/roles.ts";
import { parsedValue, settingText } from "../logic/parameters.ts";
import { useLoaded } from "../load.ts";
import type { Parameter } from "../types_rules.ts";
import { useAsk } from "./ask.ts";
import { Section } from "./bits.tsx";

const SCOPES = ["kind", "district", "group", "device"] as const;
const LONGEST_NAME = 60;

export function Parameters({ rule }: { rule: string }) {
  const { me } = useApp();
  const { t } = useTexts();
  const [device, setDevice] = useState("");
  const [asked, setAsked] = useState("");
  const path = `/api/v1/rules/${encodeURIComponent(rule)}/parameters`;
  const loaded = useLoaded(() => get<{ items: Parameter[] }>(query(path, { device: asked })), [rule, asked]);
  const items = loaded.value?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Section title={t("parameter.title")}>
      <form
        class="bar"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(device.trim());
        }}
      >
        <input type="search" aria-label={t("parameter.ofDevice")} placeholder={t("parameter.ofDevice")} value={device} onInput={(event) => setDevice(event.currentTarget.value)} />
        <button>{t("parameter.look")}</button>
        {loaded.failure !== null && <span class="bad">{loaded.failure.message}</span>}
      </form>
      <ol class="parameters">
        {items.map((item) => (
          <ParameterRow key={`${item.kind} ${item.name}`} item={item} path={path} may={mayTry(me.roles)} done={loaded.reload} />
        ))}
      </ol>
    </Section>
  );
}

function ParameterRow({ item, path, may, done }: { item: Parameter; path: string; may: boolean; done: () => void }) {
  const texts = useTexts();
  const { t, w, lang } = texts;
  const { busy, ask } = useAsk();
  const [open, setOpen] = useState(false);
  const own = `${path}/${encodeURIComponent(item.name)}`;
  const shown = (value: number | boolean): string => settingText(value, item, lang);
  const scope = (text: string): string => {
    const [kind = "", ...name] = text.split(":");
    return name.length === 0 ? w("scopeKind", kind) : `${w("scopeKind", kind)} ${name.join(":")}`;
  };
  const unset = async (where: string): Promise<void> => {
    if (await ask(() => remove(query(own, { scope: where })), t("parameter.unset"))) done();
  };
  return (
    <li class="parameter">
      <p>
        <strong class="mono">{item.name}</strong> {shown(item.default)}
        <span class="dim">
          {" "}
          {t("parameter.own")}
          {item.min !== null && item.max !== null && ` · ${shown(item.min)} – ${shown(item.max)}`}
        </span>
        {may && (
          <button class="plain link" aria-expanded={open} onClick={() => setOpen(!open)}>
            {t("parameter.set")}
          </button>
        )}
      </p>
      {item.settings.length > 0 && (
        <ul>
          {item.settings.map((setting) => (
            <li key={setting.scope}>
              <strong>{shown(setting.value)}</strong> {scope(setting.scope)} <span class="dim">{t("parameter.devices", { count: setting.devices })}</span>
              {setting.unusable !== null && <span class="bad"> {setting.unusable}</span>}
              {may && (
                <button class="plain" disabled={busy} onClick={() => void unset(setting.scope)}>
                  {t("roster.remove")}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {item.effective !== null && (
        <p class="effective">
          {item.effective.device}: <strong>{shown(item.effective.value)}</strong> <span class="dim">{t("parameter.from", { scope: item.effective.from === "default" ? t("parameter.own") : scope(item.effective.from) })}</span>
        </p>
      )}
      {open && (
        <SettingForm
          item={item}
          path={own}
          done={() => {
            setOpen(false);
            done();
          }}
        />
      )}
    </li>
  );
}

function SettingForm({ item, path, done }: { item: Parameter; path: string; done: () => void }) {
  const { t, w } = useTexts();
  const { busy, ask } = useAsk();
  const [kind, setKind] = useState<(typeof SCOPES)[number]>("district");
  const [name, setName] = useState("");
  const [value, setValue] = useState(String(item.default));
  const [ahead, setAhead] = useState(false);
  const parsed = parsedValue(value, item);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (parsed === null) return;
    const scope = kind === "kind" ? "kind" : `${kind}:${name.trim()}`;
    if (await ask(() => put(path, { scope, value: parsed, ...(ahead ? { ahead } : {}) }), t("parameter.isSet"))) done();
  };
  return (
    <form class="step-form" onSubmit={(event) => void save(event)}>
      <div class="fields">
        <label>
          {t("parameter.scope")}
          <select name="scope" value={kind} onChange={(event) => setKind(event.currentTarget.value as (typeof SCOPES)[number])}>
            {SCOPES.map((each) => (
              <option key={each} value={each}>
                {w("scopeKind", each)}
              </option>
            ))}
          </select>
        </label>
        {kind !== "kind" && (
          <label>
            {t("parameter.name")}
            <input name="name" required maxLength={LONGEST_NAME} value={name} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
        )}
        <label>
          {t("parameter.value", { unit: item.unit })}
          {typeof item.default === "boolean" ? (
            <select name="value" value={value} onChange={(event) => setValue(event.currentTarget.value)}>
              <option value="true">{t("silence.yes")}</option>
              <option value="false">{t("parameter.no")}</option>
            </select>
          ) : (
            <input name="value" type="number" step="any" required min={item.min ?? undefined} max={item.max ?? undefined} value={value} onInput={(event) => setValue(event.currentTarget.value)} />
          )}
        </label>
        <label class="check">
          <input type="checkbox" checked={ahead} onChange={(event) => setAhead(event.currentTarget.checked)} />
          {t("parameter.ahead")}
        </label>
      </div>
      <div class="buttons">
        <button type="submit" class="main" disabled={busy || parsed === null}>
          {t("parameter.set")}
        </button>
      </div>
    </form>
  );
}
