//! `load:`, open or closed.

use std::time::Duration;

use super::super::form::{
    DURATION, Entry, Fields, Keys, RATE, Select, Variant, Variants, integer, pairs, word,
};
use super::super::model::{Load, LoadKind};
use super::super::outline::Role;
use super::distribution::DISTRIBUTION;
use crate::base::{Diagnostic, Located};

impl Variants for Load {
    const ENTRY: Entry = Entry {
        name: "load",
        doc: "Runs flows, or the client's own steps, many times over: either as arrivals at a rate \
              that do not wait for replies, or as users who each begin again when they are done. \
              Latencies are measured from the moment an operation was meant to begin.",
        example: "",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Load>] {
        &[
            Variant {
                keys: &["rate"],
                last: false,
                entry: Entry {
                    name: "open load",
                    doc: "Arrivals at a rate, whatever becomes of the earlier ones.",
                    example: "load: { rate: 500/s, for: 10s, arrivals: even, mix: { browse: 9, buy: 1 } }",
                },
                fields: open,
            },
            Variant {
                keys: &["users"],
                last: false,
                entry: Entry {
                    name: "closed load",
                    doc: "Users who each begin again when they are done. At least one of `for` and \
                          `iterations` says when to stop.",
                    example: "load: { users: 10, iterations: 100, think: { dist: exponential, mean: 100ms } }",
                },
                fields: closed,
            },
        ]
    }
}

fn mix(f: &mut Fields<'_, '_>) -> Vec<(Located<String>, u32)> {
    let doc = "Flows and their weights, drawn from for each arrival or iteration; by default the \
               client's own steps.";
    f.optional("mix", doc, pairs(Keys::Of(Role::Flow), integer(1..=1_000_000_u32)))
        .unwrap_or_default()
}

fn open(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Load> {
    let rate = f.required(key, "How many arrivals.", RATE);
    let duration = f.required("for", "How long there are arrivals.", DURATION);
    let doc = "By chance, or evenly spaced.";
    let words = word(&[("poisson", true), ("even", false)]);
    let poisson = f.or("arrivals", doc, words, "poisson", true);
    let doc = "The most operations at once; an arrival beyond it is counted as shed.";
    let in_flight_max = f.or("in_flight", doc, integer(1..=100_000_u32), "1000", 1_000);
    let mix = mix(f);
    let kind = LoadKind::Open { rate_per_s: rate?, poisson, in_flight_max };
    let duration = Some(positive(f, duration?));
    Some(Load { span: f.entry(key), kind, duration, mix })
}

fn closed(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Load> {
    let users = f.required(key, "How many at once.", integer(1..=100_000_u32));
    let duration = f.optional("for", "How long iterations are begun.", DURATION);
    let doc = "How many iterations each user makes.";
    let iterations = f.optional("iterations", doc, integer(1..=u64::MAX));
    let doc = "The pause of a user between iterations.";
    let think = f.optional("think", doc, DISTRIBUTION);
    let mix = mix(f);
    let help = "otherwise it would never end: `for: 10s` or `iterations: 100`";
    f.at_least_one(&["for", "iterations"], help);
    let kind = LoadKind::Closed { users: users?, iterations, think };
    let duration = duration.map(|duration| positive(f, duration));
    Some(Load { span: f.entry(key), kind, duration, mix })
}

fn positive(f: &mut Fields<'_, '_>, duration: Duration) -> Duration {
    if duration.is_zero() {
        f.error(Diagnostic::new("a load lasts longer than 0", f.value("for")));
    }
    duration
}
