//! `clients:` and `flows:`.

use super::super::form::{
    BOOLEAN, DURATION, DYNAMIC, Entry, Fields, Keys, PROSE, Record, integer, located, one_or_many,
    pairs, variants, word,
};
use super::super::model::{Client, Load};
use super::process;
use super::step::steps;
use super::target::AFTER;
use crate::base::{Diagnostic, Located, Span};

impl Record for Client {
    const ENTRY: Entry = Entry {
        name: "client",
        doc: "Somebody who does things, step by step. Clients run at once; `after` and `wait` order \
              them.",
        example: "clients:\n  reader:\n    count: 3\n    after: writer\n    steps:\n      \
                  - get: app/items/1\n        expect: { status: 200 }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Client> {
        let about = f.optional("about", "What it is there for.", PROSE);
        let doc = "So many alike, called `name.1`, `name.2` and so on; `${index}` (from 1) tells them apart.";
        let count = f.optional("count", doc, located(integer(1..=u32::MAX)));
        let after = f.optional("after", "What it waits for before it begins.", one_or_many(AFTER));
        let doc = "What it is: `steps` (the default) does those, `process` is a program that \
                   looplab runs.";
        let kind = f.optional("type", doc, word(TYPES)).or((!f.has("type")).then_some(false));
        let doc = "How long each of its operations may take; 5s by default. A program: how long it \
                   may run; 30s by default.";
        let timeout = f.optional("timeout", doc, DURATION);
        let doc = "Variables of its own; they may refer to the scenario's.";
        let vars = f.optional("vars", doc, pairs(Keys::Names, DYNAMIC)).unwrap_or_default();
        let doc = "Whether its steps may fail, unless they say otherwise: one that fails is told, and \
                   the next one comes all the same.";
        let may_fail = f.or("may_fail", doc, BOOLEAN, "false", false);
        let steps = f.optional("steps", "What it does, in order.", steps()).unwrap_or_default();
        let doc = "Makes it a source of load, with many users or arrivals.";
        let load = f.optional("load", doc, variants::<Load>());
        let program = process::client(f, kind);
        if kind == Some(false) {
            let help = "as in `steps: [{ get: app/items }]`";
            f.at_least_one(&["steps", "load", "command"], help);
        }
        if let Some(load) = &load {
            agree(f, load);
        }
        let name = Located::new(String::new(), Span::default());
        let after = after.unwrap_or_default();
        let steps = match kind? {
            true => vec![program?],
            false => steps,
        };
        Some(Client { name, about, count, after, timeout, vars, may_fail, steps, load })
    }
}

const TYPES: &[(&str, bool)] = &[("steps", false), ("process", true)];

/// A load runs either the flows of its mix or the client's own steps.
fn agree(f: &mut Fields<'_, '_>, load: &Load) {
    match (load.mix.is_empty(), f.has("steps")) {
        (true, false) => {
            let error = Diagnostic::new("this load has nothing to do", f.key("load"));
            f.error(error.help("give the client `steps`, or the load a `mix` of flows"));
        }
        (false, true) => {
            let error = Diagnostic::new("these steps would never run", f.key("steps"));
            let error = error.related(f.key("load"), "the load runs the flows of its `mix`");
            f.error(error.help("remove `steps` or `mix`"));
        }
        _ => {}
    }
}
