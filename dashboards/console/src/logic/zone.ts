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
