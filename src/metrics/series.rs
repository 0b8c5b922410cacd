//! Which names have series, so that those go which nobody will count under again.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

/// How long a name keeps its series once it is gone: a file that is only moved, or comes back with the next pull, goes on
/// counting where it stood.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Names that have series, and since when those that are gone have been gone.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, Option<Timestamp>>);

impl Names {
    /// Notes that something was counted under a name. Says whether that is a new one.
    pub(super) fn note(&mut self, name: &str) -> bool {
        if self.0.contains_key(name) {
            return false;
        }
        self.0.insert(name.to_owned(), None);
        true
    }

    /// Hears which names there are now. Gives back those that have come to have no series any more.
    pub(super) fn settle<'a>(
        &mut self,
        present: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Vec<String> {
        let present: HashSet<&str> = present.collect();
        let mut over = vec![];
        self.0.retain(|name, gone_since| {
            if present.contains(name.as_str()) {
                *gone_since = None;
                return true;
            }
            // A clock that was set back only makes it longer.
            let is_kept = now.duration_since(*gone_since.get_or_insert(now)) <= KEPT_FOR;
            if !is_kept {
                over.push(name.clone());
            }
            is_kept
        });
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_gone_for_more_than_an_hour_loses_its_series() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let mut names = Names::default();
        assert!(names.note("stays") && names.note("returns") && names.note("leaves") && !names.note("stays"));
        let mut settle = |present: &[&str], minutes| names.settle(present.iter().copied(), at(minutes));
        assert!(settle(&["stays"], 0).is_empty());
        assert!(settle(&["stays", "returns"], 60).is_empty(), "an hour is not over");
        assert_eq!(settle(&["stays"], 61), ["leaves"]);
        assert!(settle(&["stays"], 121).is_empty(), "it counts from when it last went");
        assert_eq!(settle(&["stays"], 122), ["returns"]);
    }
}
