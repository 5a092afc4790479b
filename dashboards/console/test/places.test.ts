import assert from "node:assert/strict";
import { test } from "node:test";
import { type Feature, listed, routesOf, shapeOf, sizeOf, sizeText } from "../src/logic/places.ts";

const feature = (type: string, coordinates: unknown, name = "a", kind = "depot"): Feature => ({ geometry: { type, coordinates }, properties: { name, kind } });
// A hundredth of a degree at the equator: 1,113.2 m.
const square = [[[0, 0], [0.01, 0], [0.01, 0.01], [0, 0.01], [0, 0]]];
const hole = [[0.002, 0.002], [0.004, 0.002], [0.004, 0.004], [0.002, 0.004], [0.002, 0.002]];

test("areas are measured without their holes, lines by their length, points not at all", () => {
  const near = (found: number | undefined, wanted: number): void => assert.ok(Math.abs((found ?? 0) - wanted) < wanted / 1_000, `${found} ${wanted}`);
  const side = 1_113.2;
  near(sizeOf(feature("Polygon", square))?.size, side * side);
  near(sizeOf(feature("Polygon", [...square, hole]))?.size, side * side * 0.96);
  near(sizeOf(feature("MultiPolygon", [square, square]))?.size, 2 * side * side);
  near(sizeOf(feature("LineString", [[0, 0], [0.01, 0], [0.01, 0.01]]))?.size, 2 * side);
  near(sizeOf(feature("MultiLineString", [[[0, 0], [0.01, 0]], [[0, 0], [0, 0.01]]]))?.size, 2 * side);
  assert.equal(sizeOf(feature("Point", [0, 0])), null);
  // At 60 degrees a degree of longitude is half as wide.
  near(sizeOf(feature("LineString", [[111, 60], [111.01, 60]]))?.size, side / 2);
});

test("sizes are said in the unit that people use", () => {
  assert.equal(sizeText(feature("Polygon", square)), "1.24 km²");
  assert.equal(sizeText(feature("LineString", [[0, 0], [0.001, 0]])), "111 m");
  assert.equal(sizeText(feature("LineString", [[0, 0], [0.1, 0]])), "11.1 km");
  assert.equal(sizeText(feature("Point", [0, 0])), "");
});

test("places are listed by kind and name", () => {
  const places = [feature("Point", [0, 0], "b", "stop"), feature("LineString", [], "z", "road"), feature("MultiPolygon", [], "a", "stop")];
  assert.deepEqual(listed(places).map((place) => place.properties.name), ["z", "a", "b"]);
  assert.deepEqual(listed(places).map(shapeOf), ["line", "area", "point"]);
});

test("a stop belongs to one route, to several, or to none", () => {
  const stop = (route?: string | string[]): Feature => ({ geometry: { type: "Point", coordinates: [0, 0] }, properties: { name: "a", kind: "stop", ...(route === undefined ? {} : { route }) } });
  assert.deepEqual([stop(), stop("R7"), stop(["R7", "R8"])].map(routesOf), [[], ["R7"], ["R7", "R8"]]);
});
