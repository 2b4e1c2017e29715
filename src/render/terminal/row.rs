//! One line of the picture: cells that lifelines, arrows and text are laid over one another in.

use anstyle::Style as Ink;
use unicode_width::UnicodeWidthChar;

use super::style::PLAIN;

/// A line of cells, each a column wide.
pub(super) struct Row {
    cells: Vec<Cell>,
}

#[derive(Clone)]
struct Cell {
    /// What is drawn; `None` is the second half of a wide character.
    glyph: Option<char>,
    /// Marks that are drawn over it.
    marks: Option<Box<str>>,
    ink: Ink,
}

const BLANK: Cell = Cell { glyph: Some(' '), marks: None, ink: PLAIN };

impl Row {
    /// An empty line of that many columns; what is put beyond them is lost.
    pub(super) fn new(width: usize) -> Row {
        Row { cells: vec![BLANK; width] }
    }

    /// Puts a character of one column at `x`.
    pub(super) fn glyph(&mut self, x: usize, glyph: char, ink: Ink) {
        self.place(x, Cell { glyph: Some(glyph), marks: None, ink });
    }

    /// Puts `glyph` on all columns from `from` to `to`, without `to`.
    pub(super) fn fill(&mut self, from: usize, to: usize, glyph: char, ink: Ink) {
        for x in from..to {
            self.glyph(x, glyph, ink);
        }
    }

    /// Puts an escaped text at `x` and returns the column after it.
    pub(super) fn text(&mut self, x: usize, text: &str, ink: Ink) -> usize {
        let mut x = x;
        for c in text.chars() {
            match c.width().unwrap_or(0) {
                0 => self.mark(x, c),
                columns => {
                    if x + columns > self.cells.len() {
                        break;
                    }
                    self.glyph(x, c, ink);
                    if columns == 2 {
                        self.place(x + 1, Cell { glyph: None, marks: None, ink });
                    }
                    x += columns;
                }
            }
        }
        x
    }

    /// Draws a mark over the character before `x`.
    fn mark(&mut self, x: usize, mark: char) {
        let Some(mut at) = x.checked_sub(1) else { return };
        if self.cells.get(at).is_some_and(|cell| cell.glyph.is_none()) {
            at -= 1;
        }
        if let Some(cell) = self.cells.get_mut(at) {
            let mut marks = cell.marks.take().map_or_else(String::new, String::from);
            if marks.len() < MARKS_MAX {
                marks.push(mark);
            }
            cell.marks = Some(marks.into());
        }
    }

    /// Puts a cell, and blanks the other half of a wide character that loses one of its own.
    fn place(&mut self, x: usize, cell: Cell) {
        if x >= self.cells.len() {
            return;
        }
        if self.cells[x].glyph.is_none() && cell.glyph.is_some() && x > 0 {
            self.cells[x - 1] = BLANK;
        }
        let orphan = self.cells.get(x + 1).is_some_and(|next| next.glyph.is_none());
        self.cells[x] = cell;
        if orphan {
            self.cells[x + 1] = BLANK;
        }
    }

    /// Appends the line, without blanks at its end and with a line feed.
    pub(super) fn write(&self, color: bool, out: &mut String) {
        let used = self
            .cells
            .iter()
            .rposition(|cell| cell.glyph != Some(' ') || cell.marks.is_some())
            .map_or(0, |last| last + 1);
        let mut current = PLAIN;
        for cell in &self.cells[..used] {
            if color && cell.ink != current {
                if current != PLAIN {
                    out.push_str(&current.render_reset().to_string());
                }
                out.push_str(&cell.ink.render().to_string());
                current = cell.ink;
            }
            out.extend(cell.glyph);
            out.push_str(cell.marks.as_deref().unwrap_or_default());
        }
        if current != PLAIN {
            out.push_str(&current.render_reset().to_string());
        }
        out.push('\n');
    }
}

/// The most bytes of marks over one character; text from elsewhere may pile them up.
const MARKS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::style::{BAD, BOLD};
    use super::*;

    fn drawn(row: &Row) -> String {
        let mut out = String::new();
        row.write(false, &mut out);
        out
    }

    #[test]
    fn a_wide_character_that_is_half_covered_goes_as_a_whole() {
        let mut row = Row::new(8);
        row.text(0, "a日b", PLAIN);
        row.glyph(2, '|', PLAIN);
        assert_eq!(drawn(&row), "a |b\n");
        let mut row = Row::new(8);
        row.text(0, "a日b", PLAIN);
        row.glyph(1, '|', PLAIN);
        assert_eq!(drawn(&row), "a| b\n");
    }

    #[test]
    fn text_ends_where_the_line_does_and_marks_stay_with_their_letter() {
        let mut row = Row::new(4);
        assert_eq!(row.text(2, "e\u{301}日x", PLAIN), 3);
        assert_eq!(drawn(&row), "  e\u{301}\n");
    }

    #[test]
    fn colours_change_only_where_the_ink_does() {
        let mut row = Row::new(6);
        row.text(0, "ab", BOLD);
        row.text(2, "cd", BAD);
        let mut out = String::new();
        row.write(true, &mut out);
        assert_eq!(out, "\u{1b}[1mab\u{1b}[0m\u{1b}[1m\u{1b}[31mcd\u{1b}[0m\n");
    }
}
