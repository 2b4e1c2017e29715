//! A table for people: columns as wide as what stands in them.

use crate::render::terminal::{DIM, Style, escape};

/// A head and rows.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head.
    pub(super) fn new(head: &[&str]) -> Table {
        Table { rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row, of as many cells as the head has.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Its lines; `empty` in their place if there is no row.
    pub(super) fn text(&self, style: Style, empty: &str) -> String {
        if self.rows.len() == 1 {
            return format!("{empty}\n");
        }
        let mut widths = vec![0; self.rows[0].len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            let line = escape(cells.join("  ").trim_end(), style.ascii).into_owned();
            text.push_str(&if index == 0 { style.paint(&line, DIM) } else { line });
            text.push('\n');
        }
        text
    }
}
