//! `always:`, `eventually:` and `never:` with a predicate in Lua.

use super::super::form::{DURATION, Entry, Fields, PROSE, Record, STRING, located, record, word};
use super::super::model::{Asked, Check, CheckKind, Quantifier, StateCheck};
use super::check::violated;

/// A predicate, without its quantifier.
pub(super) struct Wish(StateCheck);

impl Record for Wish {
    const ENTRY: Entry = Entry {
        name: "state predicate",
        doc: "A question about what nodes have exposed (`ctx.expose`). It sees `nodes`, by name a table of \
              each node's parts (empty after a crash), `time` in milliseconds, `memo`, a table of its own \
              that lasts, and `event`, what has just happened, if `on` asks for that. An expression, or \
              statements that end with `return`; a second value says why.",
        example: "checks:\n  - always:\n      about: at most one leader in a term\n      lua: |\n        \
                  for name, node in pairs(nodes) do\n          if node.role == \"leader\" then\n            \
                  local other = memo[node.term]\n            \
                  if other and other ~= name then return false, name .. \" and \" .. other end\n            \
                  memo[node.term] = name\n          end\n        end\n        return true\n  \
                  - eventually: { lua: \"nodes.n1.role == 'leader'\", within: 5s }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Wish> {
        let lua = f.required("lua", "The predicate.", located(STRING));
        let (about, on) = common(f);
        let doc = "Of `eventually`: by when it must have held; by default the end of the run.";
        let within = f.optional("within", doc, DURATION);
        let quantifier = Quantifier::Always;
        Some(Wish(StateCheck { quantifier, lua: lua?, about, on, within }))
    }
}

/// `about:` and `on:`.
fn common(f: &mut Fields<'_, '_>) -> (Option<String>, Asked) {
    let about = f.optional("about", "What it says, in words.", PROSE);
    let doc = "What it is asked after: changes of `state` (what happens at one time is taken together), \
                   each `message`, each beginning and end of an `operation`, or `everything`.";
    (about, f.or("on", doc, word(ASKED), "state", Asked::State))
}

/// The keys of `never:` with a predicate, if it has one.
pub(super) fn never(f: &mut Fields<'_, '_>) -> Option<StateCheck> {
    let doc = "In the place of a filter: a predicate that must never hold, as in `always`.";
    let lua = f.optional("lua", doc, located(STRING));
    let (about, on) = common(f);
    Some(StateCheck { quantifier: Quantifier::Never, lua: lua?, about, on, within: None })
}

const ASKED: &[(&str, Asked)] = &[
    ("state", Asked::State),
    ("message", Asked::Message),
    ("operation", Asked::Operation),
    ("everything", Asked::Everything),
];

/// `always:` or `eventually:`.
pub(super) fn holds(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Check> {
    let inner = f.required(key, "What must hold.", record::<Wish>());
    let violated = violated(f);
    let quantifier = match key {
        "eventually" => Quantifier::Eventually,
        _ => Quantifier::Always,
    };
    let Wish(wish) = inner?;
    if wish.within.is_some() && quantifier != Quantifier::Eventually {
        let what = format!("`within` has no meaning for `{key}`");
        let error = crate::base::Diagnostic::new(what, f.entry(key));
        f.error(error.help("it is for `eventually`"));
        return None;
    }
    let kind = CheckKind::Holds(Box::new(StateCheck { quantifier, ..wish }));
    Some(Check { span: f.entry(key), kind, violated })
}
