// What can be done with a draft, beneath its editor: mistakes, tests, difference, backtest, shadow, publication.

import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { mayPublish, mayTry } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import { href } from "../router.ts";
import type { Check, Diff, Files } from "../types_rules.ts";
import { useAsk } from "./ask.ts";
import { Waiting } from "./bits.tsx";
import { DiffText } from "./diff.tsx";
import { PublishForm } from "./publish_form.tsx";
import { Mistakes, TestRunner } from "./test_report.tsx";
import { TrialForm } from "./trial_form.tsx";

const TABS = ["check", "test", "diff", "try", "shadow", "publish"] as const;
type Tab = (typeof TABS)[number];

interface Props {
  first: string | null;
  files: Files;
  /** The file in the editor. */
  file: string | null;
  changes: number;
  trial: string | null;
  check: Check | null;
  goTo: (file: string, line: number) => void;
  /** It was published. */
  done: () => void;
}

export function DraftTools({ first, files, file, changes, trial, check, goTo, done }: Props) {
  const { me } = useApp();
  const { t } = useTexts();
  const [tab, setTab] = useState<Tab>(TABS.find((each) => each === first) ?? "check");
  const may: Record<Tab, boolean> = { check: true, diff: true, test: mayPublish(me.roles), try: mayTry(me.roles), shadow: mayPublish(me.roles), publish: mayPublish(me.roles) };
  const errors = (check?.mistakes ?? []).filter((mistake) => mistake.severity !== "warning").length;
  return (
    <section class="section tools">
      <div class="tabs" role="tablist">
        {TABS.filter((each) => may[each]).map((each) => (
          <button key={each} role="tab" aria-selected={each === tab} class={each === tab ? "here" : ""} onClick={() => setTab(each)}>
            {t(`draftTab.${each}`)}
            {each === "check" && errors > 0 && <span class="count over">{errors}</span>}
          </button>
        ))}
        <span class={`hint push ${errors > 0 ? "bad" : "dim"}`} role="status">
          {check === null ? `${t("draft.checking")}…` : errors === 0 ? t("draft.good") : t("draft.mistakes", { count: errors })}
        </span>
      </div>
      <div class="tool-body">
        {tab === "check" && check !== null && <Mistakes mistakes={check.mistakes} goTo={goTo} />}
        {tab === "test" && <TestRunner files={async () => files} file={file} goTo={goTo} />}
        {tab === "diff" && <DraftDiff files={files} />}
        {tab === "try" && <TrialForm draft={async () => files} />}
        {tab === "shadow" && <ShadowForm files={files} />}
        {tab === "publish" && <PublishForm files={files} changes={changes} trial={trial} done={done} />}
      </div>
    </section>
  );
}

/** What the draft changes of what is live. */
function DraftDiff({ files }: { files: Files }) {
  const loaded = useLoaded(() => post<Diff>("/api/v1/rules/diff", { files }), [files]);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return <DiffText text={loaded.value.text} />;
}

function ShadowForm({ files }: { files: Files }) {
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const [reason, setReason] = useState("");
  const start = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await ask(() => post("/api/v1/rules/shadow", { files, reason: reason.trim() }), t("shadow.started"))) location.hash = href("shadow");
  };
  return (
    <form class="step-form" onSubmit={(event) => void start(event)}>
      <p class="dim">{t("shadow.about")}</p>
      <label class="wide">
        {t("shadow.reason")}
        <input name="reason" maxLength={300} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="buttons">
        <button type="submit" class="main" disabled={busy}>
          {t("shadow.start")}
        </button>
      </div>
    </form>
  );
}
