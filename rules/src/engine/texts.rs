//! Texts that many register entries have in common, each kept once: a district, a road, a department, the name of
//! an attribute. Alone they would cost a registered device some 40 bytes each.

use std::collections::HashSet;
use std::sync::Arc;

use gengfu_model::Device;

/// The first sweep comes at this many texts.
const FIRST_SWEEP: usize = 1_024;

/// The texts known so far. They decide nothing: an entry with and without shared texts is the same entry.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    known: HashSet<Arc<str>>,
    /// At this many texts, those that no entry has any more are dropped.
    sweep_at: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { known: HashSet::new(), sweep_at: FIRST_SWEEP }
    }
}

impl Texts {
    /// Puts the known copy in the place of each text of an entry that others may have too. Its id, its asset and its
    /// name are its own.
    pub(super) fn share(&mut self, device: &mut Device) {
        let Device {
            model,
            district,
            grid,
            feeder,
            cabinet,
            catchment,
            carrier_cell,
            department,
            asset_type,
            attributes,
            ..
        } = device;
        let places = [model, district, grid, feeder, cabinet, catchment, carrier_cell, department, asset_type];
        places.into_iter().chain(attributes.texts_mut()).for_each(|text| self.share_text(text));
    }

    fn share_text(&mut self, text: &mut Arc<str>) {
        if let Some(known) = self.known.get(text) {
            *text = Arc::clone(known);
            return;
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.sweep_at = (2 * self.known.len()).max(FIRST_SWEEP);
        }
        self.known.insert(Arc::clone(text));
    }
}

#[cfg(test)]
mod tests {
    use gengfu_cases::Profile;
    use gengfu_model::staff::{Action, Role, StaffRequest};
    use gengfu_model::{Body, Control, Record, Seq, Timestamp};

    use super::super::{Engine, Output, Recovered};
    use super::*;

    /// Two lamps of the same road, each with texts of its own.
    fn lamps() -> Vec<Device> {
        let lamp = |id: &str| {
            serde_json::from_value(serde_json::json!({
                "id": id, "kind": "streetlight", "asset_code": format!("asset {id}"), "name": "Ring Road",
                "district": "盐湖区", "asset_type": "03-01", "interval_s": 900,
                "attributes": {"road": "Ring Road", "rated_power_w": 150.0},
            }))
            .unwrap()
        };
        vec![lamp("lamp-1"), lamp("lamp-2")]
    }

    fn assert_shared(engine: &Engine) {
        let register: Vec<_> = engine.register().collect();
        let [one, two] = register[..] else { panic!("two lamps: {register:?}") };
        assert!(Arc::ptr_eq(&one.district, &two.district) && Arc::ptr_eq(&one.asset_type, &two.asset_type));
        for (mine, other) in one.attributes.iter().zip(two.attributes.iter()) {
            assert!(Arc::ptr_eq(mine.0, other.0), "the name of an attribute");
        }
        assert!(!Arc::ptr_eq(&one.asset_code, &two.asset_code));
    }

    #[test]
    fn devices_share_their_texts_when_they_are_added_changed_and_restored() {
        let profile = Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap());
        let mut engine = Engine::new(Arc::clone(&profile));
        let add = |replace| {
            let action = Action::AddDevices { devices: lamps(), replace };
            Body::Control(Control::Request(StaffRequest { user: "local".into(), roles: Role::ALL.to_vec(), action }))
        };
        for (seq, replace) in [(1, false), (2, true)] {
            let record = Record { seq: Seq(seq), time: Timestamp(1_000), body: add(replace) };
            engine.apply(&record, None, &mut Output::default());
            assert_shared(&engine);
        }
        let mut round = engine.begin_round();
        let rows = engine.round_rows(&mut round, 10);
        let mut restored = Engine::recover(profile, Recovered::default(), None).unwrap();
        rows.iter().for_each(|row| restored.restore_device(row).unwrap());
        assert_shared(&restored);
    }

    #[test]
    fn equal_texts_become_one_and_unused_ones_go() {
        let mut texts = Texts::default();
        let (mut one, mut two): (Arc<str>, Arc<str>) = ("长宁区".into(), "长宁区".into());
        texts.share_text(&mut one);
        texts.share_text(&mut two);
        assert!(Arc::ptr_eq(&one, &two));
        // A city of changing words: what nobody says any more is not kept.
        for number in 0..5 * FIRST_SWEEP {
            texts.share_text(&mut Arc::from(format!("road {number}")));
        }
        assert!(texts.known.len() <= FIRST_SWEEP, "{}", texts.known.len());
        let mut three: Arc<str> = "长宁区".into();
        texts.share_text(&mut three);
        assert!(Arc::ptr_eq(&one, &three), "what is in use stays");
    }
}
