//! `gengfu profile`: the city profile that is at work, checking and setting another, and the city's table as CSV.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gengfu_cases::Profile;
use gengfu_connectors::ledger::LedgerReader;
use gengfu_model::staff::Action;
use serde::Deserialize;

use super::{ConfigArgument, Failure, give, leave, ledger_file, reach, say};

/// The city profile: classes, limits, calendar, mappings, policies.
#[derive(clap::Args)]
pub(super) struct ProfileCommand {
    #[command(subcommand)]
    command: Commands,
}

#[derive(clap::Subcommand)]
enum Commands {
    /// Print the profile that is at work.
    Show {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Check a profile; tells all mistakes at once.
    Check {
        /// The profile's TOML file.
        file: PathBuf,
    },
    /// Put a profile to work. Deadlines that are set already stay.
    Set {
        /// The profile's TOML file.
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Print a profile with the city's table taken from a CSV file: kind (component or event), code, name, big_name,
    /// row, filing, closing, limit (such as `2 urgent_hour`). A row's id is its code and row, so keep the row
    /// numbers when the city changes its table.
    ImportTable {
        /// The CSV file, in UTF-8.
        table: PathBuf,
        /// The profile whose table is replaced; the shipped example city if left out.
        #[arg(long)]
        profile: Option<PathBuf>,
    },
    /// Print the table of a profile as CSV, in the columns of the import.
    ExportTable {
        /// The profile; the shipped example city if left out.
        #[arg(long)]
        profile: Option<PathBuf>,
    },
}

impl ProfileCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The profile's mistakes, or why the gateway refused or cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            Commands::Show { config } => show(config),
            Commands::Check { file } => {
                let profile = checked(&read(file)?, &file.display().to_string())?;
                say(&format!(
                    "profile `{}` is good: {} classes, {} rows, {} mapped conditions",
                    profile.name,
                    profile.classes.len(),
                    profile.standards.len(),
                    profile.mappings.len()
                ));
                Ok(())
            }
            Commands::Set { file, config } => set(file, config),
            Commands::ImportTable { table, profile } => {
                let base = base(profile.as_deref())?;
                let text = std::fs::File::open(table)
                    .map_err(|error| Failure::Failed(format!("{}: {error}", table.display())))?;
                let classes = classes_of(text).map_err(|mistakes| {
                    let lines: Vec<String> =
                        mistakes.iter().map(|mistake| format!("{}: {mistake}", table.display())).collect();
                    Failure::Configuration(lines.join("\n"))
                })?;
                let text = format!("{}\n{classes}", without_classes(&base));
                checked(&text, "the profile with this table")?;
                give(text.trim_end());
                Ok(())
            }
            Commands::ExportTable { profile } => {
                let text = base(profile.as_deref())?;
                let profile = checked(&text, "the profile")?;
                give(table_of(&profile)?.trim_end());
                Ok(())
            }
        }
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))
}

fn base(file: Option<&Path>) -> Result<String, Failure> {
    file.map_or_else(|| Ok(gengfu_cases::profile::YUNCHENG.to_owned()), read)
}

fn checked(text: &str, name: &str) -> Result<Profile, Failure> {
    Profile::parse(text).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(|mistake| format!("{name}: {mistake}")).collect();
        Failure::Configuration(lines.join("\n"))
    })
}

fn show(config: &ConfigArgument) -> Result<(), Failure> {
    let config = config.load()?;
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    let text = reader.profile().map_err(Failure::failed)?;
    give(text.ok_or_else(|| Failure::Failed("no profile was ever set".to_owned()))?.trim_end());
    Ok(())
}

fn set(file: &Path, config: &ConfigArgument) -> Result<(), Failure> {
    let text = read(file)?;
    checked(&text, &file.display().to_string())?;
    let mut local = reach(&config.load()?)?;
    let verdict = local.act(Action::SetProfile { text }).map_err(Failure::failed);
    leave(local);
    match verdict? {
        Ok(_) => {
            say("the profile is at work");
            Ok(())
        }
        Err(refusal) => Err(Failure::Configuration(refusal.message)),
    }
}

/// A line of the city's table.
#[derive(Clone, Debug, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct TableRow {
    kind: String,
    code: String,
    name: String,
    #[serde(default)]
    big_name: String,
    row: u32,
    filing: String,
    #[serde(default)]
    closing: String,
    limit: String,
}

/// The classes of a table as TOML.
///
/// # Errors
/// Every line that is wrong, with its number.
fn classes_of(table: impl std::io::Read) -> Result<String, Vec<String>> {
    let mut classes: BTreeMap<(String, String), Vec<TableRow>> = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table);
    for (line, row) in (2..).zip(reader.deserialize::<TableRow>()) {
        match row {
            Err(error) => mistakes.push(format!("line {line}: {error}")),
            Ok(row) if !matches!(row.kind.as_str(), "component" | "event") => {
                mistakes.push(format!("line {line}: kind `{}`: write component or event", row.kind));
            }
            Ok(row) => {
                let rows = classes.entry((row.kind.clone(), row.code.clone())).or_default();
                if rows.iter().any(|other| other.row == row.row) {
                    mistakes.push(format!("line {line}: row {} of {} {} is there twice", row.row, row.kind, row.code));
                }
                rows.push(row);
            }
        }
    }
    if mistakes.is_empty() && classes.is_empty() {
        mistakes.push("the table has no line".to_owned());
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut text = String::new();
    for ((kind, code), rows) in &classes {
        let id = if kind == "event" { format!("E{code}") } else { code.clone() };
        let Some(first) = rows.first() else { continue };
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        text.push_str(&format!(
            "[[class]]\nid = {}\nkind = {}\ncode = {}\nname = {}\nbig_name = {}\nstandards = [\n",
            quoted(&id),
            quoted(kind),
            quoted(code),
            quoted(&first.name),
            quoted(&first.big_name)
        ));
        for row in rows {
            text.push_str(&format!(
                "    {{ id = {}, filing = {}, closing = {}, limit = {} }},\n",
                quoted(&format!("{id}.{}", row.row)),
                quoted(&row.filing),
                quoted(&row.closing),
                quoted(&row.limit)
            ));
        }
        text.push_str("]\n\n");
    }
    Ok(text)
}

/// The profile without its `[[class]]` tables.
fn without_classes(text: &str) -> String {
    let mut in_class = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            in_class = line.trim_end() == "[[class]]";
        }
        if !in_class {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn table_of(profile: &Profile) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for standard in profile.standards.values() {
        let Some(class) = profile.classes.get(&standard.class) else { continue };
        let row = standard.id.rsplit('.').next().and_then(|row| row.parse().ok());
        let row = row.ok_or_else(|| {
            Failure::Failed(format!(
                "row `{}` has no number after its last full stop, so it has no place in a table",
                standard.id
            ))
        })?;
        let row = TableRow {
            kind: class.kind.to_string(),
            code: class.code.to_string(),
            name: class.name.to_string(),
            big_name: class.big_name.to_string(),
            row,
            filing: standard.filing.to_string(),
            closing: standard.closing.to_string(),
            limit: format!("{} {}", standard.limit.amount, limit_word(standard.limit.kind)),
        };
        writer.serialize(row).map_err(Failure::failed)?;
    }
    let bytes = writer.into_inner().map_err(Failure::failed)?;
    String::from_utf8(bytes).map_err(Failure::failed)
}

fn limit_word(kind: gengfu_model::LimitKind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back_as_it_went_out() {
        let shipped = Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap();
        let table = table_of(&shipped).ok().unwrap();
        let classes = classes_of(table.as_bytes()).unwrap();
        let text = format!("{}\n{classes}", without_classes(gengfu_cases::profile::YUNCHENG));
        assert_eq!(Profile::parse(&text).unwrap(), shipped);
    }

    #[test]
    fn every_bad_line_of_a_table_is_told() {
        let table = "kind,code,name,big_name,row,filing,closing,limit\n\
                     part,01-01,a,b,1,c,d,2 urgent_hour\n\
                     component,01-01,a,b,one,c,d,2 urgent_hour\n\
                     component,01-02,a,b,1,c,d,2 urgent_hour\n\
                     component,01-02,a,b,1,c,d,2 urgent_hour\n";
        let mistakes = classes_of(table.as_bytes()).unwrap_err();
        let lines: Vec<&str> = mistakes.iter().map(|mistake| &mistake[..7]).collect();
        assert_eq!(lines, ["line 2:", "line 3:", "line 5:"], "{mistakes:?}");
        assert_eq!(classes_of("kind,code\n".as_bytes()).unwrap_err(), ["the table has no line"]);
    }
}
