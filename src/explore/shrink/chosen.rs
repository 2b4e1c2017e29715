//! Clients by chance written out: what was chosen in the place of `choose:`, what was drawn in that of `draw:`, and a
//! client of its own for each instance, for they chose differently.

use crate::base::{Rng, Tape, Value};
use crate::plan::unroll::{Done, Round, What, unroll};
use crate::plan::{Instance, Plan, chance};
use crate::scenario::Tree;

use super::script::Script;
use super::unroll::substituted;

/// The most steps of a client that are written out.
const STEPS_MAX: usize = 5_000;

/// A client whose instances stand for themselves: the scenario, and their names before and now.
pub(super) struct Split {
    pub(super) tree: Tree,
    pub(super) renamed: Vec<(String, String)>,
}

/// The scenario with the first client that leaves something to chance written out, as the script decides.
pub(super) fn written_out(tree: &Tree, plan: &Plan, script: &Script) -> Option<Split> {
    let clients = tree.get("clients")?.entries();
    let (name, client) = clients.iter().find(|(_, client)| {
        let steps = client.get("steps").map_or(&[][..], Tree::items);
        client.get("load").is_none() && steps.iter().any(|step| by_chance(step, tree))
    })?;
    let flows = tree.get("flows").cloned().unwrap_or(Tree::Map(Vec::new()));
    let draws = script.schedule(plan).draws().clone();
    let root = Rng::tracked(0, &Tape::deciding(draws, false));
    let (mut ones, mut renamed) = (Vec::new(), Vec::new());
    let is_theirs = |instance: &&Instance| plan.clients[instance.client].name.value == *name;
    for instance in plan.instances.iter().filter(is_theirs) {
        let old = plan.node_name(instance.node);
        let own = root.fork(&chance::stream(old));
        let unrolled = unroll(plan, instance, &own, STEPS_MAX);
        if unrolled.cut {
            return None;
        }
        let steps = written(client.get("steps")?.items(), &unrolled.steps, &flows)?;
        let mut one = client.clone();
        one.remove("count");
        let index = Tree::number(u64::from(instance.number));
        let steps = steps.into_iter().map(|step| substituted(step, "index", &index));
        one.set("steps", Tree::List(inlined(steps.collect())));
        let new = match client.get("count") {
            Some(_) => format!("{name}-{}", instance.number),
            None => name.clone(),
        };
        renamed.push((old.to_owned(), new.clone()));
        ones.push((new, one));
    }
    let taken = |new: &String| new != name && clients.iter().any(|(other, _)| other == new);
    if ones.iter().any(|(new, _)| taken(new)) {
        return None;
    }
    let mut all = Vec::new();
    for (other, client) in clients {
        match other == name {
            true => all.append(&mut ones),
            false => all.push((other.clone(), client.clone())),
        }
    }
    let mut tree = tree.clone();
    tree.set("clients", Tree::Map(all));
    Some(Split { tree, renamed })
}

/// True if a step leaves something to chance.
fn by_chance(step: &Tree, root: &Tree) -> bool {
    let inner = |tree: &Tree| tree.items().iter().any(|step| by_chance(step, root));
    let draws = step.get("draw").map_or(&[][..], Tree::entries);
    let flow = step.get("use").and_then(Tree::scalar);
    step.get("choose").is_some()
        || draws.iter().any(|(_, from)| from.scalar() != Some("unique"))
        || step.get("steps").is_some_and(inner)
        || step.get("parallel").is_some_and(|all| all.items().iter().any(inner))
        || flow.and_then(|flow| root.get("flows")?.get(flow)).is_some_and(inner)
}

/// Steps with what they came to. `None` if these are not the steps that were unrolled.
fn written(steps: &[Tree], done: &[Done<'_>], flows: &Tree) -> Option<Vec<Tree>> {
    if steps.len() != done.len() {
        return None;
    }
    let mut out = Vec::new();
    for (step, done) in steps.iter().zip(done) {
        match &done.what {
            What::Once | What::Unknown => out.push(step.clone()),
            What::Drawn(values) => drawn(step, values, &mut out),
            What::Chosen { at, steps } => {
                let alternative = step.get("choose")?.items().get(*at)?;
                let inner = alternative.get("steps").unwrap_or(alternative);
                out.extend(written(inner.items(), steps, flows)?);
            }
            What::Rounds(rounds) => {
                let inner = step.get("steps")?.items();
                for round in rounds {
                    out.extend(bound(written(inner, &round.steps, flows)?, round));
                }
            }
            What::Used(round) => {
                let inner = flows.get(step.get("use")?.scalar()?)?.items();
                out.extend(bound(written(inner, &round.steps, flows)?, round));
            }
            What::Branches(branches) => {
                let inner = step.get("parallel")?.items();
                let branches = inner.iter().zip(branches);
                let branches: Option<Vec<Tree>> = branches
                    .map(|(steps, done)| Some(Tree::List(written(steps.items(), done, flows)?)))
                    .collect();
                let mut step = step.clone();
                step.set("parallel", Tree::List(branches?));
                out.push(step);
            }
        }
    }
    Some(out)
}

/// `set:` in the place of `draw:`; what nobody knows before the run is drawn as before.
fn drawn(step: &Tree, values: &[(&str, Option<Value>)], out: &mut Vec<Tree>) {
    let (mut set, mut draw) = (Tree::Map(Vec::new()), Tree::Map(Vec::new()));
    for (name, value) in values {
        match value {
            Some(value) => set.set(name, tree(value)),
            None => {
                if let Some(from) = step.get("draw").and_then(|draw| draw.get(name)) {
                    draw.set(name, from.clone());
                }
            }
        }
    }
    for (word, values) in [("set", set), ("draw", draw)] {
        if !values.entries().is_empty() {
            out.push(Tree::Map(vec![(word.to_owned(), values)]));
        }
    }
}

/// The steps of a round, its variables put in their place.
fn bound(steps: Vec<Tree>, round: &Round<'_>) -> Vec<Tree> {
    let known = round.bound.iter().filter_map(|(name, value)| Some((*name, tree(value.as_ref()?))));
    let known: Vec<(&str, Tree)> = known.collect();
    let (scalars, others): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|(_, value)| value.scalar().is_some());
    let mut out = Vec::new();
    if !others.is_empty() {
        let others = others.into_iter().map(|(name, value)| (name.to_owned(), value));
        out.push(Tree::Map(vec![("set".to_owned(), Tree::Map(others.collect()))]));
    }
    out.extend(steps.into_iter().map(|step| {
        scalars.iter().fold(step, |step, (name, value)| substituted(step, name, value))
    }));
    out
}

/// Steps in which what is set to a scalar stands where it is used, up to where it is set again.
fn inlined(steps: Vec<Tree>) -> Vec<Tree> {
    let mut out = Vec::new();
    let mut known: Vec<(String, Tree)> = Vec::new();
    for step in steps {
        let mut step =
            known.iter().fold(step, |step, (name, value)| substituted(step, name, value));
        for word in ["set", "draw", "capture"] {
            let defined = step.get(word).map_or(&[][..], Tree::entries);
            known.retain(|(name, _)| !defined.iter().any(|(other, _)| other == name));
        }
        if let Some(Tree::Map(entries)) = step.get_mut("set") {
            let (scalars, others): (Vec<_>, Vec<_>) = std::mem::take(entries)
                .into_iter()
                .partition(|(_, value)| value.scalar().is_some_and(|text| !text.contains("${")));
            known.extend(scalars);
            *entries = others;
            if entries.is_empty() {
                continue;
            }
        }
        out.push(step);
    }
    out
}

/// A value as it stands in a file.
fn tree(value: &Value) -> Tree {
    match value {
        Value::String(text) => Tree::text(text),
        Value::Array(items) => Tree::List(items.iter().map(tree).collect()),
        Value::Object(entries) => {
            Tree::Map(entries.iter().map(|(key, value)| (key.clone(), tree(value))).collect())
        }
        plain => Tree::Plain(plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::Overrides;

    #[test]
    fn what_was_drawn_and_chosen_stands_in_the_file() {
        let text = "looplab: 1
clock: virtual
servers:
  db: { type: redis }
clients:
  user:
    count: 2
    steps:
      - repeat: 2
        steps:
          - draw: { key: [x, y], id: unique }
          - choose:
              - steps: [ { redis: \"db GET ${key}\" } ]
              - steps: [ { redis: \"db SET ${key} ${index}${iteration}\" } ]
";
        let tree = Tree::parse("x.yaml", text.as_bytes()).unwrap();
        let plan = Plan::parse("x.yaml", text.as_bytes(), None, Overrides::default()).unwrap();
        let mut script = Script::default();
        // Each round: which key, which alternative.
        script.draws.insert("client:user.1/draw".into(), vec![0.1, 0.1, 0.9, 0.9]);
        script.draws.insert("client:user.2/draw".into(), vec![0.9, 0.9, 0.1, 0.1]);
        let split = written_out(&tree, &plan, &script).unwrap();
        let steps = |name: &str| {
            let client = split.tree.get("clients").unwrap().get(name).unwrap();
            let steps = client.get("steps").unwrap().items().iter();
            let redis = steps.filter_map(|step| Some(step.get("redis")?.flow()));
            redis.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(steps("user-1"), "db GET x; db SET y 12");
        assert_eq!(steps("user-2"), "db SET y 21; db GET x");
        assert_eq!(split.renamed[1], ("user.2".to_owned(), "user-2".to_owned()));
        let yaml = split.tree.to_yaml();
        let again = Plan::parse("x.yaml", yaml.as_bytes(), None, Overrides::default()).unwrap();
        assert!(written_out(&split.tree, &Arc::new(again), &script).is_none(), "{yaml}");
    }
}
