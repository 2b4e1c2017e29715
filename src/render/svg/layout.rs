//! Where everything is drawn, in pixels.

use std::collections::BTreeMap;

use crate::base::{NodeId, Seq, Time};

use super::harm::brackets_px;
use super::lives;
use super::scene::{ItemKind, NoteKind, Scene, width};

/// The width of one column of the monospaced font of labels, at 12 pixels.
pub(super) const CHAR: f64 = 7.23;

/// The size of small letters, in parts of others.
pub(super) const SMALL: f64 = 10.5 / 12.0;

/// The room for the axis of time, and on the right.
pub(super) const LEFT: f64 = 96.0;
const RIGHT: f64 = 40.0;

/// The least and the most room between two lifelines; where there are few, each may have more.
const GAP_MIN: f64 = 150.0;
const GAP_MAX: f64 = 400.0;
const GAPS_MAX: f64 = 900.0;
const ONE_GAP_MAX: f64 = 660.0;

/// The narrowest picture.
const WIDTH_MIN: f64 = 640.0;

/// The room for the title.
pub(super) const TITLE: f64 = 84.0;

/// The height of the boxes at the ends of the lifelines.
pub(super) const HEAD: f64 = 44.0;

/// The height of a note.
pub(super) const NOTE: f64 = 24.0;

/// The room that a fold takes.
const FOLD: f64 = 56.0;

/// A pause is marked if it is longer than this part of the whole time drawn.
const PAUSE_PART: u32 = 12;

/// Where everything is drawn.
pub(super) struct Layout {
    pub(super) width: f64,
    /// Where the lifelines end and what stands below begins.
    pub(super) bottom: f64,
    /// The lifelines, from left to right.
    pub(super) columns: Vec<Column>,
    /// The items' places, in their order.
    pub(super) places: Vec<Place>,
    /// Times along the axis.
    pub(super) ticks: Vec<Tick>,
    /// The index of the first item after the fold, and the height of the fold.
    pub(super) fold: Option<(usize, f64)>,
    /// The room on the right for the brackets of faults.
    pub(super) brackets: f64,
}

pub(super) struct Column {
    pub(super) node: NodeId,
    pub(super) x: f64,
}

/// The heights of an item: an arrow begins at `from` and ends at `to`.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) from: f64,
    pub(super) to: f64,
}

pub(super) enum Tick {
    At { y: f64, time: Time },
    Pause { y: f64, nanos: u64 },
}

/// A moment at which an item begins or ends.
struct Moment {
    at: Time,
    /// The order of what happens at one time.
    order: (Option<Seq>, usize),
    item: usize,
    is_end: bool,
    node: NodeId,
    what: What,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Sent,
    /// Sent, and not to arrive: its label stands at its beginning.
    SentInVain,
    Came,
    Lost,
    Noted,
    /// A fault begins or ends.
    Banded,
}

impl Layout {
    pub(super) fn of(scene: &Scene<'_>, fold_at: Option<usize>) -> Layout {
        let columns = columns(scene);
        let mut heights = Heights {
            y: TITLE + HEAD + 24.0,
            ticks: Vec::new(),
            places: vec![Place::default(); scene.items.len()],
        };
        let split = fold_at.unwrap_or(scene.items.len());
        heights.lay(&moments(scene, 0..split));
        let mut fold = None;
        if fold_at.is_some() {
            fold = Some((split, heights.y + FOLD / 2.0));
            heights.y += FOLD;
            heights.lay(&moments(scene, split..scene.items.len()));
        }
        let width =
            columns.last().map_or(0.0, |column| column.x) + half_head(scene, &columns) + RIGHT;
        let mut layout = Layout {
            width: width.max(WIDTH_MIN),
            brackets: 0.0,
            bottom: heights.y + 26.0,
            columns,
            places: heights.places,
            ticks: heights.ticks,
            fold,
        };
        layout.brackets = brackets_px(&lives::of_faults(scene, &layout));
        layout.width += layout.brackets;
        layout
    }

    /// The lifeline beside the one at `from` on the way to `to`, or `to` if that comes first.
    pub(super) fn next_x(&self, from: f64, to: f64) -> f64 {
        let beyond = |x: &f64| if to > from { *x > from + 1.0 } else { *x < from - 1.0 };
        let nearest = self
            .columns
            .iter()
            .map(|column| column.x)
            .filter(beyond)
            .min_by(|a, b| (a - from).abs().total_cmp(&(b - from).abs()));
        nearest.filter(|x| (x - from).abs() < (to - from).abs()).unwrap_or(to)
    }

    /// Where the tint of faults ends and their brackets begin.
    pub(super) fn right(&self) -> f64 {
        self.width - 28.0 - self.brackets
    }

    pub(super) fn x(&self, node: NodeId) -> f64 {
        self.columns.iter().find(|column| column.node == node).map_or(0.0, |column| column.x)
    }
}

/// Half the width of the box with a node's name.
pub(super) fn half_box(name: &str) -> f64 {
    (columns_px(width(name).max(6)) * 1.09 + 28.0) / 2.0
}

fn half_head(scene: &Scene<'_>, columns: &[Column]) -> f64 {
    columns.last().map_or(0.0, |last| half_box(scene.header.node_name(last.node)))
}

/// Columns of text in pixels.
pub(super) fn columns_px(columns: usize) -> f64 {
    u32::try_from(columns).map_or(0.0, f64::from) * CHAR
}

/// How many columns of text pixels have room for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a picture's width is some hundreds of columns"
)]
pub(super) fn columns_in(px: f64) -> usize {
    (px / CHAR).max(0.0) as usize
}

/// What an arrow's words take.
pub(super) fn words_px(label: &str, arrived: Option<&str>, tag: Option<&str>) -> f64 {
    let arrived = arrived.map_or(0, |arrived| width(arrived) + 3);
    let tag = tag.map_or(0.0, |tag| columns_px(width(tag)) * SMALL + CHAR);
    columns_px(width(label) + arrived) + tag
}

/// Clients first, so that time and causes run from left to right; then in the order of first use.
fn columns(scene: &Scene<'_>) -> Vec<Column> {
    let mut nodes = scene.nodes.clone();
    nodes.sort_by_key(|node| scene.is_server(*node));
    let rank: BTreeMap<NodeId, usize> = nodes.iter().copied().zip(0..).collect();
    let mut gaps = vec![GAP_MIN; nodes.len().saturating_sub(1)];
    for (index, pair) in nodes.windows(2).enumerate() {
        let halves: f64 = pair.iter().map(|node| half_box(scene.header.node_name(*node))).sum();
        gaps[index] = gaps[index].max(halves + 20.0);
    }
    let shared = GAPS_MAX / u32::try_from(gaps.len().max(1)).map_or(1.0, f64::from);
    let most = shared.clamp(GAP_MAX, ONE_GAP_MAX);
    for item in &scene.items {
        let ItemKind::Arrow(arrow) = &item.kind else { continue };
        let (Some(&a), Some(&b)) = (rank.get(&arrow.from), rank.get(&arrow.to)) else { continue };
        let (low, high) = (a.min(b), a.max(b));
        // The label of an arrow to its own node stands on its right.
        let span = if low == high { low..high + 1 } else { low..high };
        let Some(between) = gaps.get(span) else { continue };
        let missing = words_px(&arrow.label, arrow.arrived.as_deref(), arrow.tag.as_deref()) + 56.0
            - between.iter().sum::<f64>();
        if missing > 0.0 && !between.is_empty() {
            let share = missing / u32::try_from(between.len()).map_or(1.0, f64::from);
            let end = low + between.len();
            gaps[low..end].iter_mut().for_each(|gap| *gap = (*gap + share).min(most));
        }
    }
    let first = nodes.first().map_or(0.0, |node| half_box(scene.header.node_name(*node)));
    let mut x = LEFT + first;
    let mut columns = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.into_iter().enumerate() {
        columns.push(Column { node, x });
        x += gaps.get(index).copied().unwrap_or(0.0);
    }
    columns
}

/// The moments of some items, in the order in which they are drawn from the top.
fn moments(scene: &Scene<'_>, range: std::ops::Range<usize>) -> Vec<Moment> {
    let (mut moments, mut early) = (Vec::new(), Vec::new());
    for item in range {
        let of = &scene.items[item];
        match &of.kind {
            ItemKind::Note(note) => {
                let moment = noted(of.at, item, note.node, What::Noted);
                match note.kind {
                    NoteKind::Restart | NoteKind::Resume => early.push(moment),
                    _ => moments.push(moment),
                }
            }
            ItemKind::Band(_) => early.push(noted(of.at, item, NodeId::OUTSIDE, What::Banded)),
            ItemKind::Arrow(arrow) => {
                let (begin, end) = match arrow.came {
                    true => (What::Sent, What::Came),
                    false => (What::SentInVain, What::Lost),
                };
                for (at, node, what) in [(arrow.sent, arrow.from, begin), (of.at, arrow.to, end)] {
                    let is_end = what == end;
                    moments.push(Moment { at, order: (arrow.seq, item), item, is_end, node, what });
                }
            }
        }
    }
    // What has no number comes after the messages of its time.
    moments
        .sort_by_key(|moment| (moment.at, moment.order.0.is_none(), moment.order, moment.is_end));
    // But what is sent at the very moment at which a fault begins or ends, or a node goes on, is so
    // because of that, unless it came to its end before.
    for moment in early {
        let before = |other: &Moment| (other.at, other.item) < (moment.at, moment.item);
        let at = moments.iter().rposition(before).map_or(0, |last| last + 1);
        moments.insert(at, moment);
    }
    moments
}

fn noted(at: Time, item: usize, node: NodeId, what: What) -> Moment {
    Moment { at, order: (None, item), item, is_end: false, node, what }
}

/// The heights, from the top.
struct Heights {
    y: f64,
    ticks: Vec<Tick>,
    places: Vec<Place>,
}

impl Heights {
    fn lay(&mut self, moments: &[Moment]) {
        let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return };
        let whole = last.at.since(first.at);
        let mut before: Option<&Moment> = None;
        let mut tick_y = f64::MIN;
        let mut in_flight = 0;
        for moment in moments {
            if let Some(before) = before {
                let passed = moment.at.since(before.at);
                self.y += step(before, moment);
                // While something is under way, its arrow tells how long that takes.
                if in_flight == 0 && passed > whole / PAUSE_PART && moments.len() > 4 {
                    self.y += 8.0;
                    let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
                    self.ticks.push(Tick::Pause { y: self.y, nanos });
                    self.y += 26.0;
                }
            }
            match moment.what {
                What::Sent | What::SentInVain => in_flight += 1,
                What::Came | What::Lost => in_flight -= 1,
                What::Noted | What::Banded => {}
            }
            let place = &mut self.places[moment.item];
            match moment.what {
                What::Sent | What::SentInVain | What::Noted | What::Banded => {
                    *place = Place { from: self.y, to: self.y }
                }
                What::Came | What::Lost => place.to = self.y,
            }
            let is_new = before.is_none_or(|before| before.at != moment.at);
            if is_new && self.y - tick_y >= 13.0 {
                self.ticks.push(Tick::At { y: self.y, time: moment.at });
                tick_y = self.y;
            }
            before = Some(moment);
        }
        if moments.last().is_some_and(|moment| matches!(moment.what, What::Noted | What::Banded)) {
            self.y += NOTE / 2.0;
        }
    }
}

/// The room between two moments that follow one another.
fn step(before: &Moment, next: &Moment) -> f64 {
    match (before.what, next.what) {
        (What::Noted, What::Noted) => NOTE + 8.0,
        // The words of a band are wide: neither label nor note is to stand over them.
        (What::Banded, What::Banded) => NOTE + 2.0,
        (What::Sent | What::SentInVain, What::Banded) => 40.0,
        (What::Banded, _) | (_, What::Banded) => 32.0,
        (What::Noted, _) | (_, What::Noted) => NOTE,
        // What comes in and what goes out because of it nearly meet, with room for a label between.
        (What::Came, What::Sent) if before.node == next.node => 16.0,
        (What::Sent | What::SentInVain, What::Sent | What::SentInVain) => 20.0,
        _ => 24.0,
    }
}
