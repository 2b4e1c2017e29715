//! What a message says, in pieces that are cut to the room there is.
//!
//! ```text
//! 200 OK → 503 Service Unavailable (edited by other-item) {"error":"late"}
//! | words|  |     arrived        |  |      remark      |  |   excerpt   |
//! ```

use anstyle::Style as Ink;

use super::style::{FAULT, PLAIN, Style};
use super::text::{self, cut, width};

/// The least of a body that is worth showing, in columns.
const EXCERPT_MIN: usize = 16;

/// What stands in an arrow, above it, or in a line of a list; all of it escaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Label {
    /// What it is.
    pub(super) words: String,
    pub(super) ink: Ink,
    /// What to say instead where there is too little room.
    pub(super) short: Option<String>,
    /// What arrived in its place.
    pub(super) arrived: Option<(String, Ink)>,
    /// What a fault did to it.
    pub(super) remark: Option<String>,
    /// The beginning of its body; cut as need be.
    pub(super) excerpt: Option<String>,
}

/// A text in one ink.
pub(super) type Piece = (String, Ink);

impl Label {
    /// Nothing but words.
    pub(super) fn new(words: String, ink: Ink) -> Label {
        Label { words, ink, ..Label::default() }
    }

    /// The pieces to be put into `room` columns; `None` if that is too little.
    pub(super) fn inside(&self, room: usize, style: Style) -> Option<Vec<Piece>> {
        let mut pieces = self.pieces(style);
        let used = pieces_width(&pieces);
        if used > room || self.excerpt.is_some() {
            let excerpt = self.excerpt.as_deref().unwrap_or_default();
            let left = room.saturating_sub(used + 1);
            if used <= room && left >= width(excerpt).min(EXCERPT_MIN) {
                let excerpt = cut(excerpt, left, style.glyphs().ellipsis);
                pieces.push((format!(" {excerpt}"), PLAIN));
                return Some(pieces);
            }
            let short = self.short.as_ref().filter(|short| width(short) <= room)?;
            return Some(vec![(short.clone(), self.ink)]);
        }
        Some(pieces)
    }

    /// All pieces, whatever room they take.
    pub(super) fn whole(&self, style: Style) -> Vec<Piece> {
        let mut pieces = self.pieces(style);
        pieces.extend(self.excerpt.iter().map(|body| (format!(" {body}"), PLAIN)));
        pieces
    }

    /// All pieces, cut to `room` columns so that of each something is left.
    pub(super) fn fitted(&self, room: usize, style: Style) -> Vec<Piece> {
        let whole = self.whole(style);
        if pieces_width(&whole) <= room {
            return whole;
        }
        let ellipsis = style.glyphs().ellipsis;
        let remark = self
            .remark
            .as_ref()
            .map(|remark| cut(remark, (room / 2).saturating_sub(3), ellipsis).into_owned());
        let mut fitted = Label { remark, ..self.clone() };
        let left = room.saturating_sub(fitted.added(style));
        let arrived = self.arrived.as_ref().map_or(0, |(words, _)| width(words));
        let for_words =
            left.saturating_sub(arrived).max(left.div_ceil(1 + usize::from(arrived > 0)));
        fitted.words = cut(&self.words, for_words, ellipsis).into_owned();
        let for_arrived = left.saturating_sub(width(&fitted.words));
        if let Some((words, _)) = &mut fitted.arrived {
            *words = cut(words, for_arrived, ellipsis).into_owned();
        }
        let mut pieces = fitted.pieces(style);
        if let Some(excerpt) = &self.excerpt {
            let left = room.saturating_sub(pieces_width(&pieces));
            pieces.push((cut(&format!(" {excerpt}"), left, ellipsis).into_owned(), PLAIN));
        }
        pieces
    }

    /// True if there is more to tell than of a message that came as it was sent.
    pub(super) fn is_harmed(&self) -> bool {
        self.arrived.is_some() || self.remark.is_some()
    }

    /// All in one text.
    pub(super) fn text(&self, style: Style) -> String {
        self.pieces(style).into_iter().map(|(text, _)| text).collect()
    }

    /// The columns of all that is neither words nor excerpt, nor what arrived.
    fn added(&self, style: Style) -> usize {
        let arrow = if self.arrived.is_some() { text::width(style.glyphs().to) + 2 } else { 0 };
        arrow + self.remark.as_ref().map_or(0, |remark| width(remark) + 3)
    }

    fn pieces(&self, style: Style) -> Vec<Piece> {
        let mut pieces = vec![(self.words.clone(), self.ink)];
        if let Some((words, ink)) = &self.arrived {
            pieces.push((format!(" {} ", style.glyphs().to), PLAIN));
            pieces.push((words.clone(), *ink));
        }
        if let Some(remark) = &self.remark {
            pieces.push((format!(" ({remark})"), FAULT));
        }
        pieces
    }
}

/// The columns that pieces take.
pub(super) fn pieces_width(pieces: &[Piece]) -> usize {
    pieces.iter().map(|(text, _)| width(text)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> Label {
        Label {
            words: "200 OK".into(),
            arrived: Some(("503 Service Unavailable".into(), PLAIN)),
            remark: Some("edited by other-item".into()),
            excerpt: Some("{\"error\":\"late\"}".into()),
            ..Label::default()
        }
    }

    fn joined(pieces: &[Piece]) -> String {
        pieces.iter().map(|(text, _)| text.as_str()).collect()
    }

    #[test]
    fn of_what_is_cut_something_is_left() {
        let shown = |room| joined(&label().fitted(room, Style::PLAIN));
        assert_eq!(
            shown(80),
            "200 OK → 503 Service Unavailable (edited by other-item) {\"error\":\"late\"}"
        );
        assert_eq!(shown(60), "200 OK → 503 Service Unavailable (edited by other-item) {\"e…");
        assert_eq!(shown(40), "200 OK → 503 Servic… (edited by other-…)");
    }

    #[test]
    fn what_fits_never_exceeds_its_room() {
        for ascii in [false, true] {
            let style = Style { ascii, ..Style::PLAIN };
            for room in 10..100 {
                let fitted = label().fitted(room, style);
                assert!(pieces_width(&fitted) <= room, "{room}: {}", joined(&fitted));
                if let Some(inside) = label().inside(room, style) {
                    assert!(pieces_width(&inside) <= room, "{room}: {}", joined(&inside));
                }
            }
        }
    }
}
