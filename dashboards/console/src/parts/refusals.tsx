// Who was refused by a listener since the gateway started: which device does not get in, where and why.

import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { countText, momentText } from "../logic/format.ts";
import { type Refusal, together, wordOfReason } from "../logic/refusals.ts";
import { mayReadMessages } from "../logic/roles.ts";
import { href } from "../router.ts";
import type { Page } from "../types.ts";
import { Paged } from "./paged.tsx";

const LISTENERS = ["mqtt", "coap", "http"] as const;
/** Reasons of one device that are summed up on its page: more than all listeners have. */
const REASONS = 100;

export function Refusals({ search }: { search: URLSearchParams }) {
  const { t, w } = useTexts();
  const [device, setDevice] = useState(search.get("device") ?? "");
  const [listener, setListener] = useState("");
  const wanted = device.trim();
  return (
    <div class="sheet">
      <div class="bar fields">
        <label>
          {t("message.device")}
          <input type="search" value={device} onChange={(event) => setDevice(event.currentTarget.value)} />
        </label>
        <label>
          {t("refusal.listener")}
          <select value={listener} onChange={(event) => setListener(event.currentTarget.value)}>
            <option value="">{t("notice.all")}</option>
            {LISTENERS.map((each) => (
              <option key={each} value={each}>
                {w("listener", each)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="dim">{t("refusal.about")}</p>
      <Paged<Refusal> path="/api/v1/refusals" parameters={{ device: wanted === "" ? null : wanted, listener: listener === "" ? null : listener }}>
        {(rows) => (rows.length === 0 ? <p class="dim">{t("refusal.none")}</p> : <Rows rows={rows} />)}
      </Paged>
    </div>
  );
}

function Rows({ rows }: { rows: Refusal[] }) {
  const { t, w } = useTexts();
  const now = useNow(60_000);
  return (
    <table class="grid full refusals">
      <thead>
        <tr>
          <th>{t("message.device")}</th>
          <th>{t("refusal.listener")}</th>
          <th>{t("refusal.reason")}</th>
          <th class="num">{t("refusal.count")}</th>
          <th class="num">{t("refusal.first")}</th>
          <th class="num">{t("refusal.last")}</th>
          <th class="rare">{t("refusal.from")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.device} ${row.from} ${row.listener} ${row.reason}`}>
            <td class="mono">{row.device === null ? "–" : row.registered ? <a href={href("devices", row.device)}>{row.device}</a> : row.device}</td>
            <td>{w("listener", row.listener)}</td>
            <td class="wrap">{w("refused", wordOfReason(row))}</td>
            <td class="num">{countText(row.count)}</td>
            <td class="num dim">{momentText(row.first, now)}</td>
            <td class="num">{momentText(row.last, now)}</td>
            <td class="mono rare">{row.from ?? "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What a device's page says of its refusals; nothing if there are none, or they are not for this account. */
export function RefusedLine({ device, tick }: { device: string; tick: number }) {
  const { me } = useApp();
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const may = mayReadMessages(me.roles);
  const loaded = useLoaded<Page<Refusal> | null>(
    () => (may ? get(query("/api/v1/refusals", { device, limit: REASONS })) : Promise.resolve(null)),
    [device, tick, may],
  );
  const all = together(loaded.value?.items ?? []);
  if (all === null) return null;
  const places = { count: countText(all.count), since: momentText(all.since, now), last: w("refused", wordOfReason(all.last)) };
  return (
    <p class="holds refused">
      <a href={href("admin", "refusals", { device })}>{t("device.refused", places)}</a>
    </p>
  );
}
