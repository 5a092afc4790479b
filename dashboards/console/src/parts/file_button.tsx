// A button that takes a file, and forgets it again, so that the same one can be chosen twice.

import { useRef } from "preact/hooks";

interface Props {
  label: string;
  /** What the file dialog offers. */
  accept: string;
  chosen: (file: File) => void;
}

export function FileButton({ label, accept, chosen }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const take = (): void => {
    const file = input.current?.files?.[0];
    if (file !== undefined) chosen(file);
    if (input.current !== null) input.current.value = "";
  };
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        {label}
      </button>
      <input ref={input} type="file" accept={accept} hidden onChange={take} />
    </>
  );
}
