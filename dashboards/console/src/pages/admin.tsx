// Administration: accounts, who did what, what became of messages, who was refused at the door, the two sheets of a day, and what late readings
// would have raised.

import { useApp, useTexts } from "../context.tsx";
import { mayAudit, mayManageUsers, mayReadMessages } from "../logic/roles.ts";
import { Accounts } from "../parts/accounts.tsx";
import { Audit } from "../parts/audit.tsx";
import { DaySheets } from "../parts/day_sheets.tsx";
import { Findings } from "../parts/findings.tsx";
import { Messages } from "../parts/messages.tsx";
import { Refusals } from "../parts/refusals.tsx";
import { href } from "../router.ts";

const TABS = ["accounts", "audit", "messages", "refusals", "sheets", "findings"] as const;
type Tab = (typeof TABS)[number];

export function AdminPage({ id, search }: { id: string | null; search: URLSearchParams }) {
  const { me } = useApp();
  const { t } = useTexts();
  const may: Record<Tab, boolean> = { accounts: mayManageUsers(me.roles), audit: mayAudit(me.roles), messages: mayReadMessages(me.roles), refusals: mayReadMessages(me.roles), sheets: true, findings: true };
  const tabs = TABS.filter((each) => may[each]);
  const tab = tabs.find((each) => each === id) ?? tabs[0];
  return (
    <div class="tabbed">
      <div class="sub-tabs" role="tablist">
        {tabs.map((each) => (
          <a key={each} role="tab" aria-selected={each === tab} class={each === tab ? "here" : ""} href={href("admin", each)}>
            {t(`adminTab.${each}`)}
          </a>
        ))}
      </div>
      <div class="tab-body">
        {tab === "accounts" && <Accounts chosen={search.get("name")} />}
        {tab === "audit" && <Audit />}
        {tab === "messages" && <Messages search={search} />}
        {tab === "refusals" && <Refusals search={search} />}
        {tab === "sheets" && <DaySheets />}
        {tab === "findings" && <Findings />}
      </div>
    </div>
  );
}
