//! What is asked of the stops of routes: that each is a point of a sensible size, on a route that is there, and that no
//! route has more of them than is remembered of a truck.

use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_ROUTES, MAX_STOPS, Place, PlaceMistake, STOP, Shape, shown};

/// The smallest and the largest radius of a stop, in metres: what a receiver errs, and what is still one place.
const RADII_M: std::ops::RangeInclusive<f64> = 5.0..=200.0;

/// Every mistake about stops and their routes, in the order of the file, then of the routes as a whole.
pub(super) fn check(places: &[(usize, &Place)]) -> Vec<PlaceMistake> {
    let names: BTreeSet<&str> = places.iter().map(|(_, place)| &*place.name).collect();
    let mut of_route: BTreeMap<&str, usize> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (number, place) in places.iter().filter(|(_, place)| !place.routes.is_empty()) {
        let mut say = |message: String| {
            mistakes.push(PlaceMistake { feature: Some(*number), name: shown(&place.name), ring: None, message });
        };
        if *place.kind != *STOP {
            say(format!("only a place of the kind `{STOP}` belongs to a `route`"));
        }
        match &place.shape {
            Shape::Point { radius_m, .. } if RADII_M.contains(radius_m) => {}
            Shape::Point { .. } => {
                say(format!("`radius_m` of a stop is {} to {}", RADII_M.start(), RADII_M.end()));
            }
            Shape::Area(_) | Shape::Line { .. } => say("a stop of a route is a Point".to_owned()),
        }
        if place.routes.len() > MAX_ROUTES {
            say(format!("{} routes, a stop belongs to at most {MAX_ROUTES}", place.routes.len()));
        }
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for route in place.routes.iter().take(MAX_ROUTES) {
            if !own.insert(route) {
                say(format!("`route` names `{}` twice", shown(route)));
                continue;
            }
            if !names.contains(&**route) || **route == *place.name {
                say(format!(
                    "there is no place `{}` for its `route`: correct the name, or add the route",
                    shown(route)
                ));
            }
            *of_route.entry(route).or_default() += 1;
        }
    }
    let long = of_route.into_iter().filter(|(_, stops)| *stops > MAX_STOPS);
    mistakes.extend(long.map(|(route, stops)| {
        let route = shown(route);
        PlaceMistake::whole(format!("route `{route}` has {stops} stops, at most {MAX_STOPS}: make two routes of it"))
    }));
    mistakes
}

#[cfg(test)]
mod tests {
    use crate::crs::Crs;
    use crate::places::geojson::{from_geojson, to_geojson};
    use crate::places::{MAX_STOPS, STOP_RADIUS_M, Shape};

    const ROUTE: &str = r#"{"type":"Feature","properties":{"name":"R7","kind":"route"},
        "geometry":{"type":"LineString","coordinates":[[111,35],[111.1,35]]}}"#;

    /// A file with the route `R7` and features of these properties at one point.
    fn file(properties: &[String]) -> String {
        let stops = properties.iter().map(|properties| {
            let point = r#"{"type":"Point","coordinates":[111.05,35]}"#;
            format!(r#"{{"type":"Feature","properties":{{{properties}}},"geometry":{point}}}"#)
        });
        let all: Vec<String> = std::iter::once(ROUTE.to_owned()).chain(stops).collect();
        format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, all.join(","))
    }

    #[test]
    fn a_stop_has_its_routes_and_a_radius_of_its_own() {
        let one = r#""name":"东门","kind":"stop","route":"R7""#.to_owned();
        let two = r#""name":"R8","kind":"working_area""#.to_owned();
        let three = r#""name":"西门","kind":"stop","route":["R8","R7"],"radius_m":15"#.to_owned();
        let none = r#""name":"bus","kind":"stop""#.to_owned();
        // What other kinds say under that word is theirs.
        let other = r#""name":"x","kind":"landmark","route":"bus 14""#.to_owned();
        let places = from_geojson(&file(&[one, two, three, none, other]), None).unwrap();
        let routes: Vec<Vec<&str>> =
            places.iter().map(|place| place.routes.iter().map(|route| &**route).collect()).collect();
        assert_eq!(routes, [vec![], vec!["R7"], vec![], vec!["R8", "R7"], vec![], vec![]]);
        let radius = |place: usize| match places[place].shape {
            Shape::Point { radius_m, .. } => radius_m,
            ref other => panic!("{other:?}"),
        };
        assert_eq!((radius(1), radius(3), radius(4)), (STOP_RADIUS_M, 15.0, STOP_RADIUS_M));
        let again = from_geojson(&to_geojson(&places, Crs::Wgs84).to_string(), None).unwrap();
        assert_eq!(again, places);
        let stored = serde_json::to_string(&places).unwrap();
        assert_eq!(serde_json::from_str::<Vec<crate::places::Place>>(&stored).unwrap(), places);
    }

    #[test]
    fn what_is_wrong_with_a_stop_is_said() {
        for (properties, wanted) in [
            (r#""kind":"stop","route":"R8""#, "there is no place `R8` for its `route`"),
            (r#""kind":"stop","route":"a""#, "there is no place `a` for its `route`"),
            (r#""kind":"stop","route":7"#, "`route` is the name of a route, or a list of names"),
            (r#""kind":"stop","route":["R7",7]"#, "`route` is the name of a route, or a list of names"),
            (r#""kind":"stop","route":["R7","R7"]"#, "`route` names `R7` twice"),
            (r#""kind":"stop","route":"R7","radius_m":2"#, "`radius_m` of a stop is 5 to 200"),
            (r#""kind":"stop","route":"R7","radius_m":5000"#, "`radius_m` of a stop is 5 to 200"),
        ] {
            let text = file(&[format!(r#""name":"a",{properties}"#)]);
            let told = from_geojson(&text, None).unwrap_err();
            assert_eq!(told.len(), 1, "{told:?}");
            let told = told[0].to_string();
            assert!(told.starts_with("feature 2 `a`: ") && told.contains(wanted), "{properties}: {told}");
        }
        let area = file(&[r#""name":"a","kind":"stop","route":"R7""#.to_owned()]).replace(
            r#"{"type":"Point","coordinates":[111.05,35]}"#,
            r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#,
        );
        assert!(from_geojson(&area, None).unwrap_err()[0].to_string().contains("a stop of a route is a Point"));
    }

    #[test]
    fn a_route_has_at_most_so_many_stops_and_a_stop_so_many_routes() {
        let stop = |n: usize| format!(r#""name":"s{n}","kind":"stop","route":"R7""#);
        let many: Vec<String> = (0..MAX_STOPS).map(stop).collect();
        assert_eq!(from_geojson(&file(&many), None).unwrap().len(), MAX_STOPS + 1);
        let more: Vec<String> = (0..=MAX_STOPS).map(stop).collect();
        let told = from_geojson(&file(&more), None).unwrap_err();
        assert_eq!(told[0].to_string(), "route `R7` has 257 stops, at most 256: make two routes of it");
        let nine: Vec<String> = (0..9).map(|n| format!(r#""r{n}""#)).collect();
        let told = from_geojson(&file(&[format!(r#""name":"a","kind":"stop","route":[{}]"#, nine.join(","))]), None);
        assert!(told.unwrap_err()[0].to_string().contains("9 routes, a stop belongs to at most 8"));
    }
}
