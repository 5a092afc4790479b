// Handing a shift over: the note with the cases that are open, written by who leaves, read by who comes.

import { useState } from "preact/hooks";
import { get, post, query } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { momentText } from "../logic/format.ts";
import { MAX_REMARKS, watched } from "../logic/duty.ts";
import { href } from "../router.ts";
import type { Case } from "../types.ts";
import type { Duty, HandOver } from "../types_duty.ts";
import { useAsk } from "./ask.ts";
import { namedTitle, Section, SeverityMark, Waiting } from "./bits.tsx";

/** Cases of a hand-over that are shown before somebody asks for all. */
const SHOWN_CASES = 8;
/** The longest note in letters: three bytes each of the 2,000 that the gateway takes. */
const LONGEST_NOTE = 660;

interface FormProps {
  duty: Duty;
  /** Districts that have a roster of their own. */
  others: string[];
  done: () => void;
  cancel: () => void;
}

export function HandOverForm({ duty, others, done, cancel }: FormProps) {
  const { cases } = useApp();
  const texts = useTexts();
  const { t } = texts;
  const { busy, ask } = useAsk();
  // A session that ends while somebody writes must not take the note with it.
  const kept = `gengfu.handover.${duty.roster}`;
  const [note, setNote] = useState(() => sessionStorage.getItem(kept) ?? "");
  const write = (text: string): void => {
    sessionStorage.setItem(kept, text);
    setNote(text);
  };
  const [remarks, setRemarks] = useState<Record<string, string>>({});
  const open = watched(cases.values(), duty.roster, others).slice(0, MAX_REMARKS);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const items = Object.entries(remarks)
      .map(([id, remark]) => ({ case: id, remark: remark.trim() }))
      .filter((item) => item.remark !== "");
    const taken = await ask(() => post("/api/v1/duty/hand-overs", { district: duty.roster, note: note.trim(), items }), t("handover.done"));
    if (!taken) return;
    sessionStorage.removeItem(kept);
    done();
  };
  return (
    <form class="step-form hand-over" onSubmit={(event) => void send(event)}>
      <p class="dim">{t("handover.about")}</p>
      <label class="wide">
        {t("handover.note")}
        <textarea name="note" rows={4} maxLength={LONGEST_NOTE} required autoFocus value={note} onInput={(event) => write(event.currentTarget.value)} />
      </label>
      {open.length > 0 && (
        <ol class="remarks">
          {open.map((item) => (
            <li key={item.id}>
              <SeverityMark severity={item.severity} active={item.acknowledged_by === null} />
              <a href={href("work", item.id)}>
                {namedTitle(item, texts)}
              </a>
              <input aria-label={`${t("handover.remark")}: ${item.number}`} placeholder={t("handover.remark")} maxLength={120} value={remarks[item.id] ?? ""} onInput={(event) => setRemarks({ ...remarks, [item.id]: event.currentTarget.value })} />
            </li>
          ))}
        </ol>
      )}
      <div class="buttons">
        <button type="submit" class="main" disabled={busy || note.trim() === ""}>
          {t("handover.send")}
        </button>
        <button type="button" onClick={cancel}>
          {t("app.cancel")}
        </button>
      </div>
    </form>
  );
}

/** The hand-overs of a roster, the newest first. */
export function HandOvers({ district, fresh }: { district: string; fresh: string }) {
  const { t } = useTexts();
  const loaded = useLoaded(() => get<{ items: HandOver[] }>(query("/api/v1/duty/hand-overs", { district })), [district, fresh]);
  const items = loaded.value?.items ?? [];
  return (
    <Section title={t("handover.title")}>
      {loaded.value === null && <Waiting failure={loaded.failure} reload={loaded.reload} />}
      {loaded.value !== null && items.length === 0 && <p class="dim">{t("handover.none")}</p>}
      <ol class="hand-overs">
        {items.map((item) => (
          <li key={item.id}>
            <HandOverNote item={item} />
          </li>
        ))}
      </ol>
    </Section>
  );
}

export function HandOverNote({ item }: { item: HandOver }) {
  const { t } = useTexts();
  const now = useNow(60_000);
  const [all, setAll] = useState(false);
  // What somebody wrote a remark on comes first: that is what the next one must know.
  const ordered = [...item.items].sort((a, b) => Number(b.remark !== "") - Number(a.remark !== ""));
  const shown = all ? ordered : ordered.slice(0, SHOWN_CASES);
  return (
    <div class="hand-over-note">
      <p class="dim">
        <span class="num">{momentText(item.time, now)}</span> · {item.from}
        {item.shift !== "" && ` · ${item.shift}`} · {t("handover.cases", { count: item.open })}
      </p>
      <p class="said">{item.note}</p>
      <ul>
        {shown.map((each) => (
          <HandedCase key={each.case} id={each.case} remark={each.remark} />
        ))}
      </ul>
      {shown.length < ordered.length && (
        <button type="button" class="plain" onClick={() => setAll(true)}>
          {t("app.more")} ({ordered.length - shown.length})
        </button>
      )}
    </div>
  );
}

/** A case of a hand-over as it stands now. */
function HandedCase({ id, remark }: { id: string; remark: string }) {
  const { cases } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  const item: Case | undefined = cases.get(id);
  return (
    <li>
      {item !== undefined && <SeverityMark severity={item.severity} active={!item.final && item.acknowledged_by === null} />}
      <a href={href("work", id)}>{item === undefined ? id : namedTitle(item, texts)}</a>
      <span class="dim"> · {item === undefined ? t("handover.caseClosed") : w("state", item.state)}</span>
      {remark !== "" && <strong> · {remark}</strong>}
    </li>
  );
}
