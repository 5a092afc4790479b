//! Promise: a new rule is green in every sense, whatever number or condition it is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::catalogue::KINDS;
use gengfu_model::{FieldType, Kind};
use gengfu_rules::scaffold::scaffold;
use gengfu_rules::testing::{self, Options};
use gengfu_rules::{Language, Pack};

#[test]
fn a_new_rule_compiles_and_is_tested_on_both_sides_of_every_number() {
    let profile = Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap());
    let options = Options { profile, filter: String::new(), coverage: true };
    let mut tried = 0;
    for def in &KINDS {
        for field in def.fields.iter().filter(|field| !matches!(field.ty, FieldType::Text { .. })) {
            let text = scaffold(def.kind, field.name, "my-rule").unwrap();
            let files = BTreeMap::from([("my-rule.rhai".to_owned(), text.clone())]);
            let pack = Pack::compile(&files).unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
            assert!(pack.warnings().is_empty(), "{text}\n{:#?}", pack.warnings());
            let doc = &pack.rules()[0].doc;
            assert_ne!(Language::English.part_of(doc), Language::Chinese.part_of(doc));
            let report = testing::run(&files, &options).unwrap();
            let failed: Vec<String> =
                report.tests.iter().filter(|t| t.failure.is_some()).map(ToString::to_string).collect();
            assert!(report.is_green() && !report.tests.is_empty(), "{text}\n{}", failed.join("\n"));
            for file in &report.coverage {
                assert_eq!((file.lines_hit, file.branches_hit), (file.lines, file.branches), "{text}");
            }
            let mutated = testing::mutate(&files, &options).unwrap();
            assert_eq!(mutated.survived, 0, "{text}\n{mutated}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn what_makes_no_rule_is_said() {
    let said = |field: &str, name: &str| scaffold(Kind::Truck, field, name).unwrap_err();
    assert!(said("speed_kph", "fast").contains("did you mean `speed_kmh`"), "{}", said("speed_kph", "fast"));
    assert!(said("task", "fast").contains("is a text"));
    assert!(said("speed_kmh", "Too fast").contains("is no name for a rule"));
}
