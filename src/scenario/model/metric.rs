//! `metric:`, a figure of the whole run.

use super::{Filter, Predicate, Statistic};
use crate::base::Located;

/// A figure of the whole run, and what must hold of it.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Which figure.
    pub kind: MetricKind,
    /// Which messages count; of [`MetricKind::Operations`], [`MetricKind::OperationLatency`] and
    /// [`MetricKind::Retries`] only its `client` is used.
    pub filter: Filter,
    /// `between:`.
    pub between: Between,
    /// `f:`, the function of the operations that count.
    pub f: Option<Located<String>>,
}

/// The figures.
#[derive(Debug, Clone)]
pub enum MetricKind {
    /// `messages:`, how many were sent.
    Messages(Predicate),
    /// `bytes:` of those messages.
    Bytes(Predicate),
    /// `messages_per_operation:`, those messages by the operations that were begun.
    MessagesPerOperation(Predicate),
    /// `amplification:`, the requests that arrived at a server by the operations that were begun.
    Amplification(Predicate),
    /// `operations:`, how many ended `ok`.
    Operations(Predicate),
    /// `operation_latency:` of those that ended `ok`; operands are in microseconds.
    OperationLatency(Vec<(Located<Statistic>, Predicate)>),
    /// `retries:`, the attempts of steps after their first.
    Retries(Predicate),
}

impl MetricKind {
    /// What must hold of the figure, if it is one number.
    #[must_use]
    pub fn predicate(&self) -> Option<&Predicate> {
        match self {
            MetricKind::Messages(predicate)
            | MetricKind::Bytes(predicate)
            | MetricKind::MessagesPerOperation(predicate)
            | MetricKind::Amplification(predicate)
            | MetricKind::Operations(predicate)
            | MetricKind::Retries(predicate) => Some(predicate),
            MetricKind::OperationLatency(_) => None,
        }
    }
}

/// `between:`, whose messages count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Between {
    /// All.
    #[default]
    All,
    /// Those with a server at both ends.
    Servers,
    /// Those with a client (or a stranger) at one end.
    Clients,
}
