// The two sheets (of messages, of values) of one day, whether they add up, and the devices that stand out.

import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { kindLabel, useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { countText } from "../logic/format.ts";
import { toField } from "../logic/zone.ts";
import { href } from "../router.ts";
import type { DaySheets as Sheets } from "../types.ts";
import { Waiting } from "./bits.tsx";
import { KindSelect } from "./kind_select.tsx";
import { MESSAGE_TERMS, Sheet, VALUE_TERMS } from "./sheet.tsx";

export function DaySheets() {
  const { kinds, lang } = useApp();
  const { t } = useTexts();
  const now = useNow(60_000);
  const today = toField(now).slice(0, 10);
  const [day, setDay] = useState(today);
  const [kind, setKind] = useState("");
  const [district, setDistrict] = useState("");
  const loaded = useLoaded(() => get<Sheets>(query("/api/v1/sheets", { day, kind, district: district.trim() })), [day, kind, district.trim()]);
  const sheets = loaded.value;
  return (
    <div class="sheet">
      <div class="bar many">
        <input type="date" aria-label={t("sheets.day")} max={today} value={day} onChange={(event) => setDay(event.currentTarget.value || today)} />
        <KindSelect label={t("device.kind")} kind={kind} choose={setKind} />
        <input aria-label={t("device.district")} placeholder={t("device.district")} value={district} onChange={(event) => setDistrict(event.currentTarget.value)} />
        {sheets !== null && <span class="dim push">{t("sheets.devices", { count: countText(sheets.devices), kind: kind === "" ? "" : kindLabel(kinds, kind, lang) })}</span>}
      </div>
      {(sheets === null || loaded.failure !== null) && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      {sheets !== null && (
        <>
          <div class="columns three">
            <Sheet title={t("status.messages")} whole="journaled" sheet={sheets.messages} terms={MESSAGE_TERMS} beside={null} />
            <Sheet title={t("status.values")} whole="decoded" sheet={sheets.values} terms={VALUE_TERMS} beside={null} />
          </div>
          <Worst sheets={sheets} />
        </>
      )}
    </div>
  );
}

/** Devices of which much was repeated, late or not understood. */
function Worst({ sheets }: { sheets: Sheets }) {
  const { t, w } = useTexts();
  const columns = ["late", "duplicate", "out_of_range", "too_far_ahead"] as const;
  return (
    <>
      <h3>{t("sheets.worst")}</h3>
      <table class="grid rows full worst">
        <thead>
          <tr>
            <th>{t("device.id")}</th>
            <th class="num">{w("sheet", "journaled")}</th>
            <th class="num">{w("sheet", "quarantined")}</th>
            <th class="num">{t("sheets.repeats")}</th>
            {columns.map((each) => (
              <th key={each} class="num rare">
                {w("sheet", each)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sheets.worst.map(({ device, messages, values }) => (
            <tr key={device}>
              <td class="mono">
                <a href={href("devices", device)}>{device}</a>
              </td>
              <td class="num">{countText(messages["journaled"] ?? 0)}</td>
              <td class={(messages["quarantined"] ?? 0) > 0 ? "num bad" : "num"}>{countText(messages["quarantined"] ?? 0)}</td>
              <td class="num">{countText(messages["duplicate"] ?? 0)}</td>
              {columns.map((each) => (
                <td key={each} class="num rare">
                  {countText(values[each] ?? 0)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sheets.worst.length === 0 && <p class="dim pad">{t("sheets.none")}</p>}
    </>
  );
}
