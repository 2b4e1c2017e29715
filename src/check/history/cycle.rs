//! Circles in a graph, the shortest there is.

use std::collections::VecDeque;

/// A graph: of each node, where its edges lead, each with a number that says what it is.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: Vec<Vec<(usize, usize)>>,
}

/// One edge of a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// What it is.
    pub(super) what: usize,
}

/// From how many nodes the shortest circle is looked for.
const STARTS_MAX: usize = 200;

impl Graph {
    pub(super) fn new(nodes: usize) -> Graph {
        Graph { edges: vec![Vec::new(); nodes] }
    }

    /// Adds an edge.
    pub(super) fn add(&mut self, from: usize, to: usize, what: usize) {
        self.edges[from].push((to, what));
    }

    /// One more node.
    pub(super) fn node(&mut self) -> usize {
        self.edges.push(Vec::new());
        self.edges.len() - 1
    }

    pub(super) fn nodes(&self) -> usize {
        self.edges.len()
    }

    /// Where the edges of a node lead.
    pub(super) fn from(&self, node: usize) -> &[(usize, usize)] {
        &self.edges[node]
    }

    /// The number of the strongly connected part that each node is in, counting only edges that are
    /// `wanted`. Two nodes are in the same part if each can be reached from the other.
    pub(super) fn parts(&self, wanted: &dyn Fn(usize) -> bool) -> Vec<usize> {
        Parts::of(self, wanted)
    }

    /// A circle of wanted edges, as short as any through the first nodes that are in one.
    pub(super) fn circle(&self, wanted: &dyn Fn(usize) -> bool) -> Option<Vec<Edge>> {
        let parts = self.parts(wanted);
        let mut sizes = vec![0_usize; self.nodes()];
        parts.iter().for_each(|part| sizes[*part] += 1);
        let own =
            |node: usize| self.edges[node].iter().any(|(to, what)| *to == node && wanted(*what));
        let starts = (0..self.nodes()).filter(|node| sizes[parts[*node]] > 1 || own(*node));
        let mut best: Option<Vec<Edge>> = None;
        for start in starts.take(STARTS_MAX) {
            let inside = |to: usize| parts[to] == parts[start];
            if let Some(path) = self.path(start, start, wanted, &inside)
                && best.as_ref().is_none_or(|best| path.len() < best.len())
            {
                best = Some(path);
            }
            if best.as_ref().is_some_and(|best| best.len() <= 2) {
                break;
            }
        }
        best
    }

    /// A way from one of the first `real` nodes to another of them and back, as short as any from the first
    /// nodes that have one.
    pub(super) fn circle_of_two(&self, real: usize) -> Option<Vec<Edge>> {
        let parts = self.parts(&|_| true);
        let mut sizes = vec![0_usize; self.nodes()];
        parts[..real].iter().for_each(|part| sizes[*part] += 1);
        let mut best: Option<Vec<Edge>> = None;
        let starts = (0..real).filter(|node| sizes[parts[*node]] > 1);
        for start in starts.take(STARTS_MAX) {
            let inside = |to: usize| parts[to] == parts[start];
            let Some(mut way) = self.way(start, &|to| to < real && to != start, &|_| true, &inside)
            else {
                continue;
            };
            let other = way.last().map_or(start, |edge| edge.to);
            let Some(back) = self.path(other, start, &|_| true, &inside) else { continue };
            way.extend(back);
            if best.as_ref().is_none_or(|best| way.len() < best.len()) {
                best = Some(way);
            }
            if best.as_ref().is_some_and(|best| best.len() <= 2) {
                break;
            }
        }
        best
    }

    /// The shortest way along wanted edges, of at least one edge, through nodes that are `inside`.
    pub(super) fn path(
        &self,
        start: usize,
        end: usize,
        wanted: &dyn Fn(usize) -> bool,
        inside: &dyn Fn(usize) -> bool,
    ) -> Option<Vec<Edge>> {
        self.way(start, &|to| to == end, wanted, inside)
    }

    fn way(
        &self,
        start: usize,
        is_end: &dyn Fn(usize) -> bool,
        wanted: &dyn Fn(usize) -> bool,
        inside: &dyn Fn(usize) -> bool,
    ) -> Option<Vec<Edge>> {
        let mut came: Vec<Option<Edge>> = vec![None; self.nodes()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for (to, what) in self.edges[node].iter().copied() {
                if !wanted(what) || !inside(to) || came[to].is_some() {
                    continue;
                }
                came[to] = Some(Edge { from: node, to, what });
                if is_end(to) {
                    return Some(back(&came, start, to));
                }
                queue.push_back(to);
            }
        }
        None
    }
}

/// The way that led to `end`.
fn back(came: &[Option<Edge>], start: usize, end: usize) -> Vec<Edge> {
    let mut path = Vec::new();
    let mut at = end;
    while let Some(edge) = came[at] {
        path.push(edge);
        at = edge.from;
        if at == start {
            break;
        }
    }
    path.reverse();
    path
}

/// Tarjan's algorithm, with a stack of its own.
struct Parts<'a> {
    graph: &'a Graph,
    wanted: &'a dyn Fn(usize) -> bool,
    index: Vec<usize>,
    low: Vec<usize>,
    part: Vec<usize>,
    open: Vec<usize>,
    next: usize,
    parts: usize,
}

const NONE: usize = usize::MAX;

impl Parts<'_> {
    fn of(graph: &Graph, wanted: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let none = vec![NONE; graph.nodes()];
        let (index, low, part) = (none.clone(), none.clone(), none);
        let (open, next, parts) = (Vec::new(), 0, 0);
        let mut all = Parts { graph, wanted, index, low, part, open, next, parts };
        for node in 0..graph.nodes() {
            if all.index[node] == NONE {
                all.visit(node);
            }
        }
        all.part
    }

    fn begin(&mut self, node: usize) {
        self.index[node] = self.next;
        self.low[node] = self.next;
        self.next += 1;
        self.open.push(node);
    }

    fn visit(&mut self, root: usize) {
        let mut stack = vec![(root, 0)];
        self.begin(root);
        while let Some((node, at)) = stack.last_mut() {
            let node = *node;
            let Some((to, what)) = self.graph.edges[node].get(*at).copied() else {
                stack.pop();
                if let Some((above, _)) = stack.last() {
                    self.low[*above] = self.low[*above].min(self.low[node]);
                }
                if self.low[node] == self.index[node] {
                    self.close(node);
                }
                continue;
            };
            *at += 1;
            if !(self.wanted)(what) {
                continue;
            }
            if self.index[to] == NONE {
                self.begin(to);
                stack.push((to, 0));
            } else if self.part[to] == NONE {
                self.low[node] = self.low[node].min(self.index[to]);
            }
        }
    }

    fn close(&mut self, root: usize) {
        while let Some(node) = self.open.pop() {
            self.part[node] = self.parts;
            if node == root {
                break;
            }
        }
        self.parts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(edges: &[(usize, usize)]) -> Option<Vec<usize>> {
        let mut graph = Graph::new(8);
        for (from, to) in edges {
            graph.add(*from, *to, 0);
        }
        graph.circle(&|_| true).map(|edges| edges.iter().map(|edge| edge.from).collect())
    }

    #[test]
    fn the_shortest_circle_is_found_and_none_where_there_is_none() {
        assert_eq!(circle(&[(0, 1), (1, 2), (0, 2), (2, 3)]), None);
        assert_eq!(circle(&[(0, 1), (1, 2), (2, 3), (3, 0), (1, 0)]), Some(vec![0, 1]));
        assert_eq!(circle(&[(0, 1), (1, 2), (2, 1)]), Some(vec![1, 2]));
        assert_eq!(circle(&[(3, 3), (3, 4)]), Some(vec![3]));
    }

    #[test]
    fn parts_are_those_whose_nodes_reach_each_other() {
        let mut graph = Graph::new(5);
        for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 3), (3, 2)] {
            graph.add(from, to, 0);
        }
        let parts = graph.parts(&|_| true);
        assert_eq!(parts[0], parts[1]);
        assert_eq!(parts[2], parts[3]);
        assert!(parts[0] != parts[2] && parts[4] != parts[0] && parts[4] != parts[2]);
    }
}
