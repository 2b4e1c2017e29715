//! The operations of steps, held against the models of the checks that will judge them.

use super::findings::Findings;
use crate::base::{Diagnostic, Located, Value};
use crate::scenario::each_step;
use crate::scenario::model::{CheckKind, HistoryCheck, ModelKind, Op, Scenario};

/// Reports every `op` with a function that the model of a check does not know.
///
/// A check may be about some clients, keys and functions only; what a flow does may be anybody's. Nothing is reported of
/// a key with a variable where a check names keys: it may be another one.
pub(super) fn check(scenario: &Scenario, findings: &mut Findings) {
    for check in &scenario.checks {
        let CheckKind::History(history) = &check.kind else { continue };
        let is_meant = |name: &str| {
            history.clients.is_empty() || history.clients.iter().any(|one| one.value == name)
        };
        let clients = scenario.clients.iter().filter(|client| is_meant(&client.name.value));
        let flows = scenario.flows.iter().map(|flow| &flow.steps);
        for steps in clients.map(|client| &client.steps).chain(flows) {
            each_step(steps, &mut |step| {
                if let Some(op) = &step.op
                    && let Some(error) = misfit(op, history)
                {
                    findings.push(error);
                }
            });
        }
    }
}

fn misfit(op: &Op, check: &HistoryCheck) -> Option<Diagnostic> {
    let f = &op.f.value;
    let functions = &check.functions;
    let is_meant = functions.is_empty() || functions.iter().any(|one| one.value == *f);
    if !is_meant || !is_surely_on(op, &check.keys) || check.model.function(f).is_some() {
        return None;
    }
    let model = check.model;
    let what = format!("the model `{}` knows no `{f}`", model.as_str());
    let mut error = Diagnostic::new(what, op.f.span)
        .related(check.criterion.span, "this check judges it")
        .nearest(f, model.functions().iter().flat_map(|(_, words)| words.iter().copied()));
    let other = check.criterion.value.models().iter().find(|other| other.function(f).is_some());
    error = error.help(match other {
        Some(other) if *other != ModelKind::Ids => format!(
            "it knows {}; `model: {}` knows `{f}`, and `f:` or `key:` in the check says what it is about",
            model.words(),
            other.as_str()
        ),
        _ => format!("it knows {}; `f:` or `key:` in the check says what it is about", model.words()),
    });
    Some(error)
}

/// Whether an operation is on one of these keys, whatever happens; no keys at all mean every one.
fn is_surely_on(op: &Op, keys: &[Located<String>]) -> bool {
    if keys.is_empty() {
        return true;
    }
    let Some(key) = &op.key else { return false };
    let key = match key.resolve(&|_: &str| None) {
        Ok(Value::String(key)) => key,
        Ok(key) => key.to_string(),
        Err(_) => return false,
    };
    keys.iter().any(|one| one.value == key)
}
