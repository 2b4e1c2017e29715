//! The parts of a scenario that can be taken away, and what is left tidied up.

use std::collections::BTreeSet;

use crate::scenario::Tree;

/// The way to a part: keys, and numbers of items.
pub(super) type Path = Vec<Step>;

/// One step on the way to a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// The faults of the timeline and of links.
pub(super) fn faults(root: &Tree) -> Vec<Path> {
    let mut paths = items(root, &["timeline"]);
    for (at, link) in list(root, "links").iter().enumerate() {
        for fault in 0..list(link, "faults").len() {
            paths.push(vec![key("links"), Step::Item(at), key("faults"), Step::Item(fault)]);
        }
    }
    paths
}

/// The checks.
pub(super) fn checks(root: &Tree) -> Vec<Path> {
    items(root, &["checks"])
}

/// The clients.
pub(super) fn clients(root: &Tree) -> Vec<Path> {
    keys(root, &["clients"])
}

/// All steps of clients and flows, with those inside of others.
pub(super) fn steps(root: &Tree) -> Vec<Path> {
    let mut paths = Vec::new();
    for (name, client) in root.get("clients").map_or(&[][..], Tree::entries) {
        if let Some(steps) = client.get("steps") {
            each_step(steps, &vec![key("clients"), key(name), key("steps")], &mut paths);
        }
    }
    for (name, steps) in root.get("flows").map_or(&[][..], Tree::entries) {
        each_step(steps, &vec![key("flows"), key(name)], &mut paths);
    }
    paths
}

fn each_step(steps: &Tree, at: &Path, paths: &mut Vec<Path>) {
    for (number, step) in steps.items().iter().enumerate() {
        let here = extended(at, Step::Item(number));
        paths.push(here.clone());
        if let Some(inner) = step.get("steps") {
            each_step(inner, &extended(&here, key("steps")), paths);
        }
        for word in ["parallel", "choose"] {
            for (branch, inner) in list(step, word).iter().enumerate() {
                let there = extended(&extended(&here, key(word)), Step::Item(branch));
                match inner.get("steps") {
                    Some(steps) => each_step(steps, &extended(&there, key("steps")), paths),
                    None => each_step(inner, &there, paths),
                }
            }
        }
    }
}

/// All that may be said and may as well not be: servers, links, flows, variables, routes, data, and what stands
/// beside the verbs of steps and the types of servers.
pub(super) fn rest(root: &Tree) -> Vec<Path> {
    let mut paths = Vec::new();
    let asked = root.get("clients").map(Tree::flow).unwrap_or_default();
    for section in ["servers", "flows", "vars"] {
        paths.extend(keys(root, &[section]));
    }
    paths.extend(items(root, &["links"]));
    for word in ["timeout", "trace", "vars", "links", "flows"] {
        if root.get(word).is_some() {
            paths.push(vec![key(word)]);
        }
    }
    for (name, server) in root.get("servers").map_or(&[][..], Tree::entries) {
        let here = vec![key("servers"), key(name)];
        for (word, value) in server.entries().iter().filter(|(word, _)| word != "type") {
            let there = extended(&here, key(word));
            // What clients ask for stays: a story about nothing at all is not told better.
            let is_asked =
                |name: &str| matches!(word.as_str(), "data" | "state") && asked.contains(name);
            if !value.entries().iter().any(|(inner, _)| is_asked(inner)) {
                paths.push(there.clone());
            }
            match value {
                Tree::List(items) => {
                    paths.extend((0..items.len()).map(|at| extended(&there, Step::Item(at))));
                }
                Tree::Map(entries) => {
                    let free = entries.iter().filter(|(inner, _)| !is_asked(inner));
                    paths.extend(free.map(|(inner, _)| extended(&there, key(inner))));
                }
                _ => {}
            }
        }
    }
    for path in clients(root) {
        let Some(client) = at(root, &path) else { continue };
        let words = client.entries().iter().filter(|(word, _)| word != "steps" && word != "count");
        paths.extend(words.map(|(word, _)| extended(&path, key(word))));
    }
    for path in steps(root) {
        let Some(step) = at(root, &path).filter(|step| step.entries().len() > 1) else { continue };
        paths.extend(step.entries().iter().map(|(word, _)| extended(&path, key(word))));
    }
    paths
}

/// The value at a path.
pub(super) fn at<'t>(root: &'t Tree, path: &[Step]) -> Option<&'t Tree> {
    path.iter().try_fold(root, |tree, step| match step {
        Step::Key(key) => tree.get(key),
        Step::Item(at) => tree.items().get(*at),
    })
}

/// The tree without some of its parts.
pub(super) fn without(root: &Tree, paths: &BTreeSet<Path>) -> Tree {
    let mut here = Vec::new();
    let mut left = left(root, paths, &mut here);
    tidy(&mut left);
    left
}

fn left(tree: &Tree, gone: &BTreeSet<Path>, here: &mut Path) -> Tree {
    let mut inner = |step: Step, value: &Tree| {
        here.push(step);
        let kept = (!gone.contains(here)).then(|| left(value, gone, here));
        here.pop();
        kept
    };
    match tree {
        Tree::List(items) => {
            let kept = items.iter().enumerate();
            Tree::List(kept.filter_map(|(at, item)| inner(Step::Item(at), item)).collect())
        }
        Tree::Map(entries) => {
            let kept = entries.iter().filter_map(|(name, value)| {
                Some((name.clone(), inner(Step::Key(name.clone()), value)?))
            });
            Tree::Map(kept.collect())
        }
        scalar => scalar.clone(),
    }
}

/// Takes away what means nothing any more: empty parts, and the names of clients and steps that are gone.
pub(super) fn tidy(root: &mut Tree) {
    let servers: BTreeSet<String> = names(root, "servers");
    let clients: BTreeSet<String> = names(root, "clients");
    let mut steps = BTreeSet::new();
    for (name, client) in root.get("clients").map_or(&[][..], Tree::entries) {
        step_names(client, name, &mut steps);
        let used = client.flow().contains("use");
        for (_, flow) in root.get("flows").map_or(&[][..], Tree::entries).iter().filter(|_| used) {
            step_names(flow, name, &mut steps);
        }
    }
    let there = |name: &str| match name.split_once('.') {
        Some((client, _)) => clients.contains(client) && steps.contains(name),
        None => clients.contains(name),
    };
    for section in ["clients", "flows"] {
        if let Some(part) = root.get_mut(section) {
            forget_after(part, &there);
        }
    }
    if let Some(Tree::List(links)) = root.get_mut("links") {
        links.retain_mut(|link| {
            let node = |name: &str| {
                matches!(name, "*" | "outside") || servers.contains(name) || clients.contains(name)
            };
            let kept = ["from", "to"].into_iter().all(|end| keep_names(link, end, &node));
            if link.get("faults").is_some_and(|faults| faults.items().is_empty()) {
                link.remove("faults");
            }
            kept && link.entries().iter().any(|(word, _)| word != "from" && word != "to")
        });
    }
    for section in ["timeline", "links", "checks", "flows", "vars"] {
        let empty = |part: &Tree| part.items().is_empty() && part.entries().is_empty();
        if root.get(section).is_some_and(empty) {
            root.remove(section);
        }
    }
}

/// The names that a section declares.
fn names(root: &Tree, section: &str) -> BTreeSet<String> {
    root.get(section).map_or(&[][..], Tree::entries).iter().map(|(name, _)| name.clone()).collect()
}

fn step_names(tree: &Tree, client: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = tree.get("name").and_then(Tree::scalar) {
        found.insert(format!("{client}.{name}"));
    }
    tree.entries().iter().for_each(|(_, inner)| step_names(inner, client, found));
    tree.items().iter().for_each(|inner| step_names(inner, client, found));
}

/// Takes out of all `after:` what is not there.
fn forget_after(tree: &mut Tree, there: &dyn Fn(&str) -> bool) {
    if matches!(tree, Tree::Map(_)) && !keep_names(tree, "after", there) {
        tree.remove("after");
    }
    match tree {
        Tree::Map(entries) => entries.iter_mut().for_each(|(_, inner)| forget_after(inner, there)),
        Tree::List(items) => {
            items.iter_mut().for_each(|inner| forget_after(inner, there));
            // A branch of `parallel` without steps does nothing, and nor does one without branches.
            items.retain(|item| item.get("parallel").is_none_or(|all| !all.items().is_empty()));
        }
        _ => {}
    }
    if let Some(Tree::List(branches)) = tree.get_mut("parallel") {
        branches.retain(|branch| !branch.items().is_empty());
    }
}

/// Keeps of the names under `key`, one or a list, those that fit; false if there were some and none is left.
fn keep_names(tree: &mut Tree, key: &str, fits: &dyn Fn(&str) -> bool) -> bool {
    match tree.get_mut(key) {
        Some(Tree::List(items)) => {
            items.retain(|item| item.scalar().is_none_or(fits));
            !items.is_empty()
        }
        Some(Tree::Text(name)) => fits(name),
        _ => true,
    }
}

fn list<'t>(tree: &'t Tree, key: &str) -> &'t [Tree] {
    tree.get(key).map_or(&[], Tree::items)
}

fn keys(root: &Tree, way: &[&str]) -> Vec<Path> {
    let path: Path = way.iter().map(|word| key(word)).collect();
    let entries = at(root, &path).map_or(&[][..], Tree::entries);
    entries.iter().map(|(name, _)| extended(&path, key(name))).collect()
}

fn items(root: &Tree, way: &[&str]) -> Vec<Path> {
    let path: Path = way.iter().map(|word| key(word)).collect();
    let count = at(root, &path).map_or(0, |part| part.items().len());
    (0..count).map(|at| extended(&path, Step::Item(at))).collect()
}

fn key(word: &str) -> Step {
    Step::Key(word.to_owned())
}

fn extended(path: &Path, step: Step) -> Path {
    let mut path = path.clone();
    path.push(step);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
looplab: 1
servers:
  db: { type: redis, data: { x: 1, y: 2 } }
  app: { type: http, routes: [] }
links:
  - { from: alice, to: db, latency: 2ms, faults: [ { drop: request } ] }
  - { from: [alice, bob], to: app, latency: 1ms }
timeline:
  - { at: 1s, heal: all }
clients:
  alice:
    steps:
      - redis: db GET x
        name: read
      - parallel:
          - [ { wait: 1ms } ]
          - [ { wait: 2ms }, { wait: 3ms } ]
  bob:
    after: [alice.read, alice]
    steps:
      - repeat: 2
        steps:
          - redis: db GET y
            after: alice.read
checks:
  - never: { to: db }
";

    fn tree() -> Tree {
        Tree::parse("x.yaml", TEXT.as_bytes()).unwrap()
    }

    #[test]
    fn the_parts_of_a_scenario_are_found() {
        let tree = tree();
        assert_eq!(faults(&tree).len(), 2);
        assert_eq!(checks(&tree).len(), 1);
        assert_eq!(clients(&tree).len(), 2);
        assert_eq!(steps(&tree).len(), 2 + 3 + 2);
        for path in faults(&tree).iter().chain(&steps(&tree)).chain(&rest(&tree)) {
            assert!(at(&tree, path).is_some(), "{path:?}");
        }
    }

    #[test]
    fn who_is_gone_is_not_waited_for() {
        let all = tree();
        let gone = clients(&all).into_iter().take(1).collect();
        let left = without(&all, &gone).to_yaml();
        assert!(!left.contains("alice"), "{left}");
        assert!(left.contains("bob"));
        crate::plan::Plan::parse("x.yaml", left.as_bytes(), None, Default::default()).unwrap();
    }

    #[test]
    fn empty_parts_are_gone() {
        let all = tree();
        let gone: BTreeSet<Path> = faults(&all).into_iter().chain(steps(&all)).collect();
        let left = without(&all, &gone);
        assert_eq!(left.get("timeline"), None);
        assert_eq!(list(&left, "links")[0].get("faults"), None);
        assert_eq!(left.get("clients").unwrap().get("alice").unwrap().flow(), "{ steps: [] }");
    }
}
