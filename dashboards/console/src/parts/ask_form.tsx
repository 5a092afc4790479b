// A form that asks the gateway for something: one request at a time, its refusal below the fields, its button last.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useTexts } from "../context.tsx";
import { failureText } from "./bits.tsx";

interface Props {
  /** Further classes of the form. */
  look?: string;
  /** What is asked for. What it throws is shown. */
  go: () => Promise<void>;
  label: string;
  /** The button warns. */
  grave?: boolean;
  disabled?: boolean;
  children: ComponentChildren;
}

export function AskForm({ look = "", go, label, grave = false, disabled = false, children }: Props) {
  const texts = useTexts();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await go();
    } catch (error) {
      setFailure(failureText(error, texts));
    }
    setBusy(false);
  };
  return (
    <form class={`step-form ${look}`.trim()} onSubmit={(event) => void submit(event)}>
      {children}
      {failure !== null && (
        <p class="bad" role="alert">
          {failure}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class={grave ? "grave" : "main"} disabled={busy || disabled}>
          {label}
        </button>
      </div>
    </form>
  );
}
