//! What a pack raises or asks for and the city does not know: somebody should look before it goes live.

use gengfu_cases::Profile;
use gengfu_cases::profile::Route;

use crate::diagnostic::{Diagnostic, Problem, nearest};
use crate::lower::NamedPlace;
use crate::pack::Pack;
use crate::places::Places;
use crate::program::Rule;
use crate::script::Pos;

impl Pack {
    /// A warning for every place that a rule names and the city does not have: the question is unknown for ever, and
    /// the rule silent. Ordered by file and place.
    #[must_use]
    pub fn unknown_places(&self, places: &Places) -> Vec<Diagnostic> {
        let rules = self.sets.iter().flat_map(|set| &set.rules).map(|placed| &placed.rule);
        let named = rules.flat_map(|rule| rule.places.iter().map(move |place| (rule, place)));
        let unknown = named.filter(|(_, place)| !places.has(&place.name));
        let warning = |(rule, place): (&Rule, &NamedPlace)| {
            let message = format!("the city has no place of the name or kind `{}`", place.name);
            let hint = match nearest(&place.name, places.words()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "the rule stays silent until `gengfu places put` brings it".to_owned(),
            };
            Problem::warning(place.pos, message).hint(hint).in_file(&rule.file, &rule.source)
        };
        let mut found: Vec<Diagnostic> = unknown.map(warning).collect();
        found.sort();
        found
    }

    /// A warning for every condition of a rule that the profile maps to nothing on the asset type that the rule's
    /// kind usually has: its case would have no class and no limit. Ordered by file and place.
    #[must_use]
    pub fn unmapped(&self, profile: &Profile) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for placed in self.sets.iter().flat_map(|set| &set.rules) {
            let rule = &placed.rule;
            let asset_type = rule.kind.def().asset_type;
            let info = self.rules().iter().find(|info| info.id == rule.id && info.kind == rule.kind);
            let group = info.and_then(|info| Some(info.group.as_ref()?.condition.clone()));
            let raised = rule.effects.iter().map(|effect| (&effect.condition, effect.origin.pos));
            let mut said: Vec<&str> = Vec::new();
            for condition in info.filter(|info| info.group.is_some()).iter().flat_map(|info| &info.conditions) {
                if profile.groups.contains_key(condition) {
                    let message = format!("`{condition}` is grouped by this rule, and by the city profile as well");
                    let hint = "members of the rule's group are counted by the rule alone: take the [[group]] out of the profile";
                    let problem = Problem::warning(Pos { line: 1, column: 1 }, message).hint(hint);
                    found.push(problem.in_file(&rule.file, &rule.source));
                }
            }
            for (condition, pos) in raised.chain(group.iter().map(|condition| (condition, Pos { line: 1, column: 1 })))
            {
                if condition.is_empty() || said.contains(&&**condition) {
                    continue;
                }
                said.push(condition);
                if profile.route(&rule.id, asset_type, condition) == Route::Unmapped {
                    let message =
                        format!("the city profile maps condition `{condition}` on asset type {asset_type} to nothing");
                    let hint = "its cases go to the acceptor without class and limit: add a [[mapping]] to the profile, \
                                or the condition to incident.incident_only";
                    found.push(Problem::warning(pos, message).hint(hint).in_file(&rule.file, &rule.source));
                }
            }
        }
        found.sort();
        found
    }
}
