// Commands to a device: send one, and what became of each.

import { useState } from "preact/hooks";
import { get, post, query } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { mayCommand } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import type { Page } from "../types.ts";
import { useAsk } from "./ask.ts";
import { Section } from "./bits.tsx";

interface Command {
  id: string;
  name: string;
  args: Record<string, unknown>;
  by: string;
  created: string;
  expires: string;
  state: string;
  updated: string;
  result: Record<string, unknown> | null;
}

const SHOWN = 10;
const EXPIRES_MIN = 60;

export function Commands({ device, tick }: { device: string; tick: number }) {
  const { me } = useApp();
  const { t, w } = useTexts();
  const now = useNow(10_000);
  const path = `/api/v1/devices/${encodeURIComponent(device)}/commands`;
  const loaded = useLoaded(() => get<Page<Command>>(query(path, { limit: SHOWN })), [device, tick]);
  const items = loaded.value?.items ?? [];
  return (
    <Section title={t("command.title")}>
      {items.length === 0 && <p class="dim">{t("command.none")}</p>}
      <table class="grid full">
        <tbody>
          {items.map((item) => (
            <tr key={item.id}>
              <td class="num dim">{momentText(item.created, now)}</td>
              <td class="wrap">
                <strong class="mono">{item.name}</strong> <span class="mono dim">{Object.keys(item.args).length > 0 && JSON.stringify(item.args)}</span> {item.by}
                {item.result !== null && (
                  <p class="mono dim wrap">
                    {t("command.result")} {JSON.stringify(item.result)}
                  </p>
                )}
              </td>
              <td class={item.state === "failed" || item.state === "expired" ? "bad" : ""}>{w("commandState", item.state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {mayCommand(me.roles) && <SendForm path={path} done={loaded.reload} />}
    </Section>
  );
}

function SendForm({ path, done }: { path: string; done: () => void }) {
  const { tell } = useApp();
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [args, setArgs] = useState("");
  const [minutes, setMinutes] = useState(EXPIRES_MIN);
  if (!open) {
    return (
      <button class="spaced" onClick={() => setOpen(true)}>
        {t("command.send")}
      </button>
    );
  }
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const parsed = objectOf(args);
    if (parsed === null) {
      tell(t("command.badArgs"), "bad");
      return;
    }
    if (await ask(() => post(path, { name: name.trim(), args: parsed, expires_s: minutes * 60 }), t("command.sent"))) {
      setOpen(false);
      done();
    }
  };
  return (
    <form class="step-form" onSubmit={(event) => void send(event)}>
      <div class="fields">
        <label>
          {t("command.name")}
          <input name="name" class="mono" required autoFocus maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label>
          {t("command.expires")}
          <input name="expires" type="number" min="1" max="10080" value={minutes} onInput={(event) => setMinutes(Math.max(1, Number(event.currentTarget.value) || 1))} />
        </label>
      </div>
      <label class="wide">
        {t("command.args")}
        <textarea name="args" class="mono" rows={2} maxLength={4_000} placeholder='{"level": 80}' value={args} onInput={(event) => setArgs(event.currentTarget.value)} />
      </label>
      <div class="buttons">
        <button type="submit" class="main" disabled={busy}>
          {t("command.send")}
        </button>
        <button type="button" onClick={() => setOpen(false)}>
          {t("app.cancel")}
        </button>
      </div>
    </form>
  );
}

/** The object that a text is; an empty text is an empty one. `null`: it is none. */
function objectOf(text: string): object | null {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
