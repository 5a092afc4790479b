// Files of packs, as editors and trials need them.

import { get } from "../api.ts";
import { filesOf, readDraft } from "../logic/draft.ts";
import type { Files, PackFiles } from "../types_rules.ts";

/** The files of a version that was live, or of `live`. */
export function packFiles(version: string): Promise<PackFiles> {
  return get(`/api/v1/rules/packs/${encodeURIComponent(version)}`);
}

/** The files of the draft that is kept in this browser; of the live pack if there is none. */
export async function draftFiles(): Promise<Files> {
  const draft = readDraft();
  return filesOf((await packFiles(draft?.base ?? "live")).files, draft);
}
