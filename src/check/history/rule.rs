//! The operations of a run on their way to the checks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Diagnostic, Time, Value};
use crate::plan::Plan;
use crate::scenario::Lookup;
use crate::scenario::model::HistoryCheck;
use crate::trace::{OpEvent, Outcome};

use super::super::judge::{Finding, Rule};
use super::{History, Judgement, Question, judge};

/// The history that all checks of a run share. Without a check that wants it nothing is kept.
#[derive(Clone)]
pub(in super::super) struct Kept(Option<Arc<Mutex<History>>>);

impl Kept {
    /// One for the checks of `plan`.
    pub(in super::super) fn new(plan: &Plan) -> Kept {
        use crate::scenario::model::CheckKind;
        let wanted = plan.checks.iter().any(|check| matches!(check.kind, CheckKind::History(_)));
        let names = || plan.nodes.iter().map(|node| node.name.clone()).collect();
        Kept(wanted.then(|| Arc::new(Mutex::new(History::new(names())))))
    }

    /// Takes note of one end of an operation.
    pub(in super::super) fn event(&self, op: &OpEvent, at: Time) {
        if let Some(mut history) = self.lock() {
            history.event(op, at);
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, History>> {
        self.0.as_ref().map(|history| history.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One `history:` check.
pub(in super::super) struct HistoryRule {
    question: Question,
    check: HistoryCheck,
    kept: Kept,
}

impl HistoryRule {
    pub(in super::super) fn new(check: &HistoryCheck, plan: &Plan, kept: Kept) -> HistoryRule {
        let named = check.clients.iter().flat_map(|name| plan.nodes_named(&name.value));
        let words = |all: &[crate::base::Located<String>]| {
            all.iter().map(|one| one.value.clone()).collect()
        };
        let question = Question {
            clients: (!check.clients.is_empty()).then(|| named.collect()),
            keys: words(&check.keys),
            functions: words(&check.functions),
            only_final_reads: check.only_final_reads,
            isolation: check.isolation.clone(),
            budget: check.budget,
            ..Question::new(check.criterion.value, check.model)
        };
        HistoryRule { question, check: check.clone(), kept }
    }
}

impl Rule for HistoryRule {
    fn name(&self) -> &'static str {
        "history"
    }

    fn finding(&self, _unanswered: u64, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let initial = self.check.initial.as_ref();
        let initial = initial.map_or(Ok(Value::Null), |value| value.resolve(scope))?;
        let question = Question { initial, ..self.question.clone() };
        let Some(history) = self.kept.lock() else {
            return Ok(Finding::new(Outcome::Unknown, "no history was kept".into()));
        };
        let Judgement { outcome, text, ops, cause } = judge(&question, &history);
        let text = format!("{}: {text}", self.question.criterion.as_str());
        Ok(Finding { outcome, text, ops, cause, broke: None })
    }
}
