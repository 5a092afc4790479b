// The register with search.

import { useEffect, useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { kindLabel, useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { agoText } from "../logic/format.ts";
import { mayRegister } from "../logic/roles.ts";
import { Waiting } from "../parts/bits.tsx";
import { KindSelect } from "../parts/kind_select.tsx";
import { RegisterTools } from "../parts/register_tools.tsx";
import { href } from "../router.ts";
import type { Device, Page } from "../types.ts";

const LIVES = ["registered", "in_service", "maintenance", "retired"];
const PAGE = 100;
/** Typing is over when no key came for so long, in milliseconds. */
const TYPING_MS = 250;

export function DevicesPage() {
  const { kinds, lang, me } = useApp();
  const { t, w } = useTexts();
  const now = useNow(10_000);
  const [typed, setTyped] = useState("");
  const [text, setText] = useState("");
  const [kind, setKind] = useState("");
  const [life, setLife] = useState("");
  const [more, setMore] = useState<Page<Device> | null>(null);
  useEffect(() => {
    const timer = window.setTimeout(() => setText(typed.trim()), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [typed]);
  const parameters = { text, kind, life, heard: "true", limit: PAGE };
  const loaded = useLoaded(async () => {
    const page = await get<Page<Device>>(query("/api/v1/devices", parameters));
    setMore(null);
    return page;
  }, [text, kind, life]);
  const items = [...(loaded.value?.items ?? []), ...(more?.items ?? [])];
  const cursor = more === null ? (loaded.value?.cursor ?? null) : more.cursor;
  const loadMore = async (): Promise<void> => {
    const page = await get<Page<Device>>(query("/api/v1/devices", { ...parameters, cursor }));
    setMore((old) => ({ items: [...(old?.items ?? []), ...page.items], cursor: page.cursor }));
  };
  return (
    <div class="sheet">
      <div class="bar many">
        <input type="search" class="search" placeholder={t("device.search")} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
        <KindSelect label={t("device.kind")} kind={kind} choose={setKind} />
        <select aria-label={t("device.life")} value={life} onChange={(event) => setLife(event.currentTarget.value)}>
          <option value="">{t("device.allLives")}</option>
          {LIVES.map((each) => (
            <option key={each} value={each}>
              {w("life", each)}
            </option>
          ))}
        </select>
        {mayRegister(me.roles) && <RegisterTools kind={kind} done={loaded.reload} />}
      </div>
      {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      <table class="grid rows full">
        <thead>
          <tr>
            <th>{t("device.id")}</th>
            <th>{t("device.name")}</th>
            <th class="rare">{t("device.kind")}</th>
            <th class="rare">{t("device.district")}</th>
            <th class="rare">{t("device.department")}</th>
            <th class="rare">{t("device.life")}</th>
            <th>{t("device.heard")}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.id} onClick={() => (location.hash = href("devices", item.id))}>
              <td class="mono">
                <a href={href("devices", item.id)}>{item.id}</a>
              </td>
              <td>{item.name}</td>
              <td class="rare">{kindLabel(kinds, item.kind, lang)}</td>
              <td class="rare">{item.district}</td>
              <td class="rare">{item.department}</td>
              <td class={item.life === "in_service" ? "rare" : "rare dim"}>{w("life", item.life)}</td>
              <td class="num">{item.heard === null ? <span class="dim">{t("device.never")}</span> : agoText(item.heard, now, lang)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {loaded.value !== null && items.length === 0 && <p class="dim pad">{t("app.empty")}</p>}
      {cursor !== null && <button onClick={() => void loadMore()}>{t("app.more")}</button>}
    </div>
  );
}
