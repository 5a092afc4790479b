// The live stream. The browser resumes it by itself with the last event's id; what was missed for
// longer is told by `reset`, upon which lists load again.

export type LiveState = "connecting" | "live" | "broken";

export interface LiveHandlers {
  /** An entity of that event name as the API shapes it. */
  event: (name: string, data: unknown) => void;
  /** The stream is (again) open: what was loaded before may be old. */
  opened: () => void;
  state: (state: LiveState) => void;
}

const NAMES = [
  "incident.opened",
  "incident.updated",
  "incident.cleared",
  "case.opened",
  "case.updated",
  "device.state",
  "balance",
  "notification",
];

/** How long a broken stream waits before it is opened anew, in milliseconds. */
const RETRY_MS = 5_000;

/** Listens until the returned function is called. */
export function listen(handlers: LiveHandlers): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let stopped = false;
  const open = (): void => {
    handlers.state("connecting");
    source = new EventSource("/api/v1/stream");
    source.onopen = () => {
      handlers.state("live");
      handlers.opened();
    };
    source.onerror = () => {
      handlers.state("broken");
      // A refused stream (503, or a session that is over) is not tried again by the browser.
      if (source?.readyState === EventSource.CLOSED && !stopped) timer = window.setTimeout(open, RETRY_MS);
    };
    source.addEventListener("reset", () => handlers.opened());
    for (const name of NAMES) {
      source.addEventListener(name, (message) => handlers.event(name, JSON.parse((message as MessageEvent<string>).data)));
    }
  };
  open();
  return () => {
    stopped = true;
    window.clearTimeout(timer);
    source?.close();
  };
}
