// Reporting a case that no sensor found: a call of a citizen, a collector's finding.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { href } from "../router.ts";
import type { Profile } from "../types.ts";
import { failureText, limitText, Waiting } from "./bits.tsx";

const SEVERITIES = ["minor", "major", "critical", "info"];
/** Where it is, as it is written. */
const PLACE = ["asset_name", "asset", "district", "grid"] as const;
/** The longest name in letters: three bytes each of the 128 that the gateway takes. */
const LONGEST_NAME = 42;

export function ReportForm() {
  const { tell, me } = useApp();
  const texts = useTexts();
  const { t, w, lang } = texts;
  const loaded = useLoaded(() => get<Profile>("/api/v1/profile"), []);
  const [classId, setClass] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const profile = loaded.value;
  useEffect(() => form.current?.querySelector<HTMLElement>("select")?.focus(), [profile === null]);
  if (profile === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const chosen = profile.classes.find((each) => each.id === classId);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (form.current === null) return;
    const body: Record<string, string | number> = {};
    for (const [name, value] of new FormData(form.current)) {
      if (typeof value !== "string" || value.trim() === "") continue;
      body[name] = name === "latitude" || name === "longitude" ? Number(value) : value.trim();
    }
    setBusy(true);
    try {
      const done = await post<{ id?: string | null }>("/api/v1/cases", body);
      tell(t("report.done"));
      location.hash = href("work", done?.id ?? null);
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
  };
  return (
    <article class="card">
      <a class="back" href={href("work")}>
        {t("work.back")}
      </a>
      <h2>{t("report.new")}</h2>
      <p class="dim">{t("report.about")}</p>
      <form class="step-form" ref={form} onSubmit={(event) => void submit(event)}>
        <div class="fields">
          <label>
            {t("case.source")}
            <select name="source" required>
              {profile.sources.filter((source) => source.name !== "iot").map((source) => (
                <option key={source.name} value={source.name}>
                  {lang === "zh" ? source.zh : source.en}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t("report.reporter")}
            <input name="reporter" maxLength={LONGEST_NAME} />
          </label>
          <label>
            {t("report.severity")}
            <select name="severity">
              {SEVERITIES.map((severity) => (
                <option key={severity} value={severity}>
                  {w("severity", severity)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div class="fields">
          <label>
            {t("case.class")}
            <select name="class" required value={classId} onChange={(event) => setClass(event.currentTarget.value)}>
              <option value="" disabled>
                {t("report.choose")}
              </option>
              {[...new Set(profile.classes.map((each) => `${each.kind}/${each.big_name}`))].map((big) => (
                <optgroup key={big} label={big.slice(big.indexOf("/") + 1)}>
                  {profile.classes
                    .filter((each) => `${each.kind}/${each.big_name}` === big)
                    .map((each) => (
                      <option key={each.id} value={each.id}>
                        {each.code} {each.name}
                      </option>
                    ))}
                </optgroup>
              ))}
            </select>
          </label>
          {chosen !== undefined && chosen.standards.length > 0 && (
            <label class="broad">
              {t("report.standard")}
              <select name="standard" key={chosen.id}>
                {chosen.standards.map((row) => (
                  <option key={row.id} value={row.id}>
                    {row.filing} ({limitText(row, texts)})
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
        <label>
          {t("report.text")}
          <textarea name="text" rows={3} maxLength={600} required />
        </label>
        <div class="fields">
          {PLACE.map((name) => (
            <label key={name}>
              {w("reportPlace", name)}
              <input name={name} maxLength={LONGEST_NAME} defaultValue={name === "district" && me.districts.length === 1 ? me.districts[0] : ""} />
            </label>
          ))}
          <label>
            {t("case.owner")}
            <input name="department" maxLength={LONGEST_NAME} list="departments" />
            <datalist id="departments">
              {profile.departments.map((department) => (
                <option key={department} value={department} />
              ))}
            </datalist>
          </label>
          <label>
            {t("report.latitude")}
            <input name="latitude" type="number" step="any" min="-90" max="90" />
          </label>
          <label>
            {t("report.longitude")}
            <input name="longitude" type="number" step="any" min="-180" max="180" />
          </label>
        </div>
        <div class="buttons">
          <button type="submit" class="main" disabled={busy}>
            {t("report.send")}
          </button>
          <a class="button" href={href("work")}>
            {t("app.cancel")}
          </a>
        </div>
      </form>
    </article>
  );
}
