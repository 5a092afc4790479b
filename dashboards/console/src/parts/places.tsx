// The city's places as a list: fences, speed zones, roads, routes and stops, and a GeoJSON file that replaces them.
// What is wrong with a file is shown feature by feature before it is put to work.

import { useState } from "preact/hooks";
import { get, query, replace, upload } from "../api.ts";
import { useApp, useNow, useTexts } from "../context.tsx";
import { useLoaded } from "../load.ts";
import { countText, momentText } from "../logic/format.ts";
import { type Feature, listed, routesOf, shapeOf, sizeText } from "../logic/places.ts";
import { mayPutPlaces } from "../logic/roles.ts";
import { useAsk } from "./ask.ts";
import { Waiting } from "./bits.tsx";
import { FileButton } from "./file_button.tsx";

interface PlacesFile {
  features: Feature[];
  crs: string;
  by: string;
  time: string | null;
}

interface Check {
  ok: boolean;
  places: number;
  mistakes: { feature: number | null; name: string; ring: number | null; message: string }[];
}

const PATH = "/api/v1/places";
const TYPE = "application/geo+json";
const SYSTEMS = ["wgs84", "gcj02", "bd09"] as const;
/** Mistakes that are listed. */
const LISTED = 50;

export function Places() {
  const { me } = useApp();
  const { t } = useTexts();
  const now = useNow(60_000);
  const [crs, setCrs] = useState("wgs84");
  const [text, setText] = useState("");
  const loaded = useLoaded(() => get<PlacesFile>(query(PATH, { crs })), [crs]);
  if (loaded.value === null) return <Waiting failure={loaded.failure} reload={loaded.reload} />;
  const { features, by, time } = loaded.value;
  const wanted = listed(features).filter(({ properties }) => `${properties.name} ${properties.kind} ${[properties.route ?? ""].flat().join(" ")}`.includes(text.trim()));
  return (
    <div class="sheet">
      <div class="bar many">
        <input type="search" class="search" placeholder={t("place.search")} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <CrsField crs={crs} set={setCrs} />
        <a class="button push" href={query(PATH, { crs })} download={`places-${crs}.geojson`}>
          {t("place.export")}
        </a>
      </div>
      <p class="dim">{time === null ? t("place.never") : t("place.by", { count: countText(features.length), by, time: momentText(time, now) })}</p>
      {mayPutPlaces(me.roles) && <PlacesUpload done={loaded.reload} />}
      <table class="grid rows full places">
        <thead>
          <tr>
            <th>{t("place.name")}</th>
            <th>{t("place.kind")}</th>
            <th>{t("place.route")}</th>
            <th>{t("place.shape")}</th>
            <th class="num">{t("place.size")}</th>
            <th class="num">{t("place.speed")}</th>
            <th class="num rare">{t("place.radius")}</th>
          </tr>
        </thead>
        <tbody>
          {wanted.map((place) => (
            <tr key={place.properties.name}>
              <td>{place.properties.name}</td>
              <td class="mono">{place.properties.kind}</td>
              <td>{routesOf(place).join(", ")}</td>
              <td>{t(`placeShape.${shapeOf(place)}`)}</td>
              <td class="num">{sizeText(place)}</td>
              <td class="num">{place.properties.speed_limit_kmh ?? ""}</td>
              <td class="num rare">{place.properties.radius_m ?? ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {wanted.length === 0 && <p class="dim pad">{t("app.empty")}</p>}
    </div>
  );
}

function CrsField({ crs, set }: { crs: string; set: (crs: string) => void }) {
  const { t } = useTexts();
  return (
    <select aria-label={t("place.crs")} value={crs} onChange={(event) => set(event.currentTarget.value)}>
      {SYSTEMS.map((each) => (
        <option key={each} value={each}>
          {t(`crs.${each}`)}
        </option>
      ))}
    </select>
  );
}

/** A file is checked when it is chosen, in the system that it is in, and put to work by a second press. */
function PlacesUpload({ done }: { done: () => void }) {
  const { t } = useTexts();
  const { busy, ask } = useAsk();
  const [crs, setCrs] = useState("wgs84");
  const [file, setFile] = useState<File | null>(null);
  const [found, setFound] = useState<Check | null>(null);
  const check = async (chosen: File, system: string): Promise<void> => {
    setFile(chosen);
    setFound(null);
    await ask(async () => setFound(await upload<Check>(query(`${PATH}/check`, { crs: system }), TYPE, chosen)), null);
  };
  const put = async (chosen: File): Promise<void> => {
    if (await ask(() => replace(query(PATH, { crs }), TYPE, chosen), t("place.taken"))) {
      setFile(null);
      done();
    }
  };
  const change = (system: string): void => {
    setCrs(system);
    if (file !== null) void check(file, system);
  };
  return (
    <div class="step-form whole" role="group" aria-label={t("place.import")}>
      <div class="fields">
        <FileButton label={t("place.import")} accept=".geojson,.json,application/geo+json" chosen={(chosen) => void check(chosen, crs)} />
        <label>
          {t("place.sourceCrs")}
          <CrsField crs={crs} set={change} />
        </label>
      </div>
      {file !== null && (
        <>
          <p>
            <strong>{file.name}</strong> {found === null ? `${t("app.loading")}…` : found.ok ? t("place.good", { count: countText(found.places) }) : t("place.bad", { count: countText(found.mistakes.length) })}
          </p>
          {found !== null && !found.ok && (
            <ul class="refused">
              {found.mistakes.slice(0, LISTED).map((mistake, index) => (
                <li key={index}>
                  <span class="num dim">{mistake.feature}</span> <span class="mono">{mistake.name}</span> {mistake.message}
                </li>
              ))}
            </ul>
          )}
          <div class="buttons">
            <button class="main" disabled={busy || found === null || !found.ok} onClick={() => void put(file)}>
              {t("place.put")}
            </button>
            <button onClick={() => setFile(null)}>{t("app.cancel")}</button>
          </div>
        </>
      )}
    </div>
  );
}
