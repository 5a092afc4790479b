// From an incident to a silence for it, filled in.

import { useApp, useTexts } from "../context.tsx";
import { maySilence } from "../logic/roles.ts";
import { aroundIncident } from "../logic/silence.ts";
import { href } from "../router.ts";
import type { Incident } from "../types.ts";

export function SilenceLink({ incident }: { incident: Incident }) {
  const { me } = useApp();
  const { t } = useTexts();
  if (incident.silenced_by !== null) return <a href={href("silences", incident.silenced_by)}>{t("incident.silenced")}</a>;
  if (incident.state !== "open" || !maySilence(me.roles)) return null;
  return <a href={href("silences", "new", aroundIncident(incident))}>{t("silence.this")}</a>;
}
