//! Promise: a register of thousands of rows is taken at one go, each bad row is told by its number and column, and what
//! was taken is there after `kill -9`.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;

use gengfu_sim::city::City;

use crate::harness::wait_for;
use crate::restart::Server;

const DEVICES: usize = 5_000;

/// Puts another text into one cell of a CSV line; no cell of these columns is quoted.
fn with_cell(line: &str, column: usize, text: &str) -> String {
    let mut cells: Vec<&str> = line.splitn(column + 2, ',').collect();
    cells[column] = text;
    cells.join(",")
}

#[test]
fn thousands_of_rows_are_taken_and_each_bad_one_is_told() {
    let server = Server::new();
    let mut gateway = server.serve();
    wait_for("the port", || TcpStream::connect(server.mqtt).ok());
    let city = City::generate(5, DEVICES);
    let mut text = Vec::new();
    gengfu_sim::city::write_register(&city, &mut text).unwrap();
    let mut lines: Vec<String> = String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
    let columns: Vec<String> = lines[0].split(',').map(str::to_owned).collect();
    let place = |name: &str| columns.iter().position(|column| column == name).unwrap();
    // In the first, a middle and the last of the parts that the import sends; the header is row 1.
    let (first_id, second_id) = (city.devices[0].id.to_string(), city.devices[1].id.to_string());
    let bad = [
        (2, "kind", "volcano"),
        (999, "latitude", "north"),
        (2_500, "latitude", "91.5"),
        (2_501, "id", "井盖"),
        (4_997, "id", second_id.as_str()),
        (4_998, "interval_s", "0"),
        (5_000, "id", first_id.as_str()),
    ];
    for (row, column, text) in bad {
        lines[row - 1] = with_cell(&lines[row - 1], place(column), text);
    }
    // The first row is bad, so the id that stands again in row 5000 is the only one of its name: it is good.
    let expected: BTreeSet<(usize, &str)> =
        bad.iter().filter(|(row, ..)| *row != 5_000).map(|(row, column, _)| (*row, *column)).collect();
    let file = server.data().with_file_name("city.csv");
    std::fs::File::create(&file).unwrap().write_all(lines.join("\n").as_bytes()).unwrap();

    let told = server.fail(&["devices", "import", file.to_str().unwrap()]);
    let found: BTreeSet<(usize, &str)> = told
        .lines()
        .filter_map(|line| {
            let (row, rest) = line.split_once(": row ")?.1.split_once(", column `")?;
            Some((row.parse().unwrap(), rest.split('`').next().unwrap()))
        })
        .collect();
    assert_eq!(found, expected, "{told}");
    let taken = DEVICES - expected.len();
    assert!(told.contains(&format!("{taken} devices taken, {} rows refused", expected.len())), "{told}");

    gateway.kill();
    let gateway = server.serve();
    wait_for("the port", || TcpStream::connect(server.mqtt).ok());
    assert_eq!(server.run(&["devices", "list"]).lines().count(), taken);
    // What is exported is read back whole, and changes nothing.
    let export = server.run(&["devices", "export"]);
    std::fs::write(&file, &export).unwrap();
    server.run(&["devices", "import", file.to_str().unwrap()]);
    assert_eq!(server.run(&["devices", "export"]), export);
    gateway.terminate();
    server.check_ledger("after the imports");
}
