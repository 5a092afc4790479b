// One of the two sheets: a whole, its terms, and whether they add up.

import { useTexts } from "../context.tsx";
import { countText } from "../logic/format.ts";
import { Section } from "./bits.tsx";

export const MESSAGE_TERMS = ["decoded", "duplicate", "quarantined"] as const;
export const VALUE_TERMS = ["stored", "late", "duplicate", "replaced", "out_of_range", "too_far_ahead"] as const;

interface SheetProps {
  title: string;
  whole: string;
  sheet: Record<string, number>;
  terms: readonly string[];
  /** A count that stands beside the sheet. */
  beside: string | null;
}

export function Sheet({ title, whole, sheet, terms, beside }: SheetProps) {
  const { t, w } = useTexts();
  const difference = sheet["difference"] ?? 0;
  return (
    <Section title={title} side={difference === 0 ? t("status.balanced") : <span title={t("status.underWay")}>{t("status.difference", { count: countText(difference) })}</span>}>
      <table class="grid">
        <tbody>
          <tr class="sum">
            <td>{w("sheet", whole)}</td>
            <td class="num strong">{countText(sheet[whole] ?? 0)}</td>
          </tr>
          {terms.map((term) => (
            <tr key={term}>
              <td class="indent">{w("sheet", term)}</td>
              <td class="num">{countText(sheet[term] ?? 0)}</td>
            </tr>
          ))}
          {beside !== null && (
            <tr class="beside">
              <td>{w("sheet", beside)}</td>
              <td class="num">{countText(sheet[beside] ?? 0)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </Section>
  );
}
