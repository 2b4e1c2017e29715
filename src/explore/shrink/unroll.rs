//! Steps written out: flows in the place where they are used, loops as often as they go round.
//!
//! What is written out is meant to be taken away again, one step at a time. Whether it still means the same is
//! for a run to say: what does not fail as before is not kept.

use crate::scenario::Tree;

/// The most rounds of a loop, and steps of a client, that are written out.
const ROUNDS_MAX: u64 = 500;
const STEPS_MAX: usize = 5_000;

/// The scenario with its flows put in their place and its loops unrolled, as far as the file tells how often
/// they go round; `None` if there are none.
pub(super) fn unrolled(root: &Tree) -> Option<Tree> {
    let flows = root.get("flows").cloned().unwrap_or(Tree::Map(Vec::new()));
    let mut out = root.clone();
    let Some(Tree::Map(clients)) = out.get_mut("clients") else { return None };
    let mut changed = false;
    for (_, client) in clients {
        let is_load = client.get("load").is_some();
        if let Some(Tree::List(steps)) = client.get_mut("steps").filter(|_| !is_load) {
            let before = steps.clone();
            let written = list(std::mem::take(steps), &flows, 0);
            *steps = if written.len() <= STEPS_MAX { written } else { before.clone() };
            changed |= *steps != before;
        }
    }
    if !changed {
        return None;
    }
    super::parts::tidy(&mut out);
    let used = out.get("clients").map(Tree::flow).unwrap_or_default();
    if !used.contains("use:") && !used.contains("mix:") {
        out.remove("flows");
    }
    Some(out)
}

fn list(steps: Vec<Tree>, flows: &Tree, depth: usize) -> Vec<Tree> {
    steps.into_iter().flat_map(|step| written(step, flows, depth)).collect()
}

/// One step written out.
fn written(mut step: Tree, flows: &Tree, depth: usize) -> Vec<Tree> {
    if depth > 32 {
        return vec![step];
    }
    if let Some(Tree::List(branches)) = step.get_mut("parallel") {
        for branch in branches {
            if let Tree::List(steps) = branch {
                *steps = list(std::mem::take(steps), flows, depth + 1);
            }
        }
        return vec![step];
    }
    if let Some(steps) = used(&step, flows) {
        return list(steps, flows, depth + 1);
    }
    if let Some(Tree::List(inner)) = step.get_mut("steps") {
        *inner = list(std::mem::take(inner), flows, depth + 1);
    }
    repeated(&step).or_else(|| for_each(&step)).unwrap_or_else(|| vec![step])
}

/// True if nothing but these words stands in a step, or its name.
fn is_only(step: &Tree, words: &[&str]) -> bool {
    step.entries().iter().all(|(word, _)| word == "name" || words.contains(&word.as_str()))
}

/// The steps of a flow, behind what it is given.
fn used(step: &Tree, flows: &Tree) -> Option<Vec<Tree>> {
    let name = step.get("use")?.scalar()?;
    let steps = flows.get(name)?.items().to_vec();
    if !is_only(step, &["use", "with"]) {
        return None;
    }
    let with = step.get("with").map_or(&[][..], Tree::entries);
    let mut out = Vec::new();
    let mut given = Vec::new();
    for (name, value) in with {
        match value.scalar() {
            Some(_) => given.push((name.as_str(), value.clone())),
            None => out.push(Tree::Map(vec![(
                "set".into(),
                Tree::Map(vec![(name.clone(), value.clone())]),
            )])),
        }
    }
    out.extend(
        steps.into_iter().map(|step| {
            given.iter().fold(step, |step, (name, value)| substituted(step, name, value))
        }),
    );
    Some(out)
}

fn repeated(step: &Tree) -> Option<Vec<Tree>> {
    let Tree::Plain(times) = step.get("repeat")? else { return None };
    let times: u64 = times.parse().ok().filter(|times| *times <= ROUNDS_MAX)?;
    if !is_only(step, &["repeat", "steps"]) {
        return None;
    }
    let rounds = (1..=times).flat_map(|round| round_of(step, round));
    Some(rounds.collect())
}

fn for_each(step: &Tree) -> Option<Vec<Tree>> {
    let [(var, Tree::List(items))] = step.get("for_each")?.entries() else { return None };
    if !is_only(step, &["for_each", "steps"]) || items.len() > usize::try_from(ROUNDS_MAX).ok()? {
        return None;
    }
    let mut out = Vec::new();
    for (round, item) in (1..).zip(items) {
        let steps = round_of(step, round);
        if item.scalar().is_some() {
            out.extend(steps.into_iter().map(|step| substituted(step, var, item)));
        } else {
            let set = Tree::Map(vec![(var.clone(), item.clone())]);
            out.push(Tree::Map(vec![("set".into(), set)]));
            out.extend(steps);
        }
    }
    Some(out)
}

/// The steps of one round.
fn round_of(step: &Tree, round: u64) -> Vec<Tree> {
    let steps = step.get("steps").map_or(&[][..], Tree::items);
    let number = Tree::number(round);
    steps.iter().map(|step| substituted(step.clone(), "iteration", &number)).collect()
}

/// The tree with the value of a variable in place of `${name}`.
pub(super) fn substituted(tree: Tree, name: &str, value: &Tree) -> Tree {
    let var = format!("${{{name}}}");
    match tree {
        Tree::Text(text) if text == var => value.clone(),
        Tree::Text(text) => Tree::Text(inserted(&text, &var, value.scalar().unwrap_or_default())),
        Tree::Plain(_) => tree,
        Tree::List(items) => {
            Tree::List(items.into_iter().map(|item| substituted(item, name, value)).collect())
        }
        Tree::Map(entries) => {
            // An inner loop that could not be written out has a counter of its own.
            let has_own = name == "iteration"
                && entries.iter().any(|(word, _)| word == "repeat" || word == "for_each");
            let entry = |(word, inner): (String, Tree)| {
                if has_own && word == "steps" {
                    return (word, inner);
                }
                (word, substituted(inner, name, value))
            };
            Tree::Map(entries.into_iter().map(entry).collect())
        }
    }
}

/// The text with `by` in place of `var`, but not of `$${…}`, which is no variable.
fn inserted(text: &str, var: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(var) {
        let before = &rest[..at];
        out.push_str(before);
        out.push_str(if before.ends_with('$') { var } else { by });
        rest = &rest[at + var.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> String {
        let text = format!("looplab: 1\n{text}");
        let tree = Tree::parse("x.yaml", text.as_bytes()).unwrap();
        let tree = unrolled(&tree).unwrap_or(tree);
        let steps = tree.get("clients").unwrap().get("a").unwrap().get("steps").unwrap();
        assert_eq!(tree.get("flows"), None);
        steps.items().iter().map(Tree::flow).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn loops_are_written_out_with_their_counters() {
        let text = "clients: { a: { steps: [ { repeat: 2, steps: [ { log: \"${iteration} $${iteration}\" }, { wait: 1ms } ] } ] } }";
        assert_eq!(
            steps(text),
            "{ log: \"1 $${iteration}\" } { wait: 1ms } { log: \"2 $${iteration}\" } { wait: 1ms }"
        );
        let text = "clients: { a: { steps: [ { for_each: { x: [p, 7] }, steps: [ { repeat: 2, steps: [ { log: \"${x}${iteration}\" } ] } ] } ] } }";
        assert_eq!(steps(text), "{ log: p1 } { log: p2 } { log: \"71\" } { log: \"72\" }");
    }

    #[test]
    fn flows_stand_where_they_are_used() {
        let text = "flows: { f: [ { log: \"${x} ${y}\" } ] }\nclients: { a: { steps: [ { use: f, with: { x: 1, y: [2] } } ] } }";
        assert_eq!(steps(text), "{ set: { y: [2] } } { log: \"1 ${y}\" }");
    }

    #[test]
    fn a_loop_that_nobody_can_count_stays() {
        let text = "clients: { a: { steps: [ { repeat: \"${n}\", steps: [ { repeat: 1, steps: [ { log: \"${iteration}\" } ] } ] } ] } }";
        assert_eq!(steps(text), "{ repeat: \"${n}\", steps: [{ log: 1 }] }");
    }
}
