//! `gengfu rules pin`: an incident, or one that was missed, becomes a table test beside its rule.
//!
//! The readings come from the journal and its archive, decoded again; register entry and parameters are
//! those of the ledger, as they stand now.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gengfu_connectors::ledger::LedgerReader;
use gengfu_ingest::journal::JournalReader;
use gengfu_model::{Body, Device, DeviceId, EffectId, Incident, Timestamp, Value};
use gengfu_rules::pack::RuleInfo;
use gengfu_rules::testing::pin::{MAX_READINGS, Pin, PinnedReading, moment};
use gengfu_rules::{Pack, Parameters};

use super::journal::{limit, open_disk};
use super::{ConfigArgument, Failure, give, ledger_file, say};
use crate::pipeline::decode::decode_record;

/// What `gengfu rules pin` is asked for.
#[derive(clap::Args)]
pub(super) struct PinCommand {
    /// The incident's id, such as `1042-0`; without it, something that was missed is pinned.
    incident: Option<String>,
    /// Folder of the rules: the test goes beside its rule.
    #[arg(long)]
    out: PathBuf,
    /// How long before the incident the readings begin.
    #[arg(long, default_value_t = 48)]
    hours: i64,
    /// A missed one: the rule's id.
    #[arg(long, requires_all = ["device", "at", "key"])]
    rule: Option<String>,
    /// A missed one: the device.
    #[arg(long)]
    device: Option<String>,
    /// A missed one: when it should have been open, in the city's time, such as `2026-06-21 23:10`.
    #[arg(long)]
    at: Option<String>,
    /// A missed one: the key that should have been open.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    config: ConfigArgument,
}

/// What is to be pinned.
struct Wanted {
    rule: String,
    key: String,
    device: DeviceId,
    from: Timestamp,
    to: Timestamp,
    expected: Vec<(Timestamp, BTreeMap<String, String>)>,
    name: String,
    about: String,
}

impl PinCommand {
    /// Writes the test.
    ///
    /// # Errors
    /// When there is no such incident, device or rule, or the data cannot be read.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let data = self.config.load()?.data.folder;
        let reader = LedgerReader::open(&ledger_file(&data)).map_err(Failure::failed)?;
        let wanted = match &self.incident {
            Some(id) => self.of_incident(&reader, id)?,
            None => self.of_missed()?,
        };
        let device = reader.device(&wanted.device).map_err(Failure::failed)?;
        let device = device.ok_or_else(|| Failure::Failed(format!("there is no device `{}`", wanted.device)))?;
        let packs = reader.packs().map_err(Failure::failed)?;
        let live = packs.last().ok_or_else(|| Failure::Failed("no rule pack was ever live".to_owned()))?;
        let pack = Pack::compile(&live.files).map_err(|_| Failure::Failed("the live pack has mistakes".to_owned()))?;
        let rule = pack.rules().iter().find(|rule| *rule.id == *wanted.rule && rule.kind == device.kind);
        let rule = rule.ok_or_else(|| Failure::Failed(format!("the live pack has no rule `{}`", wanted.rule)))?;

        let readings = self.readings(&data, &device, &wanted)?;
        if readings.is_empty() {
            return Err(Failure::Failed("the journal has no reading of that device and time any more".to_owned()));
        }
        let count = readings.len();
        let pin = Pin {
            name: wanted.name.clone(),
            about: wanted.about.clone(),
            parameters: settings(&reader, &pack, rule, &device)?,
            device,
            readings,
            expected: wanted.expected.clone(),
        };
        let stem = rule.file.trim_end_matches(".rhai");
        let file = self.out.join(format!("{stem}.{}.test.toml", file_word(&wanted.name)));
        std::fs::write(&file, pin.text()).map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
        give(&format!("{}: {count} readings, key `{}`", file.display(), wanted.key));
        Ok(())
    }

    fn of_incident(&self, reader: &LedgerReader, id: &str) -> Result<Wanted, Failure> {
        let id: EffectId = id.parse().map_err(Failure::Usage)?;
        let incident = reader.incident(id).map_err(Failure::failed)?;
        let incident: Incident = incident.ok_or_else(|| Failure::Failed(format!("there is no incident `{id}`")))?;
        let mut expected = Vec::new();
        for (_, change, evidence) in reader.explanations(id).map_err(Failure::failed)? {
            match change.as_str() {
                "cleared" => {
                    expected.push((evidence.now, BTreeMap::from([(format!("!{}", incident.key), String::new())])))
                }
                "opened" | "reopened" => {
                    expected.push((evidence.now, BTreeMap::from([(incident.key.to_string(), String::new())])));
                }
                _ => {}
            }
        }
        let from = incident.opened.plus_ms(-self.hours.saturating_mul(3_600_000));
        let to = expected.last().map_or(incident.opened, |(time, _)| *time);
        Ok(Wanted {
            rule: incident.rule.to_string(),
            key: incident.key.to_string(),
            device: incident.device.clone(),
            from,
            to,
            expected,
            name: format!("incident {id}"),
            about: format!(
                "{} {} of {}, pack {}",
                incident.key, incident.condition, incident.device, incident.rule_version
            ),
        })
    }

    fn of_missed(&self) -> Result<Wanted, Failure> {
        let (Some(rule), Some(device), Some(at), Some(key)) = (&self.rule, &self.device, &self.at, &self.key) else {
            return Err(Failure::Usage(
                "name an incident, or --rule, --device, --at and --key of a missed one".to_owned(),
            ));
        };
        let to = moment(at).map_err(Failure::Usage)?;
        let device = DeviceId::new(device).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Wanted {
            rule: rule.clone(),
            key: key.clone(),
            name: format!("missed {device} {at}"),
            about: format!("{key} should have been open on {device} at {at}"),
            device,
            from: to.plus_ms(-self.hours.saturating_mul(3_600_000)),
            to,
            expected: vec![(to, BTreeMap::from([(key.clone(), String::new())]))],
        })
    }

    fn readings(
        &self,
        data: &std::path::Path,
        device: &Device,
        wanted: &Wanted,
    ) -> Result<Vec<PinnedReading>, Failure> {
        let (limit, _lock) = limit(data);
        let mut reader = JournalReader::open_at_time(open_disk(data)?, wanted.from, limit).map_err(Failure::failed)?;
        let mut found = std::collections::VecDeque::new();
        let mut dropped = 0_usize;
        'journal: while let Some(batch) = reader.next_batch().map_err(Failure::failed)? {
            for record in batch {
                if record.time > wanted.to {
                    break 'journal;
                }
                let Body::Message(envelope) = &record.body else { continue };
                if envelope.device != device.id || envelope.kind != device.kind {
                    continue;
                }
                let Some(Ok(decoded)) = decode_record(&record).map(|decoded| decoded.result) else { continue };
                for reading in decoded.readings {
                    let name = |field| device.kind.field_def(field).map(|def| def.name.to_owned());
                    let values = reading.samples.into_iter();
                    let values = values.filter_map(|one| Some((name(one.field)?, one.value, one.quality)));
                    found.push_back(PinnedReading {
                        received: record.time,
                        measured: reading.event_time.unwrap_or(record.time),
                        values: values.collect(),
                    });
                    if found.len() > MAX_READINGS {
                        found.pop_front();
                        dropped += 1;
                    }
                }
            }
        }
        if dropped > 0 {
            say(&format!("{dropped} readings were left out, the newest {MAX_READINGS} are in the test"));
        }
        Ok(found.into())
    }
}

/// The parameters that were set for the device, with what they are.
fn settings(
    reader: &LedgerReader,
    pack: &Pack,
    rule: &RuleInfo,
    device: &Device,
) -> Result<Vec<(gengfu_rules::ParameterInfo, Value)>, Failure> {
    let mut parameters = Parameters::default();
    for (rule, name, scope, value) in reader.parameters().map_err(Failure::failed)? {
        parameters.set(&rule, &name, &scope, Some(value));
    }
    let mut set = Vec::new();
    for info in &rule.parameters {
        let effective = pack.effective(device, &parameters, &rule.id, &info.name);
        if let Some(effective) = effective.filter(|effective| &*effective.from != "default") {
            set.push((info.clone(), effective.value));
        }
    }
    Ok(set)
}

fn file_word(name: &str) -> String {
    let word = name.trim_start_matches("incident ");
    word.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '-' }).collect()
}
