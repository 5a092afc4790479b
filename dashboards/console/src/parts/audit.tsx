// Who did what, the newest first, with the gateway's verdict.

import { useState } from "preact/hooks";
import { useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { Paged } from "./paged.tsx";

interface AuditRow {
  id: string;
  time: string;
  user: string;
  action: string;
  subject: string;
  verdict: string;
}

export function Audit() {
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const [refused, setRefused] = useState(false);
  return (
    <div class="sheet">
      <div class="bar">
        <h2>{t("adminTab.audit")}</h2>
        <label class="check">
          <input type="checkbox" checked={refused} onChange={(event) => setRefused(event.currentTarget.checked)} />
          {t("audit.only")}
        </label>
      </div>
      <Paged<AuditRow> path="/api/v1/audit" parameters={{}}>
        {(rows) => (
          <table class="grid full">
            <thead>
              <tr>
                {(["time", "user", "action", "subject", "verdict"] as const).map((column) => (
                  <th key={column}>{t(`audit.${column}`)}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows
                .filter((row) => !refused || row.verdict !== "accepted")
                .map((row) => (
                  <tr key={row.id}>
                    <td class="num dim">{momentText(row.time, now)}</td>
                    <td>{w("actor", row.user)}</td>
                    <td>
                      <ActionText action={row.action} />
                    </td>
                    <td class="mono wrap">{row.subject}</td>
                    <td class={`wrap ${row.verdict === "accepted" ? "dim" : "holds"}`}>{row.verdict === "accepted" ? t("audit.accepted") : row.verdict}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        )}
      </Paged>
    </div>
  );
}

/** An action or a step of a case, by its text; a word without one as it is. */
function ActionText({ action }: { action: string }) {
  const { w } = useTexts();
  const text = [w("action", action), w("step", action)].find((each) => each !== action);
  return text === undefined ? <span class="mono">{action}</span> : <span title={action}>{text}</span>;
}
