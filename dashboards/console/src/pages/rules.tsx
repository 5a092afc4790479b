// The live rules: what each is for, how it runs and what it costs, its text, its tests, why it does not fire, and
// pausing it.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { kindLabel, useApp, useTexts } from "../context.tsx";
import { docIn } from "../logic/doc.ts";
import { mayPause, mayPublish, mayTry } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import { useAsk } from "../parts/ask.ts";
import { Section, SeverityMark, Waiting } from "../parts/bits.tsx";
import { packFiles } from "../parts/draft_files.ts";
import { Parameters } from "../parts/parameters.tsx";
import { WhyNotForm } from "../parts/rule_evaluation.tsx";
import { RuleMarks, RuleState } from "../parts/rule_state.tsx";
import { RulesTabs } from "../parts/rules_tabs.tsx";
import { TestRunner } from "../parts/test_report.tsx";
import { href } from "../router.ts";
import type { Rule, RuleDetail, Rules, Severity } from "../types.ts";

const SEVERITIES = ["info", "minor", "major", "critical"];
/** The longest reason in letters: three bytes each of what the gateway takes. */
const LONGEST_REASON = 160;

export function RulesPage({ id, line }: { id: string | null; line: number }) {
  const { epoch } = useApp();
  const { t, w } = useTexts();
  const loaded = useLoaded(() => get<Rules>("/api/v1/rules"), [epoch]);
  const rules = loaded.value;
  return (
    <RulesTabs here="rules">
      {rules === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      {rules !== null && rules.pack === null && <p class="dim pad">{t("rules.none")}</p>}
      {rules !== null && rules.pack !== null && (
        <div class={`split ${id === null ? "" : "chosen"}`}>
          <div class="list-side">
            <div class="pack">
              {t("rules.live")} <a class="mono" href={href("versions", rules.pack.id)}>{rules.pack.version.slice(0, 12)}</a>
              <span class="dim">
                {" "}
                · {t("rules.by")} {w("actor", rules.pack.by)}
              </span>
            </div>
            <ol class="cases">
              {rules.items.map((rule) => (
                <RuleRow key={rule.file} rule={rule} here={rule.id === id} />
              ))}
            </ol>
          </div>
          <div class="card-side">
            {id === null ? <p class="dim pad">{t("rules.choose")}</p> : <RuleCard key={id} id={id} line={line} changed={loaded.reload} />}
          </div>
        </div>
      )}
    </RulesTabs>
  );
}

function RuleRow({ rule, here }: { rule: Rule; here: boolean }) {
  const { kinds, lang } = useApp();
  const { w } = useTexts();
  const severity = rule.facts["severity"] ?? "";
  return (
    <li class={`case silence ${here ? "here" : ""}`}>
      {SEVERITIES.includes(severity) ? <SeverityMark severity={severity as Severity} active={false} /> : <span />}
      <div class="what">
        <div class="title">
          <a href={href("rules", rule.id)}>
            {w("condition", rule.facts["condition"] ?? rule.id)} <span class="mono dim">{rule.id}</span>
          </a>
          {rule.now && <RuleMarks now={rule.now} />}
        </div>
        <div class="dim under doc">{docIn(rule.doc, lang).join(" ")}</div>
      </div>
      <div class="right dim">{rule.facts["kind"] === undefined ? "" : kindLabel(kinds, rule.facts["kind"], lang)}</div>
    </li>
  );
}

function RuleCard({ id, line, changed }: { id: string; line: number; changed: () => void }) {
  const { me, lang } = useApp();
  const { t } = useTexts();
  const loaded = useLoaded(() => get<RuleDetail>(`/api/v1/rules/${encodeURIComponent(id)}`), [id]);
  const rule = loaded.value;
  if (rule === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const reload = (): void => {
    loaded.reload();
    changed();
  };
  return (
    <article class="card">
      <a class="back" href={href("rules")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2 class="mono">{rule.id}</h2>
          {docIn(rule.doc, lang).map((paragraph) => (
            <p class="dim doc" key={paragraph}>
              {paragraph}
            </p>
          ))}
        </div>
        <div class="buttons">
          {(mayTry(me.roles) || mayPublish(me.roles)) && (
            <a class="button" href={href("draft", rule.file)}>
              {t("rules.edit")}
            </a>
          )}
        </div>
      </header>
      <Pausing rule={rule} done={reload} />
      {rule.now && <RuleState id={rule.id} state={rule.now} />}
      <Parameters rule={rule.id} />
      <Section title={t("rules.whyNot")}>
        <WhyNotForm rule={rule.id} kind={rule.facts["kind"] ?? ""} />
      </Section>
      {mayPublish(me.roles) && (
        <Section title={t("draftTab.test")}>
          <TestRunner files={async () => (await packFiles(rule.pack)).files} file={rule.file} goTo={(_, at) => (location.hash = href("rules", rule.id, { line: at }))} />
        </Section>
      )}
      <Section title={t("rules.source")} side={<span class="mono">{rule.file}</span>}>
        <Source text={rule.source} line={line} />
      </Section>
    </article>
  );
}

/** Pausing takes a reason, which everybody on duty reads; resuming does not. */
function Pausing({ rule, done }: { rule: RuleDetail; done: () => void }) {
  const { me } = useApp();
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const [asked, setAsked] = useState(false);
  const [reason, setReason] = useState("");
  if (!mayPause(me.roles) || !rule.now) return null;
  const path = `/api/v1/rules/${encodeURIComponent(rule.id)}`;
  const pause = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await ask(() => post(`${path}/pause`, { reason: reason.trim() }), t("rules.pausedNow"))) {
      setAsked(false);
      setReason("");
      done();
    }
  };
  const resume = async (): Promise<void> => {
    if (await ask(() => post(`${path}/resume`, {}), t("rules.resumedNow"))) done();
  };
  return (
    <div class="actions spaced">
      {rule.now.paused && (
        <div class="buttons">
          <button class="main" disabled={busy} onClick={() => void resume()}>
            {t("rules.resume")}
          </button>
        </div>
      )}
      {!rule.now.paused && !asked && (
        <div class="buttons">
          <button onClick={() => setAsked(true)}>{t("rules.pause")}</button>
        </div>
      )}
      {!rule.now.paused && asked && (
        <form class="step-form" onSubmit={(event) => void pause(event)}>
          <p class="dim">{t("rules.pauseAbout")}</p>
          <label class="wide">
            {t("rules.pauseReason")}
            <input name="reason" required autoFocus maxLength={LONGEST_REASON} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
          <div class="buttons">
            <button type="submit" class="grave" disabled={busy || reason.trim() === ""}>
              {t("rules.pause")}
            </button>
            <button type="button" onClick={() => setAsked(false)}>
              {t("app.cancel")}
            </button>
          </div>
        </form>
      )}
    </div>
  );
}

function Source({ text, line }: { text: string; line: number }) {
  const shown = useRef<HTMLPreElement>(null);
  useEffect(() => shown.current?.querySelector(".here")?.scrollIntoView({ block: "center" }), [text, line]);
  return (
    <pre class="source whole" ref={shown}>
      {text.replace(/\n$/, "").split("\n").map((content, index) => (
        <div key={index} class={index + 1 === line ? "here" : content.trimStart().startsWith("//") ? "comment" : ""}>
          <span class="line-number">{index + 1}</span>
          <span>{content || " "}</span>
        </div>
      ))}
    </pre>
  );
}
