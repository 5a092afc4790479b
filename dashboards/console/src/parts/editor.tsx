// A plain editor with line numbers: what the browser gives, so that input methods, undo and screen readers work.

import { useEffect, useRef } from "preact/hooks";

interface Props {
  label: string;
  text: string;
  /** Lines with a mistake. */
  marked: number[];
  /** The line to go to; a new object goes there again. */
  goTo: { line: number } | null;
  change: (text: string) => void;
}

export function Editor({ label, text, marked, goTo, change }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n");
  useEffect(() => {
    const field = area.current;
    if (goTo === null || field === null) return;
    const before = field.value.split("\n").slice(0, goTo.line - 1).join("\n").length;
    const at = goTo.line <= 1 ? 0 : before + 1;
    field.focus();
    field.setSelectionRange(at, at + (field.value.slice(at).split("\n")[0]?.length ?? 0));
    field.scrollTop = Math.max(0, (goTo.line - 6) * LINE_PX);
  }, [goTo]);
  return (
    <div class="editor">
      <div class="gutter" ref={gutter} aria-hidden="true">
        {lines.map((_, index) => (
          <div key={index} class={marked.includes(index + 1) ? "marked" : ""}>
            {index + 1}
          </div>
        ))}
      </div>
      <textarea
        ref={area}
        aria-label={label}
        spellcheck={false}
        wrap="off"
        value={text}
        onInput={(event) => change(event.currentTarget.value)}
        onScroll={(event) => {
          if (gutter.current !== null) gutter.current.scrollTop = event.currentTarget.scrollTop;
        }}
      />
    </div>
  );
}

/** Height of a line, as in the style sheet. */
const LINE_PX = 20;
