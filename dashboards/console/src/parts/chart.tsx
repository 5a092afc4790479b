// A plot of one field: the line, the range within windows, thresholds, and the moment that decided.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { clockText, type Lang, momentText, valueText } from "../logic/format.ts";
import { type Lines, range } from "../logic/series.ts";
import { inZone, zoneName } from "../logic/zone.ts";

export interface ChartProps {
  lines: Lines;
  /** Seconds since the epoch. */
  from: number;
  to: number;
  /** Lines to compare with; a label stands above its line, or below it. */
  thresholds: { value: number; label: string; below: boolean }[];
  /** Moment and value that decided, and what to write beside it. */
  mark: { time: number; value: number | null; label: string } | null;
  label: string;
  unit: string;
  /** Steps instead of slopes: for yes and no. */
  stepped: boolean;
  height: number;
  lang: Lang;
}

const INK = {
  line: "#9fb4c7",
  band: "rgba(159, 180, 199, 0.16)",
  range: "rgba(159, 180, 199, 0.4)",
  grid: "rgba(255, 255, 255, 0.06)",
  axis: "#8794a1",
  threshold: "#d9a441",
  mark: "#f2765f",
};
const FONT = '12px "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif';

/** Fewer points than this are drawn as points. */
const FEW = 60;

function drawThresholds(plot: uPlot, props: ChartProps): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = FONT.replace("12px", `${12 * scale}px`);
  ctx.strokeStyle = INK.threshold;
  ctx.fillStyle = INK.threshold;
  ctx.lineWidth = scale;
  ctx.setLineDash([5 * scale, 4 * scale]);
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  for (const threshold of props.thresholds) {
    const y = plot.valToPos(threshold.value, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(`${threshold.label} ${threshold.value}${props.unit}`, bbox.left + 6 * scale, y + (threshold.below ? 14 : -4) * scale);
  }
  ctx.restore();
}

/** The range within each window, where windows are so few that the band between them would not show. */
function drawRanges(plot: uPlot, { lines }: ChartProps): void {
  if (lines.lows === null || lines.highs === null || lines.times.length >= FEW) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = INK.range;
  ctx.lineWidth = 3 * devicePixelRatio;
  for (const [index, time] of lines.times.entries()) {
    const [low, high] = [lines.lows[index], lines.highs[index]];
    if (typeof low !== "number" || typeof high !== "number") continue;
    const x = plot.valToPos(time, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, plot.valToPos(low, "y", true));
    ctx.lineTo(x, plot.valToPos(high, "y", true));
    ctx.stroke();
  }
  ctx.restore();
}

function drawMark(plot: uPlot, props: ChartProps): void {
  if (props.mark === null) return;
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const x = plot.valToPos(props.mark.time, "x", true);
  ctx.save();
  ctx.strokeStyle = INK.mark;
  ctx.fillStyle = INK.mark;
  ctx.lineWidth = scale;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  if (props.mark.value !== null) {
    const y = plot.valToPos(props.mark.value, "y", true);
    ctx.beginPath();
    ctx.arc(x, y, 4.5 * scale, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.font = FONT.replace("12px", `${12 * scale}px`);
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(props.mark.label, x, bbox.top - 5 * scale);
  ctx.restore();
}

function axisTime(seconds: number, stretch: number): string {
  const { month, day } = inZone(seconds * 1_000);
  const clock = clockText(seconds * 1_000);
  return stretch > 86_400 ? `${month}-${day} ${clock}` : clock;
}

function optionsOf(props: ChartProps, width: number): uPlot.Options {
  const axis: uPlot.Axis = { stroke: INK.axis, grid: { stroke: INK.grid, width: 1 }, ticks: { show: false }, font: FONT };
  const values = [props.lines.values, props.lines.lows ?? [], props.lines.highs ?? []];
  const spanned = range(
    [...values, [props.mark?.value ?? null]],
    props.thresholds.map((threshold) => threshold.value),
  );
  const hidden = { show: true, stroke: "transparent", width: 0, points: { show: false } };
  const line: uPlot.Series = {
    label: props.label,
    stroke: INK.line,
    width: 1.5,
    points: { show: props.lines.times.length < FEW, size: 5, fill: INK.line, stroke: INK.line },
    spanGaps: false,
  };
  const steps = uPlot.paths.stepped?.({ align: 1 });
  if (props.stepped && steps !== undefined) line.paths = steps;
  return {
    width,
    height: props.height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), zoneName()),
    padding: [props.mark === null ? 6 : 20, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: true }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: [props.from, props.to] }, y: { range: props.stepped ? [-0.1, 1.1] : spanned } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((split) => axisTime(split, props.to - props.from)), space: 90, size: 30 },
      props.stepped
        ? { ...axis, size: 56, splits: () => [0, 1], values: () => [valueText(false, "", props.lang), valueText(true, "", props.lang)] }
        : { ...axis, size: 56, values: (_, splits) => splits.map((split) => String(Number(split.toFixed(4)))) },
    ],
    series: [{}, line, hidden, hidden],
    bands: [{ series: [3, 2], fill: INK.band }],
    hooks: {
      draw: [(plot) => drawRanges(plot, props), (plot) => drawThresholds(plot, props), (plot) => drawMark(plot, props)],
    },
  };
}

/** Where the pointer is: time and value, written above the plot. */
function readout(plot: uPlot, target: HTMLElement, props: ChartProps): void {
  const at = plot.cursor.idx;
  const time = at === null || at === undefined ? undefined : props.lines.times[at];
  const value = at === null || at === undefined ? undefined : props.lines.values[at];
  if (time === undefined || value === undefined || value === null) {
    target.textContent = "";
    return;
  }
  const low = props.lines.lows?.[at!];
  const high = props.lines.highs?.[at!];
  const shown = (number: number): string => String(Number(number.toFixed(3)));
  const spread = low !== undefined && low !== null && high !== undefined && high !== null && low !== high;
  target.textContent =
    `${momentText(new Date(time * 1_000).toISOString(), Date.now())}  ${shown(value)} ${props.unit}` +
    (spread ? `  (${shown(low)} – ${shown(high)})` : "");
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const text = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const target = box.current;
    if (target === null) return;
    const empty = props.lines.times.map(() => null);
    const data = [props.lines.times, props.lines.values, props.lines.lows ?? empty, props.lines.highs ?? empty] as uPlot.AlignedData;
    const options = optionsOf(props, target.clientWidth);
    options.hooks = {
      ...options.hooks,
      setCursor: [(plot) => (text.current === null ? undefined : readout(plot, text.current, props))],
    };
    const plot = new uPlot(options, data, target);
    const sizes = new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height: props.height }));
    sizes.observe(target);
    return () => {
      sizes.disconnect();
      plot.destroy();
    };
  }, [props.lines, props.from, props.to, props.lang, props.label]);
  return (
    <div class="chart">
      <div class="chart-head">
        <span>
          {props.label}
          {props.unit !== "" && <span class="dim"> {props.unit}</span>}
        </span>
        <span class="dim num" ref={text} />
      </div>
      <div ref={box} />
    </div>
  );
}
