// The live rule pack: what each rule is for, its text (read only), and earlier packs.

import { useEffect, useRef } from "preact/hooks";
import { get } from "../api.ts";
import { kindLabel, useApp, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { SeverityMark, Waiting } from "../parts/bits.tsx";
import { PackList } from "../parts/pack_list.tsx";
import { RuleMarks, RuleState } from "../parts/rule_state.tsx";
import { href } from "../router.ts";
import type { Rule, RuleDetail, Rules, Severity } from "../types.ts";

const SEVERITIES = ["info", "minor", "major", "critical"];

export function RulesPage({ id, line }: { id: string | null; line: number }) {
  const { epoch } = useApp();
  const { t, w } = useTexts();
  const loaded = useLoaded(() => get<Rules>("/api/v1/rules"), [epoch]);
  const rules = loaded.value;
  if (rules === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  if (rules.pack === null) return <p class="dim pad">{t("rules.none")}</p>;
  return (
    <div class={`split ${id === null ? "" : "chosen"}`}>
      <div class="list-side">
        <div class="pack">
          {t("rules.live")} <span class="mono">{rules.pack.version.slice(0, 12)}</span>
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
        <PackList packs={rules.packs} done={loaded.reload} />
      </div>
      <div class="card-side">{id === null ? <p class="dim pad">{t("rules.choose")}</p> : <Source key={id} id={id} line={line} />}</div>
    </div>
  );
}

function RuleRow({ rule, here }: { rule: Rule; here: boolean }) {
  const { kinds, lang } = useApp();
  const { w } = useTexts();
  const severity = rule.facts["severity"] ?? "";
  return (
    <li class={`case ${here ? "here" : ""}`} onClick={() => (location.hash = href("rules", rule.id))}>
      {SEVERITIES.includes(severity) ? <SeverityMark severity={severity as Severity} active={false} /> : <span />}
      <div class="what">
        <div class="title">
          {w("condition", rule.facts["condition"] ?? rule.id)} <span class="mono dim">{rule.id}</span>
          {rule.now && <RuleMarks now={rule.now} />}
        </div>
        <div class="dim under">{rule.doc.split("\n").join(" ")}</div>
      </div>
      <div class="right dim">{rule.facts["kind"] === undefined ? "" : kindLabel(kinds, rule.facts["kind"], lang)}</div>
    </li>
  );
}

function Source({ id, line }: { id: string; line: number }) {
  const { t } = useTexts();
  const loaded = useLoaded(() => get<RuleDetail>(`/api/v1/rules/${encodeURIComponent(id)}`), [id]);
  const text = useRef<HTMLPreElement>(null);
  const rule = loaded.value;
  useEffect(() => text.current?.querySelector(".here")?.scrollIntoView({ block: "center" }), [rule, line]);
  if (rule === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return (
    <article class="card">
      <a class="back" href={href("rules")}>
        {t("work.back")}
      </a>
      <header class="card-head">
        <div class="card-title">
          <h2 class="mono">{rule.file}</h2>
          <p class="dim">
            {t("rules.readOnly")} · <span class="mono">{rule.pack.slice(0, 12)}</span>
          </p>
        </div>
      </header>
      {rule.now && <RuleState id={rule.id} state={rule.now} />}
      <pre class="source whole" ref={text}>
        {rule.source.replace(/\n$/, "").split("\n").map((content, index) => (
          <div key={index} class={index + 1 === line ? "here" : content.trimStart().startsWith("//") ? "comment" : ""}>
            <span class="line-number">{index + 1}</span>
            <span>{content || " "}</span>
          </div>
        ))}
      </pre>
    </article>
  );
}
