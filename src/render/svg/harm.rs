//! What faults add to the picture: bands, brackets beside them, lifelines of nodes that are not as usual.

use std::fmt::Write as _;

use crate::base::NodeId;

use super::labels::Room;
use super::layout::{HEAD, LEFT, Layout, NOTE, Place, TITLE, columns_in, columns_px};
use super::lives::{self, Span, Standing};
use super::paint::Painter;
use super::scene::{Band, NoteKind, cut, width};
use super::text::escape;

/// The room of one bracket.
const LANE: f64 = 9.0;

/// A fault that is loose for more than this part of the picture does not tint it.
const TINTED_PART: f64 = 0.5;

/// The most columns of a band's words, however wide the picture is.
const WORDS_MAX: usize = 150;

impl Painter<'_> {
    /// Behind everything: where which fault was loose.
    pub(super) fn lives(&mut self) {
        let spans = lives::of_faults(self.scene, self.layout);
        let (left, right) = (LEFT - 20.0, self.layout.right());
        for (span, lane) in spans.iter().zip(lives::lanes(&spans)) {
            let Some(lane) = lane else { continue };
            let (from, height) = (span.from, span.to - span.from);
            let x = right + 6.0 + LANE * u32::try_from(lane).map_or(0.0, f64::from);
            // A tint over everything would say nothing.
            if height < self.layout.bottom * TINTED_PART {
                self.put(&format!(
                    "<rect class=\"loose\" x=\"{left:.1}\" y=\"{from:.1}\" width=\"{:.1}\" \
                     height=\"{height:.1}\"/>",
                    right - left
                ));
            }
            // What was not over has no foot.
            let foot = if span.open { "" } else { "h-4" };
            let mut lead = format!("M{right:.1} {from:.1}H{x:.1}");
            if !span.open {
                let _ = write!(lead, "M{right:.1} {:.1}H{x:.1}", span.to);
            }
            self.put(&format!(
                "<path class=\"bandline\" d=\"{lead}\"/>\
                 <path class=\"bracket\" d=\"M{:.1} {from:.1}h4v{height:.1}{foot}\"/>",
                x - 4.0
            ));
        }
    }

    /// The line of a band, beneath the arrows.
    pub(super) fn band_line(&mut self, place: Place) {
        let (left, right, y) = (LEFT - 20.0, self.layout.right(), place.from);
        self.put(&format!("<path class=\"bandline\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"));
    }

    /// The words of a band, over everything.
    pub(super) fn band_words(&mut self, band: &Band, place: Place) {
        let (name, words, wide) = band_parts(self.layout, band);
        let (x, y) = (LEFT, place.from);
        let class = if band.is_unused { " unused" } else { "" };
        self.put(&format!(
            "<rect class=\"band{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"20\" \
             rx=\"10\"/><text class=\"ink\" x=\"{:.1}\" y=\"{:.1}\"><tspan class=\"fault strong\">{}\
             </tspan> {}</text>",
            y - 10.0,
            x + 10.0,
            y + 4.0,
            escape(&name),
            escape(&words)
        ));
    }

    /// A lifeline: gone while its node is down, hatched while it stands still.
    pub(super) fn lifeline(&mut self, node: NodeId, spans: &[Span<NodeId, Standing>]) {
        let (x, top, bottom) = (self.layout.x(node), TITLE + HEAD, self.layout.bottom);
        let mut way = format!("M{x:.1} {top:.1}");
        let mut still = String::new();
        for span in spans.iter().filter(|span| span.whose == node) {
            let (from, to) = (span.from.max(top), span.to);
            if span.what == Standing::Still {
                still.push_str(&format!("M{x:.1} {from:.1}V{to:.1}"));
            }
            way.push_str(&format!("V{from:.1}M{x:.1} {to:.1}"));
        }
        self.put(&format!("<path class=\"rule\" d=\"{way}V{bottom:.1}\"/>"));
        if !still.is_empty() {
            self.put(&format!("<path class=\"still\" d=\"{still}\"/>"));
        }
        for span in spans.iter().filter(|span| span.whose == node) {
            if let Standing::Down { wanted: false } = span.what {
                let (from, to) = (span.from - NOTE / 2.0, span.to);
                self.put(&format!(
                    "<path class=\"badline\" stroke-dasharray=\"3 5\" d=\"M{x:.1} {from:.1}V{to:.1}\"/>"
                ));
            }
        }
    }

    /// The sign before a note's text, in a box of 8 by 8 at `x`, `y`.
    pub(super) fn sign(kind: NoteKind, x: f64, y: f64) -> String {
        match kind {
            NoteKind::Wrong | NoteKind::Crash { wanted: false } => {
                format!("<path class=\"badline\" d=\"M{x:.1} {y:.1}l8 8m0 -8l-8 8\"/>")
            }
            NoteKind::Said => {
                format!(
                    "<circle class=\"dim\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                    x + 4.0,
                    y + 4.0
                )
            }
            NoteKind::Crash { wanted: true } => {
                format!("<path class=\"bracket\" d=\"M{x:.1} {y:.1}l8 8m0 -8l-8 8\"/>")
            }
            NoteKind::Pause => {
                format!("<path class=\"fault\" d=\"M{x:.1} {y:.1}h3v8h-3zm5 0h3v8h-3z\"/>")
            }
            NoteKind::Restart | NoteKind::Resume => {
                format!("<path class=\"fault\" d=\"M{x:.1} {y:.1}l8 4l-8 4z\"/>")
            }
        }
    }
}

/// The name and the words of a band, and how wide it is.
fn band_parts(layout: &Layout, band: &Band) -> (String, String, f64) {
    let columns = columns_in(layout.right() - LEFT - 40.0).clamp(20, WORDS_MAX);
    let name = cut(&band.name, columns / 2);
    let words = cut(&band.words, columns - width(&name) - 1);
    let wide = columns_px(width(&name) + 1 + width(&words)) + 20.0;
    (name, words, wide)
}

/// Where the words of a band stand.
pub(super) fn band_room(layout: &Layout, band: &Band, place: Place) -> Room {
    let (_, _, wide) = band_parts(layout, band);
    Room { left: LEFT, top: place.from - 10.0, right: LEFT + wide, bottom: place.from + 10.0 }
}

/// How much wider a picture is for the brackets beside it.
pub(super) fn brackets_px(spans: &[Span<usize, ()>]) -> f64 {
    let lanes = lives::lanes(spans).into_iter().flatten().max();
    lanes.map_or(0.0, |last| 6.0 + LANE * u32::try_from(last + 1).map_or(0.0, f64::from))
}
