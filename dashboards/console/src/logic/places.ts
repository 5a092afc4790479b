// What a list without a map says of places: how large an area is, how long a road.

export interface Feature {
  geometry: { type: string; coordinates: unknown };
  properties: { name: string; kind: string; speed_limit_kmh?: number; radius_m?: number; route?: string | string[] };
}

type Point = [number, number];

/** Metres of a degree of latitude. */
const DEGREE_M = 111_320;

/** Metres east and north of the first point: good enough for what a city has. */
function metres(points: Point[]): Point[] {
  const [east, north] = points[0] ?? [0, 0];
  const narrow = Math.cos((north * Math.PI) / 180);
  return points.map(([x, y]) => [(x - east) * DEGREE_M * narrow, (y - north) * DEGREE_M]);
}

function ringM2(ring: Point[]): number {
  const flat = metres(ring);
  const twice = flat.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = flat[(index + 1) % flat.length]!;
    return sum + x * nextY - nextX * y;
  }, 0);
  return Math.abs(twice) / 2;
}

function lineM(line: Point[]): number {
  const flat = metres(line);
  return flat.slice(1).reduce((sum, [x, y], index) => sum + Math.hypot(x - flat[index]![0], y - flat[index]![1]), 0);
}

/** A polygon's outer ring without its holes. */
const polygonM2 = ([outer, ...holes]: Point[][]): number => ringM2(outer ?? []) - holes.reduce((sum, hole) => sum + ringM2(hole), 0);

const sum = (numbers: number[]): number => numbers.reduce((whole, one) => whole + one, 0);

/** How large it is: square metres of an area, metres of a line; `null` of a point. */
export function sizeOf({ geometry: { type, coordinates } }: Feature): { unit: "m2" | "m"; size: number } | null {
  switch (type) {
    case "Polygon":
      return { unit: "m2", size: polygonM2(coordinates as Point[][]) };
    case "MultiPolygon":
      return { unit: "m2", size: sum((coordinates as Point[][][]).map(polygonM2)) };
    case "LineString":
      return { unit: "m", size: lineM(coordinates as Point[]) };
    case "MultiLineString":
      return { unit: "m", size: sum((coordinates as Point[][]).map(lineM)) };
    default:
      return null;
  }
}

/** In words: `2.4 km²`, `860 m²`, `12.3 km`. */
export function sizeText(feature: Feature): string {
  const found = sizeOf(feature);
  if (found === null) return "";
  if (found.unit === "m2") return found.size >= 100_000 ? `${(found.size / 1e6).toFixed(2)} km²` : `${Math.round(found.size)} m²`;
  return found.size >= 1_000 ? `${(found.size / 1e3).toFixed(1)} km` : `${Math.round(found.size)} m`;
}

/** `area`, `line` or `point`. */
export function shapeOf({ geometry: { type } }: Feature): "area" | "line" | "point" {
  if (type.endsWith("Polygon")) return "area";
  return type.endsWith("LineString") ? "line" : "point";
}

/** The routes that a stop belongs to. */
export function routesOf({ properties: { route } }: Feature): string[] {
  return route === undefined ? [] : [route].flat();
}

/** By kind, then by name. */
export function listed(features: Feature[]): Feature[] {
  const key = ({ properties }: Feature): string => `${properties.kind}\u0000${properties.name}`;
  return [...features].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
