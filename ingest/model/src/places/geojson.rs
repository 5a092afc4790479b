//! Places as GeoJSON (RFC 7946): a `FeatureCollection` in, a `FeatureCollection` out.
//!
//! A feature's `properties` say `name` and `kind`, and may say `speed_limit_kmh` and, for points and lines,
//! `radius_m`, and for a stop the `route` that it belongs to, or a list of them; what else stands there is left alone. The coordinate system is WGS-84 unless the caller or the file's
//! `crs` says another.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    LINE_RADIUS_M, LonLat, MAX_MISTAKES, MAX_PLACES, MAX_POINTS, MAX_ROUTES, POINT_RADIUS_M, Place, PlaceMistake, STOP,
    STOP_RADIUS_M, Shape, check_numbered, shown,
};
use crate::crs::Crs;

/// The longest file, in bytes: several times what the most points need.
pub const MAX_GEOJSON_BYTES: usize = 8 << 20;

/// Reads a file of places. `crs` is the system of its coordinates; `None`: what its member `crs` says (`"gcj02"`, or
/// the older GeoJSON's object with a name of EPSG or OGC), else WGS-84.
///
/// # Errors
/// Every mistake, with the feature and ring where it stands, at most [`MAX_MISTAKES`].
pub fn from_geojson(text: &str, crs: Option<Crs>) -> Result<Vec<Place>, Vec<PlaceMistake>> {
    let whole = |message: String| vec![PlaceMistake::whole(message)];
    if text.len() > MAX_GEOJSON_BYTES {
        return Err(whole(format!("{} bytes, at most {MAX_GEOJSON_BYTES}", text.len())));
    }
    let json: Value = serde_json::from_str(text).map_err(|error| whole(format!("this is no JSON: {error}")))?;
    if json.get("type") != Some(&json!("FeatureCollection")) {
        return Err(whole("a GeoJSON `FeatureCollection` is wanted".to_owned()));
    }
    let Some(features) = json.get("features").and_then(Value::as_array) else {
        return Err(whole("a FeatureCollection has a list `features`".to_owned()));
    };
    if features.len() > MAX_PLACES {
        return Err(whole(format!("{} features, at most {MAX_PLACES}", features.len())));
    }
    let crs = crs_of(&json, crs).map_err(whole)?;
    let mut places: Vec<(usize, Place)> = Vec::with_capacity(features.len());
    let mut mistakes = Vec::new();
    for (number, feature) in (1..).zip(features) {
        match place(feature, crs) {
            Ok(place) => places.push((number, place)),
            Err((ring, message)) => {
                let name = feature.pointer("/properties/name").and_then(Value::as_str).map(shown);
                let name = name.unwrap_or_default();
                mistakes.push(PlaceMistake { feature: Some(number), name, ring, message });
            }
        }
    }
    let numbered: Vec<(usize, &Place)> = places.iter().map(|(number, place)| (*number, place)).collect();
    mistakes.extend(check_numbered(&numbered));
    if mistakes.is_empty() {
        return Ok(places.into_iter().map(|(_, place)| place).collect());
    }
    mistakes.sort_by_key(|mistake| (mistake.feature, mistake.ring));
    mistakes.truncate(MAX_MISTAKES);
    Err(mistakes)
}

/// The places as a `FeatureCollection` in a coordinate system.
#[must_use]
pub fn to_geojson(places: &[Place], crs: Crs) -> Value {
    let point = |at: &LonLat| json!(crs.from_wgs84(*at));
    let line = |line: &Vec<LonLat>| Value::Array(line.iter().map(point).collect());
    let lines = |lines: &Vec<Vec<LonLat>>| Value::Array(lines.iter().map(line).collect());
    let feature = |place: &Place| {
        let mut properties = json!({ "name": place.name, "kind": place.kind });
        if let Some(limit) = place.speed_limit_kmh {
            properties["speed_limit_kmh"] = json!(limit);
        }
        match place.routes.as_slice() {
            [] => {}
            [one] => properties["route"] = json!(one),
            many => properties["route"] = json!(many),
        }
        let geometry = match &place.shape {
            Shape::Area(areas) => match areas.as_slice() {
                [one] => json!({ "type": "Polygon", "coordinates": lines(one) }),
                many => json!({ "type": "MultiPolygon", "coordinates": many.iter().map(lines).collect::<Vec<_>>() }),
            },
            Shape::Line { lines: parts, radius_m } => {
                properties["radius_m"] = json!(radius_m);
                match parts.as_slice() {
                    [one] => json!({ "type": "LineString", "coordinates": line(one) }),
                    _ => json!({ "type": "MultiLineString", "coordinates": lines(parts) }),
                }
            }
            Shape::Point { at, radius_m } => {
                properties["radius_m"] = json!(radius_m);
                json!({ "type": "Point", "coordinates": point(at) })
            }
        };
        json!({ "type": "Feature", "properties": properties, "geometry": geometry })
    };
    let features: Vec<Value> = places.iter().map(feature).collect();
    let mut collection = json!({ "type": "FeatureCollection", "features": features });
    if crs != Crs::Wgs84 {
        collection["crs"] = json!(crs.name());
    }
    collection
}

/// The system that a file's coordinates are in.
fn crs_of(json: &Value, told: Option<Crs>) -> Result<Crs, String> {
    let named = match json.get("crs") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(member) => Some(member.pointer("/properties/name").and_then(Value::as_str).unwrap_or_default()),
    };
    let Some(named) = named else { return Ok(told.unwrap_or_default()) };
    let known = Crs::from_name(named)
        .ok_or_else(|| format!("`crs` is `{}`; write wgs84, cgcs2000, gcj02 or bd09, in degrees", shown(named)))?;
    match told {
        Some(told) if told != known => {
            Err(format!("the file says that it is in {}, it was given as {}", known.name(), told.name()))
        }
        _ => Ok(known),
    }
}

/// What is wrong with a feature: the ring or line, and a sentence.
type Wrong = (Option<usize>, String);

fn place(feature: &Value, crs: Crs) -> Result<Place, Wrong> {
    let whole = |message: &str| (None, message.to_owned());
    let properties = feature.get("properties").unwrap_or(&Value::Null);
    let text = |key: &str| match properties.get(key).and_then(Value::as_str) {
        Some(text) => Ok(Arc::from(text)),
        None => Err((None, format!("its `properties` have no text `{key}`"))),
    };
    let number = |key: &str| match properties.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| (None, format!("`{key}` is no number"))),
    };
    let (name, kind, speed_limit_kmh) = (text("name")?, text("kind")?, number("speed_limit_kmh")?);
    let radius_m = number("radius_m")?;
    let is_stop = *kind == *STOP;
    let routes = if is_stop { routes(properties.get("route")).map_err(|message| (None, message))? } else { Vec::new() };
    let geometry = feature.get("geometry").unwrap_or(&Value::Null);
    let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
    let shape = match geometry.get("type").and_then(Value::as_str) {
        Some("Polygon") => Shape::Area(vec![lines(coordinates, crs, 0)?]),
        Some("MultiPolygon") => {
            let parts = coordinates.as_array().ok_or_else(|| whole("its `coordinates` are no list"))?;
            let mut areas = Vec::with_capacity(parts.len().min(MAX_POINTS));
            let mut before = 0;
            for part in parts.iter().take(MAX_POINTS + 1) {
                let rings = lines(part, crs, before)?;
                before += rings.len();
                areas.push(rings);
            }
            Shape::Area(areas)
        }
        Some("LineString") => {
            let one = line(coordinates, crs).map_err(|message| (Some(1), message))?;
            Shape::Line { lines: vec![one], radius_m: radius_m.unwrap_or(LINE_RADIUS_M) }
        }
        Some("MultiLineString") => {
            Shape::Line { lines: lines(coordinates, crs, 0)?, radius_m: radius_m.unwrap_or(LINE_RADIUS_M) }
        }
        Some("Point") => {
            let at = point(coordinates, crs).map_err(|message| (None, message))?;
            let usual = if is_stop { STOP_RADIUS_M } else { POINT_RADIUS_M };
            Shape::Point { at, radius_m: radius_m.unwrap_or(usual) }
        }
        Some(other) => {
            let kinds = "Polygon, MultiPolygon, LineString, MultiLineString or Point";
            return Err((None, format!("its geometry is `{}`, a place is a {kinds}", shown(other))));
        }
        None => return Err(whole("it has no `geometry` with a `type`")),
    };
    Ok(Place { name, kind, shape, speed_limit_kmh, routes })
}

/// The routes of a stop; one more than there may be is enough to see that there are too many.
fn routes(value: Option<&Value>) -> Result<Vec<Arc<str>>, String> {
    let name = |value: &Value| value.as_str().map(Arc::from);
    let names = match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(names)) => names.iter().take(MAX_ROUTES + 1).map(name).collect(),
        Some(one) => name(one).map(|one| vec![one]),
    };
    names.ok_or_else(|| "`route` is the name of a route, or a list of names".to_owned())
}

/// Rings or lines; `before` of the feature's were read already.
fn lines(coordinates: &Value, crs: Crs, before: usize) -> Result<Vec<Vec<LonLat>>, Wrong> {
    let lines = coordinates.as_array().ok_or_else(|| (Some(before + 1), "no list of points".to_owned()))?;
    let read = |(number, one)| line(one, crs).map_err(|message| (Some(before + number), message));
    (1..).zip(lines.iter().take(MAX_POINTS + 1)).map(read).collect()
}

fn line(coordinates: &Value, crs: Crs) -> Result<Vec<LonLat>, String> {
    let points = coordinates.as_array().ok_or("no list of points")?;
    points.iter().take(MAX_POINTS + 1).map(|one| point(one, crs)).collect()
}

fn point(coordinates: &Value, crs: Crs) -> Result<LonLat, String> {
    let number = |place: usize| coordinates.get(place).and_then(Value::as_f64);
    match (number(0), number(1)) {
        (Some(lon), Some(lat)) => Ok(crs.to_wgs84([lon, lat])),
        _ => Err("a point is written [longitude, latitude]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(features: &[(&str, &str)]) -> String {
        let one = |(geometry, properties): &(&str, &str)| {
            format!("{{\"type\":\"Feature\",\"properties\":{{{properties}}},\"geometry\":{geometry}}}")
        };
        let features: Vec<String> = features.iter().map(one).collect();
        format!("{{\"type\":\"FeatureCollection\",\"features\":[{}]}}", features.join(","))
    }

    const POINT: &str = "{\"type\":\"Point\",\"coordinates\":[111,35]}";

    #[test]
    fn what_comes_in_goes_out_in_any_system() {
        for geometry in [
            "{\"type\":\"Polygon\",\"coordinates\":[[[111,35],[111.1,35],[111.1,35.1],[111,35]]]}",
            "{\"type\":\"Polygon\",\"coordinates\":[[[111,35],[112,35],[112,36],[111,36],[111,35]],\
             [[111.4,35.4],[111.6,35.4],[111.6,35.6],[111.4,35.4]]]}",
            "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[111,35],[111.1,35],[111.1,35.1],[111,35]]],\
             [[[112,35],[112.1,35],[112.1,35.1],[112,35]]]]}",
            "{\"type\":\"LineString\",\"coordinates\":[[111,35],[111.1,35]]}",
            "{\"type\":\"MultiLineString\",\"coordinates\":[[[111,35],[111.1,35]],[[111,36],[111.1,36]]]}",
            POINT,
        ] {
            let text = features(&[(geometry, "\"name\":\"a\",\"kind\":\"depot\",\"speed_limit_kmh\":20")]);
            let places = from_geojson(&text, None).unwrap();
            let again = from_geojson(&to_geojson(&places, Crs::Wgs84).to_string(), None).unwrap();
            assert_eq!(again, places);
            let stored = serde_json::to_string(&places).unwrap();
            assert_eq!(serde_json::from_str::<Vec<Place>>(&stored).unwrap(), places);
            for crs in [Crs::Gcj02, Crs::Bd09] {
                let out = to_geojson(&places, crs).to_string();
                let back = from_geojson(&out, None).unwrap();
                for (a, b) in places[0].shape.points().zip(back[0].shape.points()) {
                    assert!((a[0] - b[0]).abs() < 1e-7 && (a[1] - b[1]).abs() < 1e-7, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_chinese_map_is_converted_at_the_door() {
        let geometry = "{\"type\":\"Point\",\"coordinates\":[116.41024449916938,39.91640428150164]}";
        let text = features(&[(geometry, "\"name\":\"a\",\"kind\":\"depot\"")]);
        let said = text.replacen('{', "{\"crs\":\"GCJ-02\",", 1);
        for (text, crs) in [(&text, Some(Crs::Gcj02)), (&said, None), (&said, Some(Crs::Gcj02))] {
            let places = from_geojson(text, crs).unwrap();
            let Shape::Point { at, radius_m } = places[0].shape else { panic!("{places:?}") };
            assert!((at[0] - 116.404).abs() < 1e-7 && (at[1] - 39.915).abs() < 1e-7, "{at:?}");
            assert!((radius_m - POINT_RADIUS_M).abs() < 1e-9);
        }
        let clash = from_geojson(&said, Some(Crs::Bd09)).unwrap_err();
        assert!(clash[0].message.contains("in gcj02, it was given as bd09"), "{clash:?}");
        let projected = text.replacen('{', "{\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}},", 1);
        assert!(from_geojson(&projected, None).unwrap_err()[0].message.contains("EPSG:3857"));
        let cgcs = text.replacen(
            '{',
            "{\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"urn:ogc:def:crs:EPSG::4490\"}},",
            1,
        );
        assert!(from_geojson(&cgcs, None).is_ok());
    }

    #[test]
    fn every_mistake_says_feature_and_ring() {
        let named = "\"name\":\"a\",\"kind\":\"x\"";
        for (geometry, properties, wanted) in [
            (
                "{\"type\":\"Polygon\",\"coordinates\":[[[111,35],[111.1,35],[111.1,35.1],[111,35.2]]]}",
                named,
                "feature 1 `a`, ring 1: a ring ends where it begins",
            ),
            (
                "{\"type\":\"Polygon\",\"coordinates\":[[[111,35],[112,35],[112,36],[111,35]],[[120,30],[121,30],[121,31],[120,30]]]}",
                named,
                "feature 1 `a`, ring 2: this hole is not within",
            ),
            (
                "{\"type\":\"Polygon\",\"coordinates\":[[[111,35],[112,35],[113,35],[111,35]]]}",
                named,
                "ring 1: a ring without area",
            ),
            (
                "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[111,35],[112,35],[112,36],[111,35]]],[[[1,2],[3]]]]}",
                named,
                "feature 1 `a`, ring 2: a point is written",
            ),
            ("{\"type\":\"Polygon\",\"coordinates\":[]}", named, "an area without a ring"),
            (
                "{\"type\":\"Polygon\",\"coordinates\":[[[111,35],[111,36]]]}",
                named,
                "four points or more, this one has 2",
            ),
            ("{\"type\":\"LineString\",\"coordinates\":[[111,35]]}", named, "ring 1: a line has two points"),
            ("null", named, "feature 1 `a`: it has no `geometry`"),
            ("{\"type\":\"GeometryCollection\"}", named, "a place is a Polygon"),
            ("{\"type\":\"Point\",\"coordinates\":[35]}", named, "[longitude, latitude]"),
            ("{\"type\":\"Point\",\"coordinates\":[35,111]}", named, "[35, 111] is not on earth"),
            (POINT, "\"kind\":\"x\"", "feature 1: its `properties` have no text `name`"),
            (POINT, "\"name\":\"\",\"kind\":\"x\"", "`name` has 1 to 64 bytes"),
            (POINT, "\"name\":\"a\",\"kind\":\"x\",\"speed_limit_kmh\":500", "1 to 200"),
            (POINT, "\"name\":\"a\",\"kind\":\"x\",\"radius_m\":0", "`radius_m` of a point is 1 to 50000"),
            (POINT, "\"name\":\"a\",\"kind\":\"x\",\"radius_m\":\"far\"", "`radius_m` is no number"),
        ] {
            let mistakes = from_geojson(&features(&[(geometry, properties)]), None).unwrap_err();
            assert!(mistakes[0].to_string().contains(wanted), "{geometry}\n{}", mistakes[0]);
        }
        for text in ["[", "{}", "{\"type\":\"FeatureCollection\"}"] {
            assert_eq!(from_geojson(text, None).unwrap_err().len(), 1, "{text}");
        }
    }

    #[test]
    fn all_mistakes_are_told_in_the_order_of_the_file() {
        let text = features(&[
            (POINT, "\"name\":\"a\",\"kind\":\"depot\""),
            ("null", "\"name\":\"b\",\"kind\":\"depot\""),
            (POINT, "\"name\":\"a\",\"kind\":\"depot\",\"speed_limit_kmh\":0"),
            (POINT, "\"name\":\"depot\",\"kind\":\"x\""),
        ]);
        let told: Vec<String> = from_geojson(&text, None).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "feature 2 `b`: it has no `geometry` with a `type`",
                "feature 3 `a`: `speed_limit_kmh` is 1 to 200",
                "feature 3 `a`: feature 1 has the same name",
                "feature 4 `depot`: the name is the `kind` of other places: a rule could not tell which is meant",
            ]
        );
    }

    #[test]
    fn sizes_are_bounded() {
        let many = vec![(POINT, "\"name\":\"a\",\"kind\":\"depot\""); MAX_PLACES + 1];
        let told = from_geojson(&features(&many), None).unwrap_err();
        assert_eq!(told[0].to_string(), "5001 features, at most 5000");
        let points: Vec<String> = (0..=MAX_POINTS).map(|n| format!("[111.{n:05},35]")).collect();
        let long = format!("{{\"type\":\"LineString\",\"coordinates\":[{}]}}", points.join(","));
        let told = from_geojson(&features(&[(&long, "\"name\":\"a\",\"kind\":\"road\"")]), None).unwrap_err();
        assert!(told[0].message.contains("2001 points, at most 2000"), "{told:?}");
        let short = format!("{{\"type\":\"LineString\",\"coordinates\":[{}]}}", points[..MAX_POINTS].join(","));
        let names: Vec<String> = (0..26).map(|n| format!("\"name\":\"{n}\",\"kind\":\"road\"")).collect();
        let all: Vec<(&str, &str)> = names.iter().map(|name| (short.as_str(), name.as_str())).collect();
        let told = from_geojson(&features(&all), None).unwrap_err();
        assert_eq!(told[0].to_string(), "52000 points in all, at most 50000");
        let huge = " ".repeat(MAX_GEOJSON_BYTES + 1);
        assert_eq!(from_geojson(&huge, None).unwrap_err()[0].to_string(), "8388609 bytes, at most 8388608");
        let bad = vec![("null", "\"name\":\"a\",\"kind\":\"depot\""); 200];
        assert_eq!(from_geojson(&features(&bad), None).unwrap_err().len(), MAX_MISTAKES);
    }
}
