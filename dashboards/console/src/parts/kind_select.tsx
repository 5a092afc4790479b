// One kind of device, or all.

import { useApp, useTexts } from "../context.tsx";

export function KindSelect({ label, kind, choose }: { label: string; kind: string; choose: (kind: string) => void }) {
  const { kinds, lang } = useApp();
  const { t } = useTexts();
  return (
    <select aria-label={label} value={kind} onChange={(event) => choose(event.currentTarget.value)}>
      <option value="">{t("incident.allKinds")}</option>
      {[...kinds.values()].map((each) => (
        <option key={each.name} value={each.name}>
          {lang === "zh" ? each.zh : each.en}
        </option>
      ))}
    </select>
  );
}
