// Navigation, the state of connection and gateway, and who is logged in.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useApp, useNow, useTexts } from "../context.tsx";
import { clockText } from "../logic/format.ts";
import { mayAudit, mayEvaluate, mayManageUsers, mayReadMessages } from "../logic/roles.ts";
import { isOverdue } from "../logic/worklist.ts";
import { zoneName } from "../logic/zone.ts";
import { above, href, PAGES, type PageName, type Place } from "../router.ts";
import { soundIsOn, switchSound } from "../sound.ts";
import { AlarmLine } from "./alarm_line.tsx";
import type { Status } from "../types.ts";

/** Pages that some roles have nothing to see on are left out for them. */
function isShown(page: PageName, roles: string[]): boolean {
  if (page === "evaluation") return mayEvaluate(roles);
  if (page === "admin") return mayManageUsers(roles) || mayAudit(roles) || mayReadMessages(roles);
  return true;
}

interface Props {
  place: Place;
  status: Status | null;
  switchLang: () => void;
  logout: () => void;
  children: ComponentChildren;
}

export function Frame({ place, status, switchLang, logout, children }: Props) {
  const { me, live, cases, unread } = useApp();
  const { t } = useTexts();
  const now = useNow(10_000);
  const [sound, setSound] = useState(soundIsOn);
  // On a narrow window the pages are a strip that is moved.
  const nav = useRef<HTMLElement>(null);
  useEffect(() => nav.current?.querySelector(".here")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [place.page]);
  const open = [...cases.values()].filter((item) => !item.final);
  const fresh = open.filter((item) => item.acknowledged_by === null).length;
  const late = open.filter((item) => isOverdue(item, now)).length;
  const here = above(place.page);
  return (
    <div class="frame">
      <header class="top">
        <a class="brand" href={href("work")}>
          <img src="/icon.svg" alt="" width="22" height="22" />
          <span>{t("app.name")}</span>
        </a>
        <nav ref={nav}>
          {PAGES.filter((page) => isShown(page, me.roles)).map((page) => (
            <a key={page} href={href(page)} class={page === here ? "here" : ""} aria-current={page === here ? "page" : undefined}>
              {t(`page.${page}`)}
              {page === "work" && fresh > 0 && (
                <span class="badge" title={t("tab.new")}>
                  {fresh}
                </span>
              )}
              {page === "work" && late > 0 && (
                <span class="badge over" title={t("tab.overdue")}>
                  {t("tab.overdue")} {late}
                </span>
              )}
              {page === "notices" && unread > 0 && (
                <span class="badge" title={t("notice.unread", { count: unread })}>
                  {unread}
                </span>
              )}
              {page === "status" && status !== null && status.faults.length > 0 && <span class="badge over">!</span>}
            </a>
          ))}
        </nav>
        <div class="who">
          <span class="num" title={zoneName()}>
            {clockText(now)}
          </span>
          <span class={`live ${live}`} role="status">
            {live === "live" ? t("app.live") : live === "connecting" ? t("app.connecting") : t("app.broken")}
          </span>
          <button class="plain" title={t("app.sound")} aria-pressed={sound} onClick={() => setSound(switchSound())}>
            {t(sound ? "app.soundOn" : "app.soundOff")}
          </button>
          <button class="plain" onClick={switchLang}>
            {t("app.switch")}
          </button>
          <span class="user">{me.name}</span>
          <button class="plain" onClick={logout}>
            {t("app.logout")}
          </button>
        </div>
      </header>
      {status !== null && status.faults.length > 0 && place.page !== "status" && (
        <a class="faults" href={href("status")}>
          {t("app.fault", { faults: status.faults.join("; ") })}
        </a>
      )}
      <div class="page">{children}</div>
      <AlarmLine />
    </div>
  );
}
