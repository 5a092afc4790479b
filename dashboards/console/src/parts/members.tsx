// The members of a storm: the incidents that a parent stands for.

import { all } from "../api.ts";
import { useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { momentText } from "../logic/format.ts";
import { href } from "../router.ts";
import type { Incident } from "../types.ts";
import { Section, SeverityMark, titleOf } from "./bits.tsx";

/** Members of a storm that are counted: pages of 1,000. */
const MEMBER_PAGES = 3;
/** Members that are shown: those that are still open first. */
const MEMBERS = 100;

export function Members({ incident }: { incident: Incident }) {
  const texts = useTexts();
  const { t, w } = texts;
  const now = useNow(60_000);
  const loaded = useLoaded(() => all<Incident>("/api/v1/incidents", { parent: incident.id, limit: 1_000 }, MEMBER_PAGES), [incident.id, incident.updated]);
  const members = loaded.value ?? [];
  if (members.length === 0) return null;
  const open = members.filter((member) => member.state === "open");
  const shown = [...open, ...members.filter((member) => member.state !== "open")].slice(0, MEMBERS);
  return (
    <Section title={t("incident.members")} side={t("incident.memberCounts", { open: open.length, all: members.length })}>
      <table class="grid rows members">
        <tbody>
          {shown.map((member) => (
            <tr key={member.id} onClick={() => (location.hash = href("incidents", member.id))}>
              <td>
                <SeverityMark severity={member.severity} active={false} />
              </td>
              <td>
                <a href={href("incidents", member.id)}>{titleOf(member, texts)}</a>
              </td>
              <td class="mono rare">{member.device}</td>
              <td class="num">{momentText(member.opened, now)}</td>
              <td class={member.state === "open" ? "" : "dim"}>{w("incident", member.state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {members.length > shown.length && <p class="dim pad">{t("work.more", { count: members.length - shown.length })}</p>}
    </Section>
  );
}
