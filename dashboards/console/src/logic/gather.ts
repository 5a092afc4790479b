// News one by one when they are few, together when they are many.

export interface Gathered<T> {
  put: (item: T) => void;
  stop: () => void;
}

/** Hands the first item on at once; what comes within `everyMs` after that is handed on together when it is over. */
export function gathered<T>(hand: (items: T[]) => void, everyMs: number): Gathered<T> {
  let waiting: T[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    timer = undefined;
    if (waiting.length === 0) return;
    const items = waiting;
    waiting = [];
    timer = setTimeout(flush, everyMs);
    hand(items);
  };
  return {
    put: (item) => {
      waiting.push(item);
      if (timer === undefined) flush();
    },
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
      waiting = [];
    },
  };
}
