// Late findings: what would have been raised, had the readings come in time.

import { kindLabel, useApp, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { href } from "../router.ts";
import type { Severity } from "../types.ts";
import { SeverityMark } from "./bits.tsx";
import { Paged } from "./paged.tsx";

interface Finding {
  rule: string;
  key: string;
  device: string;
  kind: string;
  district: string;
  condition: string;
  severity: Severity;
  opened: string;
  cleared: string | null;
  text_zh: string;
  text_en: string;
}

export function Findings() {
  const { kinds, lang } = useApp();
  const { t, w } = useTexts();
  const now = useNow(60_000);
  return (
    <div class="sheet">
      <h2 class="sheet-title">
        {t("adminTab.findings")} <span class="dim">{t("finding.about")}</span>
      </h2>
      <Paged<Finding> path="/api/v1/findings" parameters={{}}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="dim">{t("finding.none")}</p>
          ) : (
            <table class="grid full">
              <thead>
                <tr>
                  <th />
                  <th>{t("incident.what")}</th>
                  <th>{t("incident.device")}</th>
                  <th>{t("finding.opened")}</th>
                  <th>{t("finding.cleared")}</th>
                  <th>{t("why.rule")}</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.device} ${row.rule} ${row.key} ${row.opened}`}>
                    <td>
                      <SeverityMark severity={row.severity} active={false} />
                    </td>
                    <td>{(lang === "zh" ? row.text_zh : row.text_en) || w("condition", row.condition)}</td>
                    <td>
                      <a href={href("devices", row.device)}>{row.device}</a> <span class="dim">{kindLabel(kinds, row.kind, lang)}</span>
                    </td>
                    <td class="num">{momentText(row.opened, now)}</td>
                    <td class="num">{momentText(row.cleared, now)}</td>
                    <td>
                      <a href={href("rules", row.rule)}>{row.rule}</a>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Paged>
    </div>
  );
}
