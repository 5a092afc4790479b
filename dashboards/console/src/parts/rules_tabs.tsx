// The pages of rules, under one heading: what is live, the draft, trials, the shadow, versions.

import type { ComponentChildren } from "preact";
import { useApp, useTexts } from "../context.tsx";
import { changeCount, readDraft } from "../logic/draft.ts";
import { mayEvaluate } from "../logic/roles.ts";
import { href } from "../router.ts";

const TABS = ["rules", "draft", "trials", "shadow", "versions", "costs"] as const;

export function RulesTabs({ here, children }: { here: (typeof TABS)[number]; children: ComponentChildren }) {
  const { me } = useApp();
  const { t } = useTexts();
  const changes = changeCount(readDraft());
  return (
    <div class="tabbed">
      <div class="sub-tabs" role="tablist">
        {TABS.filter((tab) => tab !== "costs" || mayEvaluate(me.roles)).map((tab) => (
          <a key={tab} role="tab" aria-selected={tab === here} class={tab === here ? "here" : ""} href={href(tab)}>
            {t(`rulesTab.${tab}`)}
            {tab === "draft" && changes > 0 && <span class="badge">{changes}</span>}
          </a>
        ))}
      </div>
      <div class="tab-body">{children}</div>
    </div>
  );
}
