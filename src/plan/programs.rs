//! Programs that looplab did not write: where they may be run, how many, and what they may be told.

use super::findings::Findings;
use super::limits::PROGRAMS_MAX;
use super::vars::{Checker, Known};
use super::{Overrides, clock};
use crate::base::{Diagnostic, Span};
use crate::scenario::model::{Action, Client, Invocation, Scenario, ServerKind, World};

/// Checks all of them.
pub(super) fn check(
    scenario: &Scenario,
    overrides: Overrides,
    checker: &Checker<'_>,
    findings: &mut Findings,
) {
    let is_virtual = clock(scenario, overrides) == World::Virtual;
    let mut count = 0;
    let mut judge = |span: Span, copies: u32, findings: &mut Findings| {
        if is_virtual {
            findings.push(not_here("runs", span, overrides));
        }
        if overrides.no_exec {
            let error = Diagnostic::new("this would start a program", span);
            let error = error.label("--no-exec forbids it");
            findings.push(error.help("a scenario that starts programs is code: read it first"));
        }
        let before = count;
        count += u64::from(copies);
        if count > PROGRAMS_MAX && before <= PROGRAMS_MAX {
            let what = format!("a scenario runs at most {PROGRAMS_MAX} programs");
            findings.push(Diagnostic::new(what, span).label("up to here"));
        }
    };
    for server in &scenario.servers {
        match &server.kind {
            ServerKind::Process(process) => {
                judge(process.run.span, 1, findings);
                for name in process.run.texts().flat_map(|text| text.vars()) {
                    checker.report(name, &Port, findings);
                }
            }
            ServerKind::External(external) if is_virtual => {
                findings.push(not_here("listens", external.address.span, overrides));
            }
            _ => {}
        }
    }
    for client in &scenario.clients {
        if let Some(run) = program(client) {
            judge(run.span, client.count.map_or(1, |count| count.value), findings);
        }
    }
}

/// The program that a client is, if it is one.
pub(super) fn program(client: &Client) -> Option<&Invocation> {
    client.steps.iter().find_map(|step| match &step.action {
        Action::Run(run) => Some(&**run),
        _ => None,
    })
}

/// That the virtual world has no programs.
fn not_here(verb: &str, span: Span, overrides: Overrides) -> Diagnostic {
    let what = "the virtual world has no room for a program";
    let label = format!("it {verb} by the wall clock and on real sockets");
    let help = match overrides.clock {
        _ if overrides.searches => {
            "a search makes runs that can be made again, and only those of looplab's own servers and clients can"
        }
        Some(_) => "leave out --clock virtual",
        None => "write `clock: real`, or leave `clock` out",
    };
    Diagnostic::new(what, span).label(label).help(help)
}

/// What a program is told beside what is known everywhere.
struct Port;

impl Known for Port {
    fn knows(&self, name: &str) -> bool {
        name == "port"
    }

    fn names(&self) -> Vec<String> {
        vec!["port".to_owned()]
    }
}
