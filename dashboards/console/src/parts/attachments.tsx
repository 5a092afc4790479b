// Photos, voice notes and documents of a case: seen before and after, added from a desk or a phone's camera.

import { useRef, useState } from "preact/hooks";
import { get, query, upload } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { momentText, sizeText } from "../logic/format.ts";
import { useLoaded } from "../load.ts";
import type { CaseDetail } from "../types.ts";
import { failureText, Section } from "./bits.tsx";

interface Attachment {
  sha256: string;
  media_type: string;
  bytes: number;
  purpose: "report" | "handling" | "check";
  name: string;
  url: string;
  time: string;
  actor: string;
}

const PURPOSES = ["report", "handling", "check"] as const;
/** Pictures that browsers show. */
const SHOWN = ["image/jpeg", "image/png", "image/webp"];
/** What the gateway takes, by the bytes and whatever the name says. */
const TAKEN = "image/jpeg,image/png,image/webp,image/heic,application/pdf,video/mp4,audio/mp4,audio/x-m4a,audio/amr,.amr,.m4a,.heic";
/** The longest name in letters: three bytes each of what the gateway takes. */
const LONGEST_NAME = 60;

export function Attachments({ item }: { item: CaseDetail }) {
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const path = `/api/v1/cases/${encodeURIComponent(item.id)}/attachments`;
  const loaded = useLoaded(() => get<{ items: Attachment[] }>(path), [item.id, item.updated]);
  const files = loaded.value?.items ?? [];
  const may = item.actions.some((action) => action.step === "attach");
  if (loaded.value === null || (files.length === 0 && !may)) return null;
  return (
    <Section title={t("file.title")} side={files.length > 0 ? files.length : undefined}>
      {PURPOSES.map((purpose) => {
        const own = files.filter((file) => file.purpose === purpose);
        return own.length === 0 ? null : (
          <div key={purpose} class="files-of">
            <h4>{w("filePurpose", purpose)}</h4>
            <ul>
              {own.map((file) => (
                <li key={file.sha256}>
                  <a href={file.url} target="_blank" rel="noreferrer" title={`${file.actor} ${momentText(file.time, now)}`}>
                    {SHOWN.includes(file.media_type) ? <img src={file.url} alt={file.name || w("filePurpose", purpose)} loading="lazy" /> : <span class="file-kind">{file.media_type.split("/")[1]}</span>}
                    <span class="file-name">{file.name || momentText(file.time, now)}</span>
                  </a>
                  <span class="dim">
                    {file.actor} · {sizeText(file.bytes)}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
      {may && <AddFile path={path} done={loaded.reload} />}
    </Section>
  );
}

function AddFile({ path, done }: { path: string; done: () => void }) {
  const { tell } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  const input = useRef<HTMLInputElement>(null);
  const [purpose, setPurpose] = useState("");
  const [waiting, setWaiting] = useState(0);
  const add = async (chosen: FileList | null): Promise<void> => {
    const files = [...(chosen ?? [])];
    setWaiting(files.length);
    for (const file of files) {
      try {
        await upload(query(path, { name: file.name.slice(0, LONGEST_NAME), purpose }), file.type || "application/octet-stream", file);
        tell(t("file.added", { name: file.name }));
      } catch (failure) {
        tell(`${file.name}: ${failureText(failure, texts)}`, "bad");
      }
      setWaiting((count) => count - 1);
    }
    if (input.current !== null) input.current.value = "";
    done();
  };
  return (
    <div class="buttons">
      <button disabled={waiting > 0} onClick={() => input.current?.click()}>
        {waiting > 0 ? t("file.adding", { count: waiting }) : t("file.add")}
      </button>
      <input ref={input} type="file" multiple hidden accept={TAKEN} onChange={(event) => void add(event.currentTarget.files)} />
      <select aria-label={t("file.purpose")} value={purpose} onChange={(event) => setPurpose(event.currentTarget.value)}>
        <option value="">{t("file.byState")}</option>
        {PURPOSES.map((each) => (
          <option key={each} value={each}>
            {w("filePurpose", each)}
          </option>
        ))}
      </select>
    </div>
  );
}
