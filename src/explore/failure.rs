//! What fails in a run, and which failures are one.
//!
//! A check fails if it is *violated*, whatever the scenario expects of it; a step if nothing forgives it; a
//! node if it crashes though nobody wanted that; and the run if it does not come to its end.

use crate::base::NodeId;
use crate::check::Verdict;
use crate::plan::Plan;
use crate::trace::StepEvent;

use super::kind::without_numbers;

/// One failure of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What fails: `check 1 (never)`, `step of reader`, `crash of db`, `run`.
    pub what: String,
    /// By which failures of different runs are compared: a text without values, numbers or times; empty if
    /// what fails says it all.
    pub cause: String,
    /// The sentence, with values and times.
    pub says: String,
    /// The operations that contradict each other.
    pub operations: Vec<u64>,
    /// Which of the scenario's checks it is, from 0.
    pub check: Option<usize>,
    /// How much it says of what is wrong.
    pub weight: Weight,
}

/// How much a failure says of what is wrong: the order in which failures are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A check is violated.
    Check,
    /// A node crashed by itself, or the run did not end.
    Broken,
    /// A step did not get what it expected.
    Unexpected,
    /// An operation ended in an error, as operations do when something is down.
    Error,
}

impl Weight {
    /// All of them, with their words.
    pub const ALL: [(Weight, &'static str); 4] = [
        (Weight::Check, "check"),
        (Weight::Broken, "broken"),
        (Weight::Unexpected, "unexpected"),
        (Weight::Error, "error"),
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Weight::ALL.iter().find(|(weight, _)| *weight == self).map_or("", |(_, word)| word)
    }
}

impl Failure {
    /// True if it is the same failure, as far as a smaller scenario can have the same.
    #[must_use]
    pub fn is_like(&self, other: &Failure) -> bool {
        match (self.check, other.check) {
            (None, None) => self.what == other.what && self.cause == other.cause,
            (one, another) => one == another,
        }
    }
}

/// The violated checks.
pub(super) fn of_checks<'a>(
    plan: &'a Plan,
    verdict: &'a Verdict,
) -> impl Iterator<Item = Failure> + 'a {
    let judged = plan.checks.iter().zip(&verdict.checks).enumerate();
    judged.filter(|(_, (_, found))| found.violated).map(|(at, (_, found))| {
        let says = found.text.strip_prefix("violated as expected: ").unwrap_or(&found.text);
        Failure {
            what: format!("check {} ({})", at + 1, found.check),
            cause: found.cause.clone(),
            says: says.to_owned(),
            operations: found.ops.clone(),
            check: Some(at),
            weight: Weight::Check,
        }
    })
}

/// A step that failed; `None` for one that only waited for somebody who did.
pub(super) fn of_step(plan: &Plan, step: &StepEvent) -> Option<Failure> {
    if step.summary.starts_with("after ") {
        return None;
    }
    let name = plan.node_name(step.client);
    let client = declared(plan, step.client).unwrap_or(name);
    let said: Vec<&str> = step.failures.iter().map(|(_, text)| text.as_str()).collect();
    let said = match (said.is_empty(), &step.error) {
        (false, _) => said.join("; "),
        (true, Some(error)) => error.clone(),
        (true, None) => "failed".to_owned(),
    };
    // Which of its operations was the first to meet what is down says nothing about why it is.
    let (weight, cause) = match &step.error {
        Some(error) => (Weight::Error, error.split(':').next().unwrap_or_default().to_owned()),
        None => (Weight::Unexpected, deed(&step.summary)),
    };
    Some(Failure {
        what: format!("step of {client}"),
        cause: without_numbers(&cause),
        says: format!("{name}, {}: {said}", step.summary),
        operations: Vec::new(),
        check: None,
        weight,
    })
}

/// A node that crashed by itself.
pub(super) fn of_crash(plan: &Plan, node: NodeId, text: &str) -> Failure {
    let name = plan.node_name(node);
    Failure {
        what: format!("crash of {}", declared(plan, node).unwrap_or(name)),
        cause: without_numbers(text.lines().next().unwrap_or_default()),
        says: format!("{name} crashed: {text}"),
        operations: Vec::new(),
        check: None,
        weight: Weight::Broken,
    }
}

/// The run itself.
pub(super) fn of_run(text: &str) -> Failure {
    Failure {
        what: "run".to_owned(),
        cause: without_numbers(text),
        says: text.to_owned(),
        operations: Vec::new(),
        check: None,
        weight: Weight::Broken,
    }
}

/// The name under which a client is declared that may be one of several.
fn declared(plan: &Plan, node: NodeId) -> Option<&str> {
    let instance = plan.instances.iter().find(|instance| instance.node == node)?;
    Some(&plan.clients[instance.client].name.value)
}

/// The words of a step that say what it does to whom, without with what: `redis cache GET`, `call n1 read`.
fn deed(summary: &str) -> String {
    summary.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_apart_by_what_they_do_to_whom() {
        assert_eq!(deed("redis cache GET price:4"), "redis cache GET");
        assert_eq!(deed("call n1 read key=y"), "call n1 read");
        assert_eq!(deed("get app/items"), "get app/items");
    }

    #[test]
    fn failures_of_the_same_check_are_alike_and_of_steps_by_their_cause() {
        let check = |at, says: &str| Failure {
            what: "check 1 (never)".into(),
            cause: String::new(),
            says: says.into(),
            operations: Vec::new(),
            check: Some(at),
            weight: Weight::Check,
        };
        assert!(check(0, "2 messages").is_like(&check(0, "9 messages")));
        assert!(!check(0, "").is_like(&check(1, "")));
        assert!(of_run("timeout of 5s").is_like(&of_run("timeout of 10s")));
        assert!(!of_run("deadlock").is_like(&of_run("timeout")));
        assert!(!of_run("deadlock").is_like(&check(0, "")));
    }
}
