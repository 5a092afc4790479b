// The shadow: a draft beside the live rules over live messages, what it would have changed by now, and what it costs.

import { get, remove } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { countText, momentText } from "../logic/format.ts";
import { mayPublish } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import { useAsk } from "../parts/ask.ts";
import { Facts, Waiting } from "../parts/bits.tsx";
import { RulesTabs } from "../parts/rules_tabs.tsx";
import { TrialReportView } from "../parts/trial_report.tsx";
import { href } from "../router.ts";
import type { Shadow } from "../types_rules.ts";

/** How often the shadow is asked: each answer makes it sum up anew, in milliseconds. */
const EVERY_MS = 10_000;
/** A shadow that is no further behind than this has caught up. */
const CAUGHT_UP = 1_000;

export function ShadowPage() {
  const { me, epoch } = useApp();
  const { t, w } = useTexts();
  const { busy, ask } = useAsk();
  const now = useNow(EVERY_MS);
  const loaded = useLoaded(() => get<{ shadow: Shadow | null }>("/api/v1/rules/shadow"), [epoch, Math.floor(now / EVERY_MS)]);
  const stop = async (): Promise<void> => {
    if (await ask(() => remove("/api/v1/rules/shadow"), t("shadow.stopped"))) loaded.reload();
  };
  const shadow = loaded.value?.shadow ?? null;
  return (
    <RulesTabs here="shadow">
      <div class="sheet">
        <div class="bar">
          <h2>{t("shadow.title")}</h2>
          <span class="dim">{t("shadow.about")}</span>
          <span class="push" />
          {shadow !== null && mayPublish(me.roles) && (
            <button disabled={busy} onClick={() => void stop()}>
              {t("shadow.stop")}
            </button>
          )}
        </div>
        {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
        {loaded.value !== null && shadow === null && (
          <p class="pad dim">
            {t("shadow.none")} · <a href={href("draft", null, { tab: "shadow" })}>{t("shadow.fromDraft")}</a>
          </p>
        )}
        {shadow !== null && (
          <>
            <Facts
              rows={[
                [t("rules.state"), <span class={shadow.state === "dropped_out" || shadow.state === "failed" ? "bad" : "strong"}>{w("shadowState", shadow.state)}</span>],
                [t("why.version"), <span class="mono">{shadow.version.slice(0, 12)}</span>],
                [t("rules.by"), `${w("actor", shadow.by)} ${t("shadow.since", { time: momentText(new Date(shadow.since).toISOString(), now) })}`],
                [t("shadow.reason"), shadow.reason],
                ["", shadow.behind > CAUGHT_UP ? <span class="holds">{t("shadow.behind", { count: countText(shadow.behind) })}</span> : ""],
                ["", shadow.anew ? t("shadow.anew") : ""],
              ]}
            />
            {shadow.note !== "" && <p class="notice over">{shadow.note}</p>}
            {shadow.report !== null && <TrialReportView report={shadow.report} />}
          </>
        )}
      </div>
    </RulesTabs>
  );
}
