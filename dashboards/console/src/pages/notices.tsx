// Notifications: what was sent to whom, by which channel, and whether it arrived; leaders see anybody's.

import { useEffect, useState } from "preact/hooks";
import { get, post, query } from "../api.ts";
import { useApp, useEvents, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { leads } from "../logic/roles.ts";
import { useLoaded } from "../load.ts";
import { useAsk } from "../parts/ask.ts";
import { SeverityMark, Waiting } from "../parts/bits.tsx";
import { PersonSelect, usePeople } from "../parts/people.tsx";
import { href, replacePlace } from "../router.ts";
import type { Severity } from "../types.ts";
import type { Delivery, Notice, Notices } from "../types_duty.ts";

const PAGE = 50;
/** Kinds that want somebody now, and not only to be known. */
const LOUD = ["escalated", "came_back", "worsened", "overdue", "hand_over"];
const SEVERITIES: Severity[] = ["critical", "major", "minor", "info"];

export function NoticesPage({ search }: { search: URLSearchParams }) {
  const { me, epoch, tell, lookUnread } = useApp();
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const people = usePeople(["duty_officer", "shift_leader"]);
  const user = (leads(me.roles) ? search.get("user") : null) ?? me.name;
  const mine = user === me.name;
  const onlyUnread = search.get("unread") === "1";
  const [news, setNews] = useState(0);
  const [more, setMore] = useState<Notices | null>(null);
  const load = (cursor: string | null): Promise<Notices> => get(query("/api/v1/notifications", { user, limit: PAGE, cursor }));
  const loaded = useLoaded(async () => {
    const page = await load(null);
    setMore(null);
    return page;
  }, [user, epoch, news]);
  useEvents((name) => {
    if (name === "notification" && mine) setNews((count) => count + 1);
  });
  useEffect(() => lookUnread(), [loaded.value]);
  const go = (to: { user?: string; unread?: boolean }): void => {
    const wanted = { user: to.user ?? user, unread: to.unread ?? onlyUnread };
    replacePlace(href("notices", null, { ...(wanted.user === me.name ? {} : { user: wanted.user }), ...(wanted.unread ? { unread: 1 } : {}) }));
  };
  const all = [...(loaded.value?.items ?? []), ...(more?.items ?? [])];
  const items = onlyUnread ? all.filter((item) => !item.read) : all;
  const cursor = more === null ? (loaded.value?.cursor ?? null) : more.cursor;
  const unread = loaded.value?.unread ?? 0;
  const markRead = async (): Promise<void> => {
    const newest = loaded.value?.items[0];
    if (newest !== undefined && (await ask(() => post("/api/v1/notifications/read", { upto: newest.id }), t("notice.marked")))) loaded.reload();
  };
  const loadMore = (): void => {
    load(cursor).then(
      (page) => setMore((old) => ({ ...page, items: [...(old?.items ?? []), ...page.items] })),
      () => tell(t("app.unreachable"), "bad"),
    );
  };
  return (
    <div class="sheet">
      <div class="bar many">
        <h2>{t("notice.title")}</h2>
        <span class="tabs small">
          {[false, true].map((each) => (
            <button key={String(each)} class={each === onlyUnread ? "here" : ""} aria-pressed={each === onlyUnread} onClick={() => go({ unread: each })}>
              {t(each ? "notice.unreadOnly" : "notice.all")}
            </button>
          ))}
        </span>
        <span class={unread > 0 ? "holds" : "dim"}>{t("notice.unread", { count: unread })}</span>
        {mine && unread > 0 && (
          <button class="main" disabled={busy} onClick={() => void markRead()}>
            {t("notice.markRead")}
          </button>
        )}
        <span class="push" />
        {leads(me.roles) && (
          <label class="line">
            {t("notice.whose")}
            <PersonSelect people={people} value={user} change={(name) => go({ user: name })} />
          </label>
        )}
        <a href={href("decisions", null, { user, what: "not_notified" })}>{t("notice.whyNot")}</a>
      </div>
      {loaded.value === null ? (
        <Waiting failure={loaded.failure} reload={loaded.reload} />
      ) : (
        <ol class="notices">
          {items.map((item) => (
            <NoticeRow key={item.id} item={item} />
          ))}
          {items.length === 0 && <li class="dim pad">{t("notice.none")}</li>}
        </ol>
      )}
      {cursor !== null && <button onClick={loadMore}>{t("app.more")}</button>}
    </div>
  );
}

function NoticeRow({ item }: { item: Notice }) {
  const { t, w, lang } = useTexts();
  const now = useNow(60_000);
  const [open, setOpen] = useState(false);
  const { body } = item;
  return (
    <li class={`notice-row ${item.read ? "" : "unread"}`}>
      <span class="num dim">{momentText(item.time, now)}</span>
      {body.severity === "" ? <span /> : <SeverityMark severity={body.severity} active={!item.read} />}
      <div class="what">
        <p>
          <span class={`kind ${LOUD.includes(body.kind) ? "loud" : ""}`}>{w("noticeKind", body.kind)}</span>
          {body.level > 1 && <span class="dim">{t("notice.level", { level: body.level })} · </span>}
          {(lang === "zh" ? body.text_zh : body.text_en) || body.number}
        </p>
        {body.counts !== undefined && <Digest item={item} />}
        <p class="dim">
          {body.district}
          {body.case !== null && (
            <>
              {" · "}
              <a href={href("work", body.case)}>{t("incident.toCase")}</a> {" · "}
              <a href={href("decisions", null, { case: body.case })}>{t("notice.whyTold")}</a>
            </>
          )}
          {item.withdrawn != null && (
            <>
              {" · "}
              <a href={href("work", item.withdrawn)}>{t("notice.withdrawn")}</a>
            </>
          )}
          {(body.replaces?.length ?? 0) > 0 && <> · {t("notice.replaces")}</>}
          {" · "}
          <button class="plain link" aria-expanded={open} onClick={() => setOpen(!open)}>
            {t("notice.deliveries")}
          </button>
        </p>
        {open && <Deliveries id={item.id} />}
      </div>
    </li>
  );
}

/** What a digest stands for: how many of which severity, and the cases. */
function Digest({ item }: { item: Notice }) {
  const { cases } = useApp();
  const { t, w } = useTexts();
  const counts = item.body.counts ?? {};
  const whole = Object.values(counts).reduce((sum, count) => sum + (count ?? 0), 0);
  return (
    <p>
      {t("notice.digest", { count: whole })}:{" "}
      {SEVERITIES.filter((severity) => (counts[severity] ?? 0) > 0).map((severity) => (
        <span key={severity} class="digest-count">
          {w("severity", severity)} {counts[severity]}
        </span>
      ))}
      {(item.body.cases?.length ?? 0) > 0 && <span class="dim"> {t("notice.andCases")} </span>}
      {item.body.cases?.map((id) => (
        <a key={id} class="digest-case" href={href("work", id)}>
          {cases.get(id)?.number ?? id}
        </a>
      ))}
    </p>
  );
}

/** What became of it in each channel: state, attempts, the last answer. */
function Deliveries({ id }: { id: string }) {
  const { t, w } = useTexts();
  const now = useNow(5_000);
  const loaded = useLoaded(() => get<{ items: Delivery[] }>(`/api/v1/notifications/${id}/deliveries`), [id, Math.floor(now / 5_000)]);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  return (
    <table class="grid deliveries">
      <tbody>
        {loaded.value.items.map((row) => (
          <tr key={row.channel}>
            <td>{w("channel", row.channel)}</td>
            <td class={row.state === "failed" ? "bad" : row.state === "pending" ? "holds" : "strong"}>{w("delivery", row.state)}</td>
            <td class="num">{row.attempts > 0 && t("notice.attempts", { count: row.attempts })}</td>
            <td class="num dim">
              {row.last_try !== null && `${t("notice.lastTry")} ${momentText(row.last_try, now)}`}
              {row.next_try !== null && ` · ${t("notice.nextTry")} ${momentText(row.next_try, now)}`}
            </td>
            <td class="wrap dim">{row.answer}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
