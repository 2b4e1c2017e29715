//! Changes of a scenario's tree: what is taken into it, and what is made smaller in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::judge;
use super::parts;
use crate::base::units;
use crate::explore::pace::Link;
use crate::explore::strategy::Variation;
use crate::plan::{Plan, exact};
use crate::scenario::Tree;

/// The scenario of a variation, with all that its seed has drawn of faults written out.
pub(super) fn whole(plan: &Plan, variation: &Variation) -> Option<Tree> {
    let mut tree = Tree::parse(plan.source.name(), plan.source.text().as_bytes()).ok()?;
    for word in ["seed", "schedule", "expected", "clock"] {
        tree.remove(word);
    }
    let mut chaos = plan.with_seed(variation.seed).chaos_written();
    let mut moments = Vec::new();
    for (at, moment) in tree.get("timeline").map_or(&[][..], Tree::items).iter().enumerate() {
        match chaos.remove(&at) {
            Some(drawn) => moments.extend(drawn.iter().filter_map(|text| Tree::line(text))),
            None => moments.push(moment.clone()),
        }
    }
    moments.extend(variation.moments.iter().filter_map(|text| Tree::line(text)));
    if !moments.is_empty() {
        tree.set("timeline", Tree::List(moments));
    }
    tree.remove("unused_faults");
    Some(tree)
}

/// Takes into the file what it takes from others: scripts, and bodies.
pub(super) fn alone(scenario: &mut Tree, plan: &Plan, folder: Option<&Path>) {
    let scripts = plan.scripts().iter();
    let scripts: Vec<(String, Tree)> =
        scripts.map(|(name, text)| (name.to_owned(), Tree::text(text))).collect();
    scenario.remove("scripts");
    if !scripts.is_empty() {
        scenario.set("scripts", Tree::Map(scripts));
    }
    if let Some(folder) = folder {
        bodies(scenario, folder);
    }
}

/// Writes out the bodies that are taken from files.
fn bodies(tree: &mut Tree, folder: &Path) {
    match tree {
        Tree::Map(entries) => {
            for (key, value) in entries {
                let body = (key == "file").then(|| value.scalar()).flatten();
                match body.and_then(|name| std::fs::read(folder.join(name)).ok()) {
                    Some(bytes) => {
                        let hex: Vec<String> =
                            bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                        (*key, *value) = ("hex".to_owned(), Tree::text(hex.join(" ")));
                    }
                    None => bodies(value, folder),
                }
            }
        }
        Tree::List(items) => items.iter_mut().for_each(|item| bodies(item, folder)),
        _ => {}
    }
}

/// The clients with a count.
pub(super) fn counts(tree: &Tree) -> Vec<(String, usize)> {
    let clients = tree.get("clients").map_or(&[][..], Tree::entries);
    let count = |(name, client): &(String, Tree)| {
        Some((name.clone(), client.get("count")?.scalar()?.parse().ok()?))
    };
    clients.iter().filter_map(count).collect()
}

pub(super) fn with_count(tree: &Tree, name: &str, count: usize) -> Tree {
    let mut tree = tree.clone();
    if let Some(client) = tree.get_mut("clients").and_then(|clients| clients.get_mut(name)) {
        client.set("count", Tree::number(count as u64));
    }
    tree
}

pub(super) fn renamed_told(
    told: &BTreeMap<Link, Vec<String>>,
    name: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<Link, Vec<String>> {
    let renamed = told
        .iter()
        .filter_map(|((from, to), messages)| Some(((name(from)?, name(to)?), messages.clone())));
    renamed.collect()
}

/// The scenario with the faults that a search let loose at so many quarters of their times; `None` if there are
/// none.
pub(super) fn sooner(tree: &Tree, quarters: u32) -> Option<Tree> {
    let mut tree = tree.clone();
    let Some(Tree::List(moments)) = tree.get_mut("timeline") else { return None };
    let mut some = false;
    for moment in moments {
        let name = moment.get("fault").and_then(|fault| fault.get("name")).and_then(Tree::scalar);
        let is_ours = name.is_some_and(|name| name.starts_with(judge::OURS));
        let Some(at) = moment.get("at").and_then(Tree::scalar).filter(|_| is_ours) else {
            continue;
        };
        let Ok(at) = units::duration(at) else { continue };
        some = true;
        moment.set("at", Tree::text(exact(at * quarters / 4)));
    }
    some.then_some(tree)
}

/// The tree with another value under a key of what stands at a path.
pub(super) fn changed(tree: &Tree, path: &[parts::Step], key: &str, value: &Tree) -> Tree {
    let mut out = tree.clone();
    let place = path.iter().try_fold(&mut out, |tree, step| match step {
        parts::Step::Key(key) => tree.get_mut(key),
        parts::Step::Item(at) => match tree {
            Tree::List(items) => items.get_mut(*at),
            _ => None,
        },
    });
    if let Some(place) = place {
        place.set(key, value.clone());
    }
    out
}

/// The words whose durations are made rounder.
const TIMES: [&str; 6] = ["at", "for", "wait", "delay", "ahead", "behind"];

/// A way to a scalar: the numbers of entries and items.
pub(super) type Way = Vec<usize>;

pub(super) fn durations(tree: &Tree, here: &mut Way, found: &mut Vec<Way>) {
    match tree {
        Tree::Map(entries) => {
            for (at, (key, value)) in entries.iter().enumerate() {
                here.push(at);
                if TIMES.contains(&key.as_str()) && value.scalar().is_some() {
                    found.push(here.clone());
                }
                durations(value, here, found);
                here.pop();
            }
        }
        Tree::List(items) => {
            for (at, item) in items.iter().enumerate() {
                here.push(at);
                durations(item, here, found);
                here.pop();
            }
        }
        _ => {}
    }
}

fn walk<'t>(tree: &'t mut Tree, way: &[usize]) -> Option<&'t mut Tree> {
    way.iter().try_fold(tree, |tree, at| match tree {
        Tree::Map(entries) => entries.get_mut(*at).map(|(_, value)| value),
        Tree::List(items) => items.get_mut(*at),
        _ => None,
    })
}

pub(super) fn duration_at(tree: &Tree, section: &str, way: &[usize]) -> Option<Duration> {
    let mut part = tree.get(section)?.clone();
    units::duration(walk(&mut part, way)?.scalar()?).ok()
}

pub(super) fn with_duration(tree: &Tree, section: &str, way: &[usize], duration: Duration) -> Tree {
    let mut tree = tree.clone();
    if let Some(place) = tree.get_mut(section).and_then(|part| walk(part, way)) {
        *place = Tree::text(exact(duration));
    }
    tree
}
