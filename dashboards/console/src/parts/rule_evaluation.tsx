// "Why did this not fire": a rule judged once for a device's newest values, with every step, and why it is unknown
// where it is. Reached from a rule with a device to name, and from a device with a rule to choose.

import { useEffect, useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { fieldLabel, fieldOf, useApp, useNow, useTexts } from "../context.tsx";
import { countText, momentText, valueText } from "../logic/format.ts";
import { fromField } from "../logic/zone.ts";
import { href } from "../router.ts";
import type { Device, Page } from "../types.ts";
import type { RuleEvaluation } from "../types_rules.ts";
import { failureText } from "./bits.tsx";

/** Devices that are offered while one is typed. */
const OFFERED = 10;

/** Judges a rule for a device that is named. */
export function WhyNotForm({ rule, kind }: { rule: string; kind: string }) {
  const { t } = useTexts();
  const [device, setDevice] = useState("");
  const [offered, setOffered] = useState<Device[]>([]);
  const [asked, setAsked] = useState<{ device: string; at: number | null } | null>(null);
  const [at, setAt] = useState("");
  const type = (text: string): void => {
    setDevice(text);
    if (text.trim().length < 2) return;
    get<Page<Device>>(query("/api/v1/devices", { kind, text: text.trim(), limit: OFFERED })).then(
      (page) => setOffered(page.items),
      () => undefined,
    );
  };
  return (
    <>
      <p class="dim">{t("rules.whyNotAbout")}</p>
      <form
        class="bar"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked({ device: device.trim(), at: fromField(at) });
        }}
      >
        <input name="device" required list="why-devices" aria-label={t("rules.device")} placeholder={t("rules.device")} value={device} onInput={(event) => type(event.currentTarget.value)} />
        <datalist id="why-devices">
          {offered.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </datalist>
        <input type="datetime-local" name="at" aria-label={t("evaluate.at")} title={t("evaluate.when")} value={at} onInput={(event) => setAt(event.currentTarget.value)} />
        <button class="main">{t("rules.evaluate")}</button>
      </form>
      {asked !== null && <Evaluation asked={asked} device={asked.device} rule={rule} kind={kind} at={asked.at} />}
    </>
  );
}

/** One evaluation; a new `asked` asks again. */
export function Evaluation({ asked, device, rule, kind, at }: { asked: object; device: string; rule: string; kind: string; at?: number | null }) {
  const texts = useTexts();
  const { t } = texts;
  const [answer, setAnswer] = useState<RuleEvaluation | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let isNewest = true;
    setFailure(null);
    get<RuleEvaluation>(query(`/api/v1/devices/${encodeURIComponent(device)}/evaluate`, { rule, at })).then(
      (found) => isNewest && setAnswer(found),
      (error: unknown) => {
        if (!isNewest) return;
        setAnswer(null);
        setFailure(failureText(error, texts));
      },
    );
    return () => {
      isNewest = false;
    };
  }, [asked]);
  if (failure !== null) return <p class="bad">{failure}</p>;
  if (answer === null) return <p class="dim">{t("app.loading")}…</p>;
  return <Shown answer={answer} kind={kind} />;
}

function Shown({ answer, kind }: { answer: RuleEvaluation; kind: string }) {
  const { kinds, lang } = useApp();
  const { t, w } = useTexts();
  const now = useNow(60_000);
  const moment = (ms: number | null): string => (ms === null ? "" : momentText(new Date(ms).toISOString(), now));
  const verdict = (word: string): string => (word === "nothing" || word === "clear" || word === "unknown" ? w("verdictIs", word) : w("severity", word));
  return (
    <div class="evaluation">
      {answer.kept_from.map((reason) => (
        <p key={reason} class="notice over">
          <strong>{t("evaluate.keptFrom")}</strong> {reason}
        </p>
      ))}
      {answer.fault !== null && (
        <p class="notice over">
          <strong>{t("evaluate.fault")}</strong> <a href={href("rules", answer.rule, { line: answer.fault[0] })}>{t("why.line", { line: answer.fault[0] })}</a> {answer.fault[2]}
        </p>
      )}
      <ul class="keys">
        {answer.keys.map((key) => (
          <li key={key.key}>
            <span class="mono">{key.key}</span> {t("evaluate.says")} <strong class={key.says === "nothing" || key.says === "clear" ? "" : "holds"}>{verdict(key.says)}</strong>
            <span class="dim">
              {" "}
              · {t("evaluate.is")} {verdict(key.is)}
            </span>
          </li>
        ))}
        <li class="dim">
          {t("evaluate.at")} {moment(answer.now)}
          {answer.from != null && ` · ${answer.from} + ${t("evaluate.messages", { count: countText(answer.messages ?? 0) })}`}
        </li>
      </ul>
      <table class="grid full steps">
        <tbody>
          {answer.steps.map((step, index) => (
            <tr key={index}>
              <td class="num dim">
                <a href={href("rules", answer.rule, { line: step.line })}>{step.line}</a>
              </td>
              <td class="mono wrap">{step.text}</td>
              <td class={`mono verdict ${step.value}`}>{w("verdict", step.value)}</td>
              <td class="wrap holds">{step.because}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h4>{t("evaluate.readings")}</h4>
      <table class="grid full">
        <tbody>
          {answer.readings.map((reading) => (
            <tr key={reading.field}>
              <td>
                {fieldLabel(kinds, kind, reading.field, lang)} <span class="dim mono">{reading.field}</span>
              </td>
              <td class="num strong">{valueText(reading.value, fieldOf(kinds, kind, reading.field)?.unit ?? "", lang)}</td>
              <td class="num dim">{moment(reading.event_time)}</td>
              <td class={reading.state === "usable" ? "dim" : "holds"}>{w("readingState", reading.state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {answer.slots.length > 0 && (
        <details>
          <summary>{t("evaluate.slots")}</summary>
          <table class="grid full">
            <tbody>
              {answer.slots.map((slot) => (
                <tr key={slot.id}>
                  <td class="mono wrap">{slot.id}</td>
                  <td class="mono">{slot.holds}</td>
                  <td class="num dim">{slot.due !== null && `${t("evaluate.due")} ${moment(slot.due)}`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </div>
  );
}
