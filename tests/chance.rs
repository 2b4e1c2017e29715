//! What clients leave to chance is a function of their generators alone: the same in both worlds, and known
//! without a run.
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod common;

use std::path::{Path, PathBuf};

use common::run_file;
use looplab::base::{NodeId, Value};
use looplab::plan::Plan;
use looplab::plan::chance::of_client;
use looplab::plan::unroll::{Done, What, unroll};
use looplab::scenario::model::World;
use looplab::trace::{Event, EventKind};

fn shoppers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/shoppers.yaml")
}

/// A step: where it begins in the file, and what it drew.
type Told = (u32, Option<String>);

/// What a client is to do.
fn planned(plan: &Plan, name: &str) -> Vec<Told> {
    let instance = plan.instances.iter().find(|one| plan.node_name(one.node) == name).unwrap();
    let tree = unroll(plan, instance, &of_client(plan.seed, name), 1_000);
    assert!(!tree.cut);
    let mut all = Vec::new();
    tree.each_leaf(&mut |done: &Done<'_>| {
        let drawn = match &done.what {
            What::Drawn(values) => Some(values.iter().map(|(name, value)| match value {
                Some(Value::String(text)) => format!("{name} = {text}"),
                Some(value) => format!("{name} = {value}"),
                None => format!("{name} is not known"),
            })),
            _ => None,
        };
        let drawn = drawn.map(|parts| format!("draw {}", parts.collect::<Vec<_>>().join(", ")));
        all.push((done.step.span.start, drawn));
    });
    all
}

/// What a client did, by the trace of a run.
fn done(events: &[Event], client: NodeId) -> Vec<Told> {
    let steps = events.iter().filter_map(|event| match &event.kind {
        EventKind::Step(step) if step.client == client => Some(step),
        _ => None,
    });
    steps
        .map(|step| {
            let drawn = step.summary.starts_with("draw ").then(|| step.summary.clone());
            (step.span.start, drawn)
        })
        .collect()
}

#[test]
fn clients_do_in_both_worlds_what_their_generators_tell_before() {
    for seed in [1, 7] {
        let mut both = Vec::new();
        for world in [World::Virtual, World::Real] {
            let ran = run_file(&shoppers(), world, seed);
            let plan = &ran.plan;
            let all: Vec<Vec<Told>> = plan
                .instances
                .iter()
                .map(|instance| {
                    let told = done(&ran.events, instance.node);
                    assert_eq!(told, planned(plan, plan.node_name(instance.node)));
                    assert_eq!(told.len(), 30);
                    told
                })
                .collect();
            assert!(all[0] != all[1] && all[1] != all[2], "each draws for himself");
            both.push(all);
        }
        assert_eq!(both[0], both[1]);
    }
}
