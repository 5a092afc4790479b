// Where the calls about a case stand: who is called next and when, what stops it, who was told.

import { useApp, useNow, useTexts } from "../context.tsx";
import { escalationText } from "../logic/duty.ts";
import { lengthText, momentText } from "../logic/format.ts";
import { href } from "../router.ts";
import type { CaseDetail } from "../types.ts";

export function EscalationLine({ item }: { item: CaseDetail }) {
  const texts = useTexts();
  const { t } = texts;
  const now = useNow(1_000);
  if (item.final) return null;
  const { escalation } = item;
  const back = cameBack(item);
  if (escalation === null) {
    // Reports of people and minor things may have no chain; the decision log says why.
    return (
      <p class="escalation">
        <span class="dim">{t("escalation.title")}</span> {t("escalation.none")} <a href={href("decisions", null, { case: item.id, what: "not_notified" })}>{t("notice.whyNot")}</a>
      </p>
    );
  }
  const { text, urgent } = escalationText(item, escalation, now, texts);
  return (
    <p class={`escalation ${urgent ? "urgent" : ""}`}>
      <a class="dim" href={href("duty", "chains")} title={`${t("escalation.chain")} ${escalation.chain}`}>
        {t("escalation.title")}
      </a>{" "}
      {back !== null && <strong class="holds">{t("escalation.cameBack", { who: back })} · </strong>}
      <strong>{text}</strong>
      {escalation.next_at !== null && <span class="num dim"> {momentText(escalation.next_at, now)}</span>}
      {escalation.level > 0 && <span class="dim"> · {t("escalation.level", { level: escalation.level })}</span>}
      {escalation.told.length > 0 && <span class="dim"> · {t("escalation.told", { who: escalation.told.join(t("silence.comma")) })}</span>}
    </p>
  );
}

/** Who took the case over without moving it, while nobody has taken it over again. */
function cameBack(item: CaseDetail): string | null {
  if (item.acknowledged_by !== null) return null;
  const last = [...item.history].reverse().find((event) => event.action === "came_back" || event.action === "acknowledge");
  return last?.action === "came_back" ? last.note : null;
}

/** For a row of the work list: the next call, if one is near. */
export function NextCall({ at, who, now }: { at: string | null; who: string[]; now: number }) {
  const { lang } = useApp();
  const { t } = useTexts();
  if (at === null) return null;
  const left = Date.parse(at) - now;
  return (
    <span class="next-call" title={t("escalation.title")}>
      ↑ {who.join(t("silence.comma"))} {left <= 0 ? t("escalation.now") : lengthText(left, lang)}
    </span>
  );
}
