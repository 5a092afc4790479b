// One device: its newest values, a plot of any field, its register entry and its latest incidents.

import { useMemo, useState } from "preact/hooks";
import { get, patch, query } from "../api.ts";
import { fieldLabel, fieldOf, kindLabel, useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { agoText, lengthText, momentText, valueText } from "../logic/format.ts";
import { every, lines } from "../logic/series.ts";
import { Facts, failureText, Section, SeverityMark, titleOf, Waiting } from "../parts/bits.tsx";
import { Chart } from "../parts/chart.tsx";
import { Commands } from "../parts/commands.tsx";
import { RefusedLine } from "../parts/refusals.tsx";
import { Evaluation } from "../parts/rule_evaluation.tsx";
import { href } from "../router.ts";
import type { DeviceDetail, Incident, Page, Rules, Series } from "../types.ts";

const HOUR_MS = 3_600_000;
const RANGES = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS } as const;
type Range = keyof typeof RANGES;
/** Fields that every kind has, first in each list of the catalogue. */
const COMMON_FIELDS = 5;
const LIFE_ROLES = ["duty_officer", "shift_leader", "engineer", "administrator"];

export function DevicePage({ id }: { id: string }) {
  const { kinds, lang, epoch } = useApp();
  const { t, w } = useTexts();
  const now = useNow(10_000);
  const tick = Math.floor(now / 30_000);
  const loaded = useLoaded(() => get<DeviceDetail>(`/api/v1/devices/${encodeURIComponent(id)}`), [id, epoch, tick]);
  const [field, setField] = useState<string | null>(null);
  const item = loaded.value;
  if (item === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  // Battery and signal stand first in the catalogue; what the kind is about comes first here.
  const rank = (name: string): number => {
    const at = kinds.get(item.kind)?.fields.findIndex((each) => each.name === name) ?? 0;
    return at < COMMON_FIELDS ? at + 100 : at;
  };
  const names = Object.keys(item.latest.fields).sort((a, b) => rank(a) - rank(b));
  const plotted = field ?? names.find((name) => fieldOf(kinds, item.kind, name)?.type !== "text") ?? null;
  return (
    <article class="card wide">
      <header class="card-head">
        <div class="card-title">
          <h2>{item.name || item.id}</h2>
          <p class="dim">
            {kindLabel(kinds, item.kind, lang)} · <span class="mono">{item.id}</span> · {w("life", item.life)} · {t("device.heard")}{" "}
            {item.heard === null ? t("device.never") : agoText(item.heard, now, lang)}
          </p>
          <RefusedLine device={id} tick={tick} />
        </div>
        <LifeButton item={item} done={loaded.reload} />
      </header>
      <div class="columns">
        <Section title={t("device.latest")}>
          {names.length === 0 && <p class="dim">{t("device.noValues")}</p>}
          <table class="grid rows">
            <tbody>
              {names.map((name) => {
                const latest = item.latest.fields[name]!;
                return (
                  <tr key={name} class={name === plotted ? "here" : ""} onClick={() => setField(name)}>
                    <td title={name}>{fieldLabel(kinds, item.kind, name, lang)}</td>
                    <td class="num strong">{valueText(latest.value, fieldOf(kinds, item.kind, name)?.unit ?? "", lang)}</td>
                    <td class="num dim">{momentText(latest.time, now)}</td>
                    <td class={latest.quality === "ok" ? "dim" : "holds"}>{w("quality", latest.quality)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Section>
        {plotted !== null && <FieldPlot item={item} field={plotted} tick={tick} />}
      </div>
      <div class="columns">
        <Register item={item} />
        <DeviceIncidents id={id} tick={tick} />
      </div>
      <div class="columns">
        <Commands device={id} tick={tick} />
        <WhyNot item={item} />
      </div>
    </article>
  );
}

function FieldPlot({ item, field, tick }: { item: DeviceDetail; field: string; tick: number }) {
  const { kinds, lang, skewMs } = useApp();
  const { t } = useTexts();
  const [range, setRange] = useState<Range>("24h");
  const def = fieldOf(kinds, item.kind, field);
  const isText = def?.type === "text";
  const loaded = useLoaded(async () => {
    if (isText) return null;
    const to = Date.now() + skewMs;
    const from = to - RANGES[range];
    const path = `/api/v1/devices/${encodeURIComponent(item.id)}/series`;
    const series = await get<Series>(query(path, { field, from, to, every: every(RANGES[range]) }));
    return { series, from, to };
  }, [item.id, field, range, isText, range === "1h" ? tick : Math.floor(tick / 10)]);
  const answer = loaded.value;
  const drawn = useMemo(() => (answer === null ? null : lines(answer.series)), [answer]);
  return (
    <Section
      title={t("device.plot")}
      side={
        <span class="tabs small">
          {(Object.keys(RANGES) as Range[]).map((each) => (
            <button key={each} class={each === range ? "here" : ""} onClick={() => setRange(each)}>
              {t(`range.${each}`)}
            </button>
          ))}
        </span>
      }
    >
      {isText && <p class="dim">{t("device.notPlottable")}</p>}
      {!isText && (answer === null || drawn === null) && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      {answer !== null && drawn !== null && drawn.times.length === 0 && <p class="dim">{t("why.noSeries")}</p>}
      {answer !== null && drawn !== null && drawn.times.length > 0 && (
        <Chart
          lines={drawn}
          from={answer.from / 1_000}
          to={answer.to / 1_000}
          thresholds={[]}
          mark={null}
          label={fieldLabel(kinds, item.kind, field, lang)}
          unit={def?.unit ?? ""}
          stepped={def?.type === "bool"}
          height={260}
          lang={lang}
        />
      )}
    </Section>
  );
}

function LifeButton({ item, done }: { item: DeviceDetail; done: () => void }) {
  const { me, tell } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  if (!me.roles.some((role) => LIFE_ROLES.includes(role)) || item.life === "retired") return null;
  const next = item.life === "maintenance" ? "in_service" : "maintenance";
  const change = async (): Promise<void> => {
    try {
      await patch(`/api/v1/devices/${encodeURIComponent(item.id)}`, { life: next });
      tell(w("life", next));
      done();
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
  };
  return <button onClick={() => void change()}>{t(next === "maintenance" ? "device.toMaintenance" : "device.toService")}</button>;
}

/** "Why did this not fire": one of the rules of the device's kind, judged now. */
function WhyNot({ item }: { item: DeviceDetail }) {
  const { t, w } = useTexts();
  const loaded = useLoaded(() => get<Rules>("/api/v1/rules"), []);
  const [rule, setRule] = useState("");
  const [asked, setAsked] = useState<{ rule: string } | null>(null);
  const rules = (loaded.value?.items ?? []).filter((each) => each.facts["kind"] === item.kind);
  const chosen = rule || (rules[0]?.id ?? "");
  return (
    <Section title={t("rules.whyNot")}>
      <p class="dim">{t("rules.whyNotAbout")}</p>
      <form
        class="bar"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked({ rule: chosen });
        }}
      >
        <select class="grow" aria-label={t("why.rule")} value={chosen} onChange={(event) => setRule(event.currentTarget.value)}>
          {rules.map((each) => (
            <option key={each.id} value={each.id}>
              {w("condition", each.facts["condition"] ?? each.id)} ({each.id})
            </option>
          ))}
        </select>
        <button class="main" disabled={chosen === ""}>
          {t("rules.evaluate")}
        </button>
      </form>
      {asked !== null && <Evaluation asked={asked} device={item.id} rule={asked.rule} kind={item.kind} />}
    </Section>
  );
}

function Register({ item }: { item: DeviceDetail }) {
  const { kinds, lang } = useApp();
  const { t } = useTexts();
  const attributes = kinds.get(item.kind)?.attributes ?? [];
  const label = (name: string): string => {
    const def = attributes.find((each) => each.name === name);
    return def === undefined ? name : lang === "zh" ? def.zh : def.en;
  };
  return (
    <Section title={t("device.register")}>
      <Facts
        rows={[
          [t("device.assetCode"), <span class="mono">{item.asset_code}</span>],
          [t("case.class"), item.asset_type],
          [t("device.model"), item.model || t("device.generic")],
          [t("device.district"), item.district],
          [t("device.grid"), item.grid],
          [t("device.department"), item.department],
          [t("device.interval"), lengthText(item.interval_s * 1_000, lang)],
          [t("case.map"), item.latitude === null || item.longitude === null ? "" : <span class="mono">{`${item.latitude.toFixed(5)}, ${item.longitude.toFixed(5)}`}</span>],
          [t("device.token"), t(item.has_token ? "device.hasToken" : "device.noToken")],
          ...Object.entries(item.attributes).map(([name, value]): [string, string] => [
            label(name),
            valueText(value, attributes.find((each) => each.name === name)?.unit ?? "", lang),
          ]),
        ]}
      />
    </Section>
  );
}

function DeviceIncidents({ id, tick }: { id: string; tick: number }) {
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(60_000);
  const loaded = useLoaded(() => get<Page<Incident>>(query("/api/v1/incidents", { device: id, limit: 10 })), [id, tick]);
  const items = loaded.value?.items ?? [];
  return (
    <Section title={t("device.incidents")}>
      {items.length === 0 && <p class="dim">{t("app.none")}</p>}
      <table class="grid rows">
        <tbody>
          {items.map((incident) => (
            <tr key={incident.id} onClick={() => (location.hash = href("incidents", incident.id))}>
              <td>
                <SeverityMark severity={incident.severity} active={incident.state === "open" && incident.severity === "critical"} />
              </td>
              <td>{titleOf(incident, texts)}</td>
              <td class="num">{momentText(incident.opened, now)}</td>
              <td class={incident.state === "open" ? "" : "dim"}>{w("incident", incident.state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
