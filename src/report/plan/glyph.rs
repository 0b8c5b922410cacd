//! What a picture is made of: one character for each thing, told apart by its shape, and by its colour as well.

use anstyle::{AnsiColor, Style};
use calloff_core::forecast::{Action, BY_WEIGHT};

use crate::report::style::{DIM, coloured, style_of_action, styled};

/// One thing in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// A window is open.
    Open,
    /// A run would do this.
    Act(Action),
    /// The backup starts.
    Start,
    /// The backup would have started.
    Prevented,
    /// The forecast doesn't reach so far.
    Untold,
}

impl Glyph {
    /// All, in the order of a legend.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let acts = BY_WEIGHT.into_iter().map(Self::Act);
        std::iter::once(Self::Open).chain(acts).chain([Self::Start, Self::Prevented, Self::Untold])
    }

    /// What it looks like.
    pub(super) fn character(self) -> char {
        match self {
            Self::Open => '━',
            Self::Act(Action::Cancel) => '●',
            Self::Act(Action::Skip) => '·',
            Self::Act(Action::AlreadyCancelled) => '○',
            Self::Act(Action::TooLate) => '!',
            Self::Act(Action::NotFound) => '∅',
            Self::Act(Action::Unknown) => '?',
            Self::Start => '▲',
            Self::Prevented => '△',
            Self::Untold => '░',
        }
    }

    pub(super) fn style(self) -> Style {
        match self {
            Self::Open => coloured(AnsiColor::Cyan),
            Self::Act(action) => style_of_action(action),
            Self::Start => coloured(AnsiColor::Magenta).bold(),
            Self::Prevented => coloured(AnsiColor::Magenta),
            Self::Untold => DIM,
        }
    }

    /// What it means.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Open => "window open",
            Self::Act(action) => action.as_str(),
            Self::Start => "backup starts",
            Self::Prevented => "start prevented",
            Self::Untold => "not foretold",
        }
    }

    /// Its entry in a legend, and how many columns that takes.
    pub(super) fn entry(self) -> (String, usize) {
        let (character, meaning) = (self.character(), self.meaning());
        (format!("{} {meaning}", styled(self.style(), character)), 2 + meaning.len())
    }

    /// Whether it hides another one in the same column.
    pub(super) fn outweighs(self, other: Self) -> bool {
        let weight = |glyph: Self| match glyph {
            Self::Act(action) => BY_WEIGHT.iter().position(|one| *one == action),
            Self::Start => Some(0),
            Self::Prevented | Self::Open => Some(1),
            Self::Untold => None,
        };
        // What is not told hides nothing.
        weight(self).unwrap_or(usize::MAX) < weight(other).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::width;

    #[test]
    fn glyphs_take_one_column_and_are_told_apart_without_colour() {
        let mut seen = std::collections::BTreeSet::new();
        for glyph in Glyph::all() {
            assert_eq!(width(&glyph.character().to_string()), 1, "{glyph:?}");
            assert!(seen.insert(glyph.character()), "{glyph:?}");
        }
        assert_eq!(seen.len(), Action::ALL.len() + 4);
    }

    #[test]
    fn a_cancel_is_hidden_by_nothing() {
        let cancel = Glyph::Act(Action::Cancel);
        assert!(Glyph::all().all(|other| !other.outweighs(cancel)));
        assert!(Glyph::Act(Action::TooLate).outweighs(Glyph::Act(Action::Skip)));
        assert!(Glyph::Act(Action::Skip).outweighs(Glyph::Untold));
    }
}
