//! Where the words of arrows stand: along the arrow or at one of its ends, wherever they cover least.
//!
//! Those that have the least choice come first. What a place costs is how much of other words it covers;
//! lines that run beneath it count little.

use super::flight::Flight;
use super::harm::band_room;
use super::layout::{CHAR, LEFT, Layout, NOTE, Place, columns_in, columns_px, words_px};
use super::scene::{Arrow, ItemKind, Note, Scene, cut, width};

/// A steeper arrow has its words beside its beginning instead of along it.
const STEEP: f64 = 0.5;

/// How far the words stand above their line, and how high they are.
const ABOVE: f64 = 5.0;
const HEIGHT: f64 = 11.0;

/// A label is looked at in pieces of this width.
const PIECE: f64 = 16.0;

/// How many places along an arrow are tried.
const PLACES: u32 = 9;

/// What costs as much as so many covered pixels: a line beneath a piece, a place that comes later in the
/// list, and one that is not on the page.
const OVER_A_LINE: f64 = 25.0;
const LESS_USUAL: f64 = 6.0;
const OFF_THE_PAGE: f64 = 1e6;

/// Where words stand.
pub(super) struct Spot {
    pub(super) words: Words,
    pub(super) anchor: Anchor,
    pub(super) x: f64,
    pub(super) y: f64,
    /// In degrees, clockwise.
    pub(super) turn: f64,
}

/// Which part of words stands at their place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// What stands at an arrow, as far as there is room for it.
#[derive(Clone)]
pub(super) struct Words {
    pub(super) label: String,
    pub(super) arrived: Option<String>,
    pub(super) tag: Option<String>,
}

/// A part of the picture.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Room {
    /// The pixels that both have.
    fn shared(&self, other: &Room) -> f64 {
        let wide = self.right.min(other.right) - self.left.max(other.left);
        let high = self.bottom.min(other.bottom) - self.top.max(other.top);
        wide.max(0.0) * high.max(0.0)
    }
}

/// Where a note stands: beside its lifeline where there is room, and within the picture at any rate.
pub(super) fn note_room(layout: &Layout, note: &Note, place: Place) -> Room {
    let wide = columns_px(width(&note.text)) + 40.0;
    let own = layout.x(note.node) - wide / 2.0;
    let left = own.clamp(LEFT, (layout.right() - wide).max(LEFT));
    let top = place.from - NOTE / 2.0;
    Room { left, top, right: left + wide, bottom: top + NOTE }
}

/// The places of the words of all items; of those that are arrows.
pub(super) fn spots(scene: &Scene<'_>, layout: &Layout) -> Vec<Option<Spot>> {
    let mut taken = Taken { layout, rooms: Vec::new(), flights: Vec::new() };
    let mut arrows = Vec::new();
    for (number, (item, place)) in scene.items.iter().zip(&layout.places).enumerate() {
        match &item.kind {
            ItemKind::Band(band) => taken.rooms.push(band_room(layout, band, *place)),
            ItemKind::Note(note) => taken.rooms.push(note_room(layout, note, *place)),
            ItemKind::Arrow(arrow) => {
                let flight = Flight::of(layout, arrow, *place);
                let words = Words::of(arrow, &flight, layout);
                let free = (flight.x2 - flight.x1).abs() - words.px();
                arrows.push((number, flight, words, free));
                taken.flights.push((number, flight));
            }
        }
    }
    arrows.sort_by(|one, other| one.3.total_cmp(&other.3));
    let mut spots: Vec<Option<Spot>> = scene.items.iter().map(|_| None).collect();
    for (number, flight, words, _) in arrows {
        spots[number] = Some(taken.take(number, &flight, words));
    }
    spots
}

impl Words {
    fn of(arrow: &Arrow, flight: &Flight, layout: &Layout) -> Words {
        let Arrow { label, arrived, tag, .. } = arrow;
        let mut words = Words { label: label.clone(), arrived: arrived.clone(), tag: tag.clone() };
        let room = if flight.bend != 0.0 {
            layout.right() - flight.x1 - flight.bend - 14.0
        } else {
            // What does not arrive has its words over the rest of its way, too.
            let whole = (layout.x(arrow.to) - layout.x(arrow.from)).abs();
            whole - 16.0
        };
        words.fit(room);
        words
    }

    /// What it takes.
    fn px(&self) -> f64 {
        words_px(&self.label, self.arrived.as_deref(), self.tag.as_deref())
    }

    /// Cuts off what there is no room for: first of what was sent, if something else arrived.
    fn fit(&mut self, room: f64) {
        let missing = self.px() - room;
        let mut excess = if missing > 0.0 { columns_in(missing + CHAR) } else { 0 };
        let parts =
            [(Some(&mut self.label), 8), (self.arrived.as_mut(), 12), (self.tag.as_mut(), 12)];
        for (part, least) in parts {
            let Some(part) = part else { continue };
            let has = width(part);
            let keeps = has.saturating_sub(excess).max(least.min(has));
            excess = excess.saturating_sub(has - keeps);
            *part = cut(part, keeps);
        }
    }
}

/// What stands in the picture already.
struct Taken<'a> {
    layout: &'a Layout,
    rooms: Vec<Room>,
    flights: Vec<(usize, Flight)>,
}

impl Taken<'_> {
    /// The best place for words, which is taken from now on.
    fn take(&mut self, number: usize, flight: &Flight, words: Words) -> Spot {
        let px = words.px();
        let mut best: Option<(f64, Spot)> = None;
        for (usual, spot) in places(self.layout, flight, &words).into_iter().enumerate() {
            let usual = u32::try_from(usual).map_or(0.0, f64::from);
            let cost = self.cost(number, &pieces(&spot, px)) + usual * LESS_USUAL;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, spot));
            }
        }
        let (_, spot) = best.unwrap_or_else(|| (0.0, at_beginning(flight, words)));
        self.rooms.extend(pieces(&spot, px));
        spot
    }

    fn cost(&self, number: usize, pieces: &[Room]) -> f64 {
        let mut cost = 0.0;
        for piece in pieces {
            cost += self.rooms.iter().map(|room| piece.shared(room)).sum::<f64>();
            let crosses =
                |(other, flight): &&(usize, Flight)| *other != number && crosses(flight, piece);
            let lines = self.flights.iter().filter(crosses).count();
            cost += OVER_A_LINE * u32::try_from(lines).map_or(0.0, f64::from);
            if piece.left < LEFT - 16.0 || piece.right > self.layout.right() + 4.0 {
                cost += OFF_THE_PAGE;
            }
        }
        cost
    }
}

/// True if the line of an arrow runs through a piece.
fn crosses(flight: &Flight, piece: &Room) -> bool {
    let x = f64::midpoint(piece.left, piece.right);
    let (low, high) = (flight.x1.min(flight.x2), flight.x1.max(flight.x2));
    if x < low || x > high || high - low < 1.0 {
        return false;
    }
    let part = (x - flight.x1) / (flight.x2 - flight.x1);
    let y = flight.y1 + part * (flight.y2 - flight.y1);
    y > piece.top && y < piece.bottom
}

/// The places that words may have, the usual ones first.
fn places(layout: &Layout, flight: &Flight, words: &Words) -> Vec<Spot> {
    let Flight { x1, y1, x2, y2, angle, bend, slope } = *flight;
    if bend != 0.0 {
        let (x, y) = (x1 + bend + 14.0, f64::midpoint(y1, y2) + 4.0 + ABOVE);
        return vec![Spot { words: words.clone(), anchor: Anchor::Start, x, y, turn: 0.0 }];
    }
    // Text is never upside down.
    let turn = if x2 < x1 { angle - 180.0 } else { angle };
    let mut places = Vec::new();
    let (length, px) = ((x2 - x1).abs(), words.px());
    if slope <= STEEP && px + 16.0 <= length {
        let mut along = |part: f64| {
            let (x, y) = (x1 + part * (x2 - x1), y1 + part * (y2 - y1));
            places.push(Spot { words: words.clone(), anchor: Anchor::Middle, x, y, turn });
        };
        let margin = (px / 2.0 + 8.0) / length;
        // In the gap beside its sender: every sending has a height of its own.
        let usual = (layout.next_x(x1, x2) - x1) / (x2 - x1) / 2.0;
        along(usual.clamp(margin, 1.0 - margin));
        let step = (1.0 - 2.0 * margin) / f64::from(PLACES - 1);
        let mut parts: Vec<f64> =
            (0..PLACES).map(|place| margin + step * f64::from(place)).collect();
        parts.sort_by(|a, b| (a - usual).abs().total_cmp(&(b - usual).abs()));
        parts.into_iter().for_each(&mut along);
    } else if slope <= STEEP {
        let (anchor, x) = beside(flight, 12.0);
        places.push(Spot { words: words.clone(), anchor, x, y: y1, turn });
    }
    places.push(at_beginning(flight, words.clone()));
    let (anchor, x) = if x2 > x1 { (Anchor::End, x2 - 9.0) } else { (Anchor::Start, x2 + 9.0) };
    let beneath = y2 + ABOVE + HEIGHT + 2.0;
    places.push(Spot { words: words.clone(), anchor, x, y: beneath, turn: 0.0 });
    places
}

fn at_beginning(flight: &Flight, words: Words) -> Spot {
    let (anchor, x) = beside(flight, 9.0);
    Spot { words, anchor, x, y: flight.y1, turn: 0.0 }
}

fn beside(flight: &Flight, by: f64) -> (Anchor, f64) {
    if flight.x2 > flight.x1 {
        (Anchor::Start, flight.x1 + by)
    } else {
        (Anchor::End, flight.x1 - by)
    }
}

/// The parts of the picture that words cover.
fn pieces(spot: &Spot, px: f64) -> Vec<Room> {
    let begin = match spot.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -px / 2.0,
        Anchor::End => -px,
    };
    let (sin, cos) = (libm::sin(spot.turn.to_radians()), libm::cos(spot.turn.to_radians()));
    let mut pieces = Vec::new();
    let mut from = begin;
    while from < begin + px {
        let middle = from + PIECE / 2.0;
        let (x, y) = (spot.x + middle * cos, spot.y + middle * sin - ABOVE);
        let half = PIECE / 2.0;
        pieces.push(Room { left: x - half, top: y - HEIGHT, right: x + half, bottom: y + 2.0 });
        from += PIECE;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::layout::words_px;
    use super::super::scene::Scene;
    use super::*;
    use crate::render::sample::{ALICE, APP, DB, Run, header};
    use crate::trace::Fate;

    /// The words of a run: what they cover, for each arrow.
    fn covered(run: &Run) -> (f64, Vec<Vec<Room>>) {
        let header = header();
        let mut scene = Scene::new(&header);
        run.events.iter().for_each(|event| scene.add(event));
        let fold = scene.finish();
        let layout = Layout::of(&scene, fold);
        let px =
            |words: &Words| words_px(&words.label, words.arrived.as_deref(), words.tag.as_deref());
        let spots = spots(&scene, &layout);
        let rooms = spots.iter().flatten().map(|spot| pieces(spot, px(&spot.words))).collect();
        (layout.right(), rooms)
    }

    #[test]
    fn words_that_cross_stand_beside_each_other() {
        let mut run = Run::default();
        // Two replies, the first of which overtakes nothing and both of which cross the request.
        run.message((0, 60), 1, (ALICE, APP), "POST /a/request/of/some/length", None);
        run.message((5, 20), 1, (APP, ALICE), "200 OK the first of the replies", None);
        run.message((10, 15), 1, (APP, ALICE), "200 OK the second of the replies", None);
        let (_, rooms) = covered(&run);
        for (number, one) in rooms.iter().enumerate() {
            for other in &rooms[number + 1..] {
                let shared: f64 = one.iter().flat_map(|a| other.iter().map(|b| a.shared(b))).sum();
                assert!(shared < 1.0, "{shared}");
            }
        }
    }

    #[test]
    fn words_without_room_are_cut_and_stay_on_the_page() {
        let long = "a summary that is longer than any arrow of this picture can be";
        let mut run = Run::default();
        for (number, ends) in
            [(ALICE, APP), (APP, ALICE), (APP, DB), (DB, APP)].into_iter().enumerate()
        {
            let at = 100 * number as u64;
            run.message((at, at + 10), 1, ends, long, None).fate = Fate::Dropped;
        }
        let (right, rooms) = covered(&run);
        for room in rooms.iter().flatten() {
            assert!(room.left >= LEFT - 16.0 && room.right <= right + 4.0);
        }
    }
}
