// How a rule of the live pack runs, what that has cost, and what went wrong in it last.

import { useNow, useTexts } from "../context.tsx";
import { countText, momentText } from "../logic/format.ts";
import { href } from "../router.ts";
import type { RuleNow } from "../types.ts";
import { Facts } from "./bits.tsx";

/** What is out of the ordinary, for the list: paused, failed, or run by the interpreter. */
export function RuleMarks({ now }: { now: RuleNow }) {
  const { t, w } = useTexts();
  return (
    <>
      {now.paused && <span class="badge over">{t("rules.paused")}</span>}
      {now.faults > 0 && <span class="badge over">{t("rules.faultCount", { count: countText(now.faults) })}</span>}
      {now.tier.tier !== "lowered" && <span class="badge quiet">{w("tier", now.tier.tier)}</span>}
    </>
  );
}

export function RuleState({ id, state }: { id: string; state: RuleNow }) {
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const { reason } = state.tier;
  const fault = state.last_fault;
  const line = (at: { line: number; message: string }) => (
    <>
      {at.message} <a href={href("rules", id, { line: at.line })}>{t("why.line", { line: at.line })}</a>
    </>
  );
  return (
    <Facts
      rows={[
        [t("rules.tier"), w("tier", state.tier.tier)],
        [t("rules.tierReason"), reason === null ? "" : line(reason)],
        [t("rules.state"), state.paused ? <span class="holds">{t("rules.paused")}</span> : ""],
        [t("rules.evaluations"), countText(state.evaluations)],
        [t("rules.operations"), state.evaluations === 0 ? "" : countText(Math.round(state.operations / state.evaluations))],
        [t("rules.signals"), countText(state.signals)],
        [t("rules.skipped"), state.skipped === 0 ? "" : countText(state.skipped)],
        [t("rules.faults"), state.faults === 0 ? "" : <span class="holds">{countText(state.faults)}</span>],
        [
          t("rules.lastFault"),
          fault === null ? "" : (
            <>
              {momentText(new Date(fault.time_ms).toISOString(), now)} <a href={href("devices", fault.device)}>{fault.device}</a> {line(fault)}
            </>
          ),
        ],
      ]}
    />
  );
}
