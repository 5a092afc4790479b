//! A file of places, as the command line and the configuration name it.

use std::path::Path;

use gengfu_model::crs::Crs;
use gengfu_model::places::geojson::from_geojson;
use gengfu_model::places::{Place, Shape};

/// Reads and checks a file of places.
///
/// # Errors
/// Every mistake, a line each, with the file's name.
pub(crate) fn read(file: &Path, crs: Option<Crs>) -> Result<Vec<Place>, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    from_geojson(&text, crs)
        .map_err(|mistakes| mistakes.iter().map(|mistake| format!("{name}: {mistake}")).collect::<Vec<_>>().join("\n"))
}

/// What a list of places holds, for people.
pub(crate) fn summary(places: &[Place]) -> String {
    let count = |is: fn(&Shape) -> bool| places.iter().filter(|place| is(&place.shape)).count();
    let areas = count(|shape| matches!(shape, Shape::Area(_)));
    let lines = count(|shape| matches!(shape, Shape::Line { .. }));
    let points = places.len() - areas - lines;
    format!("{} places: {areas} areas, {lines} lines, {points} points", places.len())
}
