//! Where the lifelines stand.
//!
//! ```text
//!            outside        clients, in order        servers, in order
//! | time |      x0    gap    x1    gap    x2   ...   xn      | took |
//! ```
//!
//! All lifelines are equally far apart. If they do not fit, the instances of a client (`reader.1` to
//! `reader.20`) share one; if even that does not fit, there is no diagram, and the list has to do.

use super::moment;
use super::text;
use crate::base::NodeId;
use crate::trace::HeaderNode;

/// The fewest columns from one lifeline to the next.
const GAP_MIN: usize = 12;

/// The most: farther apart, an arrow is hard to follow by eye.
const GAP_MAX: usize = 46;

/// The most lifelines; beyond that a list says more, however wide the screen is.
const LIFELINES_MAX: usize = 24;

/// The columns before the first name: the time and two blanks.
pub(super) const LEFT: usize = moment::WIDTH + 2;

/// The columns after the last lifeline's name: how long an answer took.
const RIGHT: usize = 9;

/// One lifeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lifeline {
    /// The column of the line.
    pub(super) x: usize,
    /// The name at its head.
    pub(super) title: String,
    /// The node whose line it is; of a group the first.
    pub(super) node: NodeId,
    /// How many nodes share it.
    pub(super) members: usize,
}

/// The lifelines of a diagram.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) lifelines: Vec<Lifeline>,
    /// The lifeline of each node, by its index.
    of_node: Vec<Option<usize>>,
    of_outside: Option<usize>,
    /// The column after the last that arrows and texts may use.
    pub(super) end: usize,
}

impl Columns {
    /// Lays out lifelines for `shown` nodes; `None` if they do not fit in `width` columns.
    pub(super) fn new(nodes: &[HeaderNode], shown: &[NodeId], width: usize) -> Option<Columns> {
        let ordered = in_order(nodes, shown);
        let single: Vec<Vec<NodeId>> = ordered.iter().map(|node| vec![*node]).collect();
        Columns::place(nodes, &single, width)
            .or_else(|| Columns::place(nodes, &grouped(nodes, &ordered), width))
    }

    fn place(nodes: &[HeaderNode], groups: &[Vec<NodeId>], width: usize) -> Option<Columns> {
        if groups.is_empty() || groups.len() > LIFELINES_MAX {
            return None;
        }
        let titles: Vec<String> = groups.iter().map(|group| title(nodes, group)).collect();
        let space = width.checked_sub(LEFT + RIGHT)?;
        let half = |title: &String| text::width(title).min(GAP_MIN) / 2;
        let (first, last) = (half(titles.first()?), half(titles.last()?) + 1);
        let between = space.checked_sub(first + last)?;
        let gap = match titles.len() - 1 {
            0 => 0,
            gaps => (between / gaps).min(GAP_MAX),
        };
        if titles.len() > 1 && gap < GAP_MIN {
            return None;
        }
        let mut of_node = vec![None; nodes.len()];
        let mut of_outside = None;
        let mut lifelines = Vec::new();
        for (index, (title, group)) in titles.into_iter().zip(groups).enumerate() {
            for node in group {
                match of_node.get_mut(node.index()) {
                    Some(place) => *place = Some(index),
                    None => of_outside = Some(index),
                }
            }
            let x = LEFT + first + index * gap;
            lifelines.push(Lifeline { x, title, node: group[0], members: group.len() });
        }
        let end = (lifelines.last()?.x + last.max(2)).max(width.min(TEXT_MIN) - RIGHT);
        Some(Columns { lifelines, of_node, of_outside, end })
    }

    /// The lifeline of a node.
    pub(super) fn of(&self, node: NodeId) -> Option<&Lifeline> {
        let index = if node == NodeId::OUTSIDE {
            self.of_outside
        } else {
            *self.of_node.get(node.index())?
        };
        index.map(|index| &self.lifelines[index])
    }

    /// The columns from one lifeline to the next, or those that a lone one has for itself.
    pub(super) fn gap(&self) -> usize {
        match self.lifelines.as_slice() {
            [first, second, ..] => second.x - first.x,
            _ => self.end - LEFT,
        }
    }
}

/// Notes need this much, however close together the lifelines stand.
const TEXT_MIN: usize = 80;

/// Strangers first, then clients, then servers, each in the order of the plan.
fn in_order(nodes: &[HeaderNode], shown: &[NodeId]) -> Vec<NodeId> {
    let rank = |node: &NodeId| match nodes.get(node.index()) {
        None => 0,
        Some(known) if known.kind == CLIENT => 1,
        Some(_) => 2,
    };
    let mut ordered = shown.to_vec();
    ordered.sort_by_key(|node| (rank(node), *node));
    ordered.dedup();
    ordered
}

/// The kind of a client in the header.
pub(super) const CLIENT: &str = "client";

/// The same nodes, those with the same [`base`] together.
fn grouped(nodes: &[HeaderNode], ordered: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut groups: Vec<Vec<NodeId>> = Vec::new();
    for node in ordered {
        let name = base_of(nodes, *node);
        match groups.last_mut() {
            Some(group) if name.is_some() && base_of(nodes, group[0]) == name => group.push(*node),
            _ => groups.push(vec![*node]),
        }
    }
    groups
}

fn base_of(nodes: &[HeaderNode], node: NodeId) -> Option<&str> {
    nodes.get(node.index()).and_then(base)
}

/// `reader` for the client `reader.2`; `None` for what is not one of several.
pub(super) fn base(node: &HeaderNode) -> Option<&str> {
    let (base, number) = node.name.rsplit_once('.')?;
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (node.kind == CLIENT && numbered).then_some(base)
}

/// The number of one of several: `2` for `reader.2`.
pub(super) fn number(node: &HeaderNode) -> Option<&str> {
    base(node).map(|base| &node.name[base.len() + 1..])
}

fn title(nodes: &[HeaderNode], group: &[NodeId]) -> String {
    let of = |node: NodeId| nodes.get(node.index());
    match group {
        [node] => of(*node).map_or("outside", |node| &node.name).to_owned(),
        [first, .., last] => match (of(*first), of(*last)) {
            (Some(first), Some(last)) => {
                format!("{}-{}", first.name, number(last).unwrap_or_default())
            }
            _ => String::new(),
        },
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(names: &[&str]) -> Vec<HeaderNode> {
        let kind = |name: &str| if name.starts_with('s') { "http" } else { CLIENT };
        names
            .iter()
            .map(|name| HeaderNode { name: (*name).into(), kind: kind(name).into() })
            .collect()
    }

    fn titles(names: &[&str], width: usize) -> Option<Vec<String>> {
        let nodes = nodes(names);
        let ids: Vec<NodeId> = (0..).map(NodeId).take(nodes.len()).collect();
        let columns = Columns::new(&nodes, &ids, width)?;
        Some(columns.lifelines.into_iter().map(|line| line.title).collect())
    }

    #[test]
    fn clients_stand_to_the_left_of_servers() {
        assert_eq!(
            titles(&["s1", "s2", "bob", "alice"], 80).unwrap(),
            ["bob", "alice", "s1", "s2"]
        );
    }

    #[test]
    fn instances_share_a_lifeline_only_if_they_must() {
        let names = ["s1", "a.1", "a.2", "a.3", "a.4", "a.5", "b"];
        assert_eq!(titles(&names, 80).unwrap(), ["a.1-5", "b", "s1"]);
        assert_eq!(titles(&names, 120).unwrap().len(), 7);
    }

    #[test]
    fn what_cannot_fit_is_not_drawn() {
        let many: Vec<String> = (0..30).map(|n| format!("s{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(titles(&many, 120), None);
        assert_eq!(titles(&many, 10_000), None);
        assert_eq!(titles(&["s1", "s2"], 20), None);
        assert_eq!(titles(&[], 80), None);
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in 0..200 {
            for count in 1..12 {
                let names: Vec<String> = (0..count).map(|n| format!("server-number-{n}")).collect();
                let nodes = nodes(&names.iter().map(String::as_str).collect::<Vec<_>>());
                let ids: Vec<NodeId> = (0..).map(NodeId).take(nodes.len()).collect();
                if let Some(columns) = Columns::new(&nodes, &ids, width) {
                    assert!(columns.end + RIGHT <= width, "{count} in {width}: {}", columns.end);
                    assert!(columns.lifelines.iter().all(|line| line.x < columns.end));
                }
            }
        }
    }

    #[test]
    fn strangers_stand_at_the_very_left() {
        let nodes = nodes(&["s", "a"]);
        let shown = [NodeId(0), NodeId(1), NodeId::OUTSIDE];
        let columns = Columns::new(&nodes, &shown, 80).unwrap();
        assert_eq!(columns.of(NodeId::OUTSIDE).unwrap().title, "outside");
        assert!(columns.of(NodeId::OUTSIDE).unwrap().x < columns.of(NodeId(1)).unwrap().x);
    }
}
