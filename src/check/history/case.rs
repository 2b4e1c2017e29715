//! A question about a history, and the answer.

use crate::base::units::grouped;
use crate::base::{NodeId, Value};
use crate::scenario::model::{Criterion, Function, Isolation, ModelKind};
use crate::trace::Outcome;

use super::history::{History, OPERATIONS_MAX, Operation};
use super::tell::Tell;
use super::values::text;
use super::{
    causal, counter, kafka_log, linearizable, sequential, session, set_full, transactions,
    unique_ids,
};

/// What is asked of a history.
#[derive(Debug, Clone)]
pub struct Question {
    /// By which criterion.
    pub criterion: Criterion,
    /// Against which model: one of [`Criterion::models`].
    pub model: ModelKind,
    /// What a register holds, or a counter counts, before the first operation.
    pub initial: Value,
    /// Only the operations of these clients; `None` is everybody's.
    pub clients: Option<Vec<NodeId>>,
    /// Only the operations on these keys, as text; none is all of them.
    pub keys: Vec<String>,
    /// Only these functions; none is all of them.
    pub functions: Vec<String>,
    /// Of a counter's reads, only the final ones.
    pub only_final_reads: bool,
    /// What transactions must not show.
    pub isolation: Isolation,
    /// How many steps a search may take.
    pub budget: u64,
}

impl Question {
    /// Whether all operations keep to `criterion`, judged by `model`, in at most twenty million steps.
    #[must_use]
    pub fn new(criterion: Criterion, model: ModelKind) -> Question {
        Question {
            criterion,
            model,
            initial: Value::Null,
            clients: None,
            keys: Vec::new(),
            functions: Vec::new(),
            only_final_reads: false,
            isolation: Isolation::default(),
            budget: 20_000_000,
        }
    }

    fn is_about(&self, op: &Operation) -> bool {
        let key = || text(&op.key);
        self.clients.as_ref().is_none_or(|clients| clients.contains(&op.client))
            && (self.functions.is_empty() || self.functions.contains(&op.f))
            && (self.keys.is_empty() || self.keys.iter().any(|one| *one == key()))
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// [`Outcome::Ok`] if the criterion holds, [`Outcome::Failed`] if it is violated.
    pub outcome: Outcome,
    /// A sentence that says why.
    pub text: String,
    /// The operations that contradict each other, by their ids: the one that finds no place first, the
    /// others in the order in which they began.
    pub ops: Vec<u64>,
    /// What kind of violation it is, without names, values and times; empty if there is none.
    pub cause: String,
}

impl Judgement {
    pub(super) fn holds(text: impl Into<String>) -> Judgement {
        let (ops, cause) = (Vec::new(), String::new());
        Judgement { outcome: Outcome::Ok, text: text.into(), ops, cause }
    }

    pub(super) fn unknown(text: impl Into<String>) -> Judgement {
        Judgement { outcome: Outcome::Unknown, ..Judgement::holds(text) }
    }

    /// A violation that `culprit` and `others` make; the others in any order, and perhaps the culprit
    /// among them.
    pub(super) fn violated<'a>(
        text: impl Into<String>,
        cause: impl Into<String>,
        culprit: &Operation,
        others: impl IntoIterator<Item = &'a Operation>,
    ) -> Judgement {
        let mut others: Vec<&Operation> =
            others.into_iter().filter(|op| op.id != culprit.id).collect();
        others.sort_unstable_by_key(|op| op.call);
        others.dedup_by_key(|op| op.id);
        let ids = std::iter::once(culprit.id).chain(others.iter().map(|op| op.id));
        let ops = ids.take(NAMED_MAX).collect();
        Judgement { outcome: Outcome::Failed, text: text.into(), ops, cause: cause.into() }
    }
}

/// The most operations that a judgement names.
pub const NAMED_MAX: usize = 32;

/// The operations that a question is about.
pub(super) struct Case<'a> {
    pub(super) question: &'a Question,
    /// In the order in which they began.
    pub(super) ops: Vec<&'a Operation>,
    pub(super) tell: Tell<'a>,
}

impl Case<'_> {
    /// What an operation does.
    ///
    /// # Errors
    /// The judgement that the model does not know it.
    pub(super) fn function(&self, op: &Operation) -> Result<Function, Judgement> {
        let model = self.question.model;
        model.function(&op.f).ok_or_else(|| {
            Judgement::unknown(format!(
                "the model `{}` knows no `{}` (operation {} of {}): it knows {}; \
                 `f:` or `key:` in the check says what it is about",
                model.as_str(),
                op.f,
                op.id,
                self.tell.who(op),
                model.words(),
            ))
        })
    }
}

/// Judges a history.
///
/// The same history and question have the same answer on any machine: what limits a search is counted in
/// steps and words of memory, never in time.
///
/// ```
/// use looplab::base::{NodeId, Time, Value};
/// use looplab::check::history::{History, Question, judge};
/// use looplab::scenario::model::{Criterion, ModelKind};
/// use looplab::trace::{OpEvent, OpPhase, Outcome};
/// let mut history = History::new(vec!["alice".into(), "bob".into()]);
/// let mut at = 0;
/// for (client, id, f, value) in [(0, 1, "write", Value::from(9)), (1, 2, "read", Value::Null)] {
///     let (client, f, key) = (NodeId(client), f.into(), "x".into());
///     let op = OpEvent { client, id, phase: OpPhase::Invoke, f, key, value };
///     for phase in [OpPhase::Invoke, OpPhase::Ok] {
///         at += 1;
///         history.event(&OpEvent { phase, ..op.clone() }, Time::from_nanos(at));
///     }
/// }
/// let judgement = judge(&Question::new(Criterion::Linearizable, ModelKind::Register), &history);
/// assert_eq!(judgement.outcome, Outcome::Failed);
/// assert_eq!(judgement.ops, [2, 1]);
/// ```
#[must_use]
pub fn judge(question: &Question, history: &History) -> Judgement {
    if history.left_out() > 0 {
        return Judgement::unknown(format!(
            "the run has more operations than a history keeps ({}, and {} of values): \
             a shorter run can be judged",
            grouped(OPERATIONS_MAX as u64),
            "256 MiB",
        ));
    }
    let ops: Vec<&Operation> =
        history.operations().iter().filter(|op| question.is_about(op)).collect();
    if ops.is_empty() {
        return Judgement::unknown(match history.operations().len() {
            0 => "there are no operations to judge: a step becomes one by `op:`".to_owned(),
            all => format!("none of the {all} operations is one that this check is about"),
        });
    }
    let case = Case { question, ops, tell: Tell::new(history, question.model) };
    match question.criterion {
        Criterion::Linearizable => linearizable::judge(&case),
        Criterion::Sequential => sequential::judge(&case),
        Criterion::ReadYourWrites
        | Criterion::MonotonicReads
        | Criterion::MonotonicWrites
        | Criterion::WritesFollowReads => session::judge(&case),
        Criterion::Causal => causal::judge(&case),
        Criterion::SetFull => set_full::judge(&case),
        Criterion::Counter => counter::judge(&case),
        Criterion::UniqueIds => unique_ids::judge(&case),
        Criterion::KafkaLog => kafka_log::judge(&case),
        Criterion::Transactions => transactions::judge(&case),
    }
}
