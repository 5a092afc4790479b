// Loading something for a component: old answers never overwrite newer ones.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiFailure } from "./api.ts";

export interface Loaded<T> {
  value: T | null;
  failure: ApiFailure | null;
  reload: () => void;
}

/** Loads on the first show and whenever one of `inputs` changes; the old value stays until the new one is there. */
export function useLoaded<T>(load: () => Promise<T>, inputs: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; failure: ApiFailure | null }>({ value: null, failure: null });
  const asked = useRef(0);
  const run = useCallback(() => {
    asked.current += 1;
    const mine = asked.current;
    load().then(
      (value) => {
        if (mine === asked.current) setState({ value, failure: null });
      },
      (failure: unknown) => {
        if (mine !== asked.current) return;
        const known = failure instanceof ApiFailure ? failure : new ApiFailure(0, "internal", String(failure), null, null);
        setState((old) => ({ value: old.value, failure: known }));
      },
    );
  }, inputs);
  useEffect(() => {
    run();
    return () => {
      asked.current += 1;
    };
  }, [run]);
  return { ...state, reload: run };
}
