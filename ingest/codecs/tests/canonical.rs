//! The promises of canonical telemetry: what a JSON or CBOR payload becomes, whatever is in it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use ciborium::Value as Cbor;
use gengfu_codecs::{MAX_DEPTH, MAX_ELEMENTS, MAX_ID_BYTES, MAX_NAMES, MAX_PAYLOAD_BYTES, MAX_RAW_BYTES, decode};
use gengfu_model::catalogue::KINDS;
use gengfu_model::{
    Decoded, DeviceId, Envelope, FieldType, Kind, MessageKey, PayloadFormat, ProblemKind, QuarantineReason, Timestamp,
    Transport, Value,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

fn envelope(kind: Kind, model: &str, format: PayloadFormat, payload: &[u8]) -> Envelope {
    Envelope {
        device: DeviceId::new("device-1").unwrap(),
        kind,
        model: Arc::from(model),
        transport: Transport::Mqtt,
        format,
        key: MessageKey::None,
        received_at: Timestamp(1_700_000_000_000),
        payload: Arc::from(payload),
    }
}

fn json(kind: Kind, text: &str) -> Result<Decoded, (QuarantineReason, String)> {
    decode(&envelope(kind, "", PayloadFormat::Json, text.as_bytes()))
}

fn cbor(kind: Kind, value: &Cbor) -> Result<Decoded, (QuarantineReason, String)> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    decode(&envelope(kind, "", PayloadFormat::Cbor, &bytes))
}

/// One line for what was decoded, or the reason.
fn line(kind: Kind, decoded: &Result<Decoded, (QuarantineReason, String)>) -> String {
    match decoded {
        Ok(decoded) => {
            let mut line = gengfu_codecs::models::describe(kind, decoded);
            for (reason, _) in &decoded.rejected {
                line.push_str(&format!(" rejected {reason:?}"));
            }
            line
        }
        Err((reason, _)) => format!("{reason:?}"),
    }
}

fn manhole(text: &str) -> String {
    line(Kind::Manhole, &json(Kind::Manhole, text))
}

#[test]
fn a_position_in_a_declared_system_is_kept_in_wgs_84() {
    let place = |payload: &str| {
        let decoded = json(Kind::Truck, payload).unwrap();
        let value = |name: &str| {
            let field = Kind::Truck.field(name).unwrap();
            decoded.readings[0].samples.iter().find(|sample| sample.field == field)?.value.as_number()
        };
        (value("longitude"), value("latitude"))
    };
    for payload in [
        r#"{"longitude":116.404,"latitude":39.915}"#,
        r#"{"crs":"wgs84","longitude":116.404,"latitude":39.915}"#,
        r#"{"crs":"gcj02","longitude":116.41024449916938,"latitude":39.91640428150164}"#,
        r#"{"values":{"longitude":116.41024449916938,"latitude":39.91640428150164},"crs":"GCJ-02"}"#,
    ] {
        let (lon, lat) = place(payload);
        assert!(
            (lon.unwrap() - 116.404).abs() < 1e-7 && (lat.unwrap() - 39.915).abs() < 1e-7,
            "{payload}: {lon:?} {lat:?}"
        );
    }
    assert_eq!(
        place(r#"{"crs":"gcj02","longitude":116.4,"speed_kmh":3}"#),
        (Some(116.4), None),
        "half a position stays"
    );
    let mut map = vec![("crs", Cbor::Text("gcj02".to_owned()))];
    map.extend([("longitude", Cbor::Float(116.410_244_499_169_38)), ("latitude", Cbor::Float(39.916_404_281_501_64))]);
    let map = map.into_iter().map(|(name, value)| (Cbor::Text(name.to_owned()), value)).collect();
    let decoded = line(Kind::Truck, &cbor(Kind::Truck, &Cbor::Map(map)));
    assert!(decoded.contains("longitude=116.404") || decoded.contains("longitude=116.4039"), "{decoded}");
    assert_eq!(line(Kind::Truck, &json(Kind::Truck, r#"{"crs":"utm","longitude":1,"latitude":2}"#)), "Malformed");
    assert_eq!(manhole(r#"{"crs":"utm","tilt_deg":3}"#), "tilt_deg=3 unknown=1", "a kind without a position");
}

#[test]
fn the_three_shapes_give_readings() {
    assert_eq!(manhole(r#"{"tilt_deg":3.5,"cover_open":false}"#), "tilt_deg=3.5 cover_open=false");
    assert_eq!(manhole(r#"{"ts":1700000000123,"tilt_deg":3}"#), "@1700000000123 tilt_deg=3");
    assert_eq!(manhole(r#"{"values":{"tilt_deg":3},"ts":1700000000123}"#), "@1700000000123 tilt_deg=3");
    assert_eq!(manhole(r#"{"ts":"2023-11-14T22:13:20.123Z","water":1}"#), "@1700000000123 water=true");
    assert_eq!(
        manhole(r#" [{"ts":1700000000000,"water":true},{"values":{"water":0}}] "#),
        "@1700000000000 water=true | water=false"
    );
    assert_eq!(line(Kind::Truck, &json(Kind::Truck, r#"{"task":"清扫","visits":1}"#)), "task=\"清扫\" unknown=1");
}

#[test]
fn of_a_repeated_name_the_last_value_counts() {
    assert_eq!(manhole(r#"{"tilt_deg":1,"tilt_deg":2}"#), "tilt_deg=2");
    assert_eq!(manhole(r#"{"tilt_deg":1,"water":true,"tilt_deg":"x"}"#), "water=true tilt_deg?");
    assert_eq!(manhole(r#"{"tilt_deg":"x","tilt_deg":2}"#), "tilt_deg=2");
    assert_eq!(manhole(r#"{"tilt_deg":1,"water":true,"tilt_deg":null}"#), "water=true");
    assert_eq!(manhole(r#"{"ts":"x","ts":1700000000000,"water":true}"#), "@1700000000000 water=true");
}

#[test]
fn a_bad_value_loses_that_field_alone() {
    let decoded = json(Kind::Manhole, r#"{"tilt_deg":181,"ch4_pct_lel":1e999,"o2_pct":"20.9","water":[1,{"a":2}]}"#);
    let reading = &decoded.unwrap().readings[0];
    assert!(reading.samples.is_empty());
    let problems: Vec<_> = reading.problems.iter().map(|p| (&*p.field, p.kind, p.raw.as_str())).collect();
    let expected = [
        ("tilt_deg", ProblemKind::OutOfRange, "181"),
        ("ch4_pct_lel", ProblemKind::OutOfRange, "1e999"),
        ("o2_pct", ProblemKind::WrongType, "\"20.9\""),
        ("water", ProblemKind::WrongType, "[1,{\"a\":2}]"),
    ];
    assert_eq!(problems, expected);
    assert_eq!(manhole(r#"{"tilt_deg":-1,"water":true}"#), "water=true tilt_deg?");
}

#[test]
fn a_refused_value_is_kept_shortened() {
    let text = format!(r#"{{"tilt_deg":"{}","water":["{}"]}}"#, "井".repeat(100), "x".repeat(1_000));
    for problem in &json(Kind::Manhole, &text).unwrap().readings[0].problems {
        assert!(!problem.raw.is_empty() && problem.raw.len() <= MAX_RAW_BYTES, "{}", problem.raw.len());
    }
}

#[test]
fn a_number_that_fits_no_type_loses_its_field_wherever_it_stands() {
    assert_eq!(manhole(r#"{"water":true,"tilt_deg":-1e999}"#), "water=true tilt_deg?");
    assert_eq!(
        manhole(r#"{"ts":1700000000000,"values":{"tilt_deg":1e999,"water":1}}"#),
        "@1700000000000 water=true tilt_deg?"
    );
    assert_eq!(
        manhole(r#"[{"x":[1e999],"water":1},1e999,{"tilt_deg":1e999}]"#),
        "water=true unknown=1 | tilt_deg? rejected Malformed"
    );
    assert_eq!(manhole(r#"{"ts":1e999,"water":1}"#), "BadTime");
    assert_eq!(manhole(r#"{"values":1e999}"#), "Malformed");
}

#[test]
fn a_bad_element_does_not_lose_the_others() {
    assert_eq!(
        manhole(r#"[{"water":1}, 5, {"ts":"soon","water":1}, [{"water":1}], {"nothing":1}, {"water":0}]"#),
        "water=true | water=false rejected Malformed rejected BadTime rejected Malformed rejected NothingKnown"
    );
    assert_eq!(manhole("[5, null]"), "Malformed");
    assert_eq!(manhole("[]"), "NothingKnown");
}

#[test]
fn what_is_no_telemetry_is_refused_with_its_place() {
    for text in [
        "",
        "{",
        "5",
        "\"x\"",
        "null",
        "tilt_deg=5",
        r#"{"tilt_deg":NaN}"#,
        r#"{"water":true}}"#,
        "{\"water\":01}",
        r#"{"values":[]}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(manhole(text), "Malformed", "{text}");
    }
    let (_, text) = json(Kind::Manhole, r#"{"water":tru}"#).unwrap_err();
    assert!(text.contains("line 1 column 13"), "{text}");
    assert_eq!(
        decode(&envelope(Kind::Bin, "", PayloadFormat::Json, b"{\"a\":\"\xff\"}")).unwrap_err().0,
        QuarantineReason::Malformed
    );
    for text in ["{}", r#"{"ts":1700000000000}"#, r#"{"fill_pct":4}"#, r#"{"tilt_deg":null}"#, r#"{"values":null}"#] {
        assert_eq!(manhole(text), "NothingKnown", "{text}");
    }
    assert_eq!(manhole(r#"{"ts":0,"water":1}"#), "BadTime");
}

#[test]
fn ids_belong_to_their_readings() {
    let id = |text: &str| json(Kind::Manhole, text).unwrap().readings[0].id.as_deref().map(str::to_owned);
    assert_eq!(id(r#"{"id":"a-1","water":1}"#).as_deref(), Some("a-1"));
    assert_eq!(id(r#"{"id":17,"values":{"water":1,"id":"no"}}"#).as_deref(), Some("17"));
    for absent in [r#"{"id":"","water":1}"#, r#"{"id":null,"water":1}"#, r#"{"id":[1],"water":1}"#] {
        assert_eq!(id(absent), None, "{absent}");
    }
    assert_eq!(id(&format!(r#"{{"id":"{}","water":1}}"#, "x".repeat(MAX_ID_BYTES + 1))), None);
    let array = json(Kind::Manhole, r#"[{"id":"a","water":1},{"id":"b","water":1}]"#).unwrap();
    assert_eq!(array.readings.iter().map(|r| r.id.as_deref()).collect::<Vec<_>>(), [Some("a"), Some("b")]);
}

#[test]
fn limits_hold_exactly() {
    let array = |count: usize| format!("[{}]", vec![r#"{"water":1}"#; count].join(","));
    assert_eq!(json(Kind::Manhole, &array(MAX_ELEMENTS)).unwrap().readings.len(), MAX_ELEMENTS);
    assert_eq!(manhole(&array(MAX_ELEMENTS + 1)), "TooComplex");

    let nested = |depth: usize| format!(r#"{{"water":1,"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(manhole(&nested(MAX_DEPTH - 1)), "water=true unknown=1");
    assert_eq!(manhole(&nested(MAX_DEPTH)), "TooComplex");
    assert_eq!(manhole(&nested(100_000)), "TooComplex");

    let names = |count: usize| {
        let unknown: Vec<_> = (1..count).map(|n| format!(r#""n{n}":1"#)).collect();
        format!(r#"{{"water":1,{}}}"#, unknown.join(","))
    };
    assert_eq!(manhole(&names(MAX_NAMES)), format!("water=true unknown={}", MAX_NAMES - 1));
    assert_eq!(manhole(&names(MAX_NAMES + 1)), "TooComplex");
    // The limit is per element, not per message.
    assert_eq!(json(Kind::Manhole, &format!("[{0},{0}]", names(MAX_NAMES))).unwrap().readings.len(), 2);

    let long = format!(r#"{{"water":1,"x":"{}"}}"#, "x".repeat(MAX_PAYLOAD_BYTES));
    assert_eq!(manhole(&long), "TooComplex");
}

#[test]
fn events_and_replies_have_no_readings() {
    for format in [PayloadFormat::Event, PayloadFormat::Reply] {
        assert_eq!(decode(&envelope(Kind::Bin, "", format, b"\xff anything")), Ok(Decoded::default()));
    }
}

fn map(entries: &[(&str, Cbor)]) -> Cbor {
    Cbor::Map(entries.iter().map(|(name, value)| (Cbor::from(*name), value.clone())).collect())
}

#[test]
fn cbor_has_the_shapes_of_json() {
    let show = |value: &Cbor| line(Kind::Manhole, &cbor(Kind::Manhole, value));
    let fields = map(&[("tilt_deg", Cbor::from(3.5)), ("water", Cbor::from(true)), ("x", Cbor::from(1))]);
    assert_eq!(show(&fields), "tilt_deg=3.5 water=true unknown=1");
    let wrapped = map(&[("ts", Cbor::from(1_700_000_000_123_i64)), ("values", fields.clone())]);
    assert_eq!(show(&wrapped), "@1700000000123 tilt_deg=3.5 water=true unknown=1");
    let seconds = map(&[("ts", Cbor::Tag(1, Box::new(Cbor::from(1_700_000_000)))), ("water", Cbor::from(1))]);
    assert_eq!(show(&seconds), "@1700000000000 water=true");
    let text = Cbor::Tag(0, Box::new(Cbor::from("2023-11-14T22:13:20Z")));
    assert_eq!(show(&map(&[("ts", text), ("water", Cbor::from(1))])), "@1700000000000 water=true");
    let array = Cbor::Array(vec![wrapped, Cbor::from(5), map(&[("water", Cbor::Null), ("tilt_deg", Cbor::from(1))])]);
    assert_eq!(show(&array), "@1700000000123 tilt_deg=3.5 water=true unknown=1 | tilt_deg=1 rejected Malformed");
}

#[test]
fn cbor_values_are_checked_like_json() {
    let bad = map(&[
        ("tilt_deg", Cbor::from(f64::NAN)),
        ("ch4_pct_lel", Cbor::from(f64::INFINITY)),
        ("o2_pct", Cbor::Tag(2, Box::new(Cbor::Bytes(vec![255; 20])))),
        ("co_ppm", Cbor::from(u64::MAX)),
        ("water", Cbor::Bytes(vec![1])),
        ("vibration_g", Cbor::from("1")),
    ]);
    let decoded = cbor(Kind::Manhole, &bad).unwrap();
    let kinds: Vec<_> = decoded.readings[0].problems.iter().map(|problem| problem.kind).collect();
    use ProblemKind::{OutOfRange, WrongType};
    assert_eq!(kinds, [OutOfRange, OutOfRange, OutOfRange, OutOfRange, WrongType, WrongType]);

    let mut deep = Cbor::from(1);
    for _ in 0..MAX_DEPTH + 2 {
        deep = Cbor::Array(vec![deep]);
    }
    assert_eq!(cbor(Kind::Manhole, &map(&[("x", deep)])).unwrap_err().0, QuarantineReason::TooComplex);
    let long = Cbor::Array(vec![map(&[("water", Cbor::from(1))]); MAX_ELEMENTS + 1]);
    assert_eq!(cbor(Kind::Manhole, &long).unwrap_err().0, QuarantineReason::TooComplex);
    // A truncated item, an item with more behind it, an array that claims 2^60 elements.
    for bytes in [&b"\xa1\x65water"[..], b"\xa1\x65water\x01\x00", b"\x9b\x10\0\0\0\0\0\0\0", b""] {
        let refused = decode(&envelope(Kind::Manhole, "", PayloadFormat::Cbor, bytes)).unwrap_err();
        assert_eq!(refused.0, QuarantineReason::Malformed, "{bytes:?} {}", refused.1);
    }
}

/// A value for each field of a kind, or none.
fn values(kind: Kind) -> impl Strategy<Value = Vec<(usize, Value)>> {
    let fields: Vec<_> = kind.def().fields.iter().enumerate().map(|(index, def)| field_value(index, def.ty)).collect();
    fields.prop_map(|values| values.into_iter().flatten().collect())
}

fn field_value(index: usize, ty: FieldType) -> BoxedStrategy<Option<(usize, Value)>> {
    let value = match ty {
        FieldType::Number { min, max } => (min..=max).prop_map(Value::Number).boxed(),
        #[expect(clippy::cast_precision_loss, reason = "the catalogue's numbers are small")]
        FieldType::Integer { min, max } => (min..=max).prop_map(|n| Value::Number(n as f64)).boxed(),
        FieldType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::Text { max_bytes } => proptest::collection::vec(any::<char>(), 0..max_bytes / 4)
            .prop_map(|text| Value::Text(Arc::from(text.into_iter().collect::<String>())))
            .boxed(),
    };
    proptest::option::of(value).prop_map(move |value| value.map(|value| (index, value))).boxed()
}

fn kind_with_values() -> impl Strategy<Value = (Kind, Vec<(usize, Value)>)> {
    (0..KINDS.len()).prop_flat_map(|number| {
        let kind = KINDS[number].kind;
        values(kind).prop_map(move |values| (kind, values))
    })
}

/// So many random inputs, the same at every run. `PROPTEST_CASES` asks for more of them, and `PROPTEST_RNG_SEED` (a
/// number, 0 if it is not set) for others. A test that fails prints both, and the smallest input that fails.
fn random(cases: u32) -> Config {
    let told = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let cases = told("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(cases);
    let seed = told("PROPTEST_RNG_SEED").unwrap_or(0);
    #[expect(clippy::print_stderr, reason = "shown with a test that fails")]
    {
        eprintln!("again: PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases}");
    }
    Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(random(256))]

    #[test]
    fn valid_objects_give_their_values((kind, values) in kind_with_values()) {
        prop_assume!(!values.is_empty());
        let names = |index: usize| kind.def().fields[index].name;
        let object: serde_json::Map<_, _> =
            values.iter().map(|(index, value)| (names(*index).to_owned(), serde_json::to_value(value).unwrap())).collect();
        let object = serde_json::Value::Object(object);
        let from_json = json(kind, &object.to_string()).unwrap();
        let from_cbor = cbor(kind, &Cbor::serialized(&object).unwrap()).unwrap();
        for decoded in [from_json, from_cbor] {
            let reading = &decoded.readings[0];
            prop_assert!(reading.problems.is_empty() && reading.unknown_fields == 0);
            let mut found: Vec<_> =
                reading.samples.iter().map(|s| (usize::from(s.field.0), s.value.clone())).collect();
            found.sort_by_key(|(index, _)| *index);
            prop_assert_eq!(&found, &values);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        number in 0..KINDS.len(),
        model in 0..gengfu_codecs::MODELS.len(),
    ) {
        let kind = KINDS[number].kind;
        for format in [PayloadFormat::Json, PayloadFormat::Cbor, PayloadFormat::Bytes] {
            // Any answer is good, as long as there is one, and the same one twice.
            let model = gengfu_codecs::MODELS[model].model;
            let one = envelope(kind, model, format, &bytes);
            prop_assert_eq!(decode(&one), decode(&one));
        }
        for codec in gengfu_codecs::MODELS {
            for kind in codec.kinds {
                let one = envelope(*kind, codec.model, PayloadFormat::Bytes, &bytes);
                prop_assert_eq!(decode(&one), decode(&one));
            }
        }
    }

    #[test]
    fn no_json_like_text_makes_it_panic(text in r#"(\{|\[|\}|\]|,|:|"(ts|values|water|id|x)"|1e999|-?[0-9]{1,3}|null|true|"\\u[d][8-9a-f]00"){0,24}"#) {
        let first = json(Kind::Manhole, &text);
        prop_assert_eq!(&first, &json(Kind::Manhole, &text));
        // Whoever takes it must be able to read it as JSON, but for what `serde_json` itself refuses.
        if first.is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        }
    }
}
