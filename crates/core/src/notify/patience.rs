//! How long it is tried to tell a sink.

use std::time::Duration;

/// The pause after the first try that failed; it doubles from try to try.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause between two tries, whoever asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// When a notice is of no use any more.
const LIFE: Duration = Duration::from_hours(24);

/// Tries after which a sink that refuses a notice is believed: some four minutes.
const TRIES: u32 = 8;

/// The same for those who try for a short while now and then, such as `once`: so many tries, of a notice so old.
const FEW_TRIES: u32 = 3;
const WHILE: Duration = Duration::from_mins(5);

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The sink has taken it.
    Done,
    /// It has not, and may the next time.
    Failed {
        /// Why.
        why: String,
        /// How long it wants to be left alone.
        pause: Option<Duration>,
    },
    /// It does not take it.
    Refused {
        /// Why.
        why: String,
    },
}

/// What is done after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was told.
    Done,
    /// It is tried again after so long.
    After(Duration),
    /// It is given up.
    GiveUp,
}

/// What is done after so many tries, of which this was the last, about a notice that is so old.
#[must_use]
pub fn after(outcome: &Tried, tries: u32, age: Duration) -> Next {
    let asked = match outcome {
        Tried::Done => return Next::Done,
        Tried::Refused { .. } if tries >= TRIES || (tries >= FEW_TRIES && age >= WHILE) => {
            return Next::GiveUp;
        }
        Tried::Refused { .. } => Duration::ZERO,
        Tried::Failed { pause, .. } => pause.unwrap_or_default(),
    };
    if age >= LIFE {
        return Next::GiveUp;
    }
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16));
    Next::After(doubled.max(asked).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_tried_ever_later_and_given_up_after_a_day() {
        let secs = Duration::from_secs;
        let failed = |pause: Option<u64>| Tried::Failed { why: "x".to_owned(), pause: pause.map(secs) };
        let refused = Tried::Refused { why: "x".to_owned() };
        #[rustfmt::skip]
        let table = [
            (failed(None), 1, 0, Next::After(secs(2))),
            (failed(None), 4, 14, Next::After(secs(16))),
            (failed(None), 99, 86_399, Next::After(secs(3600))),
            (failed(None), 99, 86_400, Next::GiveUp),
            (failed(Some(90)), 1, 0, Next::After(secs(90))),
            (failed(Some(1)), 3, 0, Next::After(secs(8))),
            (failed(Some(999_999)), 1, 0, Next::After(secs(3600))),
            (refused.clone(), 7, 0, Next::After(secs(128))),
            (refused.clone(), 3, 299, Next::After(secs(8))),
            (refused.clone(), 2, 300, Next::After(secs(4))),
            (refused.clone(), 3, 300, Next::GiveUp),
            (refused, 8, 0, Next::GiveUp),
            (Tried::Done, 1, 99_999, Next::Done),
        ];
        for (tried, tries, age, want) in table {
            assert_eq!(after(&tried, tries, secs(age)), want, "{tried:?} {tries} {age}");
        }
    }
}
