//! Scripts: their syntax, what they are given, and who knows whom.

use std::sync::Arc;

use super::Overrides;
use super::findings::Findings;
use super::names::Names;
use super::vars::{Checker, Nothing};
use crate::base::{Diagnostic, Located, Source};
use crate::scenario::model::{CheckKind, Scenario, ScriptText, Server, ServerKind};
use crate::script::{Predicates, Script, ScriptError, Scripts};

/// Checks all of them.
pub(super) fn check(
    scenario: &Scenario,
    names: &Names<'_>,
    overrides: Overrides,
    checker: &Checker<'_>,
    findings: &mut Findings,
) {
    for error in gathered(&scenario.scripts).check() {
        findings.push(diagnostic(&error, &scenario.scripts));
    }
    for check in &scenario.checks {
        let CheckKind::Holds(wish) = &check.kind else { continue };
        let tried = Predicates::new([]).and_then(|mut all| all.add("lua", &wish.lua.value));
        if let Err(error) = tried {
            let lines = wish.lua.value.lines().count();
            let place = if lines > 1 { format!(" (line {})", error.line) } else { String::new() };
            let what = format!("this is not Lua: {}{place}", error.message);
            findings.push(Diagnostic::new(what, wish.lua.span));
        }
    }
    let mut forbidden = overrides.no_exec;
    for server in &scenario.servers {
        let Some(scripted) = &server.script else { continue };
        if forbidden {
            let error = Diagnostic::new("this would run a script", scripted.script.span);
            let error = error.label("--no-exec forbids it");
            findings.push(error.help("a scenario that runs scripts is code: read it first"));
            forbidden = false;
        }
        for (_, value) in &scripted.env {
            checker.value(value, &Nothing, findings);
        }
        if let ServerKind::Node(node) = &server.kind {
            for peer in node.peers.iter().flatten() {
                is_node(peer, scenario, names, findings);
            }
        }
    }
}

fn is_node(
    peer: &Located<String>,
    scenario: &Scenario,
    names: &Names<'_>,
    findings: &mut Findings,
) {
    let server = names.server(peer).and_then(|at| scenario.servers.get(at));
    if let Some(server) = server
        && !matches!(server.kind, ServerKind::Node(_))
    {
        let what = format!("`{}` is no node", peer.value);
        let label = format!("it is `type: {}`", server.kind.as_str());
        findings.push(Diagnostic::new(what, peer.span).label(label));
    }
}

/// The texts, for whoever runs them.
pub(super) fn gathered(scripts: &[ScriptText]) -> Scripts {
    let script =
        |script: &ScriptText| Script { name: script.name.clone(), text: script.text.clone() };
    Scripts::new(scripts.iter().map(script))
}

/// An error of a script at its place in the script.
fn diagnostic(error: &ScriptError, scripts: &[ScriptText]) -> Diagnostic {
    match scripts.iter().find(|script| script.name == error.script) {
        Some(script) => located(error, &script.text),
        None => Diagnostic::whole(error.to_string()),
    }
}

/// An error of a script whose text this is, drawn in that text.
#[must_use]
pub(super) fn located(error: &ScriptError, text: &str) -> Diagnostic {
    let source = Source::new(error.script.as_str(), text);
    // What is missing at the end is missing behind the last line.
    let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    match source.line(error.line.min(last)) {
        Some(span) => Diagnostic::new(error.message.clone(), span).in_source(source),
        None => Diagnostic::whole(error.message.clone()).in_source(source),
    }
}

/// The nodes that run the same script, or those that the file says, in the order of the file.
pub(super) fn peers(server: &Server, servers: &[Server]) -> Vec<String> {
    let (ServerKind::Node(node), Some(own)) = (&server.kind, &server.script) else {
        return Vec::new();
    };
    if let Some(peers) = &node.peers {
        return peers.iter().map(|peer| peer.value.clone()).collect();
    }
    let alike = servers.iter().filter(|other| {
        matches!(other.kind, ServerKind::Node(_))
            && other.name.value != server.name.value
            && other.script.as_ref().is_some_and(|other| other.script.value == own.script.value)
    });
    alike.map(|other| other.name.value.clone()).collect()
}

impl super::Plan {
    /// The scripts of the scenario.
    #[must_use]
    pub fn scripts(&self) -> &Arc<Scripts> {
        &self.scripts
    }

    /// The names of the nodes that `server` knows as its peers.
    #[must_use]
    pub fn peers(&self, server: &Server) -> Vec<String> {
        peers(server, &self.servers)
    }

    /// An error of a script as a diagnostic in the script's own text.
    #[must_use]
    pub fn script_error(&self, error: &ScriptError) -> Diagnostic {
        match self.scripts.text(&error.script) {
            Some(text) => located(error, text),
            None => Diagnostic::whole(error.to_string()),
        }
    }
}
