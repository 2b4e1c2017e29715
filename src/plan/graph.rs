//! Circles in small graphs.

/// Circles of the graph in which node `n` has the edges `edges[n]` (a target and a label), each as
/// the edges' sources and labels in order. Every node lies on at most one of them, and there is none
/// exactly if the graph has none.
pub(super) fn cycles<L: Copy>(edges: &[Vec<(usize, L)>]) -> Vec<Vec<(usize, L)>> {
    const NEW: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![NEW; edges.len()];
    let mut cycles = Vec::new();
    for root in 0..edges.len() {
        if state[root] != NEW {
            continue;
        }
        state[root] = OPEN;
        // The path from the root: each node and the next of its edges to follow.
        let mut path: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let (node, edge) = (*node, *next);
            *next += 1;
            let Some((target, _)) = edges[node].get(edge) else {
                state[node] = DONE;
                path.pop();
                continue;
            };
            if state[*target] == NEW {
                state[*target] = OPEN;
                path.push((*target, 0));
            } else if state[*target] == OPEN {
                let from = path.iter().position(|(on, _)| on == target).unwrap_or(0);
                let circle = path[from..].iter().map(|(on, next)| (*on, edges[*on][next - 1].1));
                cycles.push(circle.collect());
                // The nodes of a circle are done: whatever else they lead to adds no new one.
                for (on, _) in path.drain(from..) {
                    state[on] = DONE;
                }
            }
        }
    }
    cycles
}

#[cfg(test)]
mod tests {
    use super::cycles;

    fn graph(edges: &[&[usize]]) -> Vec<Vec<(usize, usize)>> {
        let edge = |from: usize, to: usize| (to, from * 10 + to);
        edges
            .iter()
            .enumerate()
            .map(|(from, targets)| targets.iter().map(|to| edge(from, *to)).collect())
            .collect()
    }

    #[test]
    fn circles_are_found_exactly_where_there_are_some() {
        assert!(cycles(&graph(&[&[1, 2], &[2], &[]])).is_empty());
        assert_eq!(cycles(&graph(&[&[0]])), [vec![(0, 0)]]);
        assert_eq!(cycles(&graph(&[&[1], &[2], &[0]])), [vec![(0, 1), (1, 12), (2, 20)]]);
        assert_eq!(cycles(&graph(&[&[1], &[2], &[1]])), [vec![(1, 12), (2, 21)]]);
        assert_eq!(cycles(&graph(&[&[1], &[0], &[3], &[2]])).len(), 2);
    }
}
