// A draft of the rules: what is changed of a pack's files, kept in this browser until it is published.

import type { Files } from "../types_rules.ts";

const KEY = "gengfu.draft";

export interface Draft {
  /** The version whose files were changed. */
  base: string;
  /** Text of each changed or new file; `null`: removed. */
  changed: Record<string, string | null>;
  /** The trial that was started with it last. */
  trial: string | null;
}

export function readDraft(): Draft | null {
  try {
    const draft = JSON.parse(localStorage.getItem(KEY) ?? "null") as Draft | null;
    return draft !== null && typeof draft.base === "string" && typeof draft.changed === "object" ? draft : null;
  } catch {
    return null;
  }
}

/** Keeps a draft; `null` forgets it. */
export function keepDraft(draft: Draft | null): void {
  if (draft === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, JSON.stringify(draft));
}

export function changeCount(draft: Draft | null): number {
  return draft === null ? 0 : Object.keys(draft.changed).length;
}

/** The pack that the draft makes of its base's files. */
export function filesOf(base: Files, draft: Draft | null): Files {
  const files = { ...base };
  for (const [name, text] of Object.entries(draft?.changed ?? {})) {
    if (text === null) delete files[name];
    else files[name] = text;
  }
  return files;
}

/** The draft with a file's text; a text that is the base's own is no change. */
export function withFile(draft: Draft, base: Files, name: string, text: string | null): Draft {
  const changed = { ...draft.changed };
  const isBase = text === null ? !(name in base) : base[name] === text;
  if (isBase) delete changed[name];
  else changed[name] = text;
  return { ...draft, changed };
}

/** The changes on another base: what is the same there is no change any more. */
export function rebased(draft: Draft, version: string, base: Files): Draft {
  const empty: Draft = { base: version, changed: {}, trial: null };
  return Object.entries(draft.changed).reduce((next, [name, text]) => withFile(next, base, name, text), empty);
}

/** What is wrong with a new file's name. */
export function nameFault(name: string, files: Files): "badName" | "nameTaken" | null {
  if (!/^[\p{L}\p{N}_-][\p{L}\p{N}._-]*$/u.test(name)) return "badName";
  return `${name}.rhai` in files ? "nameTaken" : null;
}

/** A rule to begin with: it compiles, and is tested. */
export function ruleTemplate(name: string): string {
  return [
    "/// ",
    `const RULE = #{ kind: "manhole", key: "${name}", severity: "minor", condition: "cover_tilted", cooldown: 15.min };`,
    "",
    "fn on_message(msg, dev) {",
    "    incident(held(band(msg.tilt_deg, 12.0, 8.0), 10.s));",
    "}",
    "",
    "fn test_opens_when_it_stays() {",
    '    let d = sim("manhole");',
    "    d.feed(#{ tilt_deg: 14.0 }); d.advance(11.s);",
    `    expect(d.open("${name}"));`,
    "}",
    "",
  ].join("\n");
}

/** One line of a difference, by what it is. */
export interface DiffLine {
  sort: "file" | "gone" | "new" | "same" | "gap";
  text: string;
}

/** The gateway's difference as lines: a name without a sign before it begins a file. */
export function diffLines(text: string): DiffLine[] {
  const sorts: Record<string, DiffLine["sort"]> = { "-": "gone", "+": "new", " ": "same" };
  return text
    .split("\n")
    .filter((line, index, all) => line !== "" || index < all.length - 1)
    .map((line) => {
      if (line === "  ...") return { sort: "gap", text: "⋯" };
      const sort = sorts[line[0] ?? " "];
      return sort === undefined || (line[1] !== undefined && line[1] !== " ") ? { sort: "file", text: line } : { sort, text: line.slice(2) };
    });
}
