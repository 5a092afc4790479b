// A list that is loaded page by page.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { get, query } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import type { Page } from "../types.ts";
import { failureText, Waiting } from "./bits.tsx";

interface Props<T> {
  path: string;
  parameters: Record<string, string | number | boolean | null>;
  /** Changes when the list is to be loaded anew. */
  turn?: number;
  children: (items: T[]) => ComponentChildren;
}

const PAGE = 100;

export function Paged<T>({ path, parameters, turn, children }: Props<T>) {
  const { epoch, tell } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const [more, setMore] = useState<Page<T> | null>(null);
  const load = (cursor: string | null): Promise<Page<T>> => get(query(path, { limit: PAGE, ...parameters, cursor }));
  const loaded = useLoaded(async () => {
    const page = await load(null);
    setMore(null);
    return page;
  }, [path, JSON.stringify(parameters), epoch, turn]);
  if (loaded.value === null || loaded.failure !== null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const cursor = more === null ? loaded.value.cursor : more.cursor;
  const loadMore = (): void => {
    load(cursor).then(
      (page) => setMore((old) => ({ items: [...(old?.items ?? []), ...page.items], cursor: page.cursor })),
      (failure: unknown) => tell(failureText(failure, texts), "bad"),
    );
  };
  return (
    <>
      {children([...loaded.value.items, ...(more?.items ?? [])])}
      {cursor !== null && <button onClick={loadMore}>{t("app.more")}</button>}
    </>
  );
}
