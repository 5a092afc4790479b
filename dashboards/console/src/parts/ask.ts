// Asking the gateway for something and saying how it went.

import { useState } from "preact/hooks";
import { useApp, useTexts } from "../context.tsx";
import { failureText } from "./bits.tsx";

export interface Asking {
  /** A request is on its way: its button rests. */
  busy: boolean;
  /**
   * Runs a request; says `done` when it was taken (nothing if it is `null`), and the gateway's words when not. Gives
   * whether it was taken.
   */
  ask: (request: () => Promise<unknown>, done: string | null) => Promise<boolean>;
}

export function useAsk(): Asking {
  const { tell } = useApp();
  const texts = useTexts();
  const [busy, setBusy] = useState(false);
  const ask = async (request: () => Promise<unknown>, done: string | null): Promise<boolean> => {
    setBusy(true);
    try {
      await request();
      if (done !== null) tell(done);
      return true;
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, ask };
}
