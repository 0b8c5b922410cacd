//! `[when]`: whether a run may act, as a function of what is known.
//!
//! All conditions must hold. One that does not ends the run as skipped, and says what was wanted and what was
//! found. One that can't be told, because Zoho could not be read, neither holds nor fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::live::{LiveBackup, Phase};
use crate::text::{duration as written, relative};
use crate::window::Window;
use crate::words::words;

words! {
    /// The kind of a condition, by its key in `[when]`.
    Condition {
        /// Now is inside the window.
        Window = "window",
        /// The status of the account's current backup is one of these.
        Status = "status",
        /// Its next start is at most this far ahead.
        DueWithin = "due_within",
        /// Its next start falls inside the window.
        DueInWindow = "due_in_window",
        /// A completed backup exists that is no older than this.
        LastGoodBackupWithin = "last_good_backup_within",
    }
}

/// A job's conditions. The default has none, and always holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditions {
    /// The window that now must be inside of.
    pub window: Option<Arc<NamedWindow>>,
    /// The statuses that the account's current backup may have, in Zoho's words.
    pub status: Option<Vec<String>>,
    /// How far ahead its next start may be.
    pub due_within: Option<Duration>,
    /// Whether its next start must fall inside the window: the span of it that is open now, or else opens next.
    pub due_in_window: bool,
    /// How old the newest completed backup may be.
    pub last_good_backup_within: Option<Duration>,
}

/// A window with the name that it has in `calloff.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedWindow {
    /// Its name.
    pub name: String,
    /// When it is open.
    pub window: Window,
}

/// What came of asking Zoho something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reading<T> {
    /// It was not asked.
    #[default]
    NotRead,
    /// It gave no usable answer, for this reason.
    Failed(String),
    /// It answered.
    Read(T),
}

impl<T> Reading<T> {
    /// The answer, if there is one.
    pub fn as_read(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::NotRead | Self::Failed(_) => None,
        }
    }

    /// Why there is no answer; empty if there is one.
    #[must_use]
    pub fn why_not(&self) -> String {
        match self {
            Self::NotRead => "Zoho was not asked".to_owned(),
            Self::Failed(why) => format!("Zoho could not be read: {why}"),
            Self::Read(_) => String::new(),
        }
    }
}

/// What conditions are judged by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The account's current backup; `Read(None)` if it has none.
    pub live: Reading<Option<LiveBackup>>,
    /// When the newest completed backup was logged; `Read(None)` if Zoho's history, which covers a year, has none.
    pub last_good: Reading<Option<Timestamp>>,
}

/// Which facts some conditions need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The account's current backup.
    pub live: bool,
    /// The history of its backups.
    pub history: bool,
}

/// How one condition stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which one.
    pub condition: Condition,
    /// Whether it holds; `None` if that can't be told.
    pub holds: Option<bool>,
    /// What the job file asks for.
    pub wanted: String,
    /// What was found.
    pub actual: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, holds, wanted, actual } = self;
        match holds {
            Some(true) => write!(f, "`{condition}` holds: wanted {wanted}, found {actual}"),
            Some(false) => write!(f, "`{condition}` did not hold: wanted {wanted}, found {actual}"),
            None => write!(f, "`{condition}` (wanted {wanted}) could not be told: {actual}"),
        }
    }
}

/// What follows from all conditions together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// All hold.
    Granted,
    /// Some do not, for this reason.
    Refused(String),
    /// None fails, and some can't be told, for this reason.
    Untold(String),
}

impl Conditions {
    /// When the window closes that is asked for and open now; `None` if none is asked for, or it is shut.
    #[must_use]
    pub fn closing_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.window.as_ref()?.window.closing_at(now)
    }

    /// Which facts are needed to tell.
    #[must_use]
    pub fn needs(&self) -> Needs {
        Needs {
            live: self.status.is_some() || self.due_within.is_some() || self.due_in_window,
            history: self.last_good_backup_within.is_some(),
        }
    }

    /// How each condition stands, in the order of the documentation.
    #[must_use]
    pub fn judge(&self, facts: &Facts, now: Timestamp) -> Vec<Finding> {
        let window = self.window.as_deref().map(|window| in_window(window, now));
        let status = self.status.as_deref().map(|wanted| {
            let actual = facts.live.of(|live| match live {
                Some(backup) => status(wanted, backup),
                None => (false, NO_BACKUP.to_owned()),
            });
            Finding::new(Condition::Status, wanted.join(" or "), actual)
        });
        let due_within = self.due_within.map(|within| {
            let wanted = format!("a next start at most {} ahead", written(within));
            let actual =
                facts.live.of(|live| due(live.as_ref(), now, |start| is_due_within(start, now, within)));
            Finding::new(Condition::DueWithin, wanted, actual)
        });
        let due_in_window = self.window.as_deref().filter(|_| self.due_in_window).map(|window| {
            let ahead = Ahead::of(&window.window, now);
            let wanted = ahead.wanted(&window.name);
            let inside = |start| ahead.takes(start, &window.window, now);
            let actual = facts.live.of(|live| due(live.as_ref(), now, inside));
            Finding::new(Condition::DueInWindow, wanted, actual)
        });
        let last_good = self.last_good_backup_within.map(|within| {
            let wanted = format!("a completed backup no older than {}", written(within));
            let actual = facts.last_good.of(|newest| is_good(*newest, now, within));
            Finding::new(Condition::LastGoodBackupWithin, wanted, actual)
        });
        [window, status, due_within, due_in_window, last_good].into_iter().flatten().collect()
    }

    /// When a next start that is too far ahead now comes to be near enough. While a window is open, no other condition
    /// comes to hold by the passing of time alone.
    #[must_use]
    pub fn near_enough_at(&self, facts: &Facts, now: Timestamp) -> Option<Timestamp> {
        let start = facts.live.as_read()?.as_ref()?.next_start(now)?;
        start.checked_sub(self.due_within?).ok().filter(|near| *near > now)
    }
}

/// Whether a run may act. A condition that fails outweighs one that can't be told: nothing would make the run act.
#[must_use]
pub fn permit(findings: &[Finding]) -> Permit {
    let all_that = |holds: Option<bool>| {
        let found: Vec<String> =
            findings.iter().filter(|finding| finding.holds == holds).map(ToString::to_string).collect();
        (!found.is_empty()).then(|| found.join("; "))
    };
    match (all_that(Some(false)), all_that(None)) {
        (Some(reason), _) => Permit::Refused(reason),
        (None, Some(reason)) => Permit::Untold(reason),
        (None, None) => Permit::Granted,
    }
}

const NO_BACKUP: &str = "no backup";

impl<T> Reading<T> {
    /// Whether what was read is as wanted, and what it is; or why that can't be told.
    fn of(&self, judge: impl FnOnce(&T) -> (bool, String)) -> (Option<bool>, String) {
        match self.as_read() {
            Some(value) => {
                let (holds, actual) = judge(value);
                (Some(holds), actual)
            }
            None => (None, self.why_not()),
        }
    }
}

impl Finding {
    fn new(condition: Condition, wanted: String, (holds, actual): (Option<bool>, String)) -> Self {
        Self { condition, holds, wanted, actual }
    }
}

fn in_window(NamedWindow { name, window }: &NamedWindow, now: Timestamp) -> Finding {
    let closes = window.closing_at(now);
    let actual = match closes {
        Some(closes) if closes == Timestamp::MAX => "it open, without an end in sight".to_owned(),
        Some(closes) => format!("it open until {closes}"),
        None => match window.next_opening(now) {
            Some(opening) => format!("it closed until {opening}"),
            None => "it closed, for good".to_owned(),
        },
    };
    let wanted = format!("`{name}` open");
    Finding::new(Condition::Window, wanted, (Some(closes.is_some()), actual))
}

/// Where a start must fall: the span of a window that is open now, or else opens next.
#[derive(Debug, Clone, Copy)]
enum Ahead {
    OpenUntil(Timestamp),
    Opens(Timestamp, Timestamp),
    Never,
}

impl Ahead {
    fn of(window: &Window, now: Timestamp) -> Self {
        if let Some(closes) = window.closing_at(now) {
            return Self::OpenUntil(closes);
        }
        let opens = window.next_opening(now);
        let span = opens.and_then(|opens| Some((opens, window.closing_at(opens)?)));
        span.map_or(Self::Never, |(opens, closes)| Self::Opens(opens, closes))
    }

    /// Whether a start falls there. Of one that lies in the past, and is about to be, the window must have been open.
    fn takes(self, start: Timestamp, window: &Window, now: Timestamp) -> bool {
        match self {
            Self::OpenUntil(closes) => start < closes && (start >= now || window.contains(start)),
            Self::Opens(opens, closes) => opens <= start && start < closes,
            Self::Never => false,
        }
    }

    fn wanted(self, name: &str) -> String {
        match self {
            Self::OpenUntil(closes) if closes == Timestamp::MAX => {
                format!("a next start while `{name}` is open, without an end in sight")
            }
            Self::OpenUntil(closes) => format!("a next start before `{name}` closes at {closes}"),
            Self::Opens(opens, closes) if closes == Timestamp::MAX => {
                format!("a next start inside `{name}`, from {opens} on")
            }
            Self::Opens(opens, closes) => {
                format!("a next start inside `{name}`, from {opens} until {closes}")
            }
            Self::Never => format!("a next start inside `{name}`, which never opens again"),
        }
    }
}

fn status(wanted: &[String], backup: &LiveBackup) -> (bool, String) {
    match &backup.status {
        None if backup.is_blank() => (false, NO_BACKUP.to_owned()),
        None => (false, "a backup without a status".to_owned()),
        Some(status) if backup.phase() == Phase::Unknown => {
            (wanted.contains(status), format!("{status}, a word that Zoho does not document"))
        }
        Some(status) => (wanted.contains(status), status.clone()),
    }
}

/// Whether the next start is as wanted, and when it is.
fn due(
    live: Option<&LiveBackup>,
    now: Timestamp,
    is_as_wanted: impl FnOnce(Timestamp) -> bool,
) -> (bool, String) {
    let Some(backup) = live.filter(|backup| !backup.is_blank()) else { return (false, NO_BACKUP.to_owned()) };
    let Some(start) = backup.next_start(now) else {
        let status = backup.status.as_deref().unwrap_or("without a status");
        let none = match backup.phase() {
            Phase::Stopped | Phase::Over => "none",
            Phase::Scheduled | Phase::Running | Phase::Unknown => "none that Zoho names",
        };
        return (false, format!("{none}: the backup is {status}"));
    };
    (is_as_wanted(start), format!("{}, {start}", relative(start, now)))
}

fn is_due_within(start: Timestamp, now: Timestamp, within: Duration) -> bool {
    // What lies in the past is about to start.
    now.saturating_add(within).is_ok_and(|limit| start <= limit)
}

fn is_good(newest: Option<Timestamp>, now: Timestamp, within: Duration) -> (bool, String) {
    match newest {
        None => (false, "none in Zoho's history, which covers a year".to_owned()),
        Some(at) => {
            let holds = now.saturating_sub(within).is_ok_and(|limit| at >= limit);
            (holds, format!("one {}, {at}", relative(at, now)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;
    use crate::window::{Entry, Span};

    const NOW: &str = "2026-11-27T18:30:00Z";

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn backup(status: Option<&str>, start: Option<&str>) -> Reading<Option<LiveBackup>> {
        Reading::Read(Some(LiveBackup {
            id: crate::ids::BackupId::parse("42").ok(),
            status: status.map(str::to_owned),
            scheduled_date: start.map(|text| ts(text).to_zoned(jiff::tz::TimeZone::UTC)),
            ..LiveBackup::default()
        }))
    }

    fn scheduled(start: &str) -> Reading<Option<LiveBackup>> {
        backup(Some("SCHEDULED"), Some(start))
    }

    fn broken<T>() -> Reading<T> {
        Reading::Failed("INTERNAL_ERROR".into())
    }

    /// Every Friday from 18:00 for 60 hours, in UTC.
    fn freeze() -> Arc<NamedWindow> {
        let opens = Schedule::cron("0 18 * * FRI", jiff::tz::TimeZone::UTC).unwrap();
        let window = Window::new(vec![Entry::Recurring { opens, lasts: Duration::from_hours(60) }]);
        Arc::new(NamedWindow { name: "freeze".into(), window })
    }

    fn only(conditions: &Conditions, facts: &Facts, now: &str) -> Finding {
        let mut findings = conditions.judge(facts, ts(now));
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    #[test]
    fn the_window_needs_nothing_but_the_time() {
        let conditions = Conditions { window: Some(freeze()), ..Conditions::default() };
        let nothing_read = Facts::default();
        #[rustfmt::skip]
        let table = [
            (NOW,                    true,  "it open until 2026-11-30T06:00:00Z"),
            ("2026-11-27T18:00:00Z", true,  "it open until 2026-11-30T06:00:00Z"),
            ("2026-11-27T17:59:59Z", false, "it closed until 2026-11-27T18:00:00Z"),
            ("2026-11-30T06:00:00Z", false, "it closed until 2026-12-04T18:00:00Z"),
        ];
        for (now, holds, actual) in table {
            let finding = only(&conditions, &nothing_read, now);
            assert_eq!((finding.holds, finding.actual.as_str()), (Some(holds), actual));
            assert_eq!(finding.wanted, "`freeze` open");
        }
        let past = Span { opens: ts("2026-01-01T00:00:00Z"), closes: ts("2026-01-02T00:00:00Z") };
        let over = NamedWindow { name: "freeze".into(), window: Window::new(vec![Entry::Once(past)]) };
        let conditions = Conditions { window: Some(Arc::new(over)), ..Conditions::default() };
        assert!(only(&conditions, &nothing_read, NOW).actual.ends_with("for good"));
    }

    #[test]
    fn each_condition_on_zoho_holds_fails_or_can_not_be_told_with_a_text_of_its_own() {
        let status =
            Conditions { status: Some(vec!["SCHEDULED".into(), "FAILED".into()]), ..Conditions::default() };
        let due = Conditions { due_within: Some(Duration::from_hours(12)), ..Conditions::default() };
        let none = || Reading::Read(None);
        let blank = || Reading::Read(Some(LiveBackup::default()));
        let (yes, no) = (Some(true), Some(false));
        #[rustfmt::skip]
        let table = [
            // conditions  live                             holds  found
            (&status, scheduled("2026-11-28T01:00:00Z"),    yes,  "SCHEDULED"),
            (&status, backup(Some("FAILED"), None),         yes,  "FAILED"),
            (&status, backup(Some("STOPPED"), None),        no,   "STOPPED"),
            (&status, backup(Some("HIBERNATING"), None),    no,   "HIBERNATING, a word that Zoho does not document"),
            (&status, backup(None, None),                   no,   "a backup without a status"),
            (&status, none(),                               no,   "no backup"),
            (&status, blank(),                              no,   "no backup"),
            (&status, broken(),                             None, "Zoho could not be read: INTERNAL_ERROR"),
            (&status, Reading::NotRead,                     None, "Zoho was not asked"),
            (&due,    scheduled("2026-11-28T06:30:00Z"),    yes,  "in 12h, 2026-11-28T06:30:00Z"),
            (&due,    scheduled("2026-11-28T06:30:01Z"),    no,   "in 12h, 2026-11-28T06:30:01Z"),
            (&due,    scheduled("2026-12-01T06:30:00Z"),    no,   "in 3d 12h, 2026-12-01T06:30:00Z"),
            (&due,    scheduled("2026-11-27T18:29:00Z"),    yes,  "1m ago, 2026-11-27T18:29:00Z"),
            (&due,    backup(Some("SCHEDULED"), None),      no,   "none that Zoho names: the backup is SCHEDULED"),
            (&due,    backup(Some("STOPPED"), Some("2026-11-28T06:30:00Z")), no, "none: the backup is STOPPED"),
            (&due,    backup(Some("COMPLETED"), None),      no,   "none: the backup is COMPLETED"),
            (&due,    backup(Some("HIBERNATING"), Some("2026-11-28T06:30:00Z")), yes, "in 12h, 2026-11-28T06:30:00Z"),
            (&due,    none(),                               no,   "no backup"),
            (&due,    blank(),                              no,   "no backup"),
            (&due,    broken(),                             None, "Zoho could not be read: INTERNAL_ERROR"),
            (&due,    Reading::NotRead,                     None, "Zoho was not asked"),
        ];
        for (conditions, live, holds, actual) in table {
            let facts = Facts { live, ..Facts::default() };
            let finding = only(conditions, &facts, NOW);
            assert_eq!((finding.holds, finding.actual.as_str()), (holds, actual), "{facts:?}");
        }
    }

    #[test]
    fn a_start_inside_the_window_is_one_before_it_closes_not_in_a_later_week() {
        let conditions = Conditions { window: Some(freeze()), due_in_window: true, ..Conditions::default() };
        let (open, before) = (NOW, "2026-11-27T17:00:00Z");
        #[rustfmt::skip]
        let table = [
            // now    live                                     holds        why
            (open,   scheduled("2026-11-30T05:59:59Z"),        Some(true),  "just before it closes"),
            (open,   scheduled("2026-11-30T06:00:00Z"),        Some(false), "when it closes"),
            (open,   scheduled("2026-12-05T00:00:00Z"),        Some(false), "when it is open next week"),
            (open,   scheduled("2026-11-27T18:20:00Z"),        Some(true),  "late, in the open window"),
            (open,   scheduled("2026-11-27T17:50:00Z"),        Some(false), "late, before it has opened"),
            (before, scheduled("2026-11-28T00:00:00Z"),        Some(true),  "it is about to open"),
            (before, scheduled("2026-11-27T17:30:00Z"),        Some(false), "before it opens"),
            (open,   backup(Some("STOPPED"), Some("2026-11-28T00:00:00Z")), Some(false), "nothing starts"),
            (open,   Reading::Read(None),                      Some(false), "there is no backup"),
            (open,   broken(),                                 None,        "not to be read"),
        ];
        for (now, live, holds, why) in table {
            let facts = Facts { live, ..Facts::default() };
            let finding = conditions.judge(&facts, ts(now)).pop().unwrap();
            assert_eq!((finding.condition, finding.holds), (Condition::DueInWindow, holds), "{why}");
        }
    }

    #[test]
    fn what_is_wanted_of_a_start_inside_the_window_names_when_that_is() {
        let wanted = |window: Arc<NamedWindow>, now: &str| {
            let conditions =
                Conditions { window: Some(window), due_in_window: true, ..Conditions::default() };
            let facts = Facts { live: scheduled("2026-11-28T00:00:00Z"), ..Facts::default() };
            conditions.judge(&facts, ts(now)).pop().unwrap().wanted
        };
        assert_eq!(wanted(freeze(), NOW), "a next start before `freeze` closes at 2026-11-30T06:00:00Z");
        assert_eq!(
            wanted(freeze(), "2026-11-27T17:00:00Z"),
            "a next start inside `freeze`, from 2026-11-27T18:00:00Z until 2026-11-30T06:00:00Z"
        );
        let named = |entry| Arc::new(NamedWindow { name: "w".into(), window: Window::new(vec![entry]) });
        let past =
            Entry::Once(Span { opens: ts("2026-01-01T00:00:00Z"), closes: ts("2026-01-02T00:00:00Z") });
        assert_eq!(wanted(named(past), NOW), "a next start inside `w`, which never opens again");
        let opens = Schedule::cron("0 * * * *", jiff::tz::TimeZone::UTC).unwrap();
        let ever = Entry::Recurring { opens, lasts: Duration::from_hours(1) };
        let said = "a next start while `w` is open, without an end in sight";
        assert_eq!(wanted(named(ever), NOW), said);
    }

    #[test]
    fn a_good_backup_is_completed_and_young_enough() {
        let conditions = Conditions {
            last_good_backup_within: Some(Duration::from_hours(8 * 24)),
            ..Conditions::default()
        };
        assert_eq!(conditions.needs(), Needs { live: false, history: true });
        #[rustfmt::skip]
        let table = [
            (Reading::Read(Some(ts("2026-11-19T18:30:00Z"))), Some(true),  "one 8d ago, 2026-11-19T18:30:00Z"),
            (Reading::Read(Some(ts("2026-11-19T18:29:59Z"))), Some(false), "one 8d ago, 2026-11-19T18:29:59Z"),
            (Reading::Read(None),                             Some(false), "none in Zoho's history, which covers a year"),
            (broken(),                                        None,        "Zoho could not be read: INTERNAL_ERROR"),
            (Reading::NotRead,                                None,        "Zoho was not asked"),
        ];
        for (last_good, holds, actual) in table {
            let facts = Facts { last_good, ..Facts::default() };
            let finding = only(&conditions, &facts, NOW);
            assert_eq!((finding.holds, finding.actual.as_str()), (holds, actual));
            assert_eq!(finding.wanted, "a completed backup no older than 8d");
        }
    }

    #[test]
    fn all_must_hold_and_a_failure_outweighs_what_can_not_be_told() {
        use Condition::{DueWithin, Status, Window};
        let finding = |condition, holds| Finding::new(condition, "a".into(), (holds, "b".into()));
        assert_eq!(permit(&[]), Permit::Granted);
        assert_eq!(permit(&[finding(Window, Some(true)), finding(Status, Some(true))]), Permit::Granted);
        let both = [finding(Window, Some(true)), finding(Status, None), finding(DueWithin, Some(false))];
        assert_eq!(permit(&both), Permit::Refused("`due_within` did not hold: wanted a, found b".into()));
        assert_eq!(permit(&both[..2]), Permit::Untold("`status` (wanted a) could not be told: b".into()));
        let two = [finding(Status, Some(false)), finding(DueWithin, Some(false))];
        assert!(
            matches!(permit(&two), Permit::Refused(reason) if reason.matches("did not hold").count() == 2)
        );
    }
}
