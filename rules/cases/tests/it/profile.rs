//! The profile: the shipped city, and messages for everything that can be wrong.

use gengfu_cases::Profile;
use gengfu_cases::profile::{CaseTarget, Route, YUNCHENG};
use gengfu_model::LimitKind;

fn case_of<'a>(profile: &'a Profile, asset_type: &str, condition: &str) -> &'a CaseTarget {
    match profile.route("any-rule", asset_type, condition) {
        Route::Case(target) => target,
        other => panic!("{asset_type} {condition}: {other:?}"),
    }
}

#[test]
fn the_shipped_city_has_its_105_rows() {
    let profile = Profile::parse(YUNCHENG).expect("the shipped profile is good");
    assert_eq!(profile.standards.len(), 105);
    assert_eq!(profile.classes.len(), 31);
    let kinds = |kind| profile.standards.values().filter(|row| row.limit.kind == kind).count();
    assert_eq!((kinds(LimitKind::WorkDay), kinds(LimitKind::WorkHour), kinds(LimitKind::UrgentHour)), (59, 27, 19));
    assert_eq!(&*profile.standards["01-37.3"].filing, "单盏不亮");
    assert_eq!((&*profile.classes["01-14"].name, &*profile.classes["E01-14"].name), ("园林井盖", "道路遗撒"));
}

#[test]
fn the_shipped_city_maps_the_shipped_conditions() {
    let profile = Profile::parse(YUNCHENG).expect("the shipped profile is good");
    for (asset_type, condition, row, amount, kind) in [
        ("01-02", "cover_displaced", "01-02.1", 2, LimitKind::UrgentHour),
        ("01-26", "cover_displaced", "01-26.1", 4, LimitKind::UrgentHour),
        ("03-03", "cover_displaced", "03-03.1", 4, LimitKind::UrgentHour),
        ("01-11", "cover_tilted", "01-11.3", 2, LimitKind::WorkDay),
        ("01-03", "manhole_water", "E05-03.1", 4, LimitKind::WorkHour),
        ("01-11", "gas_alarm", "E05-02.1", 1, LimitKind::UrgentHour),
        ("03-03", "gas_alarm", "E05-95.1", 2, LimitKind::UrgentHour),
        ("01-02", "oxygen_abnormal", "E05-95.1", 2, LimitKind::UrgentHour),
        ("01-37", "lamp_dark", "01-37.3", 2, LimitKind::WorkDay),
        ("01-39", "lamp_dark", "01-39.4", 3, LimitKind::WorkDay),
        ("01-37", "feeder_outage", "01-37.3", 2, LimitKind::WorkDay),
        ("01-37", "day_burner", "01-37.5", 2, LimitKind::WorkHour),
        ("01-37", "leakage", "E05-95.1", 2, LimitKind::UrgentHour),
        ("01-37", "pole_tilted", "01-37.1", 1, LimitKind::WorkDay),
        ("03-03", "septic_high", "03-03.3", 1, LimitKind::WorkDay),
        ("03-03", "septic_rising", "03-03.3", 1, LimitKind::WorkDay),
        ("03-03", "septic_overflow", "03-03.3", 1, LimitKind::WorkDay),
        ("03-01", "toilet_sos", "E05-95.1", 2, LimitKind::UrgentHour),
        ("03-01", "toilet_leak", "03-01.1", 3, LimitKind::WorkDay),
        ("03-01", "toilet_odour", "03-01.4", 1, LimitKind::WorkDay),
        ("03-01", "toilet_long_stay", "E05-95.1", 2, LimitKind::UrgentHour),
        ("03-05", "bin_full", "E01-92.1", 4, LimitKind::WorkHour),
        ("03-05", "bin_fire", "E05-95.1", 2, LimitKind::UrgentHour),
        ("03-05", "bin_tipped", "03-05.1", 1, LimitKind::WorkDay),
        ("01-95", "truck_sos", "E05-95.1", 2, LimitKind::UrgentHour),
        ("01-95", "truck_overspeed", "E01-95.1", 2, LimitKind::WorkHour),
    ] {
        let target = case_of(&profile, asset_type, condition);
        assert_eq!(target.standard.as_deref(), Some(row), "{asset_type} {condition}");
        let limit = profile.limit(row).expect("a row");
        assert_eq!((limit.amount, limit.kind), (amount, kind), "{asset_type} {condition}");
    }
    for condition in ["device_silent", "battery_low"] {
        assert_eq!(profile.route("any-rule", "01-02", condition), Route::IncidentOnly);
    }
    assert_eq!(profile.route("any-rule", "03-05", "lamp_dark"), Route::Unmapped);
}

const CLASSES: &str = r#"
name = "test"
[[class]]
id = "a"
kind = "component"
code = "01-01"
name = "A"
standards = [{ id = "a.1", filing = "x", limit = "1 work_day" }, { id = "a.2", filing = "y", limit = "2 natural_day" }]
"#;

#[test]
fn the_narrowest_asset_type_wins_in_whatever_order() {
    let mapping = |types: &str, row: &str| {
        format!("[[mapping]]\ncondition = \"c\"\nasset_type = [\"{types}\"]\nstandard = \"{row}\"\n")
    };
    let class = "[[mapping]]\ncondition = \"c\"\nasset_type = [\"01-*\"]\nclass = \"a\"\n";
    let text = format!("{CLASSES}{}{class}{}", mapping("*", "a.1"), mapping("01-01", "a.2"));
    let profile = Profile::parse(&text).expect("good");
    assert_eq!(case_of(&profile, "01-01", "c").standard.as_deref(), Some("a.2"));
    assert_eq!(case_of(&profile, "01-02", "c").standard, None, "a class without a row has no limit");
    assert_eq!(case_of(&profile, "02-02", "c").standard.as_deref(), Some("a.1"));
}

#[test]
fn a_profile_needs_nothing_but_a_name() {
    let profile = Profile::parse("name = \"plain\"").expect("good");
    assert_eq!(profile.calendar.zone, chrono_tz::Asia::Shanghai);
    assert_eq!(profile.outbox.topics.len(), gengfu_cases::profile::TOPICS.len());
    assert_eq!(profile.route("any-rule", "01-02", "cover_displaced"), Route::Unmapped);
    assert_eq!(profile.route("any-rule", "01-02", "device_silent"), Route::IncidentOnly);
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    let errors = Profile::parse("name = \"x\"\n\n[calendar]\nholliday = []\n").expect_err("bad");
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].line, errors[0].field.as_str()), (4, "holliday"));
    assert!(errors[0].message.contains("holliday"), "{}", errors[0]);
    let errors = Profile::parse("name = \"x\"\n[calendar\n").expect_err("bad");
    assert_eq!(errors[0].line, 2);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = r#"name = "x"
time_zone = "Mars/Base"
[calendar]
spans = ["08:00-12:00", "11:00-13:00", "9-10"]
weekend = ["sat", "someday"]
work_day = "long"
holidays = ["2026-02-30", "2026-02-10..2026-02-01"]
make_up = ["tomorrow"]
[case]
number = "{seq:5}"
prefix = "Y C"
[incident]
flapping = { times = 1, within = "soon", quiet = "15m" }
[outbox]
topics = ["case.opened", "case.gone"]
incident_from = "bad"
[[outbox.text]]
topic = "case.opened"
zh = "{nummer}"
[[group]]
condition = "c"
by = "colour"
distinct = 1
within = "20"
parent_condition = "p"
severity = "bad"
[[class]]
id = "a"
kind = "thing"
code = "01-01"
name = "A"
standards = [{ id = "a.1", filing = "x", limit = "0 work_day" }, { id = "a.1", filing = "x", limit = "1 work_day" }]
[[mapping]]
condition = "c"
standard = "b.1"
[[mapping]]
condition = "d"
[[mapping]]
condition = "device_silent"
standard = "a.1"
[[mapping]]
condition = "e"
asset_type = ["0*1", "{asset_type}"]
standard = "a.1"
group_by = "colour"
start = "closed"
"#;
    let errors = Profile::parse(text).expect_err("bad");
    let found: Vec<(u32, &str)> = errors.iter().map(|error| (error.line, error.field.as_str())).collect();
    assert_eq!(
        found,
        [
            (2, "time_zone"),
            (4, "calendar.spans"),
            (4, "calendar.spans"),
            (5, "calendar.weekend"),
            (6, "calendar.work_day"),
            (7, "calendar.holidays"),
            (7, "calendar.holidays"),
            (8, "calendar.make_up"),
            (10, "case.number"),
            (11, "case.prefix"),
            (13, "incident.flapping.times"),
            (13, "incident.flapping.within"),
            (15, "outbox.topics"),
            (16, "outbox.incident_from"),
            (19, "outbox.text"),
            (22, "group.by"),
            (23, "group.distinct"),
            (24, "group.within"),
            (26, "group.severity"),
            (29, "class.kind"),
            (32, "class.standards.limit"),
            (32, "class.standards.id"),
            (35, "mapping.standard"),
            (37, "mapping"),
            (39, "mapping.condition"),
            (43, "mapping.asset_type"),
            (45, "mapping.group_by"),
            (45, "mapping.group_by"),
            (46, "mapping.start"),
            (46, "mapping.start"),
        ]
    );
    assert_eq!(
        errors[0].to_string(),
        "line 2: `time_zone`: `Mars/Base` is no time zone (an IANA name such as Asia/Shanghai)"
    );
}

#[test]
fn a_storm_that_would_have_no_case_is_an_error() {
    let group = "[[group]]\ncondition = \"c\"\nby = \"feeder\"\ndistinct = 3\nwithin = \"20m\"\n\
        parent_condition = \"device_silent\"\nseverity = \"major\"\n";
    let errors = Profile::parse(&format!("{CLASSES}{group}{group}")).expect_err("bad");
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["group.parent_condition", "group.condition", "group.parent_condition"]);
}

#[test]
fn two_mappings_of_one_pair_are_an_error() {
    let mapping = "[[mapping]]\ncondition = \"c\"\nasset_type = [\"01-*\"]\nstandard = \"a.1\"\n";
    let errors = Profile::parse(&format!("{CLASSES}{mapping}{mapping}")).expect_err("bad");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("mapped twice"), "{}", errors[0]);
}

#[test]
fn a_calendar_without_working_time_is_an_error() {
    let week = "weekend = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
    for calendar in ["spans = []", "spans = [\"08:00-08:30\"]", week] {
        assert!(Profile::parse(&format!("name = \"x\"\n[calendar]\n{calendar}\n")).is_err(), "{calendar}");
    }
}
