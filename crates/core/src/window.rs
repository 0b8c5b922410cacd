//! Named spans of time: what `[[windows.NAME]]` says.
//!
//! A window is the union of its entries; each of its spans is half-open, `[opens, closes)`. Spans that touch or
//! overlap are one.

use std::time::Duration;

use jiff::Timestamp;

use crate::instant::{just_before, later};
use crate::schedule::Schedule;

/// Openings that are looked at, at about most, to find where a window opens or closes: one that opens anew before it
/// has closed may never close.
const MOST_JOINED: usize = 1000;

/// One span of a window: it is open from `opens` until just before `closes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant that is inside.
    pub opens: Timestamp,
    /// The first instant after it that is not.
    pub closes: Timestamp,
}

impl Span {
    /// Whether an instant is inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.opens <= at && at < self.closes
    }
}

/// What a window is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// It opens again and again, and lasts as long each time. Elapsed time: a change of the clocks makes a weekend
    /// neither longer nor shorter.
    Recurring {
        /// When it opens.
        opens: Schedule,
        /// How long it lasts.
        lasts: Duration,
    },
    /// It opens once.
    Once(Span),
}

/// The union of some entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    entries: Vec<Entry>,
}

impl Window {
    /// A window of these entries. Without any it never opens.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Whether an instant is inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.entries.iter().any(|entry| entry.span_at(at).is_some())
    }

    /// The span that an instant is inside, if it is.
    ///
    /// One that is joined from about a thousand has no end in sight, and ends with time itself; likewise its
    /// beginning.
    #[must_use]
    pub fn span_at(&self, at: Timestamp) -> Option<Span> {
        let Span { opens, closes } = self.entries.iter().find_map(|entry| entry.span_at(at))?;
        Some(Span { opens: self.joined_opening(opens), closes: self.joined_closing(closes) })
    }

    /// When the span that an instant is inside closes, if it is inside one. That takes less than to find the span.
    #[must_use]
    pub fn closing_at(&self, at: Timestamp) -> Option<Timestamp> {
        let Span { closes, .. } = self.entries.iter().find_map(|entry| entry.span_at(at))?;
        Some(self.joined_closing(closes))
    }

    /// The opening of the first of the spans that follow each other without a gap up to `opens`.
    fn joined_opening(&self, mut opens: Timestamp) -> Timestamp {
        for _ in 0..MOST_JOINED / self.entries.len().max(1) {
            let before = self.entries.iter().filter_map(|entry| entry.span_at(just_before(opens)));
            match before.map(|span| span.opens).min() {
                Some(earlier) => opens = earlier,
                None => return opens,
            }
        }
        Timestamp::MIN
    }

    /// The closing of the last of the spans that follow each other without a gap from `closes` on.
    fn joined_closing(&self, mut closes: Timestamp) -> Timestamp {
        let mut seen = 0;
        while seen < MOST_JOINED {
            match self.entries.iter().filter_map(|entry| entry.open_until(closes, &mut seen)).max() {
                Some(later) => closes = later,
                None => return closes,
            }
        }
        Timestamp::MAX
    }

    /// The first instant after `after` at which it opens, having been closed; `None` if it never does again.
    #[must_use]
    pub fn next_opening(&self, after: Timestamp) -> Option<Timestamp> {
        let opening = self.first_opening(after)?;
        if !self.contains(just_before(opening)) {
            return Some(opening);
        }
        // It was open already; what opens once that has ended opens a closed window.
        self.first_opening(self.joined_closing(opening))
    }

    fn first_opening(&self, after: Timestamp) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.next_opening(after)).min()
    }

    /// The span that an instant is inside, or else the next one.
    #[must_use]
    pub fn current_or_next(&self, at: Timestamp) -> Option<Span> {
        self.span_at(at).or_else(|| self.span_at(self.next_opening(at)?))
    }

    /// The first instant in `[from, until)` at which an entry opens before its last opening has closed.
    ///
    /// Only the first thousand openings of each entry are looked at.
    #[must_use]
    pub fn overlaps_itself(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let first_overlap = |entry: &Entry| {
            let Entry::Recurring { opens, lasts } = entry else { return None };
            let openings: Vec<Timestamp> = opens.occurrences(from, until, MOST_JOINED).collect();
            openings.windows(2).find(|pair| pair[1] < later(pair[0], *lasts)).map(|pair| pair[1])
        };
        self.entries.iter().filter_map(first_overlap).min()
    }
}

impl Entry {
    /// The span that an instant is inside; of several the one that opened first.
    fn span_at(&self, at: Timestamp) -> Option<Span> {
        match self {
            Self::Once(span) => span.contains(at).then_some(*span),
            Self::Recurring { opens, lasts } => {
                let opening = opens.next(earlier(at, *lasts)).filter(|opening| *opening <= at)?;
                Some(Span { opens: opening, closes: later(opening, *lasts) })
            }
        }
    }

    /// When the spans that an instant is inside have closed, as far as they follow each other one by one.
    /// Counts the openings that it looks at.
    fn open_until(&self, at: Timestamp, seen: &mut usize) -> Option<Timestamp> {
        *seen += 1;
        let span = self.span_at(at)?;
        let Self::Recurring { opens, lasts } = self else { return Some(span.closes) };
        // A few more at once: what opens before this has closed.
        let following = opens.occurrences(span.opens, span.closes, 8).inspect(|_| *seen += 1).last();
        Some(following.map_or(span.closes, |opening| later(opening, *lasts)))
    }

    fn next_opening(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once(span) => (span.opens > after).then_some(span.opens),
            Self::Recurring { opens, .. } => opens.next(after),
        }
    }
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    impl Window {
        /// The spans that have a part in `[from, until)`, in order and apart from each other.
        fn spans(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Span> + '_ {
            let within = move |span: &Span| span.opens < until;
            std::iter::successors(self.current_or_next(from).filter(within), move |last| {
                if last.closes >= until { None } else { self.current_or_next(last.closes).filter(within) }
            })
        }
    }

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn recurring(cron: &str, zone: &str, hours: u64) -> Entry {
        let opens = Schedule::cron(cron, TimeZone::get(zone).unwrap()).unwrap();
        Entry::Recurring { opens, lasts: Duration::from_hours(hours) }
    }

    fn once(opens: &str, closes: &str) -> Entry {
        Entry::Once(Span { opens: ts(opens), closes: ts(closes) })
    }

    #[test]
    fn a_window_is_open_from_its_opening_until_just_before_its_closing() {
        let window = Window::new(vec![recurring("0 18 * * FRI", "UTC", 60)]);
        #[rustfmt::skip]
        let table = [
            ("2026-11-27T17:59:59.999Z", false, "before it opens"),
            ("2026-11-27T18:00:00Z",     true,  "the opening is inside"),
            ("2026-11-28T12:00:00Z",     true,  "across midnight"),
            ("2026-11-30T05:59:59.999Z", true,  "just before it closes"),
            ("2026-11-30T06:00:00Z",     false, "the closing is outside"),
        ];
        for (at, inside, why) in table {
            assert_eq!(window.contains(ts(at)), inside, "{why}");
            let span = Span { opens: ts("2026-11-27T18:00:00Z"), closes: ts("2026-11-30T06:00:00Z") };
            assert_eq!(window.span_at(ts(at)), inside.then_some(span), "{why}");
        }
        assert_eq!(window.next_opening(ts("2026-11-27T18:00:00Z")), Some(ts("2026-12-04T18:00:00Z")));
    }

    #[test]
    fn it_lasts_as_long_when_the_clocks_change_in_it() {
        // Local 18:00 on Friday; Sunday 02:00 becomes 03:00, so that it closes at 07:00 on Monday.
        let window = Window::new(vec![recurring("0 18 * * FRI", "Europe/Berlin", 60)]);
        let span = window.span_at(ts("2026-03-28T12:00:00Z"));
        assert_eq!(
            span,
            Some(Span { opens: ts("2026-03-27T17:00:00Z"), closes: ts("2026-03-30T05:00:00Z") })
        );
        let span = window.span_at(ts("2026-10-24T12:00:00Z"));
        assert_eq!(
            span,
            Some(Span { opens: ts("2026-10-23T16:00:00Z"), closes: ts("2026-10-26T04:00:00Z") })
        );
    }

    #[test]
    fn entries_that_touch_or_overlap_are_one_span() {
        let window = Window::new(vec![
            once("2026-12-24T00:00:00Z", "2026-12-26T00:00:00Z"),
            once("2026-12-26T00:00:00Z", "2026-12-28T00:00:00Z"),
            once("2026-12-27T00:00:00Z", "2027-01-02T00:00:00Z"),
            once("2027-01-02T00:00:01Z", "2027-01-03T00:00:00Z"),
        ]);
        let spans: Vec<Span> = window.spans(ts("2026-01-01T00:00:00Z"), ts("2028-01-01T00:00:00Z")).collect();
        let whole = Span { opens: ts("2026-12-24T00:00:00Z"), closes: ts("2027-01-02T00:00:00Z") };
        let apart = Span { opens: ts("2027-01-02T00:00:01Z"), closes: ts("2027-01-03T00:00:00Z") };
        assert_eq!(spans, [whole, apart]);
        assert_eq!(window.span_at(ts("2026-12-27T12:00:00Z")), Some(whole));
        assert_eq!(window.next_opening(ts("2026-12-24T00:00:00Z")), Some(apart.opens), "not those inside");
        assert_eq!(window.next_opening(apart.opens), None);
    }

    #[test]
    fn spans_that_are_open_at_the_edges_are_among_those_between() {
        let window = Window::new(vec![recurring("0 12 * * *", "UTC", 6)]);
        let count = |from, until| window.spans(ts(from), ts(until)).count();
        assert_eq!(count("2026-11-27T13:00:00Z", "2026-11-28T12:00:01Z"), 2);
        assert_eq!(count("2026-11-27T18:00:00Z", "2026-11-28T12:00:00Z"), 0, "both ends are outside");
    }

    #[test]
    fn one_that_opens_anew_before_it_closes_is_noticed_and_costs_no_more_than_a_bounded_time() {
        let window = Window::new(vec![recurring("0 * * * *", "UTC", 2)]);
        let (from, until) = (ts("2026-11-27T00:30:00Z"), ts("2027-11-27T00:00:00Z"));
        assert_eq!(window.overlaps_itself(from, until), Some(ts("2026-11-27T02:00:00Z")));
        assert!(window.contains(from));
        let endless = Span { opens: Timestamp::MIN, closes: Timestamp::MAX };
        assert_eq!(window.span_at(from), Some(endless), "no end is in sight");
        assert_eq!(window.next_opening(from), None, "it never closes before");
        let touching = Window::new(vec![recurring("0 * * * *", "UTC", 1)]);
        assert_eq!(touching.overlaps_itself(from, until), None, "to touch is not to overlap");
    }

    /// A chain costs as much as about a thousand openings, and says the same as one that is walked along.
    #[test]
    fn a_chain_is_followed_for_about_a_thousand_openings() {
        let minutes = |cron: &str| Entry::Recurring {
            opens: Schedule::cron(cron, TimeZone::UTC).unwrap(),
            lasts: Duration::from_mins(1),
        };
        // 660 minutes that touch, every day.
        let daily = Window::new(vec![minutes("* 8-18 * * *")]);
        let inside = ts("2026-11-27T08:00:30Z");
        let span = Span { opens: ts("2026-11-27T08:00:00Z"), closes: ts("2026-11-27T19:00:00Z") };
        assert_eq!((daily.span_at(inside), daily.closing_at(inside)), (Some(span), Some(span.closes)));
        assert_eq!(daily.next_opening(inside), Some(ts("2026-11-28T08:00:00Z")));
        let mut seen = 0;
        let ever = minutes("* * * * *");
        let mut at = inside;
        while seen < MOST_JOINED {
            at = ever.open_until(at, &mut seen).unwrap();
        }
        assert!(seen < MOST_JOINED + 10);
        // The openings are eight a step, and one to find the first.
        assert!(at > inside + SignedDuration::from_mins(850), "{at}");
        let many = Window::new(vec![ever; 100]);
        assert_eq!(many.closing_at(inside), Some(Timestamp::MAX));
        assert!(many.span_at(inside).is_some() && many.next_opening(inside).is_none());
    }

    fn any_window() -> impl Strategy<Value = Window> {
        let crons = ["0 * * * *", "0 6,18 * * *", "30 2 * * *", "0 0 * * MON", "*/20 1-3 * * *"];
        let zones = ["UTC", "Europe/Berlin", "Australia/Lord_Howe"];
        let recurring =
            (0..crons.len(), 0..zones.len(), 1_u64..3 * 60).prop_map(move |(cron, zone, minutes)| {
                Entry::Recurring {
                    opens: Schedule::cron(crons[cron], TimeZone::get(zones[zone]).unwrap()).unwrap(),
                    lasts: Duration::from_mins(minutes),
                }
            });
        let once = (0_i64..4000, 1_i64..600).prop_map(|(from, minutes)| {
            let opens = ts("2026-10-23T00:00:00Z") + SignedDuration::from_mins(from);
            Entry::Once(Span { opens, closes: opens + SignedDuration::from_mins(minutes) })
        });
        proptest::collection::vec(prop_oneof![recurring, once], 0..4).prop_map(Window::new)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The spans are those that one finds by asking of every minute whether it is inside.
        #[test]
        fn spans_are_what_a_walk_minute_by_minute_finds(window in any_window()) {
            let from = ts("2026-10-23T00:00:00Z");
            let minute = |n: i64| from + SignedDuration::from_mins(n);
            let until = minute(4 * 24 * 60);
            let mut walked: Vec<(Timestamp, Timestamp)> = vec![];
            for n in 0..4 * 24 * 60 {
                match walked.last_mut() {
                    _ if !window.contains(minute(n)) => {}
                    Some((_, closes)) if *closes == minute(n) => *closes = minute(n + 1),
                    _ => walked.push((minute(n), minute(n + 1))),
                }
            }
            let clipped: Vec<_> =
                window.spans(from, until).map(|span| (span.opens.max(from), span.closes.min(until))).collect();
            prop_assert_eq!(clipped, walked);
        }
    }
}
