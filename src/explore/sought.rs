//! What a search looks for.

use std::fmt;

use super::failure::Failure;
use crate::check::Checker;
use crate::plan::Plan;

/// What fails that is neither a check nor anything else with a name of its own.
const OTHERS: [&str; 3] = ["step", "run", "crash"];

/// One thing to look for, as `--check` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// Any of the scenario's checks: `check`.
    Checks,
    /// The check of that number, from 1.
    Number(usize),
    /// Checks of that kind: `history`, `never`.
    Kind(&'static str),
    /// A `step`, the `run`, or the `crash` of a node by itself.
    Other(&'static str),
}

impl Sought {
    /// Reads a word.
    ///
    /// # Errors
    /// What there is instead, if the scenario has nothing of that name: a search for it would find nothing.
    ///
    /// ```
    /// # use looplab::explore::Sought;
    /// # use looplab::plan::{Overrides, Plan};
    /// let text = "looplab: 1\nservers: { a: { type: http } }\nchecks:\n  - calls: { to: a, count: 0 }\n";
    /// let plan = Plan::parse("a.yaml", text.as_bytes(), None, Overrides::default()).unwrap();
    /// assert_eq!(Sought::parse("calls", &plan), Ok(Sought::Kind("calls")));
    /// let error = Sought::parse("cals", &plan).unwrap_err();
    /// assert_eq!(error, "the scenario has no such check; there are 1 (calls), step, run, crash");
    /// ```
    pub fn parse(word: &str, plan: &Plan) -> Result<Sought, String> {
        let checks = Checker::new(plan).verdict(plan, None).checks;
        let other = OTHERS.iter().find(|other| **other == word);
        let kind = checks.iter().map(|check| check.check).find(|kind| *kind == word);
        match (word.parse::<usize>(), other, kind) {
            (Ok(number), ..) if (1..=checks.len()).contains(&number) => Ok(Sought::Number(number)),
            (_, Some(other), _) => Ok(Sought::Other(other)),
            (_, _, Some(kind)) => Ok(Sought::Kind(kind)),
            _ if word == "check" && !checks.is_empty() => Ok(Sought::Checks),
            _ => {
                let numbered = (1..).zip(&checks);
                let numbered =
                    numbered.map(|(number, check)| format!("{number} ({})", check.check));
                let known: Vec<String> = numbered.chain(OTHERS.map(str::to_owned)).collect();
                Err(format!("the scenario has no such check; there are {}", known.join(", ")))
            }
        }
    }

    /// Whether a failure is that.
    pub(super) fn is(&self, failure: &Failure) -> bool {
        match (self, failure.check) {
            (Sought::Checks, check) => check.is_some(),
            (Sought::Number(number), check) => check.is_some_and(|check| check + 1 == *number),
            (Sought::Kind(kind), Some(_)) => failure.what.ends_with(&format!("({kind})")),
            (Sought::Other(other), None) => failure.what.split(' ').next() == Some(*other),
            _ => false,
        }
    }
}

impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sought::Checks => f.write_str("check"),
            Sought::Number(number) => write!(f, "{number}"),
            Sought::Kind(word) | Sought::Other(word) => f.write_str(word),
        }
    }
}
