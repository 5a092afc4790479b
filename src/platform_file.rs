//! The mapping of a city platform: a TOML file of its own, which the platform's integrator writes.
//!
//! `[[field]]` lines say what of a case goes where, `[codes.NAME]` are code tables, `[status]` says where the
//! platform's messages say what.

use std::collections::BTreeMap;

use gengfu_connectors::city::mapping::{Codes, FieldLine};
use gengfu_connectors::city::{Mapping, MappingError, StatusMapping};
use serde::Deserialize;

/// What such a file holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlatformFile {
    /// What of a case goes where.
    #[serde(default)]
    pub(crate) field: Vec<FieldLine>,
    /// Code tables by name.
    #[serde(default)]
    pub(crate) codes: BTreeMap<String, Codes>,
    /// Where the platform's messages say what.
    #[serde(default)]
    pub(crate) status: StatusMapping,
}

impl PlatformFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub(crate) fn parse(text: &str) -> Result<PlatformFile, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!("line {line}: {}", error.message())
        })
    }

    /// The checked mapping of cases.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub(crate) fn mapping(&self, time_zone: &str) -> Result<Mapping, MappingError> {
        Mapping::new(self.field.clone(), self.codes.clone(), time_zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_its_mistakes_have_a_line() {
        let text = "[[field]]\nfrom = \"case.number\"\nto = \"caseNo\"\n\n[codes.level]\ncritical = \"1\"\n\n\
                    [status]\nmessage = \"msgId\"\ncase = \"caseNo\"\nstatus = \"state\"\n[status.stages]\n\"40\" = \"handled\"\n";
        let file = PlatformFile::parse(text).unwrap();
        assert!(file.mapping("Asia/Shanghai").is_ok());
        assert_eq!(file.status.stages.len(), 1);
        let wrong = PlatformFile::parse("[[field]]\nto = \"x\"\ncolour = 1\n").unwrap_err();
        assert!(wrong.contains("line 3") && wrong.contains("colour"), "{wrong}");
        let wrong = PlatformFile::parse("[status.stages]\n\"40\" = \"done\"\n").unwrap_err();
        assert!(wrong.contains("line 2"), "{wrong}");
    }
}
