// Pages by the address's hash: `#/work/12-0`, `#/devices/cover-1`.

export interface Place {
  page: string;
  id: string | null;
  /** What stands after `?`. */
  search: URLSearchParams;
}

/** The pages of the navigation, in its order. */
export const PAGES = ["work", "incidents", "duty", "notices", "silences", "decisions", "devices", "rules", "evaluation", "city", "admin", "status"] as const;
export type PageName = (typeof PAGES)[number];

/** Pages that belong to one of the navigation. */
const UNDER: Record<string, PageName> = { draft: "rules", trials: "rules", versions: "rules", shadow: "rules", costs: "rules" };

/** The page of the navigation that a page belongs to. */
export function above(page: string): string {
  return UNDER[page] ?? page;
}

export function parsePlace(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page = "", id] = path.split("/", 2);
  const known = (PAGES as readonly string[]).includes(page) || page in UNDER;
  let decoded: string | null = null;
  try {
    decoded = known && id !== undefined && id !== "" ? decodeURIComponent(id) : null;
  } catch {
    decoded = null;
  }
  return { page: known ? page : "work", id: decoded, search: new URLSearchParams(search) };
}

export function href(page: string, id?: string | null, search?: Record<string, string | number>): string {
  const tail = search === undefined ? "" : `?${new URLSearchParams(Object.entries(search).map(([k, v]) => [k, String(v)]))}`;
  return id === undefined || id === null ? `#/${page}${tail}` : `#/${page}/${encodeURIComponent(id)}${tail}`;
}

/** Goes to a place without a new step in the browser's history. */
export function replacePlace(to: string): void {
  history.replaceState(null, "", to);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
