// What the city has told the gateway of itself: its places, and the profile by which incidents become cases.

import { useTexts } from "../context.tsx";
import { Places } from "../parts/places.tsx";
import { CityProfile } from "../parts/city_profile.tsx";
import { href } from "../router.ts";

const TABS = ["profile", "places"] as const;

export function CityPage({ id }: { id: string | null }) {
  const { t } = useTexts();
  const tab = TABS.find((each) => each === id) ?? "profile";
  return (
    <div class="tabbed">
      <div class="sub-tabs" role="tablist">
        {TABS.map((each) => (
          <a key={each} role="tab" aria-selected={each === tab} class={each === tab ? "here" : ""} href={href("city", each)}>
            {t(`cityTab.${each}`)}
          </a>
        ))}
      </div>
      <div class="tab-body">{tab === "places" ? <Places /> : <CityProfile />}</div>
    </div>
  );
}
