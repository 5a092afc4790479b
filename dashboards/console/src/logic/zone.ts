// The bureau's time zone. Staff read the bureau's clocks, wherever the browser thinks it is.

const parts = (zone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });

/** Until the gateway has said its own. */
let format = parts("Asia/Shanghai");
let named = "Asia/Shanghai";

/** Takes the zone that the gateway names; one that this browser does not know changes nothing. */
export function setZone(zone: string): void {
  if (zone === named) return;
  try {
    format = parts(zone);
    named = zone;
  } catch {
    // A RangeError: the browser's tables are older than the zone's name.
  }
}

export function zoneName(): string {
  return named;
}

/** A moment on the bureau's clocks; every part as digits: `2026`, `11`, `23`, `03`, `04`, `05`. */
export interface Moment {
  year: string;
  month: string;
  day: string;
  hour: string;
  minute: string;
  second: string;
}

export function inZone(ms: number): Moment {
  const found: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(ms)) found[type] = value;
  return found as unknown as Moment;
}

const DAY_MS = 24 * 3_600_000;

/** A moment as an input of date and time holds it: `2026-11-23T03:04` on the bureau's clocks. */
export function toField(ms: number): string {
  const { year, month, day, hour, minute } = inZone(ms);
  return `${year}-${month}-${day}T${hour}:${minute}`;
}

/** How far the bureau's clocks are ahead of UTC, to the minute. */
function ahead(ms: number): number {
  return Date.parse(`${toField(ms)}Z`) - Math.floor(ms / 60_000) * 60_000;
}

/**
 * The moment that such a text, or a day alone, means on the bureau's clocks; `null` if it is none. Of an hour that
 * the clocks show twice, the first; one that they leave out is read as if they had not jumped yet.
 */
export function fromField(text: string): number | null {
  const found = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}))?$/.exec(text);
  if (found === null) return null;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = found.slice(1).map((part) => Number(part ?? 0));
  const wall = Date.UTC(year, month - 1, day, hour, minute);
  if (new Date(wall).getUTCDate() !== day || hour > 23 || minute > 59) return null;
  const [before, after] = [wall - ahead(wall - DAY_MS), wall - ahead(wall + DAY_MS)];
  return [before, after].sort((a, b) => a - b).find((moment) => moment + ahead(moment) === wall) ?? before;
}
