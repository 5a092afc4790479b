// The city profile at work, to be read: its classes with their rows and limits, what makes one incident of many, what
// explains what, what sensors verify. Changed as a file: taken out, edited, checked, put to work.

import { useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { useApp, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { countText } from "../logic/format.ts";
import { maySetProfile } from "../logic/roles.ts";
import type { Profile } from "../types.ts";
import { useAsk } from "./ask.ts";
import { Facts, limitText, Section, SeverityMark, Waiting } from "./bits.tsx";
import { FileButton } from "./file_button.tsx";

interface Check {
  ok: boolean;
  mistakes: { line: number; field: string; message: string; hint: string }[];
}

const PATH = "/api/v1/profile";
const KINDS = ["component", "event"] as const;
/** Mistakes that are listed. */
const LISTED = 50;

export function CityProfile() {
  const { me } = useApp();
  const { t } = useTexts();
  const loaded = useLoaded(() => get<Profile>(PATH), []);
  const profile = loaded.value;
  if (profile === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const rows = profile.classes.reduce((count, each) => count + each.standards.length, 0);
  return (
    <div class="sheet profile">
      <div class="bar many">
        <h2>{profile.name}</h2>
        <a class="button push" href={`data:application/toml;charset=utf-8,${encodeURIComponent(profile.text)}`} download={`${profile.name}.toml`}>
          {t("profile.export")}
        </a>
        {maySetProfile(me.roles) && <ProfileUpload done={loaded.reload} />}
      </div>
      <Facts
        rows={[
          [t("profile.zone"), profile.time_zone],
          [t("profile.classes"), t("profile.classCount", { classes: countText(profile.classes.length), rows: countText(rows) })],
          [t("profile.departments"), profile.departments.join(" ")],
        ]}
      />
      <Storms profile={profile} />
      <Causes profile={profile} />
      <Verifications profile={profile} />
      <Classes profile={profile} />
    </div>
  );
}

/** Words of a list of groups. */
function useBy(): (by: string[]) => string {
  const { w } = useTexts();
  return (by) => by.map((each) => w("scope", each)).join(" / ");
}

function Storms({ profile }: { profile: Profile }) {
  const { t, w } = useTexts();
  const by = useBy();
  return (
    <Section title={t("profile.groups")} side={t("profile.outlast", { minutes: profile.outlast_min })}>
      <table class="grid full">
        <thead>
          <tr>
            <th>{t("scope.condition")}</th>
            <th>{t("profile.by")}</th>
            <th>{t("profile.enough")}</th>
            <th>{t("profile.parent")}</th>
          </tr>
        </thead>
        <tbody>
          {profile.groups.map((group) => (
            <tr key={group.condition}>
              <td>{w("condition", group.condition)}</td>
              <td>{by(group.by)}</td>
              <td>
                {t("profile.distinct", { count: group.distinct, minutes: group.within_min })}
                {group.share !== null && ` · ${Math.round(group.share * 100)} %`}
              </td>
              <td>
                <SeverityMark severity={group.severity} active={false} /> {w("condition", group.parent_condition)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function Causes({ profile }: { profile: Profile }) {
  const { t, w } = useTexts();
  const by = useBy();
  return (
    <Section title={t("profile.causes")}>
      <table class="grid full">
        <thead>
          <tr>
            <th>{t("profile.cause")}</th>
            <th>{t("profile.explained")}</th>
            <th>{t("profile.by")}</th>
            <th>{t("profile.before")}</th>
          </tr>
        </thead>
        <tbody>
          {profile.inhibitions.map((rule) => (
            <tr key={`${rule.cause} ${rule.condition}`}>
              <td>{w("condition", rule.cause)}</td>
              <td>{w("condition", rule.condition)}</td>
              <td>{by(rule.by)}</td>
              <td>{rule.within_min === 0 ? t("app.none") : t("profile.minutes", { count: rule.within_min })}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function Verifications({ profile }: { profile: Profile }) {
  const { t, w } = useTexts();
  return (
    <Section title={t("profile.verifications")}>
      <table class="grid full">
        <thead>
          <tr>
            <th>{t("scope.condition")}</th>
            <th>{t("profile.readings")}</th>
            <th>{t("profile.grace")}</th>
            <th>{t("profile.window")}</th>
            <th>{t("profile.closes")}</th>
          </tr>
        </thead>
        <tbody>
          {profile.verifications.map((rule) => (
            <tr key={rule.condition}>
              <td>{w("condition", rule.condition)}</td>
              <td class="num">{rule.readings}</td>
              <td>{t("profile.minutes", { count: rule.grace_min })}</td>
              <td>{t("profile.minutes", { count: rule.window_min })}</td>
              <td>{t(rule.auto_close ? "profile.byItself" : "profile.byPeople")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

/** Big class by big class, folded: a city has some hundred rows. */
function Classes({ profile }: { profile: Profile }) {
  const texts = useTexts();
  const { t } = texts;
  const [text, setText] = useState("");
  const matching = profile.classes.filter((each) => `${each.code} ${each.name} ${each.standards.map((row) => row.filing).join(" ")}`.includes(text.trim()));
  const bigs = KINDS.flatMap((kind) => [...new Set(matching.filter((each) => each.kind === kind).map((each) => each.big_name))].map((big) => ({ kind, big })));
  return (
    <Section
      title={t("profile.table")}
      side={<input type="search" aria-label={t("profile.search")} placeholder={t("profile.search")} value={text} onInput={(event) => setText(event.currentTarget.value)} />}
    >
      {bigs.map(({ kind, big }) => {
        const classes = matching.filter((each) => each.kind === kind && each.big_name === big);
        return (
          <details key={`${kind}/${big}`} open={text.trim() !== ""}>
            <summary>
              {t(`classKind.${kind}`)} · {big} <span class="dim">{t("profile.classNumber", { count: classes.length })}</span>
            </summary>
            <table class="grid full">
              <tbody>
                {classes.flatMap((each) =>
                  each.standards.map((row, index) => (
                    <tr key={row.id}>
                      <td class="mono">{index === 0 ? each.code : ""}</td>
                      <td>{index === 0 ? each.name : ""}</td>
                      <td>{row.filing}</td>
                      <td class="rare">{row.closing}</td>
                      <td>{limitText(row, texts)}</td>
                    </tr>
                  )),
                )}
              </tbody>
            </table>
          </details>
        );
      })}
      {bigs.length === 0 && <p class="dim">{t("app.empty")}</p>}
    </Section>
  );
}

/** A file is checked when it is chosen, and put to work by a second press. */
function ProfileUpload({ done }: { done: () => void }) {
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const [found, setFound] = useState<Check | null>(null);
  const check = async (chosen: File): Promise<void> => {
    const text = await chosen.text();
    setFile({ name: chosen.name, text });
    setFound(null);
    await ask(async () => setFound(await post<Check>(`${PATH}/check`, { text })), null);
  };
  const put = async (text: string): Promise<void> => {
    if (await ask(() => post(PATH, { text }), t("profile.taken"))) {
      setFile(null);
      done();
    }
  };
  return (
    <>
      <FileButton label={t("profile.import")} accept=".toml,application/toml" chosen={(chosen) => void check(chosen)} />
      {file !== null && (
        <div class="step-form whole" role="group" aria-label={t("profile.import")}>
          <p>
            <strong>{file.name}</strong> {found === null ? `${t("app.loading")}…` : found.ok ? t("profile.good") : t("profile.bad", { count: countText(found.mistakes.length) })}
          </p>
          {found !== null && !found.ok && (
            <ul class="refused">
              {found.mistakes.slice(0, LISTED).map((mistake, index) => (
                <li key={index}>
                  <span class="num dim">{t("why.line", { line: mistake.line })}</span> <span class="mono">{mistake.field}</span> {mistake.message} <span class="dim">{mistake.hint}</span>
                </li>
              ))}
            </ul>
          )}
          <div class="buttons">
            <button class="main" disabled={busy || found === null || !found.ok} onClick={() => void put(file.text)}>
              {t("profile.put")}
            </button>
            <button onClick={() => setFile(null)}>{t("app.cancel")}</button>
          </div>
        </div>
      )}
    </>
  );
}
