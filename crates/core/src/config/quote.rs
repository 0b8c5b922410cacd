//! Lines of a file: where a byte stands, and how its line is shown.

use std::ops::Range;

use super::secret::secret_ranges;
use crate::diagnostic::Quote;

/// The bytes of a line that are shown before and after the beginning of what is to blame.
const BEFORE: usize = 120;
const AFTER: usize = 200;
const MARGIN: usize = 1000;

/// The lines of a text.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The number, from 0, of the line that a byte stands in.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The line of that number, from 0.
    pub(super) fn text(&self, line: usize) -> &'t str {
        &self.text[self.range(line)]
    }

    /// Line and column of a byte, from 1; the column counts characters.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_of(at);
        let start = self.starts[line];
        let at = self.text.floor_char_boundary(at);
        (line + 1, self.text[start..at.max(start)].chars().count() + 1)
    }

    /// The line in which `span` begins, with what is `hidden` masked. A span that goes on is marked to the line's
    /// end.
    pub(super) fn quote(&self, span: &Range<usize>, hidden: &[Range<usize>]) -> Quote {
        let line = self.range(self.line_of(span.start));
        let from = self.text.floor_char_boundary(span.start.saturating_sub(BEFORE)).max(line.start);
        let to = self.text.ceil_char_boundary(span.start.saturating_add(AFTER)).min(line.end);
        // A secret that is cut off must still be known for one.
        let wide_from = self.text.floor_char_boundary(from.saturating_sub(MARGIN)).max(line.start);
        let wide_to = self.text.ceil_char_boundary(to.saturating_add(MARGIN)).min(line.end);
        let tokens = secret_ranges(&self.text[wide_from..wide_to]);
        let tokens = tokens.into_iter().map(|range| range.start + wide_from..range.end + wide_from);
        let hidden: Vec<Range<usize>> = hidden
            .iter()
            .filter(|range| range.start < to && range.end > from)
            .cloned()
            .chain(tokens)
            .collect();
        let mut writer = Writer { quote: Quote { text: String::new(), mark: 0..0 }, span, started: false };
        if from > line.start {
            writer.quote.text.push('…');
        }
        writer.part(&self.text[from..to], from, &hidden);
        writer.end(to < line.end)
    }

    fn range(&self, line: usize) -> Range<usize> {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let shown = self.text[start..end].trim_end_matches('\r').len();
        start..start + shown
    }
}

struct Writer<'s> {
    quote: Quote,
    span: &'s Range<usize>,
    started: bool,
}

impl Writer<'_> {
    fn part(&mut self, text: &str, start: usize, hidden: &[Range<usize>]) {
        let mut masked = None;
        for (at, c) in text.char_indices() {
            let at = start + at;
            let mask = hidden.iter().position(|range| range.contains(&at));
            let before = self.quote.text.len();
            match mask {
                // Touching secrets share one mask.
                Some(_) if masked.is_some() => {}
                Some(_) => self.quote.text.push_str(super::secret::MASK),
                None => self.quote.text.push(if c.is_control() && c != '\t' { '\u{fffd}' } else { c }),
            }
            self.mark(at, c.len_utf8(), before, mask.is_some() && masked.is_some());
            masked = mask;
        }
    }

    /// Keeps the mark in step: the character at `at` has been written from `before`, or is behind a mask.
    fn mark(&mut self, at: usize, length: usize, before: usize, behind: bool) {
        if at + length <= self.span.start || (at >= self.span.end && self.started) {
            return;
        }
        if !self.started {
            self.started = true;
            let start = if behind { before - super::secret::MASK.len() } else { before };
            self.quote.mark = start..start;
        }
        if at < self.span.end {
            self.quote.mark.end = self.quote.text.len();
        }
    }

    fn end(mut self, cut: bool) -> Quote {
        if !self.started {
            self.quote.mark = self.quote.text.len()..self.quote.text.len();
        }
        if cut {
            self.quote.text.push('…');
        }
        self.quote
    }
}
