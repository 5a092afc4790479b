// The register as a file: download it, look what an upload would do, and take it. Good rows are taken, each bad one is
// named by its line.

import { useRef, useState } from "preact/hooks";
import { query, upload } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { countText } from "../logic/format.ts";
import { failureText } from "./bits.tsx";

interface Imported {
  rows: number;
  refused_count: number;
  refused: { row: number | null; message: string; field: string | null; hint: string | null }[];
}

/** Refusals that are listed. */
const LISTED = 50;
const PATH = "/api/v1/devices/import";

export function RegisterTools({ kind, done }: { kind: string; done: () => void }) {
  const { tell } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const [looked, setLooked] = useState<Imported | null>(null);
  const [replace, setReplace] = useState(false);
  const [busy, setBusy] = useState(false);
  const send = async (chosen: File, dryRun: boolean, replaces: boolean): Promise<void> => {
    setBusy(true);
    try {
      const parameters = { dry_run: dryRun ? "true" : null, replace: replaces ? "true" : "false" };
      const found = await upload<Imported>(query(PATH, parameters), "text/csv", chosen);
      setLooked(found);
      if (!dryRun) {
        tell(t("register.taken", { count: countText(found.rows) }));
        if (found.refused_count === 0) close();
        done();
      }
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
  };
  const choose = (chosen: File | null): void => {
    setFile(chosen);
    setLooked(null);
    if (chosen !== null) void send(chosen, true, replace);
  };
  const close = (): void => {
    setFile(null);
    setLooked(null);
    if (input.current !== null) input.current.value = "";
  };
  return (
    <>
      <a class="button push" href={query("/api/v1/devices/export", { kind })} download>
        {t("register.export")}
      </a>
      <button onClick={() => input.current?.click()}>{t("register.import")}</button>
      <input ref={input} type="file" accept=".csv,text/csv" hidden onChange={(event) => choose(event.currentTarget.files?.[0] ?? null)} />
      {file !== null && (
        <div class="step-form whole" role="group" aria-label={t("register.import")}>
          <p>
            <strong>{file.name}</strong> {busy && looked === null && `${t("app.loading")}…`}
            {looked !== null && t("register.would", { rows: countText(looked.rows), refused: countText(looked.refused_count) })}
          </p>
          <label class="check">
            <input
              type="checkbox"
              checked={replace}
              onChange={(event) => {
                setReplace(event.currentTarget.checked);
                void send(file, true, event.currentTarget.checked);
              }}
            />
            {t("register.replace")}
          </label>
          {looked !== null && looked.refused.length > 0 && (
            <ul class="refused">
              {looked.refused.slice(0, LISTED).map((row, index) => (
                <li key={index}>
                  {row.row !== null && <span class="num dim">{t("why.line", { line: row.row })} </span>}
                  <span class="mono">{row.field}</span> {row.message} <span class="dim">{row.hint}</span>
                </li>
              ))}
            </ul>
          )}
          <div class="buttons">
            <button class="main" disabled={busy || looked === null || looked.rows === 0} onClick={() => void send(file, false, replace)}>
              {t("register.take")}
            </button>
            <button onClick={close}>{t("app.cancel")}</button>
          </div>
        </div>
      )}
    </>
  );
}
