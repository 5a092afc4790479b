//! Promise: what a rule says of its group over yesterday's archive is what it said yesterday, to the last field: members
//! by messages, timers and silence, over restarts, a day's copy in the middle of an outage, and staff.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu::config::{Size, Span};
use gengfu::trial::backtest::Played;
use gengfu::trial::days;
use gengfu::trial::start::Start;
use gengfu_connectors::ledger::{CaseFilter, IncidentFilter, LedgerReader, Page};
use gengfu_ingest::{Clock, ManualClock};
use gengfu_model::staff::{Action, CaseStep};
use gengfu_model::{Case, Incident, IncidentState, Kind, Timestamp};

use crate::backtest::{DAY, HOUR, MIDNIGHT, MINUTE, START, ask, opened_in, rehearse, write_pack};
use crate::harness::{TestGateway, wait_for};

const LAMPS: usize = 6;

const DARK: &str = r#"/// Lamps without supply: three of a feeder at once are one outage of the feeder.
const RULE = #{ kind: "streetlight", key: "dark", severity: "minor", condition: "lamp_dark", cooldown: 5.min,
    group: "feeder", distinct: 3, within: 20.min, group_severity: "major", group_condition: "feeder_outage",
    text_zh: "{dev.name} 无电，{voltage_v} V", text_en: "{dev.name} without supply, {voltage_v} V" };
fn member(msg, dev) { dev.silent || msg.voltage_v < 80.0 }
fn on_message(msg, dev) { incident(held(msg.voltage_v < 80.0, 2.min), msg.voltage_v); }
"#;

fn pack(distinct: u32) -> BTreeMap<String, String> {
    BTreeMap::from([("dark.rhai".to_owned(), DARK.replace("distinct: 3", &format!("distinct: {distinct}")))])
}

/// Six lamps on a feeder.
struct Street {
    gateway: TestGateway,
    clock: Arc<ManualClock>,
}

impl Street {
    fn new() -> Street {
        let clock = Arc::new(ManualClock::new(Timestamp(START)));
        let folder = tempfile::tempdir().unwrap();
        write_pack(folder.path(), &pack(3));
        let gateway = TestGateway::start_in_passing_time_with(clock.clone(), |config| {
            config.city.rules = Some(folder.path().to_owned());
            config.journal.segment = Size(1 << 20);
            config.engine.checkpoint_every = Span(1_000);
        });
        for number in 0..LAMPS {
            gateway.add_device_with(&format!("lamp-{number}"), Kind::Streetlight, |lamp| lamp.feeder = "F7".into());
        }
        Street { gateway, clock }
    }

    /// A message of a lamp, and a minute.
    fn say(&self, lamp: usize, volts: u32) {
        self.gateway.mqtt(&format!("lamp-{lamp}")).publish(&format!(r#"{{"voltage_v":{volts}}}"#));
        self.clock.advance(MINUTE);
    }

    fn reader(&self) -> LedgerReader {
        LedgerReader::open(&self.gateway.config.data.folder.join("ledger.db")).unwrap()
    }

    fn cases(&self) -> Vec<Case> {
        let cases = self.reader().cases(&CaseFilter::default(), &Page::default()).unwrap().items;
        cases.into_iter().filter(|case| !case.state.is_final()).collect()
    }

    /// The open outage of the feeder.
    fn outage(&self) -> Incident {
        wait_for("the outage", || {
            let filter = IncidentFilter { state: Some(IncidentState::Open), ..IncidentFilter::default() };
            let open = self.reader().incidents(&filter, &Page::default()).unwrap().items;
            open.into_iter().find(|row| &*row.condition == "feeder_outage")
        })
    }

    fn step(&self, case: &Case, step: CaseStep, note: &str) {
        self.gateway.act(Action::Case { case: case.id, step, note: note.to_owned() }).unwrap();
    }

    /// The feeder loses its supply but for a lamp, comes back in part, and is silent in the night.
    fn live_a_day(&mut self, day: i64) {
        self.clock.set(Timestamp(MIDNIGHT + day * DAY + HOUR));
        let (name, _) = days::day_of(self.clock.now(), chrono_tz::Asia::Shanghai, 0);
        let data = self.gateway.config.data.folder.clone();
        wait_for("the day's copy", || {
            days::list(&data).unwrap().iter().any(|(_, copy)| copy.day == name).then_some(())
        });
        (0..LAMPS).for_each(|lamp| self.say(lamp, 230));
        self.say(0, 12);
        self.say(1, 12);
        // The third makes it an outage; the first has an incident of its own by now.
        self.say(2, 12);
        self.outage();
        self.gateway.restart();
        self.say(3, 12);
        let case = wait_for("the case", || self.cases().into_iter().find(|case| case.asset.starts_with("feeder:")));
        self.step(&case, CaseStep::Acknowledge, "");
        self.clock.advance(5 * MINUTE);
        (0..3).for_each(|lamp| self.say(lamp, 231));
        self.gateway.restart();
        // One is left of four: it stands for itself now, until it is fed again.
        self.say(4, 229);
        self.say(3, 228);
        self.clock.advance(10 * MINUTE);
        for case in self.cases() {
            self.step(&case, CaseStep::ForceClose, "日终清理");
        }
        // From here on nobody says anything: all of them are members by silence.
        self.clock.advance(HOUR);
        self.outage();
    }
}

#[test]
fn a_group_rule_over_yesterday_gives_yesterdays_incidents_exactly() {
    let mut street = Street::new();
    (1..4).for_each(|day| street.live_a_day(day));
    let data = street.gateway.config.data.folder.clone();
    let end = street.clock.now().as_millis() + 1;
    street.gateway.close();

    let from = MIDNIGHT + 3 * DAY;
    let Played { trial, start, .. } = rehearse(&data, &ask(None, from, end));
    assert!(matches!(&start, Start::Day(..)), "{start:?}");
    let (incidents, cases) = opened_in(&street.reader(), from, end);
    let outages: Vec<&Incident> = incidents.values().filter(|row| &*row.condition == "feeder_outage").collect();
    assert_eq!(outages.len(), 2, "by supply and by silence: {incidents:#?}");
    assert!(outages.iter().all(|row| &*row.asset == "feeder:F7" && &*row.rule == "dark"), "{outages:#?}");
    let members = incidents.values().filter(|row| &*row.condition == "lamp_dark").collect::<Vec<_>>();
    assert!(members.len() >= 3 && members.iter().any(|row| row.parent.is_some()), "{members:#?}");
    assert_eq!((trial.live().incidents(), trial.live().cases()), (&incidents, &cases));
    // A draft that is the live pack changes nothing.
    assert_eq!((trial.drafts()[0].incidents(), trial.drafts()[0].cases()), (&incidents, &cases));

    // What needs six lamps has no outage by supply, and lamps that stand for themselves; the silent night has one.
    let Played { trial, .. } = rehearse(&data, &ask(Some(pack(6)), from, end));
    let of = |condition: &str| {
        let rows = trial.drafts()[0].incidents().values().filter(|row| &*row.condition == condition);
        (rows.clone().count(), rows.filter(|row| row.case.is_some()).count())
    };
    assert_eq!(of("feeder_outage").0, 1, "{:#?}", trial.drafts()[0].incidents());
    assert!(of("lamp_dark").1 >= 3, "{:#?}", trial.drafts()[0].incidents());
    let difference = trial.difference(0, 20);
    assert!(difference.incidents.changes() > 0, "{difference:?}");

    // From the very first record, without any copy.
    std::fs::remove_dir_all(data.join(days::FOLDER)).unwrap();
    let Played { trial, start, .. } = rehearse(&data, &ask(None, from, end));
    assert_eq!(start, Start::Beginning);
    assert_eq!((trial.live().incidents(), trial.live().cases()), (&incidents, &cases));
}
