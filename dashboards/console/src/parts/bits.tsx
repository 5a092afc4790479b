// Small pieces that several pages use.

import type { ComponentChildren } from "preact";
import { ApiFailure } from "../api.ts";
import { type Texts, useTexts } from "../context.tsx";
import { type Countdown, countdown } from "../logic/format.ts";
import { groupOf, isNamed } from "../logic/worklist.ts";
import type { Case, Deadline, Severity } from "../types.ts";

/** The severity by shape first, then by colour: a full diamond, a triangle, a ring, a bar. */
export function SeverityMark({ severity, active }: { severity: Severity; active: boolean }) {
  const { w } = useTexts();
  const label = w("severity", severity);
  return (
    <svg class={`mark ${severity} ${active ? "active" : ""}`} viewBox="0 0 16 16" role="img" aria-label={label}>
      <title>{label}</title>
      {severity === "critical" && <path d="M8 0.8 15.2 8 8 15.2 0.8 8z" />}
      {severity === "major" && <path d="M8 1.8 15 14.2H1z" />}
      {severity === "minor" && <circle cx="8" cy="8" r="5.4" class="ring" />}
      {severity === "info" && <path d="M2.5 6.5h11v3h-11z" />}
    </svg>
  );
}

/** What a case or an incident is about. */
export function titleOf(item: { text_zh: string; text_en: string; condition: string }, { lang, w }: Texts): string {
  return (lang === "zh" ? item.text_zh : item.text_en) || w("condition", item.condition);
}

/** What a case is about, and the part's name unless that is said already. */
export function namedTitle(item: Case, texts: Texts): string {
  const title = titleOf(item, texts);
  const name = item.asset_name || item.asset;
  return isNamed(title, name) ? title : `${title} ${name}`;
}

/** Where a case is: the part's name, or, where the title has that already, its district. */
export function placeOf(item: Case, texts: Texts): string {
  const name = item.asset_name || item.asset;
  return isNamed(titleOf(item, texts), name) && item.district !== "" ? item.district : name;
}

/** The row of a part among the facts; a group is called what it is. */
export function assetRow(asset: string, { t, w }: Texts): [string, ComponentChildren] {
  const group = groupOf(asset);
  return [group === null ? t("case.asset") : w("scope", group.by), <span class="mono">{group === null ? asset : group.name}</span>];
}

/** What a case's clock says now. */
export function clockOf(item: Case, now: number, texts: Texts): Countdown | null {
  if (item.deadline === null || item.final) return null;
  return countdown(item.deadline.due, item.deadline.started, now, texts.lang);
}

/** A limit in words: `2 working h`. */
export function limitText(limit: Pick<Deadline, "limit" | "amount">, { w }: Texts): string {
  return w("limit", limit.limit).replace("{amount}", String(limit.amount));
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows
        .filter(([, value]) => value !== null && value !== "")
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Section(props: { title: string; side?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="section">
      <h3>
        {props.title}
        {props.side !== undefined && <span class="side">{props.side}</span>}
      </h3>
      {props.children}
    </section>
  );
}

/** Why something is not there: loading, or the server's words. */
export function Waiting({ failure, reload }: { failure: ApiFailure | null; reload?: () => void }) {
  const texts = useTexts();
  const { t } = texts;
  if (failure === null) return <p class="dim pad">{t("app.loading")}…</p>;
  return (
    <p class="pad bad">
      {failureText(failure, texts)}{" "}
      {reload !== undefined && <button onClick={reload}>{t("app.retry")}</button>}
    </p>
  );
}

/** Failures whose kind says all that staff can do about them. */
const PLAIN = ["internal", "timeout", "busy", "forbidden", "not_found", "unauthenticated"];

/** A failure for people: what kind in their language, then the server's words, which name the details. */
export function failureText(failure: unknown, { t, w, lang }: Texts): string {
  if (!(failure instanceof ApiFailure)) return String(failure);
  if (failure.status === 0) return t("app.unreachable");
  const details = failure.hint === null ? failure.message : `${failure.message} (${failure.hint})`;
  if (PLAIN.includes(failure.code)) return w("error", failure.code);
  return lang === "en" ? details : `${w("error", failure.code)}: ${details}`;
}
