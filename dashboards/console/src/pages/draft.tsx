// The draft of the rules: edited in this browser, checked while it is written, tested, compared, tried over the
// archive, put into the shadow and published, without leaving the page.

import { useEffect, useMemo, useState } from "preact/hooks";
import { post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { changeCount, type Draft, filesOf, keepDraft, nameFault, readDraft, rebased, ruleTemplate, withFile } from "../logic/draft.ts";
import { useLoaded } from "../load.ts";
import { Waiting } from "../parts/bits.tsx";
import { packFiles } from "../parts/draft_files.ts";
import { DraftTools } from "../parts/draft_tools.tsx";
import { Editor } from "../parts/editor.tsx";
import { RulesTabs } from "../parts/rules_tabs.tsx";
import { href } from "../router.ts";
import type { Check, Files, PackFiles } from "../types_rules.ts";

/** Typing is over when no key came for so long, in milliseconds. */
const TYPING_MS = 500;

export function DraftPage({ id, search }: { id: string | null; search: URLSearchParams }) {
  const { epoch } = useApp();
  const loaded = useLoaded(async () => {
    const live = await packFiles("live");
    const draft = readDraft();
    const base = draft === null || draft.base === live.version ? live : await packFiles(draft.base).catch(() => live);
    return { live, base };
  }, [epoch]);
  return (
    <RulesTabs here="draft">
      {loaded.value === null ? (
        <Waiting failure={loaded.failure} reload={loaded.reload} />
      ) : (
        <Workbench key={loaded.value.base.version + loaded.value.live.version} {...loaded.value} file={id} search={search} reload={loaded.reload} />
      )}
    </RulesTabs>
  );
}

interface Props {
  live: PackFiles;
  base: PackFiles;
  file: string | null;
  search: URLSearchParams;
  reload: () => void;
}

function Workbench({ live, base, file, search, reload }: Props) {
  const { t } = useTexts();
  const [draft, setDraft] = useState<Draft>(() => readDraft() ?? { base: base.version, changed: {}, trial: null });
  const [goTo, setGoTo] = useState<{ line: number } | null>(null);
  const files = useMemo(() => filesOf(base.files, draft), [base, draft]);
  const check = useCheck(files);
  const change = (next: Draft): void => {
    setDraft(next);
    keepDraft(changeCount(next) === 0 ? null : next);
  };
  const edit = (name: string, text: string | null): void => change(withFile(draft, base.files, name, text));
  const line = Number(search.get("line") ?? 0);
  useEffect(() => {
    if (line > 0) setGoTo({ line });
  }, [file, line]);
  const go = (name: string, at: number): void => {
    location.hash = href("draft", name);
    setGoTo({ line: at });
  };
  const done = (): void => {
    keepDraft(null);
    setDraft({ base: live.version, changed: {}, trial: null });
    reload();
  };
  const text = file === null ? undefined : files[file];
  const marked = (check?.mistakes ?? []).filter((mistake) => mistake.file === file).map((mistake) => mistake.line);
  return (
    <div class={`split ${file === null ? "" : "chosen"}`}>
      <div class="list-side">
        <DraftHead draft={draft} live={live} change={change} reload={reload} discard={done} />
        <FileList files={files} base={base.files} draft={draft} here={file} check={check} edit={edit} />
      </div>
      <div class="card-side">
        <article class="card broad">
          <a class="back" href={href("draft")}>
            {t("work.back")}
          </a>
          {file !== null && text !== undefined && (
            <>
              <header class="card-head">
                <div class="card-title">
                  <h2 class="mono">{file}</h2>
                </div>
                <div class="buttons">
                  {file in draft.changed && file in base.files && <button onClick={() => edit(file, base.files[file] ?? null)}>{t("draft.revert")}</button>}
                  <button class="plain" onClick={() => edit(file, null)}>
                    {t("draft.removeFile")}
                  </button>
                </div>
              </header>
              <Editor label={t("draft.editor")} text={text} marked={marked} goTo={goTo} change={(next) => edit(file, next)} />
            </>
          )}
          {(file === null || text === undefined) && <p class="dim pad">{file !== null && draft.changed[file] === null ? t("draft.removed") : t("draft.choose")}</p>}
          <DraftTools
            key={search.get("tab") ?? ""}
            first={search.get("tab")}
            files={files}
            file={text === undefined ? null : file}
            changes={changeCount(draft)}
            trial={draft.trial}
            check={check}
            goTo={go}
            done={done}
          />
        </article>
      </div>
    </div>
  );
}

/** What the checker says of the files, a moment after the last key. `null`: it has not said yet. */
function useCheck(files: Files): Check | null {
  const [check, setCheck] = useState<Check | null>(null);
  useEffect(() => {
    let isNewest = true;
    const timer = window.setTimeout(() => {
      post<Check>("/api/v1/rules/check", { files }).then(
        (found) => isNewest && setCheck(found),
        () => isNewest && setCheck(null),
      );
    }, TYPING_MS);
    return () => {
      isNewest = false;
      window.clearTimeout(timer);
    };
  }, [files]);
  return check;
}

interface HeadProps {
  draft: Draft;
  live: PackFiles;
  change: (draft: Draft) => void;
  reload: () => void;
  discard: () => void;
}

function DraftHead({ draft, live, change, reload, discard }: HeadProps) {
  const { t } = useTexts();
  const [sure, setSure] = useState(false);
  const changes = changeCount(draft);
  const stale = changes > 0 && draft.base !== live.version;
  return (
    <div class="pack">
      <p>
        <strong>{t("draft.title")}</strong> <span class="dim">{t("draft.base", { version: draft.base.slice(0, 12) })}</span>
      </p>
      <p class="dim">{t("draft.about")}</p>
      {stale && (
        <p class="notice over">
          {t("draft.stale", { version: live.version.slice(0, 12) })}{" "}
          <button
            onClick={() => {
              change(rebased(draft, live.version, live.files));
              reload();
            }}
          >
            {t("draft.rebase")}
          </button>
        </p>
      )}
      <p class="buttons">
        <span class="hint">{changes === 0 ? t("draft.unchanged") : t("draft.changed", { count: changes })}</span>
        {changes > 0 && !sure && (
          <button class="plain push" onClick={() => setSure(true)}>
            {t("draft.discard")}
          </button>
        )}
      </p>
      {sure && (
        <p class="buttons">
          <span class="hint">{t("draft.discardSure")}</span>
          <button class="grave" onClick={discard}>
            {t("draft.discard")}
          </button>
          <button onClick={() => setSure(false)}>{t("app.cancel")}</button>
        </p>
      )}
    </div>
  );
}

interface ListProps {
  files: Files;
  base: Files;
  draft: Draft;
  here: string | null;
  check: Check | null;
  edit: (name: string, text: string | null) => void;
}

function FileList({ files, base, draft, here, check, edit }: ListProps) {
  const { t } = useTexts();
  const [wanted, setWanted] = useState("");
  const [name, setName] = useState("");
  const fault = name === "" ? null : nameFault(name, files);
  // A removed file stays in the list, so that it can be brought back.
  const names = [...new Set([...Object.keys(base), ...Object.keys(files)])].sort().filter((each) => each.includes(wanted.trim()));
  const create = (event: Event): void => {
    event.preventDefault();
    if (name === "" || fault !== null) return;
    edit(`${name}.rhai`, ruleTemplate(name));
    setName("");
    location.hash = href("draft", `${name}.rhai`);
  };
  const mistakes = (file: string): number => (check?.mistakes ?? []).filter((mistake) => mistake.file === file && mistake.severity !== "warning").length;
  return (
    <>
      <div class="bar pad-x">
        <input type="search" class="grow" placeholder={t("draft.filter")} aria-label={t("draft.filter")} value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
      </div>
      <ol class="cases files">
        {names.map((each) => (
          <li key={each} class={`case silence ${each === here ? "here" : ""}`}>
            <span class={`dot ${each in draft.changed ? "active" : "ended"}`} aria-hidden="true" />
            <div class="what">
              <div class="title">
                <a class="mono" href={href("draft", each)}>
                  {each}
                </a>
                {draft.changed[each] === null && <span class="badge quiet">{t("draft.removed")}</span>}
                {mistakes(each) > 0 && <span class="badge over">{t("draft.mistakes", { count: mistakes(each) })}</span>}
              </div>
            </div>
          </li>
        ))}
      </ol>
      <form class="bar pad-x" onSubmit={create}>
        <input class="grow mono" aria-label={t("draft.newFile")} placeholder={`${t("draft.newFile")}: ${t("draft.newFileHint")}`} maxLength={80} value={name} onInput={(event) => setName(event.currentTarget.value.trim())} />
        <button disabled={name === "" || fault !== null}>{t("draft.create")}</button>
        {fault !== null && <span class="holds">{t(`draft.${fault}`)}</span>}
      </form>
    </>
  );
}
