// The one alarm that matters: the critical case that nobody has taken over for the longest time, at the foot of
// every page, with a button. The line is always there, so that nothing moves when an alarm comes.

import { useEffect, useRef, useState } from "preact/hooks";
import { useApp, useNow, useTexts } from "../context.tsx";
import { lengthText } from "../logic/format.ts";
import { mayTakeOver } from "../logic/roles.ts";
import { loudest } from "../logic/worklist.ts";
import { href } from "../router.ts";
import { alarm, soundIsOn, switchSound } from "../sound.ts";
import { placeOf, SeverityMark, titleOf } from "./bits.tsx";
import { useStep } from "./case_actions.tsx";
import { NextCall } from "./escalation.tsx";

/** How often the sound is repeated until somebody takes the case over, in milliseconds. */
const AGAIN_MS = 20_000;

export function AlarmLine() {
  const { cases, me, lang, live } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const now = useNow(1_000);
  const take = useStep();
  const [sound, setSound] = useState(soundIsOn);
  const [busy, setBusy] = useState(false);
  const acts = mayTakeOver(me.roles);
  const { first, others } = loudest(cases.values());
  const lost = useLost(live !== "live", now);
  useEffect(() => {
    if (first === null || !acts) return;
    alarm();
    const timer = window.setInterval(alarm, AGAIN_MS);
    return () => window.clearInterval(timer);
  }, [first?.id, acts]);
  useEffect(() => {
    const name = t("app.name");
    document.title = first === null ? name : `▲ ${titleOf(first, texts)} · ${name}`;
  }, [first?.id, lang]);
  const takeOver = async (id: string): Promise<void> => {
    setBusy(true);
    await take(id, "acknowledge", {});
    setBusy(false);
  };
  if (lost !== null) {
    return (
      <footer class="alarm-line lost" role="alert">
        {t("alarm.lost", { time: lengthText(lost, lang) })}
      </footer>
    );
  }
  if (first === null) {
    return <footer class="alarm-line">{t("alarm.calm")}</footer>;
  }
  return (
    <footer class="alarm-line active" role="alert" aria-label={t("alarm.waits")}>
      <SeverityMark severity={first.severity} active />
      <a class="alarm-title" href={href("work", first.id)}>
        {titleOf(first, texts)} <span>{placeOf(first, texts)}</span>
      </a>
      <span class="num">{t("alarm.since", { time: lengthText(now - Date.parse(first.opened), lang) })}</span>
      <NextCall at={first.escalation?.next_at ?? null} who={first.escalation?.next_who ?? []} now={now} />
      {others > 0 && <a href={href("work")}>{t("alarm.others", { count: others })}</a>}
      <span class="push" />
      {!sound && (
        <button class="plain" onClick={() => setSound(switchSound())}>
          {t("alarm.soundOff")}
        </button>
      )}
      {acts && (
        <button class="main big" disabled={busy} onClick={() => void takeOver(first.id)}>
          {texts.w("step", "acknowledge")}
        </button>
      )}
    </footer>
  );
}

/** A connection that is back within this time was no loss, in milliseconds. */
const GRACE_MS = 4_000;

/** How long the connection has been lost; `null`: it stands, or only blinked. */
function useLost(broken: boolean, now: number): number | null {
  const since = useRef<number | null>(null);
  if (!broken) since.current = null;
  else since.current ??= now;
  const lost = since.current === null ? 0 : now - since.current;
  return lost >= GRACE_MS ? lost : null;
}
