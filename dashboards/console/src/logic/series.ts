// From the API's series to what a chart draws, and which windows to ask for.

import type { Bucket, Series } from "../types.ts";

export interface Lines {
  /** Seconds since the epoch. */
  times: number[];
  values: (number | null)[];
  /** The range within each window; `null` for raw points. */
  lows: (number | null)[] | null;
  highs: (number | null)[] | null;
}

const MINUTE_MS = 60_000;

/** The window to ask for over a stretch, so that a chart gets some 300 points; `null`: raw points. */
export function every(stretchMs: number): string | null {
  if (stretchMs <= 3 * 60 * MINUTE_MS) return null;
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 360, 1_440];
  const fitting = minutes.find((minute) => stretchMs / (minute * MINUTE_MS) <= 320) ?? 1_440;
  return `${fitting}m`;
}

/** The points of a series as lines; yes and no are 1 and 0, texts are left out. */
export function lines(series: Series): Lines {
  const isBucket = (value: unknown): value is Bucket => typeof value === "object" && value !== null;
  const windows = series.points.some(([, value]) => isBucket(value));
  const result: Lines = { times: [], values: [], lows: windows ? [] : null, highs: windows ? [] : null };
  for (const [time, value] of series.points) {
    result.times.push(Date.parse(time) / 1_000);
    if (isBucket(value)) {
      result.values.push(value.mean);
      result.lows?.push(value.min);
      result.highs?.push(value.max);
    } else {
      result.values.push(typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : null);
      result.lows?.push(null);
      result.highs?.push(null);
    }
  }
  return result;
}

/** The axis' range: what is drawn and the thresholds, with some room. */
export function range(values: (number | null)[][], thresholds: number[]): [number, number] {
  const numbers = [...values.flat().filter((value): value is number => value !== null), ...thresholds];
  if (numbers.length === 0) return [0, 1];
  const low = numbers.reduce((a, b) => Math.min(a, b));
  const high = numbers.reduce((a, b) => Math.max(a, b));
  const room = (high - low) * 0.08 || Math.max(1, Math.abs(high) * 0.1);
  // A line at zero stays at the bottom: readings below it cannot be.
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}
