// Short messages at the bottom: what was done, or why not.

import { useCallback, useState } from "preact/hooks";

export interface Toast {
  id: number;
  kind: "good" | "bad";
  message: string;
}

/** How long a message stays, in milliseconds; a bad one stays longer. */
const STAYS_MS = { good: 3_000, bad: 9_000 };

let count = 0;

export function useToasts(): { toasts: Toast[]; tell: (message: string, kind?: "good" | "bad") => void } {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const tell = useCallback((message: string, kind: "good" | "bad" = "good") => {
    count += 1;
    const toast = { id: count, kind, message };
    setToasts((old) => [...old.slice(-3), toast]);
    window.setTimeout(() => setToasts((old) => old.filter((other) => other.id !== toast.id)), STAYS_MS[kind]);
  }, []);
  return { toasts, tell };
}

export function Toasts({ toasts }: { toasts: Toast[] }) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} class={`toast ${toast.kind}`}>
          {toast.message}
        </div>
      ))}
    </div>
  );
}
