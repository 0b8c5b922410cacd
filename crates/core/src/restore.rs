//! Debts: what is owed once a cancel has ended a recurring schedule, when it falls due, and what pays it.
//!
//! An organisation has one schedule at a time, so it has one debt at a time: a cancel that comes while one is owed
//! adds nothing to it. What is owed is what was scheduled before the first of them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned};

use crate::config::Job;
use crate::ids::{AccountName, BackupId, RestoreId};
use crate::live::{LiveBackup, Phase};
use crate::outcome::Outcome;
use crate::reload::LeftOut;
use crate::words::words;

words! {
    /// Where a debt stands.
    DebtState {
        /// The schedule is yet to be put back.
        Owed = "owed",
        /// It is back.
        Paid = "paid",
        /// A person has said that it is not to come back.
        Waived = "waived",
    }
}

/// The pause after the first try to pay that was refused; it doubles from try to try.
const FIRST_PAUSE: Duration = Duration::from_mins(1);

/// The longest pause between two tries to pay.
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// A clock is set back by no more than this; what was recorded for longer after now was recorded while it was ahead.
const SET_BACK: SignedDuration = SignedDuration::from_hours(1);

/// A debt that has not even been tried so long after its window has closed is overdue.
const OVERDUE: SignedDuration = SignedDuration::from_hours(1);

/// How often a debt that is overdue is spoken of again.
pub const REMINDER: SignedDuration = SignedDuration::from_hours(24);

/// A recurring schedule as it was before a cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreImage {
    /// The backup's ID. The one that is put back has another.
    pub backup: BackupId,
    /// Its recurrence, in Zoho's own text.
    pub rrule: String,
    /// Its status.
    pub status: Option<String>,
    /// Its next start, in the offset that Zoho gave.
    pub scheduled_date: Option<Zoned>,
    /// Its first start, likewise.
    pub start_date: Option<Zoned>,
    /// The name of who asked for it.
    pub requester: Option<String>,
}

impl PreImage {
    /// What a cancel of this backup would end; `None` if that is no recurrence: an immediate backup owes nothing.
    #[must_use]
    pub fn of(live: &LiveBackup) -> Option<Self> {
        Some(Self {
            backup: live.id.clone()?,
            rrule: live.rrule.clone().filter(|rule| !rule.trim().is_empty())?,
            status: live.status.clone(),
            scheduled_date: live.scheduled_date.clone(),
            start_date: live.start_date.clone(),
            requester: live.requester.clone(),
        })
    }

    /// It in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        named(Some(&self.backup), self.status.as_deref(), Some(&self.rrule), self.requester.as_deref())
    }
}

/// A schedule that is owed, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// Its ID.
    pub restore_id: RestoreId,
    /// The account.
    pub account: AccountName,
    /// The name of the job whose cancel was the first.
    pub job: String,
    /// What is owed.
    pub pre_image: PreImage,
    /// What was cancelled besides, while this was owed: it is not put back.
    pub also: Vec<PreImage>,
    /// Since when.
    pub owed_since: Timestamp,
    /// When the window closes, as it was known at the last cancel.
    pub due: Timestamp,
    /// Where it stands.
    pub state: DebtState,
    /// Tries to pay it that were refused.
    pub tries: u32,
    /// Not before this instant is it tried again; `None` if it was not refused yet.
    pub next_try: Option<Timestamp>,
    /// Why it is still owed, how it was paid, or why it was waived.
    pub reason: Option<String>,
    /// The ID under which the schedule was put back.
    pub restored: Option<BackupId>,
    /// When it was paid or waived.
    pub ended_at: Option<Timestamp>,
    /// When it was last spoken of.
    pub reminded_at: Option<Timestamp>,
}

/// A debt that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDebt {
    /// Its ID, unless the account has one already.
    pub restore_id: RestoreId,
    /// The account.
    pub account: AccountName,
    /// The name of the job whose cancel it is.
    pub job: String,
    /// What is scheduled now.
    pub pre_image: PreImage,
    /// The present instant.
    pub owed_since: Timestamp,
    /// When the window closes.
    pub due: Timestamp,
}

impl From<NewDebt> for Debt {
    fn from(new: NewDebt) -> Self {
        let NewDebt { restore_id, account, job, pre_image, owed_since, due } = new;
        Self {
            restore_id,
            account,
            job,
            pre_image,
            also: Vec::new(),
            owed_since,
            due,
            state: DebtState::Owed,
            tries: 0,
            next_try: None,
            reason: None,
            restored: None,
            ended_at: None,
            reminded_at: None,
        }
    }
}

impl Debt {
    /// Whether a cancel of this backup is part of what made the debt. What Zoho shows of it may be from before that.
    #[must_use]
    pub fn has_cancelled(&self, id: Option<&BackupId>) -> bool {
        std::iter::once(&self.pre_image).chain(&self.also).any(|cancelled| Some(&cancelled.backup) == id)
    }

    /// The other schedules that were cancelled while this was owed, for people; `None` if there were none.
    #[must_use]
    pub fn others(&self) -> Option<String> {
        let others = self.also.iter().filter(|other| !is_same_rule(&other.rrule, &self.pre_image.rrule));
        let others: Vec<String> = others.map(PreImage::describe).collect();
        (!others.is_empty()).then(|| others.join("; "))
    }
}

/// When a debt is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// Now.
    Now,
    /// Not before this instant, as far as is known now.
    At(Timestamp),
    /// Not without a person, for this reason.
    ByHand(String),
}

/// Says when a debt is to be paid; `jobs` are those that are loaded, of any account, and `has_account` is whether that
/// of the debt is configured.
///
/// It falls due when its job's window closes, by the file as it is now, and when no other window is open that a job of
/// the same account holds or restores after: two windows in a row owe one restore. After a refusal it waits. If its
/// job is gone, or restores nothing any more, nobody can tell when its window is over: a person decides. Nor is it paid
/// while a job was `left_out` that may hold the account.
#[must_use]
pub fn payment<'a>(
    debt: &Debt,
    has_account: bool,
    jobs: impl IntoIterator<Item = &'a Job>,
    left_out: &LeftOut,
    now: Timestamp,
) -> Payment {
    let (mut own, mut closes) = (None, None);
    for job in jobs.into_iter().filter(|job| job.account == debt.account) {
        let is_own = job.name.as_str() == debt.job;
        if is_own {
            own = Some(job);
        }
        // A job that is switched off holds nothing; the debt that it has made is due when its window closes even so.
        if is_own || (job.enabled && (job.hold.is_some() || job.restore)) {
            closes = closes.max(job.when.closing_at(now));
        }
    }
    match own {
        None if !has_account => {
            return Payment::ByHand(format!(
                "orphaned: the account `{}` is not configured any more",
                debt.account
            ));
        }
        None => {
            return Payment::ByHand(format!(
                "orphaned: there is no valid job `{}` any more that would say when to restore",
                debt.job
            ));
        }
        Some(job) if !job.restore => {
            return Payment::ByHand(format!("orphaned: the job `{}` has no `[restore]` any more", debt.job));
        }
        Some(_) => {}
    }
    if let Some(closes) = closes {
        return Payment::At(closes);
    }
    // The clock was set back: the window is not open any more only because it is not open yet.
    if is_just_before(now, debt.owed_since) {
        return Payment::At(debt.due);
    }
    let longest = SignedDuration::try_from(LONGEST_PAUSE).unwrap_or(SignedDuration::MAX);
    match debt.next_try.filter(|next| *next > now && next.duration_since(now) <= longest) {
        Some(next) => Payment::At(next),
        None => match left_out.concerning(&debt.account) {
            Some(what) => Payment::ByHand(format!(
                "it waits: {what} is not in force, and nobody knows whether a window of it is held: mend it"
            )),
            None => Payment::Now,
        },
    }
}

/// Whether the clock stands before an instant that was recorded because it was set back since, and not because it was
/// far ahead then.
pub(crate) fn is_just_before(now: Timestamp, recorded: Timestamp) -> bool {
    now < recorded && recorded.duration_since(now) <= SET_BACK
}

/// Why a debt is still there though its time has come; `None` if that is as it should be.
#[must_use]
pub fn overdue(debt: &Debt, payment: &Payment, now: Timestamp) -> Option<String> {
    match payment {
        Payment::ByHand(why) => Some(why.clone()),
        Payment::Now | Payment::At(_) if debt.tries > 0 => debt.reason.clone(),
        Payment::Now if debt.due.saturating_add(OVERDUE).is_ok_and(|late| late < now) => {
            Some("it could not be tried yet".to_owned())
        }
        Payment::Now | Payment::At(_) => None,
    }
}

/// How long a debt is left alone after so many tries that were refused.
#[must_use]
pub fn pause_after(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// What the operator does next about a restore that Zoho refuses with this code; `None` if that is as for a cancel.
#[must_use]
pub fn hint(code: Option<&str>) -> Option<&'static str> {
    Some(match code? {
        "LIMIT_EXCEEDED" => {
            "the organisation has used up its backups: buy one or wait for the next month; it is tried again by itself"
        }
        "BACKUP_ALREADY_SCHEDULED" => {
            "cancel it to have the old schedule back, or waive the restore to keep what is there"
        }
        "INVALID_DATA" => "Zoho does not take the rule: schedule the backup by hand, then waive the restore",
        "OAUTH_SCOPE_MISMATCH" => {
            "the refresh token lacks a scope: generate one with ZohoCRM.bulk.backup.CREATE, .UPDATE and .READ"
        }
        _ => return None,
    })
}

/// Whether a cancel that ended so may have been what stopped the backup. `is_in_doubt` is whether one of its attempts
/// may have had its effect without saying so, `was_interrupted` whether a process that was killed may have sent one.
#[must_use]
pub fn may_have_stopped(outcome: Outcome, is_in_doubt: bool, was_interrupted: bool) -> bool {
    match outcome {
        Outcome::Cancelled | Outcome::Contradicted => true,
        // It runs, or was left alone: Zoho has shown it as not stopped.
        Outcome::TooLate | Outcome::Skipped => false,
        // This process has sent nothing; another one may have.
        Outcome::Missed => was_interrupted,
        Outcome::AlreadyCancelled
        | Outcome::NotFound
        | Outcome::Denied
        | Outcome::Rejected
        | Outcome::Exhausted => was_interrupted || is_in_doubt,
    }
}

/// What an account has of a wanted recurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is scheduled, under this ID if Zoho says so.
    Same(Option<BackupId>),
    /// Another one is scheduled, as this says.
    Other(String),
    /// A backup without a recurrence is running; what comes after it can't be told.
    Running,
    /// Nothing is scheduled.
    Nothing,
}

/// Looks for a recurrence in what Zoho shows.
#[must_use]
pub fn find(rrule: &str, live: Option<&LiveBackup>, now: Timestamp) -> Found {
    let Some(backup) = live.filter(|backup| !backup.is_idle(now)) else { return Found::Nothing };
    match (&backup.rrule, backup.phase()) {
        // A word that Zoho does not document may well mean that it is stopped: the call will tell.
        (_, Phase::Unknown) => Found::Nothing,
        (Some(shown), _) if is_same_rule(shown, rrule) => Found::Same(backup.id.clone()),
        (None, Phase::Running) => Found::Running,
        _ => Found::Other(describe(backup)),
    }
}

/// A backup in a few words, with who asked for it: that is whom to talk to.
#[must_use]
pub fn describe(backup: &LiveBackup) -> String {
    let LiveBackup { id, status, rrule, requester, .. } = backup;
    named(id.as_ref(), status.as_deref(), rrule.as_deref(), requester.as_deref())
}

fn named(
    id: Option<&BackupId>,
    status: Option<&str>,
    rrule: Option<&str>,
    requester: Option<&str>,
) -> String {
    let id = id.map_or("without an ID", BackupId::as_str);
    let status = status.unwrap_or("without a status");
    let recurrence = rrule.unwrap_or("no recurrence");
    let requester = requester.unwrap_or("somebody whom Zoho does not name");
    format!("backup {id} ({status}, {recurrence}), requested by {requester}")
}

/// Whether two rules ask for the same. Zoho may write a rule another way than it was given.
///
/// Source: RFC 5545 §3.3.10: the parts of a rule come in any order, and the default interval is 1.
#[must_use]
pub fn is_same_rule(one: &str, other: &str) -> bool {
    parts(one) == parts(other)
}

fn parts(rule: &str) -> BTreeSet<String> {
    let rule = rule.trim().to_ascii_uppercase();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(&rule);
    let part = |part: &str| match part.trim().split_once('=') {
        Some((key, list)) => {
            let mut values: Vec<&str> = list.split(',').map(str::trim).collect();
            values.sort_unstable();
            format!("{}={}", key.trim(), values.join(","))
        }
        None => part.trim().to_owned(),
    };
    rule.split(';').map(part).filter(|part| !part.is_empty() && part != "INTERVAL=1").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{JobDefaults, parse_job, parse_settings};
    use crate::ids::JobName;
    use crate::reload::Quarantined;

    const OPENS: &str = "2026-11-27T18:00:00Z";
    const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU";

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn live(status: &str, rrule: Option<&str>) -> LiveBackup {
        LiveBackup {
            id: BackupId::parse("42").ok(),
            status: Some(status.to_owned()),
            rrule: rrule.map(str::to_owned),
            scheduled_date: "2026-12-01T10:00:00+00:00[UTC]".parse().ok(),
            requester: Some("Ada".to_owned()),
            ..LiveBackup::default()
        }
    }

    /// Two windows: `freeze` from 18:00 for six hours, and `import` from 23:00 for six hours.
    fn defaults() -> JobDefaults {
        let account =
            "data_center = \"eu\"\nclient_id = \"x\"\nclient_secret.env = \"X\"\nrefresh_token.env = \"X\"\n";
        let text = format!(
            "timezone = \"UTC\"\n[accounts.acme]\n{account}[accounts.globex]\n{account}\
             [[windows.freeze]]\nopens = \"0 18 * * FRI\"\nlasts = \"6h\"\n\
             [[windows.import]]\nopens = \"0 23 * * FRI\"\nlasts = \"6h\"\n"
        );
        let read = parse_settings("calloff.toml", &text, None);
        assert!(read.settings.value.is_some(), "{:?}", read.settings.diagnostics);
        read.defaults
    }

    fn job(name: &str, account: &str, window: &str, rest: &str) -> Job {
        let text = format!(
            "account = \"{account}\"\nbackups = [\"current\"]\nschedule.cron = \"0 18 * * FRI\"\nwhen.window = \"{window}\"\n{rest}"
        );
        let read = parse_job(&JobName::parse(name).unwrap(), name, &text, &defaults());
        read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
    }

    fn debt() -> Debt {
        Debt::from(NewDebt {
            restore_id: RestoreId::parse("0197c9d4-0000-7000-8000-000000000001").unwrap(),
            account: "acme".parse().unwrap(),
            job: "freeze".to_owned(),
            pre_image: PreImage::of(&live("SCHEDULED", Some(RULE))).unwrap(),
            owed_since: ts(OPENS),
            due: ts("2026-11-28T00:00:00Z"),
        })
    }

    #[test]
    fn a_debt_falls_due_when_its_window_has_closed_and_no_other_one_is_open() {
        let own = job("freeze", "acme", "freeze", "restore = {}");
        let import = |rest| job("import", "acme", "import", rest);
        let closing = Payment::At(ts("2026-11-28T00:00:00Z"));
        let later = Payment::At(ts("2026-11-28T05:00:00Z"));
        #[rustfmt::skip]
        let table = [
            ("2026-11-27T19:00:00Z",     None,                                            closing.clone(), "the window is open"),
            ("2026-11-28T00:00:00Z",     None,                                            Payment::Now,    "it has closed"),
            ("2026-11-27T23:30:00Z",     Some(import("restore = {}")),                    later.clone(),   "two in a row, while both are open"),
            ("2026-11-28T00:00:00Z",     Some(import("restore = {}")),                    later.clone(),   "two in a row"),
            ("2026-11-28T00:00:00Z",     Some(import("hold = {}")),                       later,           "it would be cancelled again"),
            ("2026-11-28T05:00:00Z",     Some(import("hold = {}")),                       Payment::Now,    "both have closed"),
            ("2026-11-28T00:00:00Z",     Some(import("")),                                Payment::Now,    "that one holds nothing"),
            ("2026-11-28T00:00:00Z",     Some(import("enabled = false\nhold = {}")),      Payment::Now,    "that one is switched off"),
            ("2026-11-28T00:00:00Z",     Some(job("other", "globex", "import", "hold = {}")), Payment::Now, "that is another account's"),
            ("2026-11-27T17:30:00Z",     None,                                            closing,         "the clock was set back"),
            ("2026-10-30T12:00:00Z",     None,                                            Payment::Now,    "the clock was far ahead when it was recorded"),
        ];
        for (now, other, want, why) in table {
            let jobs = std::iter::once(&own).chain(&other);
            assert_eq!(payment(&debt(), true, jobs, &LeftOut::default(), ts(now)), want, "{why}");
        }
        let off = job("freeze", "acme", "freeze", "enabled = false\nrestore = {}");
        let at = payment(&debt(), true, [&off], &LeftOut::default(), ts("2026-11-27T19:00:00Z"));
        assert_eq!(
            at,
            Payment::At(ts("2026-11-28T00:00:00Z")),
            "its own window counts though it is switched off"
        );
    }

    #[test]
    fn the_clock_was_set_back_only_if_it_stands_before_what_was_recorded_and_not_by_much() {
        let before = |now: &str| is_just_before(ts(now), ts(OPENS));
        assert!(before("2026-11-27T17:59:59Z") && before("2026-11-27T17:00:00Z"));
        assert!(!before(OPENS), "it was recorded in this very instant");
        assert!(!before("2026-11-27T18:00:01Z") && !before("2026-11-27T16:59:59Z"));
    }

    #[test]
    fn a_debt_knows_what_made_it_and_names_what_it_does_not_put_back() {
        let cancelled = |id: &str, rrule| {
            let live = LiveBackup { id: BackupId::parse(id).ok(), ..live("SCHEDULED", Some(rrule)) };
            PreImage::of(&live).unwrap()
        };
        let same = Debt { also: vec![cancelled("43", "FREQ=WEEKLY;BYDAY=TU")], ..debt() };
        assert_eq!((debt().others(), same.others()), (None, None), "its own rule comes back");
        let more = [cancelled("43", RULE), cancelled("44", "FREQ=DAILY"), cancelled("45", "FREQ=MONTHLY")];
        let debt = Debt { also: more.to_vec(), ..debt() };
        assert_eq!(
            debt.others().unwrap(),
            "backup 44 (SCHEDULED, FREQ=DAILY), requested by Ada; \
             backup 45 (SCHEDULED, FREQ=MONTHLY), requested by Ada"
        );
        let has = |id: &str| debt.has_cancelled(BackupId::parse(id).ok().as_ref());
        assert!(["42", "43", "44", "45"].into_iter().all(has));
        assert!(!has("46") && !debt.has_cancelled(None));
    }

    #[test]
    fn a_debt_waits_while_a_job_is_left_out_that_may_hold_its_account() {
        let own = job("freeze", "acme", "freeze", "restore = {}");
        let now = ts("2026-11-28T00:00:00Z");
        let without = |account: Option<&str>| LeftOut {
            jobs: vec![Quarantined {
                job: JobName::parse("import").unwrap(),
                account: account.map(|name| AccountName::parse(name).unwrap()),
                why: String::new(),
            }],
            ..LeftOut::default()
        };
        let pays = |left_out: &LeftOut| payment(&debt(), true, [&own], left_out, now);
        for left_out in [without(None), without(Some("acme"))] {
            let Payment::ByHand(why) = pays(&left_out) else { panic!("it is paid") };
            assert!(why.contains("`import` is not in force"), "{why}");
        }
        assert_eq!(pays(&without(Some("globex"))), Payment::Now, "that is another account's");
        let open = payment(&debt(), true, [&own], &without(None), ts("2026-11-27T19:00:00Z"));
        assert_eq!(open, Payment::At(now), "it is not due yet in any case");
    }

    #[test]
    fn a_debt_without_its_job_waits_for_a_person() {
        let now = ts("2026-11-28T00:00:00Z");
        let by_hand = |jobs: &[Job]| match payment(&debt(), true, jobs, &LeftOut::default(), now) {
            Payment::ByHand(why) => why,
            other => panic!("{other:?}"),
        };
        assert!(by_hand(&[]).starts_with("orphaned: there is no valid job `freeze`"));
        assert!(by_hand(&[job("freeze", "acme", "freeze", "")]).contains("no `[restore]`"));
        let away = payment(&debt(), false, [], &LeftOut::default(), now);
        assert!(matches!(away, Payment::ByHand(why) if why.contains("not configured")));
        assert!(by_hand(&[job("freeze", "globex", "freeze", "restore = {}")]).contains("no valid job"));
    }

    #[test]
    fn a_refused_debt_is_tried_again_after_a_minute_and_then_ever_later() {
        let minutes = |tries| pause_after(tries).as_secs() / 60;
        let got: Vec<u64> = (1..=11).map(minutes).collect();
        assert_eq!(got, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
        assert_eq!(minutes(u32::MAX), 360);
        let own = job("freeze", "acme", "freeze", "restore = {}");
        let now = ts("2026-11-28T00:00:00Z");
        let after = |next: &str| {
            payment(&Debt { next_try: Some(ts(next)), ..debt() }, true, [&own], &LeftOut::default(), now)
        };
        assert_eq!(after("2026-11-28T00:01:00Z"), Payment::At(ts("2026-11-28T00:01:00Z")));
        assert_eq!(after("2026-11-27T23:59:00Z"), Payment::Now);
        assert_eq!(after("2027-11-28T00:00:00Z"), Payment::Now, "the clock was ahead then");
    }

    #[test]
    fn a_debt_is_overdue_when_it_is_refused_or_not_even_tried() {
        let now = ts("2026-11-28T02:00:00Z");
        let refused = Debt { tries: 1, reason: Some("why".into()), ..debt() };
        let late = Debt { due: ts("2026-11-28T00:30:00Z"), ..debt() };
        let soon = Debt { due: ts("2026-11-28T01:30:00Z"), ..debt() };
        let just = Debt { due: ts("2026-11-28T01:00:00Z"), ..debt() };
        let at = Payment::At(ts("2026-11-28T03:00:00Z"));
        let orphaned = Payment::ByHand("orphaned".into());
        #[rustfmt::skip]
        let table = [
            (&refused, &at,           Some("why"),                       "it waits for the next try"),
            (&late,    &Payment::Now, Some("it could not be tried yet"), "an hour is long"),
            (&soon,    &Payment::Now, None,                              "it is being paid"),
            (&just,    &Payment::Now, None,                              "an hour is not too long yet"),
            (&late,    &at,           None,                              "another window is open"),
            (&soon,    &orphaned,     Some("orphaned"),                  "a person decides"),
        ];
        for (debt, payment, want, why) in table {
            assert_eq!(overdue(debt, payment, now).as_deref(), want, "{why}");
        }
    }

    #[test]
    fn a_refused_restore_has_a_hint_of_its_own_where_the_one_for_a_cancel_would_mislead() {
        for (code, says) in [
            ("LIMIT_EXCEEDED", "used up its backups"),
            ("BACKUP_ALREADY_SCHEDULED", "waive the restore to keep what is there"),
            ("INVALID_DATA", "schedule the backup by hand"),
            ("OAUTH_SCOPE_MISMATCH", "ZohoCRM.bulk.backup.CREATE"),
        ] {
            assert!(hint(Some(code)).is_some_and(|hint| hint.contains(says)), "{code}");
        }
        assert_eq!([hint(Some("NO_PERMISSION")), hint(None)], [None, None], "as for a cancel");
    }

    #[test]
    fn rules_are_the_same_however_they_are_written() {
        #[rustfmt::skip]
        let table = [
            (RULE,                                   "FREQ=WEEKLY;BYDAY=TU",                   true,  "prefix and default interval"),
            ("RRULE:FREQ=MONTHLY;BYDAY=1TH;INTERVAL=2", "RRULE:INTERVAL=2;FREQ=MONTHLY;BYDAY=1TH", true, "order"),
            ("RRULE:FREQ=WEEKLY;BYDAY=TU,FR",        "RRULE:FREQ=WEEKLY;BYDAY=FR,TU;",         true,  "order of days"),
            (RULE,                                   "rrule:freq=weekly;interval=1;byday=tu",  true,  "case"),
            (RULE,                                   "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",  false, "another interval"),
            (RULE,                                   "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=WE",  false, "another day"),
            (RULE,                                   "",                                       false, "none"),
        ];
        for (one, other, same, why) in table {
            assert_eq!(is_same_rule(one, other), same, "{why}");
            assert_eq!(is_same_rule(other, one), same, "{why}");
        }
    }

    #[test]
    fn what_is_scheduled_is_the_same_another_or_nothing() {
        let now = ts(OPENS);
        let id = BackupId::parse("42").ok();
        #[rustfmt::skip]
        let table = [
            (Some(live("SCHEDULED", Some("FREQ=WEEKLY;BYDAY=TU"))), "Same",    "its own"),
            (Some(live("INPROGRESS", Some(RULE))),                  "Same",    "it has come back, and runs"),
            (Some(live("COMPLETED", Some(RULE))),                   "Same",    "it has run, and will again"),
            (Some(live("STOPPED", Some(RULE))),                     "Nothing", "stopped, whatever dates it shows"),
            (Some(live("SCHEDULED", Some("FREQ=MONTHLY"))),         "Other",   "somebody's own"),
            (Some(live("CANCELED", Some(RULE))),                    "Nothing", "a word that Zoho does not document"),
            (Some(live("SCHEDULED", None)),                         "Other",   "without a rule"),
            (Some(live("INPROGRESS", None)),                        "Running", "an immediate one"),
            (Some(LiveBackup { scheduled_date: None, ..live("COMPLETED", None) }), "Nothing", "over"),
            (None,                                                  "Nothing", "no backup"),
        ];
        for (live, want, why) in table {
            let found = format!("{:?}", find(RULE, live.as_ref(), now));
            assert!(found.starts_with(want), "{why}: {found}");
        }
        assert_eq!(find(RULE, Some(&live("SCHEDULED", Some(RULE))), now), Found::Same(id));
        let Found::Other(what) = find(RULE, Some(&live("SCHEDULED", Some("FREQ=MONTHLY"))), now) else {
            panic!()
        };
        assert_eq!(what, "backup 42 (SCHEDULED, FREQ=MONTHLY), requested by Ada");
    }

    #[test]
    fn an_immediate_backup_owes_nothing() {
        assert!(PreImage::of(&live("SCHEDULED", None)).is_none());
        assert!(PreImage::of(&live("SCHEDULED", Some(" "))).is_none());
        let nameless = LiveBackup { id: None, ..live("SCHEDULED", Some(RULE)) };
        assert!(PreImage::of(&nameless).is_none());
        assert_eq!(PreImage::of(&live("SCHEDULED", Some(RULE))).unwrap().rrule, RULE);
    }

    #[test]
    fn a_cancel_that_was_refused_at_once_has_stopped_nothing() {
        use Outcome::{AlreadyCancelled, Cancelled, Denied, Exhausted, Missed, TooLate};
        #[rustfmt::skip]
        let table = [
            (Cancelled,        false, false, true,  "it has"),
            (AlreadyCancelled, false, false, false, "somebody else was faster"),
            (AlreadyCancelled, true,  false, true,  "the first answer was lost"),
            (AlreadyCancelled, false, true,  true,  "the process before was killed after it had sent one"),
            (TooLate,          true,  true,  false, "it runs"),
            (Denied,           false, false, false, "refused"),
            (Denied,           true,  false, true,  "the first may have got through"),
            (Exhausted,        false, false, false, "none was sent, or each was refused"),
            (Exhausted,        true,  false, true,  "one was sent, and not answered"),
            (Exhausted,        false, true,  true,  "the process before may have sent one"),
            (Missed,           false, false, false, "it was left alone"),
            (Missed,           false, true,  true,  "perhaps not by the process before"),
        ];
        for (outcome, in_doubt, interrupted, want, why) in table {
            assert_eq!(may_have_stopped(outcome, in_doubt, interrupted), want, "{why}");
        }
    }
}
