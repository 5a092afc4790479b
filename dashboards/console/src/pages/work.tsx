// The work list: cases by minutes left, one of them open beside it. The list never jumps under the cursor.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { momentText } from "../logic/format.ts";
import { mayReport } from "../logic/roles.ts";
import { arrange, firstTab, fits, isIn, move, type Tab, TABS, wanted } from "../logic/worklist.ts";
import { clockOf, placeOf, SeverityMark, titleOf } from "../parts/bits.tsx";
import { keyOf, useStep } from "../parts/case_actions.tsx";
import { CaseCard } from "../parts/case_card.tsx";
import { DutyStrip } from "../parts/duty_strip.tsx";
import { NextCall } from "../parts/escalation.tsx";
import { ReportForm } from "../parts/report_form.tsx";
import { href, replacePlace } from "../router.ts";
import type { Case, Page } from "../types.ts";

/** Closed cases that are shown: the newest. */
const CLOSED = 200;
/** Rows of the list: the most pressing. */
const ROWS = 300;
/** How long the list stays still after a key, in milliseconds. */
const STILL_AFTER_KEY_MS = 8_000;

export function WorkPage({ selected }: { selected: string | null }) {
  const { cases, me, epoch } = useApp();
  const { t } = useTexts();
  const now = useNow(1_000);
  const [tab, setTab] = useState<Tab>(() => firstTab(me.roles));
  const [search, setSearch] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const closed = useLoaded<Page<Case>>(
    async () => (tab === "closed" ? get(query("/api/v1/cases", { open: "false", limit: CLOSED })) : { items: [], cursor: null }),
    [tab, epoch],
  );
  const known = useMemo(() => {
    const all = new Map((closed.value?.items ?? []).map((item) => [item.id, item]));
    for (const [id, item] of cases) all.set(id, item);
    return all;
  }, [cases, closed.value]);
  const minute = Math.floor(now / 10_000);
  const fitting = useMemo(() => [...known.values()].filter((item) => fits(item, search)), [known, search]);
  const inTab = useMemo(() => wanted(fitting, tab, me, now), [fitting, tab, me, minute]);
  const next = useMemo(() => inTab.slice(0, ROWS), [inTab]);
  const { shown, waiting, still, hold, release, touch } = useStillList(next, `${tab} ${search}`, now);

  const choose = useCallback((id: string | null) => {
    if (id !== null) replacePlace(href("work", id));
  }, []);
  const take = useStep();
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select") !== null;
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const pressed = keyOf(event);
      if (pressed === "/") {
        event.preventDefault();
        field.current?.focus();
        return;
      }
      if (pressed === "j" || pressed === "k") {
        touch();
        choose(move(shown, selected, pressed === "j" ? 1 : -1));
      } else if (pressed === "a" && selected !== null) {
        const item = known.get(selected);
        if (item !== undefined && !item.final && item.acknowledged_by === null) {
          touch();
          void take(selected, "acknowledge", {});
        }
      }
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  });
  useEffect(() => list.current?.querySelector(".here")?.scrollIntoView({ block: "nearest" }), [selected]);

  const counts = useMemo(
    () => Object.fromEntries(TABS.map((each) => [each, fitting.filter((item) => isIn(each, item, me, now)).length])),
    [fitting, me, minute],
  );
  return (
    <div class={`split ${selected === null ? "" : "chosen"}`}>
      <div class="list-side">
        <DutyStrip />
        <div class="list-tabs">
          <div class="tabs" role="tablist">
            {TABS.map((each) => (
              <button key={each} role="tab" aria-selected={each === tab} class={each === tab ? "here" : ""} onClick={() => setTab(each)}>
                {t(`tab.${each}`)}
                {each !== "closed" && <span class={`count ${each === "overdue" && (counts[each] ?? 0) > 0 ? "over" : ""}`}>{counts[each]}</span>}
              </button>
            ))}
          </div>
          {mayReport(me.roles) && (
            <a class="button" href={href("work", "new")} aria-current={selected === "new" ? "page" : undefined}>
              {t("report.new")}
            </a>
          )}
        </div>
        <input
          ref={field}
          type="search"
          class="list-search"
          placeholder={t("work.search")}
          aria-label={t("work.search")}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && (event.currentTarget.blur(), setSearch(""))}
        />
        <button class={`waiting ${waiting > 0 ? "some" : ""}`} disabled={waiting === 0} onClick={release}>
          {waiting > 0 ? t("work.waiting", { count: waiting }) : `${t("work.keys")}${still ? `　${t("work.still")}` : ""}`}
        </button>
        <ol class="cases" ref={list} onPointerEnter={() => hold(true)} onPointerLeave={() => hold(false)}>
          {shown.map((id) => {
            const item = known.get(id);
            return item === undefined ? null : (
              <CaseRow key={id} item={item} now={now} here={id === selected} gone={!isIn(tab, item, me, now)} choose={choose} />
            );
          })}
          {inTab.length > ROWS && <li class="dim pad">{t("work.more", { count: inTab.length - ROWS })}</li>}
          {shown.length === 0 && <li class="dim pad">{t(search !== "" ? "work.none" : tab === "new" ? "work.emptyNew" : tab === "turn" ? "work.emptyTurn" : "work.empty")}</li>}
        </ol>
      </div>
      <div class="card-side">
        {selected === null && <p class="dim pad">{t("work.choose")}</p>}
        {selected === "new" && <ReportForm />}
        {selected !== null && selected !== "new" && <CaseCard key={selected} id={selected} />}
      </div>
    </div>
  );
}

/** The rows as they are shown: still while the pointer is on the list or keys were just used. */
function useStillList(next: string[], view: string, now: number) {
  const [pointed, hold] = useState(false);
  const [touched, setTouched] = useState(0);
  const [shown, setShown] = useState(next);
  const last = useRef(view);
  const still = pointed || now - touched < STILL_AFTER_KEY_MS;
  const changed = last.current !== view;
  const arranged = arrange(shown, next, still && !changed);
  useEffect(() => {
    last.current = view;
    if (arranged.shown !== shown) setShown(arranged.shown);
  });
  return {
    shown: arranged.shown,
    waiting: arranged.waiting,
    still,
    hold,
    release: () => setShown(next),
    touch: () => setTouched(now),
  };
}

interface RowProps {
  item: Case;
  now: number;
  here: boolean;
  /** It left this tab and stays only because the list is still. */
  gone: boolean;
  choose: (id: string) => void;
}

function CaseRow({ item, now, here, gone, choose }: RowProps) {
  const texts = useTexts();
  const { t, w } = texts;
  const clock = clockOf(item, now, texts);
  const unseen = !item.final && item.acknowledged_by === null;
  return (
    <li class={`case ${here ? "here" : ""} ${gone ? "gone" : ""} ${unseen ? "unseen" : ""}`} onClick={() => choose(item.id)}>
      <SeverityMark severity={item.severity} active={unseen} />
      <div class="what">
        <div class="title">
          {item.incidents.length > 1 && <span class="badge members" title={t("work.incidents", { count: item.incidents.length })}>×{item.incidents.length}</span>}
          {titleOf(item, texts)}
        </div>
        <div class="dim under">
          {placeOf(item, texts)}
          {item.department !== "" && <> · {item.department}</>}
          {item.supervised && <span class="holds"> · {t("case.supervised")}</span>}
        </div>
      </div>
      <div class="right">
        <div class={`left-time ${clock?.urgency ?? "calm"}`}>
          {item.final ? momentText(item.closed ?? item.updated, now) : clock === null ? t("work.noDeadline") : clock.text}
        </div>
        <div class="dim under">
          {!item.final && !item.condition_holds && <>{t("case.gone")} · </>}
          {w("state", item.state)}
          {(item.assignee ?? item.acknowledged_by) !== null && <> · {item.assignee ?? item.acknowledged_by}</>}
          {!item.final && item.escalation?.next_at != null && <> · <NextCall at={item.escalation.next_at} who={item.escalation.next_who} now={now} /></>}
        </div>
      </div>
    </li>
  );
}
