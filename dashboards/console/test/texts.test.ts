import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { en } from "../src/texts/en.ts";
import { textOf, wordOf } from "../src/texts/index.ts";
import { zh } from "../src/texts/zh.ts";

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();

test("both languages have the same keys with the same places", () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(zh).sort());
  for (const [key, text] of Object.entries(zh)) {
    const other = en[key as keyof typeof zh];
    assert.deepEqual(places(other), places(text), key);
    assert.ok(text.trim() !== "" && other.trim() !== "", key);
  }
});

test("no text stands beside the two files", () => {
  const inSource = ["src", "src/pages", "src/parts"].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".tsx"))
      .map((name) => `${folder}/${name}`),
  );
  assert.ok(inSource.length > 10);
  for (const file of inSource) {
    const code = readFileSync(file, "utf8").replaceAll(/\/\/.*|"Noto[^`]*?"/g, "");
    const found = code.match(/[\u4e00-\u9fff]+/g);
    assert.equal(found, null, `${file}: ${found?.join()}`);
  }
});

/** Groups whose keys are put together from a word of the API. */
const WORDS = ["severity", "state", "stage", "step", "feedback", "limit", "change", "life", "quality", "sheet", "error", "actor", "condition", "verdict",
  "incident", "why.trigger", "why.threshold", "page", "tab", "range", "stageLimit", "source", "scope", "silenceState", "endedBy", "weekday", "evaluationBy",
  "period", "decided", "decisionBy", "reportPlace", "tier", "role", "duty", "dutyDay", "rosterFault", "lang", "noticeKind", "delivery", "channel", "adminTab",
  "disposition", "commandState", "rulesTab", "draftTab", "trialState", "trialSide", "trial.against", "tally", "shadowState", "verdictIs", "readingState",
  "audit", "draft", "action", "filePurpose", "scopeKind", "cost", "cityTab", "placeShape", "crs", "classKind", "listener", "refused"];

test("every text is used", () => {
  const code = ["src", "src/pages", "src/parts", "src/logic"]
    .flatMap((folder) => readdirSync(folder).filter((name) => /\.tsx?$/.test(name)).map((name) => readFileSync(`${folder}/${name}`, "utf8")))
    .join("\n");
  const unused = Object.keys(zh).filter((key) => !code.includes(`"${key}"`) && !WORDS.includes(key.slice(0, key.lastIndexOf("."))));
  assert.deepEqual(unused, []);
});

test("texts of a prefix that code puts together are named by that code", () => {
  // A group that nothing is put together from would let unused texts through.
  const code = ["src", "src/pages", "src/parts", "src/logic"]
    .flatMap((folder) => readdirSync(folder).filter((name) => /\.tsx?$/.test(name)).map((name) => readFileSync(`${folder}/${name}`, "utf8")))
    .join("\n");
  for (const group of WORDS) {
    const used = code.includes(`\`${group}.`) || code.includes(`w("${group}"`) || code.includes(`"${group}.`);
    assert.ok(used, group);
  }
});

test("places are filled, and a word without a text is shown as it is", () => {
  assert.equal(textOf("zh", "work.waiting", { count: 3 }), "有 3 件新变化，点此显示");
  assert.equal(wordOf("en", "severity", "critical"), "Critical");
  assert.equal(wordOf("zh", "state", "unheard_of"), "unheard_of");
});
