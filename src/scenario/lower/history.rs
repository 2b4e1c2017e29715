//! `history:` checks.

use super::super::form::{
    DYNAMIC, Entry, Fields, STRING, integer, located, name_of, one_or_many, word,
};
use super::super::model::{
    Anomaly, Check, CheckKind, Criterion, HistoryCheck, Isolation, Level, ModelKind, TxnOrder,
};
use super::super::outline::Role;
use super::check::violated;
use crate::base::Diagnostic;

pub(super) const ENTRY: Entry = Entry {
    name: "history check",
    doc: "The operations of the run (the steps with `op`) have an order that explains what each of \
          them saw. Says which operations contradict each other, if they do.",
    example: "checks:\n  - { history: linearizable, model: register }\n  \
              - { history: read-your-writes, client: reader, expect: violated }\n  \
              - { history: transactions, model: list-append, level: snapshot-isolation }",
};

/// How many steps a search takes unless the scenario says otherwise: some seconds.
pub(super) const BUDGET: u64 = 20_000_000;

/// The largest `budget:`.
const BUDGET_MAX: u64 = 1_000_000_000_000;

static CRITERIA: [(&str, Criterion); 12] = Criterion::ALL;
static MODELS: [(&str, ModelKind); 9] = ModelKind::ALL;
static LEVELS: [(&str, Level); 7] = Level::ALL;
static ANOMALIES: [(&str, Anomaly); 9] = Anomaly::NAMED;
static ORDERS: [(&str, TxnOrder); 3] =
    [("data", TxnOrder::Data), ("session", TxnOrder::Session), ("realtime", TxnOrder::Realtime)];

/// Where a word belongs that somebody took for the key of a check.
pub(super) fn meant(key: &str) -> Option<String> {
    let kebab = key.replace('_', "-");
    if Criterion::ALL.iter().any(|(word, _)| *word == kebab) {
        return Some(format!("write `history: {kebab}`"));
    }
    (key == "model").then(|| "it stands beside `history`, as in `history: linearizable`".to_owned())
}

pub(super) fn fields(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Check> {
    let criterion = f.required(key, "By which criterion.", located(word(&CRITERIA)));
    let doc = "What the operations are done to; each key is one of it by itself. Needed where a \
               criterion knows several.";
    let model = match f.node("model").filter(|node| node.string() == Some("kv")) {
        None => f.optional("model", doc, located(word(&MODELS))),
        Some(node) => {
            let what = "there is no model `kv`: every key is judged by itself, by any model";
            let error = Diagnostic::new(what, node.span);
            f.wrong("model", error.help("`model: register` is a store of keys and values"));
            None
        }
    };
    let doc = "What a register holds, or a counter counts, before the first operation; by default \
               null, or 0.";
    let initial = f.optional("initial", doc, DYNAMIC);
    let doc = "Only the operations of these clients.";
    let clients = f.optional("client", doc, one_or_many(name_of(Role::Client)));
    let doc = "Only the operations on these keys.";
    let keys = f.optional("key", doc, one_or_many(located(STRING)));
    let doc = "Only the operations of these functions, such as `read`.";
    let functions = f.optional("f", doc, one_or_many(located(STRING)));
    let doc = "`final`: of a counter's reads, only those that began when all else had ended.";
    let reads = word(&[("all", false), ("final", true)]);
    let only_final_reads = f.or("reads", doc, reads, "all", false);
    let isolation = isolation(f);
    let doc = "How many steps the search for an order may take before it gives up: twenty million \
               are some seconds.";
    let budget = f.or("budget", doc, integer(1..=BUDGET_MAX), "20000000", BUDGET);
    let violated = violated(f);
    let criterion = criterion?;
    let model = chosen(f, criterion.value, model.map(|model| model.value))?;
    let kind = CheckKind::History(Box::new(HistoryCheck {
        criterion,
        model,
        initial,
        clients: clients.unwrap_or_default(),
        keys: keys.unwrap_or_default(),
        functions: functions.unwrap_or_default(),
        only_final_reads,
        isolation,
        budget,
    }));
    Some(Check { span: f.entry(key), kind, violated })
}

/// The model to judge by.
fn chosen(
    f: &mut Fields<'_, '_>,
    criterion: Criterion,
    model: Option<ModelKind>,
) -> Option<ModelKind> {
    let known = criterion.models();
    let words: Vec<&str> = known.iter().map(|model| model.as_str()).collect();
    let words = words.join(", ");
    match (model, known) {
        (None, [one]) => Some(*one),
        // One that could not be read has been reported.
        (None, _) if f.has("model") => None,
        (None, _) => {
            let what = format!("`{}` needs a `model`", criterion.as_str());
            let error = Diagnostic::new(what, f.entry("history"));
            f.error(error.help(format!("one of {words}")));
            None
        }
        (Some(model), known) if known.contains(&model) => Some(model),
        (Some(model), _) => {
            let what = format!("`{}` cannot judge a {}", criterion.as_str(), model.as_str());
            let error = Diagnostic::new(what, f.value("model"));
            f.error(match known {
                [one] => error.help(format!("it judges a {} and needs no `model`", one.as_str())),
                _ => error.help(format!("its model is one of {words}")),
            });
            None
        }
    }
}

fn isolation(f: &mut Fields<'_, '_>) -> Isolation {
    let doc = "Of transactions: the isolation level that they must keep to.";
    let level = f.optional("level", doc, word(&LEVELS));
    let doc = "Of transactions: the anomalies that there must not be, in place of a level.";
    let prohibited = f.optional("prohibit", doc, one_or_many(word(&ANOMALIES)));
    let doc = "Of transactions, with `prohibit`: whether cycles may also go along each client's own \
               order, or along real time.";
    let order = f.or("order", doc, word(&ORDERS), "data", TxnOrder::Data);
    f.at_most_one(&["level", "prohibit"]);
    f.at_most_one(&["level", "order"]);
    match prohibited {
        Some(prohibited) => Isolation { level: "", prohibited, order },
        None => Isolation::of(level.unwrap_or(Level::Serializable)),
    }
}
