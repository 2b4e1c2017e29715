//! Servers in Lua: what they answer, whom they ask, and what becomes of what goes wrong in them.
//!
//! Each scenario runs in both worlds, and in the virtual one twice from the same seed.
#![allow(clippy::unwrap_used, reason = "what goes wrong fails the test, as it should")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../docs/console.rs"]
mod console;

mod calls;
mod commands;
mod crashes;
mod errors;
mod examples;
mod page;
mod routes;

use common::{Ran, complaint, run_text};
use looplab::scenario::model::World;
use looplab::trace::{EventKind, Message, Outcome};

/// A scenario: `body` in YAML, and its scripts by name.
fn scenario(body: &str, scripts: &[(&str, &str)]) -> String {
    let mut text = format!("looplab: 1\nname: scripted\n{}", unindented(body));
    if !scripts.is_empty() {
        text.push_str("scripts:\n");
    }
    for (name, script) in scripts {
        text.push_str(&format!("  {name}: |\n"));
        for line in unindented(script).lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// Without the first line if it is empty, and without what all lines begin with.
fn unindented(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let indent = lines.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    text.lines().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect()
}

/// Runs a scenario in both worlds; both times it ends so.
fn ends(text: &str, outcome: Outcome) -> [Ran; 2] {
    let ran = [World::Virtual, World::Real].map(|world| {
        let ran = run_text(text, world, 1);
        assert_eq!(ran.outcome, outcome, "{world:?}: {}", complaint(&ran));
        ran
    });
    assert_eq!(run_text(text, World::Virtual, 1).trace, ran[0].trace, "the same seed twice");
    ran
}

/// Runs a scenario in both worlds, in which all is well.
fn holds(body: &str, scripts: &[(&str, &str)]) -> [Ran; 2] {
    ends(&scenario(body, scripts), Outcome::Ok)
}

/// Runs a scenario in both worlds that fails because of its scripts.
fn fails(body: &str, scripts: &[(&str, &str)]) -> [Ran; 2] {
    ends(&scenario(body, scripts), Outcome::Failed)
}

impl Ran {
    /// The messages from one node to another, told in a line each.
    fn told(&self, from: &str, to: &str) -> Vec<&str> {
        let is = |node, name: &str| self.plan.node_name(node) == name;
        let between = |message: &&Message| is(message.from, from) && is(message.to, to);
        self.messages().filter(between).map(|message| message.summary.as_str()).collect()
    }

    fn messages(&self) -> impl Iterator<Item = &Message> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Message(message) => Some(&**message),
            _ => None,
        })
    }

    /// The errors of scripts, as they are told.
    fn script_errors(&self) -> Vec<String> {
        let errors = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Error { script, line, text, .. } => Some(format!("{script}:{line}: {text}")),
            _ => None,
        });
        errors.collect()
    }

    /// How many connections `from` has made to `to`.
    fn connections(&self, from: &str, to: &str) -> usize {
        let is = |node, name: &str| self.plan.node_name(node) == name;
        let connects = |event: &&looplab::trace::Event| match &event.kind {
            EventKind::Connect { from: f, to: t, .. } => is(*f, from) && is(*t, to),
            _ => false,
        };
        self.events.iter().filter(connects).count()
    }
}

/// Why a server with this script cannot begin: `app.lua:1: ...`.
fn refused(server: &str, name: &str, script: &str) -> String {
    use std::sync::Arc;
    let text = scenario(&format!("servers:\n  {server}\n"), &[(name, script)]);
    let mut said: Vec<String> = Vec::new();
    for world in [World::Virtual, World::Real] {
        let plan = common::plan_of(&text, world, 1);
        let recorder = looplab::trace::Recorder::new(Vec::new());
        let hooks = looplab::run::Hooks::default();
        match looplab::run::run(&Arc::clone(&plan), &recorder, hooks) {
            Err(looplab::run::RunError::Server(diagnostic)) => {
                let source = diagnostic.source.as_deref().expect("it is in the script");
                let span = diagnostic.span.expect("it has a place");
                let before = &source.text()[..span.start as usize];
                let line = before.matches('\n').count() + 1;
                said.push(format!("{}:{line}: {}", source.name(), diagnostic.message));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(said[0], said[1]);
    said.remove(0)
}
