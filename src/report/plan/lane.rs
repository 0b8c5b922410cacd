//! One line of a picture: what it is about, and what is where.

use std::collections::BTreeMap;
use std::ops::Range;

use anstyle::Style;

use super::axis::Mark;
use super::glyph::Glyph;
use crate::report::style::{DIM, styled};
use crate::report::text::fitted;

/// A vertical line through the lanes, where the axis has a mark.
const GRID: char = '┊';

/// What is left free between the labels and the time.
pub(super) const GAP: usize = 2;

/// One line of a picture.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) label: String,
    style: Style,
    glyphs: BTreeMap<usize, Glyph>,
}

impl Lane {
    /// A lane with nothing in it.
    pub(super) fn new(label: &str, style: Style) -> Self {
        Self { label: label.to_owned(), style, glyphs: BTreeMap::new() }
    }

    /// Puts a glyph into a column, unless a weightier one is there.
    pub(super) fn put(&mut self, column: usize, glyph: Glyph) {
        let place = self.glyphs.entry(column).or_insert(glyph);
        if glyph.outweighs(*place) {
            *place = glyph;
        }
    }

    /// Puts a glyph into several columns.
    pub(super) fn fill(&mut self, columns: Range<usize>, glyph: Glyph) {
        for column in columns {
            self.put(column, glyph);
        }
    }

    pub(super) fn has(&self, glyph: Glyph) -> bool {
        self.glyphs.values().any(|one| *one == glyph)
    }

    /// As a line of text, without its end. Neighbours of one style are put into it together.
    pub(super) fn text(&self, label_width: usize, columns: usize, marks: &[Mark]) -> String {
        let grid: BTreeMap<usize, char> = marks.iter().map(|mark| (mark.column, GRID)).collect();
        let cell = |column: usize| match (self.glyphs.get(&column), grid.get(&column)) {
            (Some(glyph), _) => (glyph.character(), glyph.style()),
            (None, Some(&grid)) => (grid, DIM),
            (None, None) => (' ', Style::new()),
        };
        let cells: Vec<(char, Style)> = (0..columns).map(cell).collect();
        let mut text = styled(self.style, fitted(&self.label, label_width));
        text.extend(std::iter::repeat_n(' ', GAP));
        for alike in cells.chunk_by(|(_, one), (_, other)| one == other) {
            let characters: String = alike.iter().map(|(character, _)| *character).collect();
            text.push_str(&styled(alike[0].1, characters));
        }
        text.trim_end().to_owned()
    }
}
