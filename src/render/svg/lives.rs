//! From where to where something was so: a fault was loose, a node was down.
//!
//! ```text
//! items -> changes (height, whose, what from now on) -> spans (whose, what, from, to)
//! ```
//!
//! What happened in the folded part counts at the fold.

use std::collections::BTreeMap;

use crate::base::NodeId;
use crate::trace::FaultPhase;

use super::layout::Layout;
use super::scene::{ItemKind, NoteKind, Scene};

/// The most brackets that stand beside one another.
const LANES_MAX: usize = 6;

/// How a node stands if it is not as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its program is gone; `wanted` if a fault did it.
    Down {
        /// True if a fault did it.
        wanted: bool,
    },
    /// It does nothing.
    Still,
}

/// Heights between which something was so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span<K, S> {
    pub(super) whose: K,
    pub(super) what: S,
    pub(super) from: f64,
    pub(super) to: f64,
    /// True if it was not over at the end of the picture.
    pub(super) open: bool,
}

/// What becomes of a node through a note, if anything: `None` in it is as usual.
pub(super) fn standing(kind: NoteKind) -> Option<Option<Standing>> {
    match kind {
        NoteKind::Wrong | NoteKind::Said => None,
        NoteKind::Crash { wanted } => Some(Some(Standing::Down { wanted })),
        NoteKind::Pause => Some(Some(Standing::Still)),
        NoteKind::Restart | NoteKind::Resume => Some(None),
    }
}

/// Where nodes did not stand as usual.
pub(super) fn of_nodes(scene: &Scene<'_>, layout: &Layout) -> Vec<Span<NodeId, Standing>> {
    let change = |kind: &ItemKind| match kind {
        ItemKind::Note(note) => standing(note.kind).map(|standing| (note.node, standing)),
        _ => None,
    };
    spans(changes(scene, layout, change, &scene.folded_nodes), layout.bottom)
}

/// Where faults were loose, by their numbers in the scene.
pub(super) fn of_faults(scene: &Scene<'_>, layout: &Layout) -> Vec<Span<usize, ()>> {
    let change = |kind: &ItemKind| match kind {
        ItemKind::Band(band) => Some((band.fault, loose(band.phase))),
        _ => None,
    };
    spans(changes(scene, layout, change, &scene.folded_faults), layout.bottom)
}

/// Whether a fault is loose after one end of its life.
pub(super) fn loose(phase: FaultPhase) -> Option<()> {
    (phase == FaultPhase::Start).then_some(())
}

type Change<K, S> = (f64, K, Option<S>);

fn changes<K: Copy, S: Copy>(
    scene: &Scene<'_>,
    layout: &Layout,
    change: impl Fn(&ItemKind) -> Option<(K, Option<S>)>,
    folded: &BTreeMap<K, Option<S>>,
) -> Vec<Change<K, S>> {
    let mut changes = Vec::new();
    for (index, (item, place)) in scene.items.iter().zip(&layout.places).enumerate() {
        if let Some((at, fold)) = layout.fold.filter(|(at, _)| *at == index) {
            debug_assert_eq!(at, index);
            changes.extend(folded.iter().map(|(whose, what)| (fold, *whose, *what)));
        }
        changes.extend(change(&item.kind).map(|(whose, what)| (place.from, whose, what)));
    }
    changes
}

fn spans<K: Ord + Copy, S: Copy + PartialEq>(
    changes: Vec<Change<K, S>>,
    bottom: f64,
) -> Vec<Span<K, S>> {
    let mut open: BTreeMap<K, (S, f64)> = BTreeMap::new();
    let mut spans = Vec::new();
    for (y, whose, what) in changes {
        if open.get(&whose).map(|(what, _)| *what) == what {
            continue;
        }
        if let Some((was, from)) = open.remove(&whose) {
            spans.push(Span { whose, what: was, from, to: y, open: false });
        }
        if let Some(what) = what {
            open.insert(whose, (what, y));
        }
    }
    let rest = open.into_iter();
    spans.extend(rest.map(|(whose, (what, from))| Span {
        whose,
        what,
        from,
        to: bottom,
        open: true,
    }));
    spans.sort_by(|a, b| a.from.total_cmp(&b.from).then(a.whose.cmp(&b.whose)));
    spans
}

/// For each span the lane of its bracket, so that no two overlap; `None` where there are too many.
pub(super) fn lanes<K, S>(spans: &[Span<K, S>]) -> Vec<Option<usize>> {
    let mut until = [f64::MIN; LANES_MAX];
    spans
        .iter()
        .map(|span| {
            let lane = until.iter().position(|until| *until < span.from)?;
            until[lane] = span.to;
            Some(lane)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_ends_with_its_end_or_with_the_picture() {
        let changes = vec![
            (10.0, 1, Some('a')),
            (20.0, 2, Some('b')),
            (25.0, 3, None),
            (30.0, 1, None),
            (40.0, 1, Some('c')),
            (45.0, 1, Some('c')),
        ];
        let span = |whose, what, from, to, open| Span { whose, what, from, to, open };
        let spans = spans(changes, 99.0);
        assert_eq!(
            spans,
            [
                span(1, 'a', 10.0, 30.0, false),
                span(2, 'b', 20.0, 99.0, true),
                span(1, 'c', 40.0, 99.0, true)
            ]
        );
        assert_eq!(lanes(&spans), [Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn too_many_brackets_are_not_drawn() {
        let spans: Vec<Span<usize, ()>> = (0..10)
            .map(|whose| Span { whose, what: (), from: 1.0, to: 2.0, open: false })
            .collect();
        assert_eq!(lanes(&spans).iter().flatten().count(), LANES_MAX);
    }
}
