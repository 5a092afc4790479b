// Every word that the gateway may say has a text in both languages: the words are read from the gateway's own lists.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { wordOf } from "../src/texts/index.ts";

const ROOT = "../..";
const read = (path: string): string => readFileSync(`${ROOT}/${path}`, "utf8");
const snake = (name: string): string => name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();

/** The variants of a Rust enumeration without fields, as JSON has them. */
function variants(path: string, name: string): string[] {
  const body = new RegExp(`pub enum ${name} \\{([\\s\\S]*?)\\n\\}`).exec(read(path))?.[1];
  assert.ok(body !== undefined, `${path} has no enum ${name}`);
  const words = [...body.matchAll(/^ {4}([A-Z]\w*)\b/gm)].map((match) => snake(match[1]!));
  assert.ok(words.length > 1, name);
  return words;
}

function sources(folder: string): string[] {
  return readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".rs"))
    .map((name) => read(`${folder}/${name}`));
}

/** Words that a pattern finds in the sources of a folder. */
function found(folder: string, pattern: RegExp): string[] {
  const words = new Set(sources(folder).flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1]!)));
  return [...words].sort();
}

/** In Chinese no word of the gateway is its own text; both languages have the same keys (texts.test.ts). */
function allHaveTexts(group: string, words: string[]): void {
  assert.deepEqual(words.filter((word) => wordOf("zh", group, word) === word), [], group);
}

test("states, severities, roles, limits and days", () => {
  allHaveTexts("state", variants("ingest/model/src/case.rs", "CaseState"));
  allHaveTexts("role", variants("ingest/model/src/staff.rs", "Role"));
  allHaveTexts("dutyDay", variants("ingest/model/src/duty.rs", "DutyDay"));
});

test("steps that people take, and what happens to a case by itself", () => {
  const steps = [...read("rules/cases/src/transitions.rs").matchAll(/line\("(\w+)",/g)].map((match) => match[1]!);
  assert.ok(steps.length > 15);
  const happenings = found("rules/cases/src/reducer", /case::happening\([^;]*?"(\w+)"/g);
  assert.ok(happenings.includes("called") && happenings.includes("came_back"), happenings.join());
  allHaveTexts("step", [...new Set([...steps, ...happenings])]);
});

test("conditions of the shipped rules", () => {
  const files = readdirSync(`${ROOT}/rules/library`).filter((name) => name.endsWith(".rhai"));
  const conditions = files.flatMap((name) => [...read(`rules/library/${name}`).matchAll(/condition: "(\w+)"/g)].map((match) => match[1]!));
  assert.ok(conditions.length > 30);
  allHaveTexts("condition", [...new Set(conditions)]);
  // The shipped profile speaks of some that no rule raises.
  const profile = read("rules/cases/profile/yuncheng.toml");
  const tables = [...profile.matchAll(/^(?:condition|cause|parent_condition|inhibits) = (.*)$/gm)].flatMap((match) => [...match[1]!.matchAll(/"(\w+)"/g)]);
  const spoken = tables.map((match) => match[1]!);
  assert.ok(spoken.includes("feeder_silent"), spoken.join());
  allHaveTexts("condition", [...new Set(spoken)]);
});

test("kinds of notifications", () => {
  const doc = /Which happening: ([\s\S]*?)\.\n/.exec(read("rules/cases/src/reducer/personal.rs"))?.[1];
  const kinds = [...(doc ?? "").matchAll(/`(\w+)`/g)].map((match) => match[1]!);
  assert.ok(kinds.length > 8, kinds.join());
  allHaveTexts("noticeKind", kinds);
});

test("what was decided", () => {
  const list = /DecisionKind \{([\s\S]*?)\n {4}\}/.exec(read("ingest/model/src/decision.rs"))?.[1];
  const words = [...(list ?? "").matchAll(/= "(\w+)"/g)].map((match) => match[1]!);
  assert.ok(words.length > 10, words.join());
  allHaveTexts("decided", words);
});

test("reasons of the listeners", () => {
  const lists = ["mqtt/refusal.rs", "coap/request.rs", "push/answer.rs"].map((path) => {
    const body = /fn (?:as_str|code)\(self\) -> &'static str \{([\s\S]*?)\n {4}\}/.exec(read(`ingest/src/${path}`))?.[1];
    const words = [...(body ?? "").matchAll(/=> "(\w+)"/g)].map((match) => match[1]!);
    assert.ok(words.length > 8, path);
    return words;
  });
  allHaveTexts("refused", lists.flat());
});
