// The decision log, searched: "why was I not told?" by device, asset, account, kind of decision and time.

import { useEffect, useState } from "preact/hooks";
import { useTexts } from "../context.tsx";
import { fromField } from "../logic/zone.ts";
import { Decisions } from "../parts/decisions.tsx";
import { href, replacePlace } from "../router.ts";

const WHAT = ["raised", "reopened", "updated", "cleared", "grouped", "split_off", "silenced", "inhibited", "held_by_maintenance", "released",
  "flapping_held", "folded", "verified", "notified", "not_notified", "escalated"];
const TYPED = ["device", "asset", "user"] as const;
const MOMENTS = ["from", "to"] as const;
/** About one thing: by links from there, never typed. */
const LINKED = ["case", "incident"] as const;
const ALL = [...TYPED, ...LINKED, "what", ...MOMENTS];
/** Typing is over when no key came for so long, in milliseconds. */
const TYPING_MS = 350;

/** The search stands in the address: it can be handed on, and is still there after a look at something else. */
export function DecisionsPage({ search }: { search: URLSearchParams }) {
  const { t, w } = useTexts();
  const address = Object.fromEntries(ALL.flatMap((name) => (search.get(name) ? [[name, search.get(name)!]] : [])));
  const [fields, setFields] = useState<Record<string, string>>(address);
  const wanted = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value !== ""));
  useEffect(() => {
    if (JSON.stringify(wanted) === JSON.stringify(address)) return;
    const timer = window.setTimeout(() => replacePlace(href("decisions", null, wanted)), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [JSON.stringify(wanted)]);
  const set = (name: string, value: string): void => setFields((old) => ({ ...old, [name]: value }));
  const parameters: Record<string, string | number> = { ...address };
  for (const name of MOMENTS) {
    const moment = fromField(address[name] ?? "");
    if (moment === null) delete parameters[name];
    else parameters[name] = moment;
  }
  return (
    <div class="sheet">
      <h2 class="sheet-title">
        {t("decision.title")} <span class="dim">{t("decision.question")}</span>
      </h2>
      <div class="bar fields" role="search">
        {TYPED.map((name) => (
          <label key={name}>
            {w("decisionBy", name)}
            <input type="search" name={name} value={fields[name] ?? ""} onInput={(event) => set(name, event.currentTarget.value)} />
          </label>
        ))}
        <label>
          {t("decision.what")}
          <select name="what" value={fields["what"] ?? ""} onChange={(event) => set("what", event.currentTarget.value)}>
            <option value="">{t("incident.all")}</option>
            {WHAT.map((word) => (
              <option key={word} value={word}>
                {w("decided", word)}
              </option>
            ))}
          </select>
        </label>
        {MOMENTS.map((name) => (
          <label key={name}>
            {t(name === "from" ? "silence.from" : "silence.to")}
            <input type="datetime-local" name={name} value={fields[name] ?? ""} onInput={(event) => set(name, event.currentTarget.value)} />
          </label>
        ))}
        {LINKED.filter((name) => wanted[name] !== undefined).map((name) => (
          <a key={name} class="hint" href={href(name === "case" ? "work" : "incidents", wanted[name] ?? "")}>
            {t(name === "case" ? "incident.toCase" : "decision.incident")} {wanted[name]}
          </a>
        ))}
        {Object.keys(wanted).length > 0 && (
          <button class="plain" onClick={() => setFields({})}>
            {t("decision.all")}
          </button>
        )}
      </div>
      <Decisions parameters={parameters} />
    </div>
  );
}
