// The packs that were live, the newest first; an earlier one is put back to work from here.

import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { momentText } from "../logic/format.ts";
import { mayPublish } from "../logic/roles.ts";
import type { Pack } from "../types.ts";
import { failureText, Section } from "./bits.tsx";

/** Packs that are shown. */
const PACKS = 20;

export function PackList({ packs, done }: { packs: Pack[]; done: () => void }) {
  const { me, tell } = useApp();
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(60_000);
  const [asked, setAsked] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const live = packs[0]?.version;
  const back = async (version: string): Promise<void> => {
    setBusy(true);
    try {
      await post("/api/v1/rules/rollback", { version });
      tell(t("rules.rolledBack", { version: version.slice(0, 12) }));
      done();
    } catch (failure) {
      tell(failureText(failure, texts), "bad");
    }
    setBusy(false);
    setAsked(null);
  };
  return (
    <Section title={t("rules.packs")}>
      <ol class="packs">
        {packs.slice(0, PACKS).map((pack, index) => (
          <li key={pack.id}>
            <div class="pack-line">
              <span class="mono">{pack.version.slice(0, 12)}</span>
              <span>{w("actor", pack.by)}</span>
              <span class="dim">
                {pack.time !== undefined && <>{momentText(pack.time, now)} · </>}
                {t("rules.files", { count: pack.files.length })}
              </span>
              {index === 0 && <span class="strong">{t("rules.now")}</span>}
              {pack.version !== live && mayPublish(me.roles) && asked !== pack.id && (
                <button class="plain" onClick={() => setAsked(pack.id)}>
                  {t("rules.rollback")}
                </button>
              )}
            </div>
            {pack.reason !== undefined && pack.reason !== "" && <p class="dim">{pack.reason}</p>}
            {asked === pack.id && (
              <div class="step-form" role="group" aria-label={t("rules.rollback")}>
                <p>{t("rules.rollbackSure", { version: pack.version.slice(0, 12) })}</p>
                <div class="buttons">
                  <button class="main" ref={(button) => button?.focus()} disabled={busy} onClick={() => void back(pack.version)}>
                    {t("rules.rollback")}
                  </button>
                  <button onClick={() => setAsked(null)}>{t("app.cancel")}</button>
                </div>
              </div>
            )}
          </li>
        ))}
      </ol>
    </Section>
  );
}
