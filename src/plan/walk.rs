//! A client's steps walked through in order, with the flows it uses put in their place: which variables
//! have a value and which raw connections are open at each of them.
//!
//! The steps are known to be bounded and the flows to be free of circles.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::names::Names;
use super::vars::{Checker, Known, body_vars, free, predicate_vars};
use crate::base::{Diagnostic, Located, Span};
use crate::scenario::model::{
    Action, Client, Draw, Dynamic, Expectation, Field, HttpCall, OpValue, Scenario, Setting, Step,
    Text,
};

/// The most variables without a value that are kept of one client.
const UNKNOWN_MAX: usize = 200;

/// The variables of one client, step by step.
pub(super) struct Walk<'a> {
    scenario: &'a Scenario,
    names: &'a Names<'a>,
    checker: &'a Checker<'a>,
    known: Scope<'a>,
    /// The raw connections that have been opened; the empty name is the default one.
    connections: Scope<'a>,
    /// Every variable that some step of the client captures or sets, with its place.
    defined: BTreeMap<&'a str, Span>,
    /// Variables without a value, to be reported at the end when all definitions are known.
    unknown: Vec<(&'a str, Diagnostic)>,
    reported: BTreeSet<Span>,
    /// Whether a flow has been used that is not known, and so may have set and opened anything.
    open: bool,
}

/// A set that can be taken back to an earlier state.
#[derive(Default)]
struct Scope<'a> {
    names: BTreeSet<&'a str>,
    /// What was added, in order.
    log: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    fn add(&mut self, name: &'a str) {
        if self.names.insert(name) {
            self.log.push(name);
        }
    }

    fn mark(&self) -> usize {
        self.log.len()
    }

    /// Forgets what was added since `mark`, and returns it.
    fn back_to(&mut self, mark: usize) -> Vec<&'a str> {
        let added = self.log.split_off(mark);
        for name in &added {
            self.names.remove(name);
        }
        added
    }

    /// Forgets one name, if it was not there at `mark`.
    fn forget(&mut self, name: &str, mark: usize) {
        if let Some(at) = self.log[mark..].iter().position(|added| *added == name) {
            self.log.remove(mark + at);
            self.names.remove(name);
        }
    }
}

impl Known for Scope<'_> {
    fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
    }
    fn names(&self) -> Vec<String> {
        self.names.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        names: &'a Names<'a>,
        checker: &'a Checker<'a>,
        client: &'a Client,
    ) -> Walk<'a> {
        let mut known = Scope::default();
        known.add("client");
        known.add("index");
        if client.load.is_some() {
            known.add("iteration");
        }
        Walk {
            scenario,
            names,
            checker,
            known,
            connections: Scope::default(),
            defined: BTreeMap::new(),
            unknown: Vec::new(),
            reported: BTreeSet::new(),
            open: false,
        }
    }

    pub(super) fn run(mut self, client: &'a Client, findings: &mut Findings) {
        for (name, value) in &client.vars {
            free(name, findings);
            value.each_var(&mut |name| self.var(name));
            self.known.add(&name.value);
        }
        self.steps(&client.steps, findings);
        let mix = client.load.iter().flat_map(|load| &load.mix);
        let flows = mix.filter_map(|(flow, _)| self.names.flow(flow));
        let branches: Vec<&[Step]> =
            flows.map(|at| self.scenario.flows[at].steps.as_slice()).collect();
        self.branches(&branches, findings);
        for (name, error) in self.unknown {
            findings.push(match self.defined.get(name) {
                Some(place) => {
                    let earlier = error.span.is_some_and(|span| place.start < span.start);
                    let why = match earlier {
                        true => {
                            "it gets its value only here, which other lists of steps do not see"
                        }
                        false => "it gets its value only here, later",
                    };
                    Diagnostic { label: None, ..error }.related(*place, why)
                }
                None if error.label.is_none() => error.nearest(name, self.defined.keys().copied()),
                None => error,
            });
        }
    }

    fn steps(&mut self, steps: &'a [Step], findings: &mut Findings) {
        for step in steps {
            if findings.is_full() {
                return;
            }
            self.step(step, findings);
        }
    }

    fn step(&mut self, step: &'a Step, findings: &mut Findings) {
        if let Some(Setting::Text(text)) = &step.timeout {
            self.text(text);
        }
        match &step.action {
            Action::Http(call) => self.http(call),
            Action::Redis(call) => call.words.iter().for_each(|word| self.text(word)),
            Action::Call(call) => self.value(&call.message),
            Action::Run(run) => run.texts().for_each(|text| self.text(text)),
            Action::Connect(connect) => self.connections.add(&connect.name),
            Action::Send(send) => {
                self.connection(&send.on, step.span, findings);
                body_vars(&send.body, &mut |name| self.var(name));
            }
            Action::Receive(receive) => self.connection(&receive.on, step.span, findings),
            Action::Close(close) => self.connection(&close.on, step.span, findings),
            Action::Wait(Setting::Text(text)) | Action::Log(text) => self.text(text),
            Action::Wait(Setting::Fixed(_)) | Action::Check | Action::Fault(_) => {}
            Action::Repeat(times, steps) => {
                if let Setting::Text(text) = times {
                    self.text(text);
                }
                self.body(&["iteration"], steps, findings);
            }
            Action::ForEach { var, items, steps } => {
                free(var, findings);
                self.value(items);
                self.body(&["iteration", &var.value], steps, findings);
            }
            Action::Parallel(branches) => {
                let branches: Vec<&[Step]> = branches.iter().map(Vec::as_slice).collect();
                self.branches(&branches, findings);
            }
            Action::Choose(alternatives) => {
                let alternatives: Vec<&[Step]> =
                    alternatives.iter().map(|one| one.steps.as_slice()).collect();
                self.branches(&alternatives, findings);
            }
            Action::Use { flow, with } => {
                for (name, value) in with {
                    free(name, findings);
                    self.value(value);
                }
                let vars: Vec<&'a str> = with.iter().map(|(name, _)| name.value.as_str()).collect();
                match self.names.flow(flow) {
                    Some(at) => self.body(&vars, &self.scenario.flows[at].steps, findings),
                    None => self.open = true,
                }
            }
            Action::Draw(vars) => {
                for (name, from) in vars {
                    if let Draw::One(list) = from {
                        self.value(list);
                    }
                    self.define(name, findings);
                }
            }
            Action::Set(vars) => {
                for (name, value) in vars {
                    self.value(value);
                    self.define(name, findings);
                }
            }
        }
        self.result(step, findings);
    }

    fn http(&mut self, call: &'a HttpCall) {
        self.text(&call.path);
        for (_, text) in call.query.iter().chain(&call.headers) {
            self.text(text);
        }
        body_vars(&call.body, &mut |name| self.var(name));
    }

    /// What is done with a step's result.
    fn result(&mut self, step: &'a Step, findings: &mut Findings) {
        for (name, _) in &step.capture {
            self.define(name, findings);
        }
        for expectation in &step.expect {
            self.expectation(expectation);
        }
        let Some(op) = &step.op else { return };
        if let Some(key) = &op.key {
            self.value(key);
        }
        if let Some(OpValue::Given(value)) = &op.value {
            self.value(value);
        }
    }

    fn expectation(&mut self, expectation: &'a Expectation) {
        if let Field::Var(name) = &expectation.field.value {
            let already = self.unknown.len();
            self.name(name, expectation.field.span);
            if let Some((_, error)) = self.unknown.get_mut(already) {
                error.message = format!("the client has no variable `{name}` here");
            }
        }
        predicate_vars(&expectation.predicate, &mut |name| self.var(name));
    }

    /// Steps with some more variables, which are gone afterwards.
    fn body(&mut self, vars: &[&'a str], steps: &'a [Step], findings: &mut Findings) {
        let mark = self.known.mark();
        vars.iter().for_each(|var| self.known.add(var));
        self.steps(steps, findings);
        vars.iter().for_each(|var| self.known.forget(var, mark));
    }

    /// Lists of steps that do not see one another; afterwards all that they set is there.
    fn branches(&mut self, branches: &[&'a [Step]], findings: &mut Findings) {
        let (vars, connections) = (self.known.mark(), self.connections.mark());
        let (mut set, mut opened) = (Vec::new(), Vec::new());
        for branch in branches {
            self.steps(branch, findings);
            set.extend(self.known.back_to(vars));
            opened.extend(self.connections.back_to(connections));
        }
        set.into_iter().for_each(|name| self.known.add(name));
        opened.into_iter().for_each(|name| self.connections.add(name));
    }

    fn define(&mut self, name: &'a Located<String>, findings: &mut Findings) {
        if self.reported.insert(name.span) {
            free(name, findings);
        }
        self.known.add(&name.value);
        self.defined.entry(&name.value).or_insert(name.span);
    }

    fn connection(&mut self, on: &'a str, span: Span, findings: &mut Findings) {
        if self.open || self.connections.knows(on) || !self.reported.insert(span) {
            return;
        }
        let error = if on.is_empty() {
            Diagnostic::new("no connection has been opened before this step", span)
                .help("a `connect: SERVER` comes first")
        } else {
            Diagnostic::new(format!("no connection `{on}` has been opened before this step"), span)
                .help(format!("`connect: SERVER` with `as: {on}` opens it"))
        };
        findings.push(error);
    }

    fn text(&mut self, text: &'a Text) {
        text.vars().for_each(|name| self.var(name));
    }

    fn value(&mut self, value: &'a Dynamic) {
        value.each_var(&mut |name| self.var(name));
    }

    fn var(&mut self, name: &'a Located<String>) {
        self.name(&name.value, name.span);
    }

    fn name(&mut self, name: &'a str, span: Span) {
        if !self.open
            && self.unknown.len() < UNKNOWN_MAX
            && !self.reported.contains(&span)
            && let Some(error) = self.checker.check(name, span, &self.known)
        {
            self.reported.insert(span);
            self.unknown.push((name, error));
        }
    }
}
