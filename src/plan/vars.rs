//! Variables: every `${name}` must have a value where it stands.
//!
//! ```text
//! everywhere       scenario vars, NAME.url NAME.host NAME.port NAME.address of servers
//! in clients       its vars, `client`, `index`, what earlier steps captured or set,
//!                  loop variables, `iteration`, what `with:` gives
//! in http routes   params.x query.x headers.x method path body $.x, the server's state
//! ```
//!
//! What a client knows changes with every step: [`super::walk`] goes through them in order.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::names::Names;
use super::walk::Walk;
use crate::base::{Diagnostic, Located, Span};
use crate::scenario::model::{Body, Dynamic, Predicate, Scenario, Test};

/// What is known of a server's address: `${NAME.url}` and so on.
pub(super) const ADDRESS_PARTS: [&str; 4] = ["url", "host", "port", "address"];

/// Names that a client gets from the run; nothing else may be called so.
const BUILT_IN: [(&str, &str); 3] = [
    ("client", "the client's own name"),
    ("index", "the client's number"),
    ("iteration", "the round of a repetition"),
];

/// A place where names are looked up.
pub(super) trait Known {
    /// True if the variable has a value here.
    fn knows(&self, name: &str) -> bool;
    /// Names to suggest.
    fn names(&self) -> Vec<String>;
}

/// Checks names against what is known everywhere and what is known here.
pub(super) struct Checker<'a> {
    names: &'a Names<'a>,
    globals: BTreeSet<&'a str>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(names: &'a Names<'a>) -> Checker<'a> {
        Checker { names, globals: names.vars().collect() }
    }

    /// What is wrong with `${text}` at `span`, if anything.
    pub(super) fn check(&self, text: &str, span: Span, here: &dyn Known) -> Option<Diagnostic> {
        if !self.names.all_vars() || self.globals.contains(text) || here.knows(text) {
            return None;
        }
        if self.names.is_stray(text.split('.').next().unwrap_or(text)) {
            return None;
        }
        if let Some((first, rest)) = text.split_once('.') {
            if self.names.is_server(first) {
                if ADDRESS_PARTS.contains(&rest) {
                    return None;
                }
                let what = format!("the server `{first}` has no `{rest}`");
                let error = Diagnostic::new(what, span);
                return Some(match crate::base::diagnostic::nearest(rest, ADDRESS_PARTS) {
                    Some(part) => error.label(format!("did you mean `${{{first}.{part}}}`?")),
                    None => error.help(format!("it has {}", ADDRESS_PARTS.join(", "))),
                });
            }
            if self.globals.contains(first) || here.knows(first) {
                return None;
            }
        }
        let error = Diagnostic::new(format!("`${{{text}}}` has no value here"), span);
        if text == "iteration" {
            return Some(
                error.help("it counts the rounds of a `repeat`, a `for_each` or a `load`"),
            );
        }
        if self.names.is_server(text) {
            return Some(error.label(format!("did you mean `${{{text}.url}}`?")));
        }
        let mut names = here.names();
        names.extend(self.globals.iter().map(|name| (*name).to_owned()));
        for server in self.names.servers().take(100) {
            names.extend(ADDRESS_PARTS.iter().map(|part| format!("{server}.{part}")));
        }
        let nearest = crate::base::diagnostic::nearest(text, names.iter().map(String::as_str));
        Some(match nearest {
            Some(name) => error.label(format!("did you mean `${{{name}}}`?")),
            None => error,
        })
    }

    pub(super) fn value(&self, value: &Dynamic, here: &dyn Known, findings: &mut Findings) {
        value.each_var(&mut |name| self.report(name, here, findings));
    }

    pub(super) fn report(&self, name: &Located<String>, here: &dyn Known, findings: &mut Findings) {
        if !findings.is_full()
            && let Some(error) = self.check(name, name.span, here)
        {
            findings.push(error);
        }
    }
}

/// Visits every variable of a body.
pub(super) fn body_vars<'b>(body: &'b Body, visit: &mut dyn FnMut(&'b Located<String>)) {
    match body {
        Body::Empty | Body::Bytes(_) => {}
        Body::Text(text) => text.vars().for_each(visit),
        Body::Json(value) => value.each_var(visit),
        Body::Form(fields) => fields.iter().for_each(|(_, text)| text.vars().for_each(&mut *visit)),
    }
}

/// Visits every variable of a predicate's operands.
pub(super) fn predicate_vars<'b>(
    predicate: &'b Predicate,
    visit: &mut dyn FnMut(&'b Located<String>),
) {
    for test in &predicate.tests {
        match test {
            Test::Equals(value)
            | Test::Contains(value)
            | Test::StartsWith(value)
            | Test::Gt(value)
            | Test::Gte(value)
            | Test::Lt(value)
            | Test::Lte(value) => value.each_var(visit),
            Test::In(values) => values.iter().for_each(|value| value.each_var(visit)),
            Test::Not(inner) | Test::Length(inner) => predicate_vars(inner, visit),
            Test::Matches(_) | Test::Exists(_) | Test::Type(_) => {}
        }
    }
}

/// Nothing is known but what is known everywhere.
pub(super) struct Nothing;

impl Known for Nothing {
    fn knows(&self, _: &str) -> bool {
        false
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Checks the scenario's variables, each of which may use those before it, and the clients'.
pub(super) fn check(
    scenario: &Scenario,
    names: &Names<'_>,
    checker: &Checker<'_>,
    findings: &mut Findings,
) {
    let mut earlier = Checker { names, globals: BTreeSet::new() };
    for (name, value) in &scenario.vars {
        free(name, findings);
        earlier.value(value, &Nothing, findings);
        earlier.globals.insert(&name.value);
    }
    for client in &scenario.clients {
        if !findings.is_full() {
            Walk::new(scenario, names, checker, client).run(client, findings);
        }
    }
    for check in &scenario.checks {
        use crate::scenario::model::CheckKind;
        let (filter, count) = match &check.kind {
            CheckKind::Calls { filter, count } => (filter, Some(count)),
            CheckKind::Metric(metric) => (&metric.filter, metric.kind.predicate()),
            CheckKind::Latency { filter, .. } | CheckKind::Never { filter } => (filter, None),
            CheckKind::Holds(_) => continue,
            CheckKind::History(history) => {
                if let Some(initial) = &history.initial {
                    initial.each_var(&mut |name| checker.report(name, &Nothing, findings));
                }
                continue;
            }
        };
        let predicates = [&filter.method, &filter.path, &filter.status];
        for predicate in predicates.into_iter().flatten().chain(count) {
            predicate_vars(predicate, &mut |name| checker.report(name, &Nothing, findings));
        }
    }
}

/// Reports a variable that would hide one of the run's own.
pub(super) fn free(name: &Located<String>, findings: &mut Findings) {
    if let Some((taken, what)) = BUILT_IN.iter().find(|(taken, _)| *taken == name.value) {
        let error = Diagnostic::new(format!("`{taken}` cannot be set"), name.span);
        findings.push(error.label(format!("`${{{taken}}}` is {what}")));
    }
}
