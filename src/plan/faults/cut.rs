//! Faults on the network: who is cut off from whom.

use std::collections::BTreeSet;

use super::Binder;
use crate::base::NodeId;
use crate::plan::fault::Cut;
use crate::scenario::model::{Partition, Shape};

impl Binder<'_> {
    /// The cut of the partition called `name`.
    pub(super) fn cut(&self, partition: &Partition, name: &str) -> Cut {
        let plan = self.plan;
        let mut blocked = Blocked::default();
        match &partition.shape {
            Shape::Sides(sides) => {
                let sides: Vec<Vec<NodeId>> =
                    sides.iter().map(|side| plan.nodes_of(side)).collect();
                for (at, side) in sides.iter().enumerate() {
                    sides[at + 1..].iter().for_each(|other| blocked.both(side, other));
                }
            }
            Shape::OneWay { from, to } => {
                blocked.one_way(&plan.nodes_of(from), &plan.nodes_of(to));
            }
            Shape::Isolate(alone) => {
                let all = plan.nodes.iter().map(|node| node.id);
                let all: Vec<NodeId> = all.chain([NodeId::OUTSIDE]).collect();
                blocked.both(&plan.nodes_of(alone), &all);
            }
            Shape::Majority(of) => {
                let mut rng = plan.chance().fork(&super::written::majority(name));
                let mut rest = plan.nodes_of(of);
                let mut majority = Vec::new();
                for _ in 0..rest.len() / 2 + 1 {
                    let at = usize::try_from(rng.below(rest.len() as u64)).unwrap_or(0);
                    majority.push(rest.remove(at));
                }
                blocked.both(&majority, &rest);
            }
            Shape::Ring(of) => {
                let nodes: Vec<Vec<NodeId>> =
                    of.iter().map(|name| plan.nodes_named(name)).collect();
                for (at, node) in nodes.iter().enumerate() {
                    for (behind, other) in nodes.iter().enumerate().skip(at + 2) {
                        if at != 0 || behind != nodes.len() - 1 {
                            blocked.both(node, other);
                        }
                    }
                }
            }
        }
        let blocked = blocked.0.into_iter().collect();
        Cut { blocked, lose: partition.lose, flap: partition.flap }
    }
}

/// The pairs between which nothing passes.
#[derive(Default)]
struct Blocked(BTreeSet<(NodeId, NodeId)>);

impl Blocked {
    fn one_way(&mut self, from: &[NodeId], to: &[NodeId]) {
        for from in from {
            self.0.extend(to.iter().filter(|to| *to != from).map(|to| (*from, *to)));
        }
    }

    fn both(&mut self, side: &[NodeId], other: &[NodeId]) {
        self.one_way(side, other);
        self.one_way(other, side);
    }
}
