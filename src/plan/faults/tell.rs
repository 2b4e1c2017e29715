//! Faults in words, as a timeline would say them.

use std::time::Duration;

use crate::plan::Plan;
use crate::plan::fault::FaultKind;
use crate::scenario;

/// A fault in the words of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// On one line, with its name.
    pub text: String,
    /// The same without a name.
    pub unnamed: String,
    /// Its verb.
    pub verb: &'static str,
    /// How long it lasts, if not until it is healed.
    pub lasts: Option<Duration>,
}

/// The fault called `name` in words, if `text` is one: what a trace tells of it, with or without a name.
#[must_use]
pub fn tell(name: &str, text: &str) -> Option<Told> {
    let fault = scenario::fault(text).ok()?.value;
    let entries = scenario::entries(text)?;
    let unnamed = scenario::mapping(entries.into_iter().filter(|(key, _)| key != "name"));
    let inner = unnamed.strip_prefix("{ ")?;
    let text = format!("{{ name: {}, {inner}", in_yaml(name));
    Some(Told { text, unnamed, verb: fault.kind.verb(), lasts: fault.lasts })
}

/// A text as it stands in a scenario, in quotes if it needs them.
#[must_use]
pub fn in_yaml(text: &str) -> String {
    scenario::in_yaml(text)
}

/// A duration exactly, in the language's words.
#[must_use]
pub fn exact(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
    let whole = units.into_iter().find(|(one, _)| nanos.is_multiple_of(*one));
    let (one, unit) = whole.unwrap_or((1, "ns"));
    format!("{}{unit}", nanos / one)
}

impl Plan {
    /// The names of the faults that are about the very message that lets them loose.
    pub fn faults_about_their_cause(&self) -> impl Iterator<Item = &str> {
        let about = |kind: &FaultKind| matches!(kind, FaultKind::Link(rule) if rule.only_cause);
        self.faults.iter().filter(move |fault| about(&fault.kind)).map(|fault| fault.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_exactly() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1500ns"),
            (2_000, "2us"),
            (300_000_000, "300ms"),
            (61_000_000_000, "61s"),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(exact(duration), text);
            assert_eq!(crate::base::units::duration(text), Ok(duration));
        }
    }

    #[test]
    fn a_fault_is_told_with_the_name_it_has() {
        let told = |name, text| tell(name, text).map(|told| (told.text, told.unnamed, told.verb));
        let (with, without) = ("{ name: drop.1, drop: request }", "{ drop: request }");
        let expected = Some((with.to_owned(), without.to_owned(), "drop"));
        assert_eq!(told("drop.1", "{ drop: request }"), expected);
        assert_eq!(told("drop.1", "{ drop: request, name: other }"), expected);
        assert_eq!(
            tell("x", "{ crash: db, for: 2s }").and_then(|told| told.lasts),
            Some(Duration::from_secs(2))
        );
        for nonsense in ["", "{}", "drop", "{ drop: request", "{ drp: request }", "[a]"] {
            assert_eq!(tell("x", nonsense), None, "{nonsense}");
        }
    }
}
