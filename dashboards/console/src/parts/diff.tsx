// A difference between two packs, line by line, by sign and colour.

import { useTexts } from "../context.tsx";
import { diffLines } from "../logic/draft.ts";

const SIGNS = { gone: "−", new: "+", same: " ", gap: " ", file: "" } as const;

export function DiffText({ text }: { text: string }) {
  const { t } = useTexts();
  const lines = diffLines(text);
  if (lines.length === 0) return <p class="dim pad">{t("diff.none")}</p>;
  return (
    <pre class="source whole diff">
      {lines.map((line, index) => (
        <div key={index} class={line.sort}>
          <span class="line-number">{SIGNS[line.sort]}</span>
          <span>{line.text || " "}</span>
        </div>
      ))}
    </pre>
  );
}
