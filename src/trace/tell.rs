//! Events of the trace as `tracing` events, for whoever listens.
//!
//! Messages and connections are told by their links, inside the connection's span; everything else
//! is told here, inside the span of whoever records it. A callsite that nobody listens to costs one
//! relaxed load.

use super::{EventKind, Level};

/// Tells `kind`, unless its link has told it already.
pub(super) fn tell(kind: &EventKind) {
    match kind {
        EventKind::Step(step) => tracing::info!(
            target: "looplab::step",
            outcome = step.outcome.as_str(),
            attempts = step.attempts,
            error = step.error.as_deref(),
            "{}", step.summary
        ),
        EventKind::Op(op) => tracing::debug!(
            target: "looplab::op",
            id = op.id, phase = op.phase.as_str(), f = op.f, key = %op.key, value = %op.value, "op"
        ),
        EventKind::Log { level: Level::Info, text, .. } => {
            tracing::info!(target: "looplab::log", "{text}");
        }
        EventKind::Log { level: Level::Warn, text, .. } => {
            tracing::warn!(target: "looplab::log", "{text}");
        }
        EventKind::Log { level: Level::Error, text, .. } => {
            tracing::error!(target: "looplab::log", "{text}");
        }
        EventKind::Error { script, line, text, .. } => {
            tracing::error!(target: "looplab::node", "{}", super::placed(script, *line, text));
        }
        EventKind::Check { check, outcome, text, .. } => tracing::info!(
            target: "looplab::check", %check, outcome = outcome.as_str(), "{text}"
        ),
        EventKind::Crash { text, fault: None, .. } => {
            tracing::error!(target: "looplab::node", "crash: {text}");
        }
        EventKind::Crash { text, .. } => tracing::info!(target: "looplab::node", "crash: {text}"),
        EventKind::Node(node) => {
            tracing::info!(target: "looplab::node", node = node.name, kind = node.kind, "join");
        }
        EventKind::Restart { .. } => tracing::info!(target: "looplab::node", "restart"),
        EventKind::Pause { .. } => tracing::info!(target: "looplab::node", "pause"),
        EventKind::Resume { .. } => tracing::info!(target: "looplab::node", "resume"),
        EventKind::State { name, value, .. } => {
            tracing::info!(target: "looplab::node", name, %value, "state");
        }
        EventKind::Fault(fault) => tracing::info!(
            target: "looplab::fault",
            name = fault.name, phase = fault.phase.as_str(), touched = fault.touched, "{}", fault.text
        ),
        EventKind::End { outcome, text } => {
            tracing::info!(target: "looplab::run", outcome = outcome.as_str(), "end {text}");
        }
        _ => {}
    }
}
