// One line above the work list: who is on duty where one works, who comes next, and the hand-over that waits to be
// read or written. It has its place from the start, so that nothing moves when it is filled.

import { useState } from "preact/hooks";
import { get } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { has, unseenHandOver, watchText } from "../logic/duty.ts";
import { momentText } from "../logic/format.ts";
import { useLoaded } from "../load.ts";
import { href } from "../router.ts";
import type { Duty } from "../types_duty.ts";
import { HandOverNote } from "./hand_over.tsx";

const EVERY_MS = 30_000;
/** Districts that fit into the line; the others are on the duty page. */
const SHOWN = 3;
const SEEN = "gengfu.handover";

export function DutyStrip() {
  const { me, epoch } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const now = useNow(EVERY_MS);
  const [seen, setSeen] = useState(() => localStorage.getItem(SEEN));
  const loaded = useLoaded(() => get<{ items: Duty[] }>("/api/v1/duty/watches"), [epoch, Math.floor(now / EVERY_MS)]);
  // Where one is on duty comes first.
  const mine = (duty: Duty): number => (duty.now.some((watch) => has(watch, me.name)) ? 0 : 1);
  const all = [...(loaded.value?.items ?? [])].sort((a, b) => mine(a) - mine(b));
  const owed = all.find((duty) => duty.hand_over_owed?.by === me.name);
  const news = all.map((duty) => unseenHandOver(duty, me.name, seen)).find((note) => note !== null) ?? null;
  const read = (id: string): void => {
    localStorage.setItem(SEEN, id);
    setSeen(id);
  };
  return (
    <>
      <div class="duty-strip">
        <a class="dim" href={href("duty")}>
          {t("duty.strip")}
        </a>
        {all.slice(0, SHOWN).map((duty) => (
          <a key={duty.roster} href={href("duty", null, { district: duty.roster })} class={duty.now.length === 0 ? "holds" : ""}>
            {duty.roster || t("duty.everywhere")} {duty.now[0] === undefined ? t("duty.nobody") : watchText(duty.now[0], texts)}
            {duty.next !== null && (
              <span class="dim">
                {" "}
                → {t("duty.from", { time: momentText(duty.next.from, now).slice(0, -3) })} {duty.next.officer}
              </span>
            )}
          </a>
        ))}
        {all.length > SHOWN && <a href={href("duty")}>+{all.length - SHOWN}</a>}
        {loaded.value !== null && all.length === 0 && <span class="holds">{t("duty.none")}</span>}
      </div>
      {owed !== undefined && owed.hand_over_owed !== null && (
        <a class="notice over" href={href("duty", null, { district: owed.roster, do: "hand-over" })}>
          {t("duty.youOwe", { shift: owed.hand_over_owed.shift })}
        </a>
      )}
      {news !== null && (
        <section class="notice" aria-label={t("handover.new")}>
          <h3>
            {t("handover.new")}
            <button class="main" onClick={() => read(news.id)}>
              {t("handover.seen")}
            </button>
          </h3>
          <HandOverNote item={news} />
        </section>
      )}
    </>
  );
}
