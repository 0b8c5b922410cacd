//! Tables for a terminal: a cell has a style of its own, a column can be narrowed, and what there is to say of a row
//! hangs below it. Where nobody reads along there are plain [tables](super::table()) instead.

use anstyle::Style;

use super::style::{BOLD, styled};
use super::text::{cut, width, wrapped};

/// Between two columns.
const GAP: usize = 2;
/// Before what hangs below a row.
const INDENT: usize = 4;

/// What is in one column of a row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
    /// Puts styles into a line of it that are not those of the whole.
    pub(super) highlight: Option<fn(&str) -> String>,
}

impl Cell {
    /// A text in a style.
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, highlight: None }
    }

    /// A text as it is.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Style::new())
    }

    fn styled(&self, line: &str) -> String {
        match self.highlight {
            Some(highlight) => highlight(line),
            None if line.is_empty() => String::new(),
            None => styled(self.style, line),
        }
    }
}

/// A row, with what is to be said of it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// What hangs below, in this style.
    pub(super) below: Vec<(String, Style)>,
}

/// A heading for each column, and rows.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) headings: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    /// Lines that a text takes below its row at most.
    pub(super) most_below: usize,
}

/// How wide a table is with columns as wide as these.
pub(super) fn taken(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

impl Grid {
    /// How wide the columns would like to be.
    pub(super) fn widths(&self) -> Vec<usize> {
        let of = |column: usize, heading: &str| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            cells.map(|cell| width(&cell.text)).fold(width(heading), usize::max)
        };
        self.headings.iter().enumerate().map(|(column, heading)| of(column, heading)).collect()
    }

    /// The line of the headings.
    pub(super) fn head(&self, widths: &[usize]) -> String {
        let headings: Vec<Cell> = self.headings.iter().map(|heading| Cell::new(*heading, BOLD)).collect();
        lines(&headings, widths).concat()
    }

    /// The lines of each row, in columns as wide as these. What is too long for its column goes on below itself.
    pub(super) fn body(&self, widths: &[usize], columns: usize) -> Vec<Vec<String>> {
        let body = |row: &Row| {
            let mut text = lines(&row.cells, widths);
            for (said, style) in &row.below {
                let mut lines = wrapped(said, columns.saturating_sub(INDENT));
                let is_too_long = lines.len() > self.most_below;
                lines.truncate(self.most_below);
                if let Some(last) = lines.last_mut().filter(|_| is_too_long) {
                    *last = cut(&format!("{last} …"), columns.saturating_sub(INDENT));
                }
                text.extend(lines.iter().map(|line| format!("{:INDENT$}{}", "", styled(*style, line))));
            }
            text
        };
        self.rows.iter().map(body).collect()
    }
}

/// Cells side by side.
fn lines(cells: &[Cell], widths: &[usize]) -> Vec<String> {
    let parts: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, width)| wrapped(&cell.text, *width)).collect();
    let height = parts.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let line = |number: usize| {
        let (mut text, mut owed) = (String::new(), 0);
        for ((cell, part), columns) in cells.iter().zip(&parts).zip(widths) {
            let said = part.get(number).map_or("", String::as_str);
            if !said.is_empty() {
                // Nothing is filled up behind the last word.
                text.extend(std::iter::repeat_n(' ', owed));
                text.push_str(&cell.styled(said));
                owed = 0;
            }
            owed += columns.saturating_sub(width(said)) + GAP;
        }
        text
    };
    (0..height).map(line).collect()
}
