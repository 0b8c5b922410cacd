//! Holding a window: what a look at the account shows, and what is done about it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::{Job, OnDrift};
use crate::course::{Course, End};
use crate::ids::{AccountName, JobName};
use crate::instant::later;
use crate::live::{self, Current, LiveBackup};
use crate::outcome::Outcome;
use crate::restore;
use crate::text::relative;

/// A window that is held: its job was due in it, or was set off by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The job that holds.
    pub job: JobName,
    /// The account that is looked at.
    pub account: AccountName,
    /// Since when.
    pub since: Timestamp,
    /// When the window closes, as it was known then.
    pub closes: Timestamp,
    /// When the account is looked at next.
    pub next_poll: Timestamp,
    /// What the looks before have shown.
    pub memory: Memory,
}

/// What is kept from one look to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Whether nothing was scheduled at some look: what is scheduled after that has come back.
    pub was_quiet: bool,
    /// The drift that was last put on record and is still there, by its [`Drift::key`].
    pub drift: Option<String>,
    /// Looks in a row that have failed.
    pub failures: u32,
    /// How often the drift was acted on in vain.
    pub acts: u32,
    /// Not before this instant is the same drift acted on again.
    pub act_after: Option<Timestamp>,
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The account is looked at at this instant.
    PollAt(Timestamp),
    /// Nothing is done before this instant: the job's file is away, or says that it holds nothing. It may come back.
    DormantUntil(Timestamp),
    /// It is over: the window has closed.
    Over,
}

/// Where a hold stands; `job` is its job if that is loaded.
#[must_use]
pub fn standing(held: &Held, job: Option<&Job>, now: Timestamp) -> Standing {
    let job = job.filter(|job| job.enabled && job.account == held.account);
    let Some((job, policy)) = job.and_then(|job| Some((job, job.hold?))) else {
        return if now < held.closes { Standing::DormantUntil(held.closes) } else { Standing::Over };
    };
    let is_open = job.when.window.as_ref().is_some_and(|named| named.window.contains(now));
    if !is_open && !restore::is_just_before(now, held.since) {
        return Standing::Over;
    }
    // However far ahead the clock was when the last look was made.
    let is_plausible = held.next_poll <= later(now, pause(policy.poll, held.memory.failures));
    Standing::PollAt(if is_plausible { held.next_poll } else { now })
}

/// The longest that looks which fail are put off, if the file does not say longer: what is scheduled meanwhile must
/// not go unseen.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The pause before the next look: as long as the file says, and somewhat longer after failures.
#[must_use]
pub fn pause(poll: Duration, failures: u32) -> Duration {
    if failures == 0 { poll } else { poll.max(restore::pause_after(failures).min(LONGEST_PAUSE)) }
}

/// So long before a drift starts by itself it is acted on once more, however often that was in vain.
const LAST_ACT: SignedDuration = SignedDuration::from_mins(15);

/// What is kept of a drift that was acted on and may still be there: it is left alone for some time, ever longer.
#[must_use]
pub fn acted_in_vain(drift: Drift, memory: &Memory, now: Timestamp) -> Memory {
    let is_known = memory.drift.as_ref() == Some(&drift.key);
    let acts = if is_known { memory.acts.saturating_add(1) } else { 1 };
    let again = later(now, restore::pause_after(acts));
    // Not so long that it starts meanwhile.
    let last = drift.starts.and_then(|start| start.checked_sub(LAST_ACT).ok()).filter(|last| *last > now);
    Memory {
        was_quiet: memory.was_quiet,
        drift: Some(drift.key),
        failures: 0,
        acts,
        act_after: Some(last.map_or(again, |last| again.min(last))),
    }
}

/// A backup that is scheduled while its window is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Tells this drift from another one.
    pub key: String,
    /// What there is, and who has asked for it.
    pub what: String,
    /// When it starts by itself, as far as Zoho says.
    pub starts: Option<Timestamp>,
}

/// What a look shows that should not be there: whatever is scheduled or running in the account, under whatever ID.
#[must_use]
pub fn drift(live: Option<&LiveBackup>, memory: &Memory, now: Timestamp) -> Option<Drift> {
    let backup = match live::current(live, now) {
        Current::Nothing(_) => return None,
        Current::Cancel(_) | Current::Running(_) | Current::Nameless => live?,
    };
    let part = |part: Option<&str>| part.unwrap_or("-").to_owned();
    let start = backup.next_start(now);
    let key = [
        part(backup.id.as_ref().map(crate::ids::BackupId::as_str)),
        part(backup.status.as_deref()),
        part(backup.rrule.as_deref()),
        part(start.map(|start| start.to_string()).as_deref()),
    ];
    let verb = if memory.was_quiet { "has come back" } else { "is still there" };
    let when =
        start.map_or_else(String::new, |start| format!("; it starts at {start}, {}", relative(start, now)));
    Some(Drift {
        starts: start,
        key: key.join(" "),
        what: format!("drift: {}, {verb} while the window is held{when}", restore::describe(backup)),
    })
}

/// What is done about a drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// A run is made of it.
    Run,
    /// It is put on record as left alone, for this reason.
    Record(String),
    /// Nothing: it is on record already.
    Nothing,
}

/// Decides what is done about a drift; `course` is what the job's conditions say of it.
#[must_use]
pub fn respond(
    drift: &Drift,
    on_drift: OnDrift,
    course: &Course,
    memory: &Memory,
    now: Timestamp,
) -> Response {
    let is_known = memory.drift.as_ref() == Some(&drift.key);
    // However far ahead the clock was when that was set.
    let waits = |until: Timestamp| until > now && until <= later(now, restore::pause_after(u32::MAX));
    if is_known && memory.act_after.is_some_and(waits) {
        return Response::Nothing;
    }
    match (on_drift, course) {
        (OnDrift::Cancel, Course::Cancel(_)) => Response::Run,
        (OnDrift::Cancel, Course::End(End { outcome, .. })) if *outcome != Outcome::Skipped && !is_known => {
            Response::Run
        }
        // Conditions that can't be read are no leave to go ahead. The next look may tell more.
        (OnDrift::Cancel, Course::Untold(_)) => Response::Nothing,
        _ if is_known => Response::Nothing,
        (OnDrift::Report, _) => Response::Record("it is left alone (`on_drift = \"report\"`)".to_owned()),
        (OnDrift::Cancel, Course::End(End { reason, .. })) => {
            Response::Record(format!("it is left alone: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{parse_job, parse_settings};
    use crate::ids::BackupId;

    const NOW: &str = "2026-11-27T19:00:00Z";
    const CLOSES: &str = "2026-11-28T00:00:00Z";

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn job(rest: &str) -> Job {
        let settings = "timezone = \"UTC\"\n[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"x\"\n\
             client_secret.env = \"X\"\nrefresh_token.env = \"X\"\n\
             [[windows.freeze]]\nopens = \"0 18 * * FRI\"\nlasts = \"6h\"\n";
        let text = format!(
            "account = \"acme\"\nbackups = [\"current\"]\nschedule.cron = \"0 18 * * FRI\"\nwhen.window = \"freeze\"\n{rest}"
        );
        let defaults = parse_settings("calloff.toml", settings, None).defaults;
        let read = parse_job(&JobName::parse("freeze").unwrap(), "freeze", &text, &defaults);
        read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
    }

    fn held(next_poll: &str) -> Held {
        Held {
            job: "freeze".parse().unwrap(),
            account: "acme".parse().unwrap(),
            since: ts("2026-11-27T18:00:00Z"),
            closes: ts(CLOSES),
            next_poll: ts(next_poll),
            memory: Memory::default(),
        }
    }

    #[test]
    fn a_hold_lasts_until_the_window_closes_by_the_file_as_it_is_now() {
        let hold = job("hold.poll = \"10m\"");
        let other = Job { account: "globex".parse().unwrap(), ..hold.clone() };
        let poll_at = |at| Standing::PollAt(ts(at));
        let dormant = Standing::DormantUntil(ts(CLOSES));
        #[rustfmt::skip]
        let table = [
            (Some(&hold),                        NOW,                    poll_at("2026-11-27T19:05:00Z"), "open"),
            (Some(&hold),                        "2026-11-27T20:00:00Z", poll_at("2026-11-27T19:05:00Z"), "overdue"),
            (Some(&hold),                        CLOSES,                 Standing::Over,                  "closed"),
            (Some(&hold),                        "2026-11-27T18:30:00Z", poll_at("2026-11-27T18:30:00Z"), "the clock was ahead at the last look"),
            (Some(&hold),                        "2026-11-27T17:30:00Z", poll_at("2026-11-27T17:30:00Z"), "set back to before it opens"),
            (Some(&hold),                        "2026-11-19T12:00:00Z", Standing::Over,                  "begun while the clock was days ahead"),
            (Some(&job("")),                     NOW,                    dormant,                         "it holds nothing any more"),
            (Some(&job("enabled = false\nhold = {}")), NOW,              dormant,                         "it is switched off"),
            (Some(&other),                       NOW,                    dormant,                         "it is another account's by now"),
            (None,                               NOW,                    dormant,                         "its file is gone, perhaps for a moment"),
            (None,                               CLOSES,                 Standing::Over,                  "its file is gone, and its window would have closed"),
        ];
        for (job, now, want, why) in table {
            assert_eq!(standing(&held("2026-11-27T19:05:00Z"), job, ts(now)), want, "{why}");
        }
    }

    #[test]
    fn looks_that_fail_are_repeated_somewhat_later() {
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let secs = |poll, failures| pause(poll, failures).as_secs();
        assert_eq!([secs(second, 0), secs(second, 1), secs(second, 3), secs(second, 30)], [1, 60, 240, 300]);
        assert_eq!([secs(hour, 0), secs(hour, 1), secs(hour, 20)], [3600; 3]);
    }

    fn live(id: &str, status: &str, start: &str) -> LiveBackup {
        LiveBackup {
            id: BackupId::parse(id).ok(),
            status: Some(status.to_owned()),
            rrule: Some("RRULE:FREQ=WEEKLY".to_owned()),
            scheduled_date: start.parse().ok(),
            requester: Some("Ada".to_owned()),
            ..LiveBackup::default()
        }
    }

    #[test]
    fn whatever_is_scheduled_is_drift_and_its_requester_is_named() {
        let start = "2026-11-28T01:00:00+00:00[UTC]";
        let quiet = Memory { was_quiet: true, ..Memory::default() };
        let drift = |live: &LiveBackup, memory: &Memory| drift(Some(live), memory, ts(NOW));
        assert_eq!(
            drift(&live("43", "SCHEDULED", start), &quiet).unwrap().what,
            "drift: backup 43 (SCHEDULED, RRULE:FREQ=WEEKLY), requested by Ada, has come back while the window is held; \
             it starts at 2026-11-28T01:00:00Z, in 6h"
        );
        let still = drift(&live("42", "SCHEDULED", start), &Memory::default()).unwrap();
        assert!(still.what.contains("is still there"), "{}", still.what);
        for status in ["STOPPED", "COMPLETED"] {
            assert_eq!(
                drift(&live("42", status, "2026-11-27T18:30:00+00:00[UTC]"), &quiet),
                None,
                "{status}"
            );
        }
        assert!(drift(&live("42", "INPROGRESS", start), &quiet).is_some(), "an immediate one, say");
        assert_eq!(super::drift(None, &quiet, ts(NOW)), None);
        let keys = [("43", "SCHEDULED"), ("44", "SCHEDULED"), ("43", "INPROGRESS")]
            .map(|(id, status)| drift(&live(id, status, start), &quiet).unwrap().key);
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
    }

    #[test]
    fn a_drift_that_stays_is_left_alone_ever_longer_and_another_one_is_not() {
        let drift = |key: &str| Drift { key: key.into(), what: String::new(), starts: None };
        let minutes = |memory: &Memory| memory.act_after.unwrap().duration_since(ts(NOW)).as_mins();
        let first = acted_in_vain(drift("a"), &Memory::default(), ts(NOW));
        let second = acted_in_vain(drift("a"), &first, ts(NOW));
        let other = acted_in_vain(drift("b"), &second, ts(NOW));
        assert_eq!([&first, &second, &other].map(minutes), [1, 2, 1]);
        let hours_of_failures = Memory { failures: 13, ..Memory::default() };
        assert_eq!(
            minutes(&acted_in_vain(drift("a"), &hours_of_failures, ts(NOW))),
            1,
            "looks that failed are no acts"
        );
        let often = Memory { drift: Some("a".into()), acts: 20, ..Memory::default() };
        let wait = |starts: &str| {
            let soon = Drift { starts: Some(ts(starts)), ..drift("a") };
            minutes(&acted_in_vain(soon, &often, ts(NOW)))
        };
        assert_eq!(wait("2026-11-27T20:00:00Z"), 45, "a quarter of an hour before it starts");
        assert_eq!(wait("2026-11-27T19:15:00Z"), 360, "that was now");
    }

    #[test]
    fn a_drift_is_stopped_or_put_on_record_once() {
        let new = Drift { key: "new".into(), what: String::new(), starts: None };
        let known = Memory { drift: Some("new".into()), ..Memory::default() };
        let unknown = Memory { drift: Some("old".into()), ..Memory::default() };
        let acted = |after: &str| Memory { act_after: Some(ts(after)), ..known.clone() };
        let (tried, long_ago) = (acted("2026-11-27T19:01:00Z"), acted("2026-11-27T18:59:00Z"));
        let (ahead, now) = (acted("2026-11-29T19:00:00Z"), acted(NOW));
        let cancel = Course::Cancel(None);
        let end = |outcome| Course::End(End::without(outcome, "why".into()));
        let record = |reason: &str| Response::Record(reason.to_owned());
        let (stop, report) = (OnDrift::Cancel, OnDrift::Report);
        #[rustfmt::skip]
        let table = [
            (stop,   cancel.clone(),             &unknown, Response::Run,                          "it is stopped"),
            (stop,   cancel.clone(),             &known,   Response::Run,                          "however often it takes"),
            (stop,   end(Outcome::TooLate),      &unknown, Response::Run,                          "that it runs is put on record"),
            (stop,   end(Outcome::TooLate),      &known,   Response::Nothing,                      "once"),
            (stop,   end(Outcome::Skipped),      &unknown, record("it is left alone: why"),        "a condition does not hold"),
            (stop,   end(Outcome::Skipped),      &known,   Response::Nothing,                      "that is on record"),
            (stop,   Course::Untold("x".into()), &unknown, Response::Nothing,                      "the next look may tell"),
            (report, cancel.clone(),             &unknown, record("it is left alone (`on_drift = \"report\"`)"), "as the file says"),
            (report, cancel.clone(),             &known,   Response::Nothing,                      "once"),
            (stop,   cancel.clone(),             &tried,   Response::Nothing,                      "it was just tried"),
            (stop,   cancel.clone(),             &long_ago, Response::Run,                         "it was tried some time ago"),
            (stop,   cancel.clone(),             &now,     Response::Run,                          "it has been left alone for long enough"),
            (stop,   cancel,                     &ahead,   Response::Run,                          "the clock was ahead then"),
        ];
        for (on_drift, course, memory, want, why) in table {
            assert_eq!(respond(&new, on_drift, &course, memory, ts(NOW)), want, "{why}");
        }
    }
}
