// The decision log: what was decided about something and why, the newest first.

import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { momentText } from "../logic/format.ts";
import { href } from "../router.ts";
import type { Decision, Page } from "../types.ts";
import { Waiting } from "./bits.tsx";

/** Decisions of a page. */
const PAGE = 50;
/** What held something back: somebody may have expected a message that did not come. */
const HELD = ["silenced", "inhibited", "held_by_maintenance", "not_notified", "flapping_held"];

/** Folded until somebody asks: only then it is loaded. */
export function DecisionsFold({ parameters }: { parameters: Record<string, string> }) {
  const { t } = useTexts();
  const [open, setOpen] = useState(false);
  return (
    <details class="section decisions" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {t("decision.log")} <span class="dim">{t("decision.question")}</span>
      </summary>
      {open && <Decisions parameters={parameters} />}
    </details>
  );
}

/** The decisions that fit, page by page. */
export function Decisions({ parameters }: { parameters: Record<string, string | number> }) {
  const { epoch, tell } = useApp();
  const { t } = useTexts();
  const [more, setMore] = useState<Page<Decision> | null>(null);
  const load = (cursor: string | null): Promise<Page<Decision>> => get(query("/api/v1/decisions", { ...parameters, limit: PAGE, cursor }));
  const loaded = useLoaded(async () => {
    const page = await load(null);
    setMore(null);
    return page;
  }, [JSON.stringify(parameters), epoch]);
  if (loaded.value === null || loaded.failure !== null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const items = [...loaded.value.items, ...(more?.items ?? [])];
  const cursor = more === null ? loaded.value.cursor : more.cursor;
  const loadMore = (): void => {
    load(cursor).then(
      (page) => setMore((old) => ({ items: [...(old?.items ?? []), ...page.items], cursor: page.cursor })),
      () => tell(t("app.unreachable"), "bad"),
    );
  };
  if (items.length === 0) return <p class="dim pad">{t("decision.none")}</p>;
  return (
    <>
      <ol class="timeline decided">
        {items.map((item) => (
          <DecisionRow key={item.id} item={item} />
        ))}
      </ol>
      {cursor !== null && <button onClick={loadMore}>{t("app.more")}</button>}
    </>
  );
}

function DecisionRow({ item }: { item: Decision }) {
  const { t, w, lang } = useTexts();
  const now = useNow(60_000);
  const held = HELD.includes(item.what);
  return (
    <li>
      <span class="num dim">{momentText(item.time, now)}</span>
      <span class={held ? "held" : ""}>{w("decided", item.what)}</span>
      <span class="wrap">
        {(lang === "zh" ? item.text_zh : item.text_en) || item.why}
        {item.who !== null && <strong> · {item.who}</strong>}
        <References item={item} />
        <span class="note">
          {item.device !== null && <a href={href("devices", item.device)}>{item.device}</a>}
          {item.rule !== "" && <> · <a href={href("rules", item.rule)}>{item.rule}</a></>}
          {item.incident !== null && <> · <a href={href("incidents", item.incident)}>{t("decision.incident")}</a></>}
          {item.case !== null && <> · <a href={href("work", item.case)}>{t("incident.case")}</a></>}
          {item.note !== "" && <> · {item.note}</>}
        </span>
      </span>
    </li>
  );
}

/** What stood behind a decision: a silence, an incident, or another case, by what was decided. */
function References({ item }: { item: Decision }) {
  const { t } = useTexts();
  const pages: Record<string, string> = { silence_covers: "silences", silence_over: "silences", storm_began: "incidents", storm_member: "incidents", cause_covers: "incidents", cause_over: "incidents" };
  const page = item.what === "folded" ? "work" : pages[item.why];
  if (page === undefined) return null;
  return (
    <>
      {item.refs.map((id) => (
        <a key={id} href={href(page, id)}>
          {" "}
          {page === "silences" ? t("decision.toSilence") : page === "work" ? t("decision.toCase") : t("decision.toCause")}
        </a>
      ))}
    </>
  );
}
