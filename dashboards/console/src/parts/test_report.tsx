// What the tests of rules said: the red ones first with what happened, then which lines and conditions no test settled.

import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { useTexts } from "../context.tsx";
import type { Files, FileCoverage, Mistake, Tested, TestResult } from "../types_rules.ts";
import { failureText, Section } from "./bits.tsx";

/** Missed conditions of a file that are listed. */
const MISSED = 20;

interface Props {
  /** The pack; given when it is needed, since it may have to be loaded. */
  files: () => Promise<Files>;
  /** Only tests of this file. */
  file: string | null;
  goTo?: (file: string, line: number) => void;
}

export function TestRunner({ files, file, goTo }: Props) {
  const texts = useTexts();
  const { t } = texts;
  const [busy, setBusy] = useState(false);
  const [tested, setTested] = useState<Tested | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const run = async (filter: string): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      setTested(await post<Tested>("/api/v1/rules/test", { files: await files(), filter }));
    } catch (error) {
      setFailure(failureText(error, texts));
    }
    setBusy(false);
  };
  return (
    <div class="tests">
      <div class="buttons">
        {file !== null && (
          <button class="main" disabled={busy} onClick={() => void run(`${file}::`)}>
            {t("test.run")} <span class="dim">{t("test.own")}</span>
          </button>
        )}
        <button class={file === null ? "main" : ""} disabled={busy} onClick={() => void run("")}>
          {t("test.run")} <span class="dim">{t("test.all")}</span>
        </button>
        {busy && <span class="hint dim">{t("test.running")}…</span>}
        {failure !== null && <span class="hint bad">{failure}</span>}
      </div>
      {tested !== null && <Result tested={tested} file={file} goTo={goTo} />}
    </div>
  );
}

function Result({ tested, file, goTo }: { tested: Tested; file: string | null; goTo: Props["goTo"] }) {
  const { t } = useTexts();
  const { report } = tested;
  if (report === null) return <Mistakes mistakes={tested.mistakes} goTo={goTo} />;
  const red = report.tests.filter((test) => test.failure !== null);
  const covered = report.coverage.filter((each) => file === null || each.file === file);
  return (
    <>
      <p class="figures" role="status">
        <span>{report.tests.length === 0 ? t("test.none") : t("test.passed", { count: report.passed })}</span>
        {report.failed > 0 && <strong class="bad">{t("test.failed", { count: report.failed })}</strong>}
      </p>
      <ol class="red-tests">
        {red.map((test) => (
          <RedTest key={`${test.file}${test.name}`} test={test} goTo={goTo} />
        ))}
      </ol>
      {file === null && report.untested.length > 0 && (
        <p class="dim">
          {t("test.untested")}: {report.untested.join(", ")}
        </p>
      )}
      {covered.length > 0 && <Coverage covered={covered} goTo={goTo} />}
    </>
  );
}

function RedTest({ test, goTo }: { test: TestResult; goTo: Props["goTo"] }) {
  const { t } = useTexts();
  const failure = test.failure!;
  return (
    <li class="mistake">
      <p>
        <strong class="bad">{test.name}</strong> <Place file={test.file} line={failure.line} goTo={goTo} />
      </p>
      <p>{failure.message}</p>
      <pre class="source">{failure.source_line.trim()}</pre>
      {failure.values.length > 0 && <p class="mono">{failure.values.join("  ")}</p>}
      {failure.tape.length > 0 && (
        <details>
          <summary>{t("test.tape")}</summary>
          <pre class="source">{failure.tape.join("\n")}</pre>
        </details>
      )}
    </li>
  );
}

function Coverage({ covered, goTo }: { covered: FileCoverage[]; goTo: Props["goTo"] }) {
  const { t } = useTexts();
  const missed = covered.flatMap((each) =>
    each.conditions.filter((one) => one.exempt === null && !(one.was_true && one.was_false)).map((one) => ({ file: each.file, ...one })),
  );
  return (
    <Section title={t("test.coverage")}>
      <table class="grid">
        <tbody>
          {covered.map((each) => (
            <tr key={each.file}>
              <td class="mono">{each.file}</td>
              <td class={`num ${each.lines_hit < each.lines ? "holds" : ""}`}>{t("test.lines", { hit: each.lines_hit, all: each.lines })}</td>
              <td class={`num ${each.branches_hit < each.branches ? "holds" : ""}`}>{t("test.branches", { hit: each.branches_hit, all: each.branches })}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {missed.length > 0 && <h4>{t("test.missed")}</h4>}
      <ul>
        {missed.slice(0, MISSED).map((one) => (
          <li key={`${one.file}${one.line}:${one.column}`}>
            <span class="mono wrap">{one.text}</span>{" "}
            <span class="holds">{[one.was_true ? "" : t("test.neverTrue"), one.was_false ? "" : t("test.neverFalse")].filter((word) => word !== "").join(" · ")}</span>{" "}
            <Place file={one.file} line={one.line} goTo={goTo} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Mistakes that the checker found, each with its line and what to do. */
export function Mistakes({ mistakes, goTo }: { mistakes: Mistake[]; goTo: Props["goTo"] }) {
  // What keeps the pack from running comes before what is only to be known.
  const ordered = [...mistakes].sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
  return (
    <ol class="mistakes">
      {ordered.map((mistake, index) => (
        <li key={index} class="mistake">
          <p>
            <strong class={mistake.severity === "warning" ? "holds" : "bad"}>{mistake.message}</strong> <Place file={mistake.file} line={mistake.line} goTo={goTo} />
          </p>
          {mistake.source != null && mistake.source !== "" && (
            <pre class="source">
              {mistake.source}
              {"\n"}
              {" ".repeat(Math.max(0, mistake.column - 1))}^
            </pre>
          )}
          {mistake.hint != null && mistake.hint !== "" && <p class="dim">{mistake.hint}</p>}
        </li>
      ))}
    </ol>
  );
}

function Place({ file, line, goTo }: { file: string; line: number; goTo: Props["goTo"] }) {
  const { t } = useTexts();
  const text = `${file} ${t("why.line", { line })}`;
  if (goTo === undefined) return <span class="dim">{text}</span>;
  return (
    <button type="button" class="plain link" onClick={() => goTo(file, line)}>
      {text}
    </button>
  );
}
