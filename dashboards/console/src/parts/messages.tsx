// What became of messages that were not simply stored; what cannot be decoded is shown with its bytes, and can be
// decoded again.

import { useEffect, useState } from "preact/hooks";
import { post } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { mayRedecode } from "../logic/roles.ts";
import { toField } from "../logic/zone.ts";
import { href, replacePlace } from "../router.ts";
import { failureText } from "./bits.tsx";
import { Paged } from "./paged.tsx";

interface Disposition {
  seq: number;
  device: string;
  time: string;
  disposition?: string;
  detail: string;
  bytes?: number;
  payload_text?: string | null;
  payload_base64?: string | null;
  redecoded?: { time: string; decoded: boolean; detail: string } | null;
}

const OTHERS = ["duplicate", "stored_late", "replaced", "out_of_range", "too_far_ahead"] as const;
/** Typing is over when no key came for so long, in milliseconds. */
const TYPING_MS = 350;

export function Messages({ search }: { search: URLSearchParams }) {
  const { me, skewMs, tell } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  const what = search.get("what") ?? "quarantined";
  const day = search.get("day") ?? toField(Date.now() + skewMs).slice(0, 10);
  const waits = search.get("waits") === "1";
  const [device, setDevice] = useState(search.get("device") ?? "");
  const [turn, setTurn] = useState(0);
  const [busy, setBusy] = useState(false);
  const wanted = device.trim();
  const go = (part: Record<string, string>): void => {
    const next = { what, day, ...(waits ? { waits: "1" } : {}), ...(wanted === "" ? {} : { device: wanted }), ...part };
    replacePlace(href("admin", "messages", Object.fromEntries(Object.entries(next).filter(([, value]) => value !== ""))));
  };
  useEffect(() => {
    if (wanted === (search.get("device") ?? "")) return;
    const timer = window.setTimeout(() => go({ device: wanted }), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [wanted]);
  const redecode = async (records: number[]): Promise<void> => {
    setBusy(true);
    try {
      const about = records.length > 0 ? { records } : { day, ...(search.get("device") ? { device: search.get("device") } : {}) };
      const done = await post<{ decoded: number; left: number }>("/api/v1/quarantine/redecode", about);
      tell(t("message.redecoded", { decoded: done?.decoded ?? 0, left: done?.left ?? 0 }));
      setTurn((count) => count + 1);
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
  };
  const quarantine = what === "quarantined";
  const again = quarantine && mayRedecode(me.roles);
  return (
    <div class="sheet">
      <div class="bar fields">
        <label>
          {t("message.disposition")}
          <select value={what} onChange={(event) => go({ what: event.currentTarget.value })}>
            <option value="quarantined">{t("message.quarantine")}</option>
            {OTHERS.map((each) => (
              <option key={each} value={each}>
                {w("disposition", each)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("message.day")}
          <input type="date" value={day} onInput={(event) => event.currentTarget.value !== "" && go({ day: event.currentTarget.value })} />
        </label>
        <label>
          {t("message.device")}
          <input type="search" value={device} onInput={(event) => setDevice(event.currentTarget.value)} />
        </label>
        {quarantine && (
          <label class="check">
            <input type="checkbox" checked={waits} onChange={(event) => go({ waits: event.currentTarget.checked ? "1" : "" })} />
            {t("message.waits")}
          </label>
        )}
        {again && (
          <button disabled={busy} onClick={() => void redecode([])}>
            {t("message.redecode")}
          </button>
        )}
      </div>
      <Paged<Disposition>
        path={quarantine ? "/api/v1/quarantine" : "/api/v1/dispositions"}
        parameters={{ day, device: search.get("device"), ...(quarantine ? { waits: waits ? "true" : null } : { disposition: what }) }}
        turn={turn}
      >
        {(rows) => (rows.length === 0 ? <p class="dim">{t("message.none")}</p> : <Rows rows={rows} redecode={again ? (seq) => void redecode([seq]) : null} busy={busy} />)}
      </Paged>
    </div>
  );
}

function Rows({ rows, redecode, busy }: { rows: Disposition[]; redecode: ((seq: number) => void) | null; busy: boolean }) {
  const { t, w } = useTexts();
  const now = useNow(60_000);
  return (
    <table class="grid full messages">
      <tbody>
        {rows.map((row, index) => (
          <tr key={`${row.seq} ${index}`}>
            <td class="num dim">{momentText(row.time, now)}</td>
            <td>
              <a href={href("devices", row.device)}>{row.device}</a>
            </td>
            <td class="wrap">
              {row.disposition !== undefined && row.disposition !== "quarantined" && <strong>{w("disposition", row.disposition)} </strong>}
              {row.detail}
              {row.redecoded != null && <p class={row.redecoded.decoded ? "good" : "holds"}>{t("message.second", { detail: row.redecoded.detail })}</p>}
              {row.bytes !== undefined && (
                <details>
                  <summary>
                    {t("message.payload")} · {t("message.bytes", { count: row.bytes })} · {t("message.record")} {row.seq}
                  </summary>
                  <pre class="source">{row.payload_text ?? row.payload_base64 ?? ""}</pre>
                </details>
              )}
            </td>
            {redecode !== null && (
              <td>
                {row.redecoded?.decoded !== true && (
                  <button class="plain" disabled={busy} onClick={() => redecode(row.seq)}>
                    {t("message.redecodeOne")}
                  </button>
                )}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
