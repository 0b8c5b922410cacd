//! Whether files come into force: those of a start, and those that have changed since.
//!
//! A reload takes all of a set or nothing, so that no half of an edit is ever in force. A start has nothing to keep to
//! instead: it does without the files that are wrong.

use std::fmt;

use crate::config::{Job, Settings};
use crate::ids::{AccountName, JobName};
use crate::words::words;

words! {
    /// What has become of files that were read.
    Verdict {
        /// They are in force.
        Accepted = "accepted",
        /// They are not: those before are in force still.
        Rejected = "rejected",
    }
}

words! {
    /// What has files read again.
    Cause {
        /// The file system tells of a change.
        Change = "change",
        /// It is looked for changes once a minute.
        Poll = "poll",
        /// SIGHUP.
        Signal = "signal",
        /// `calloff reload`.
        Command = "command",
    }
}

impl Cause {
    /// Whether a person wants the files read, and secrets with them, changed or not.
    #[must_use]
    pub fn is_person(self) -> bool {
        matches!(self, Self::Signal | Self::Command)
    }
}

/// A job that is not in force since the start, because something about it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The job.
    pub job: JobName,
    /// Its account; `None` if its file does not say that much.
    pub account: Option<AccountName>,
    /// What is wrong.
    pub why: String,
}

/// What a start has done without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Jobs, sorted by name.
    pub jobs: Vec<Quarantined>,
    /// Files and folders that stand for no job, or for nobody knows which: what is wrong with each.
    pub others: Vec<String>,
    /// Those who are to be told and can't be, each with the reason. It is nothing to any job.
    pub sinks: Vec<String>,
}

impl LeftOut {
    /// Whether the start has done without nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.jobs.is_empty() && self.others.is_empty() && self.sinks.is_empty()
    }

    /// Whether the job of that name may be among it.
    #[must_use]
    pub fn may_have(&self, job: &str) -> bool {
        !self.others.is_empty() || self.jobs.iter().any(|quarantined| quarantined.job.as_str() == job)
    }

    /// Whether something was left out for this secret, as [`secret`] has it.
    #[must_use]
    pub fn is_for_secret(&self, why: &str) -> bool {
        let mut reasons = self.jobs.iter().filter_map(|job| Some(secret(job.account.as_ref()?, &job.why)));
        reasons.any(|reason| reason == why) || self.sinks.iter().any(|sink| sink == why)
    }

    /// What of it may be about an account: nobody knows then which windows of that are held.
    #[must_use]
    pub fn concerning(&self, account: &AccountName) -> Option<String> {
        let concerns = |job: &&Quarantined| job.account.as_ref().is_none_or(|its| its == account);
        let job = self.jobs.iter().find(concerns).map(|job| format!("the job `{}`", job.job));
        job.or_else(|| self.others.first().cloned())
    }
}

/// Says that a secret of an account can't be had.
#[must_use]
pub fn secret(account: &AccountName, why: &str) -> String {
    format!("account `{account}`: {why}")
}

/// Files that may come into force, as far as that decides it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What `calloff.toml` says; `None` if that is wrong.
    pub settings: Option<&'a Settings>,
    /// How many jobs are right.
    pub jobs: usize,
    /// How many errors there are in all files.
    pub errors: usize,
}

/// Why files don't come into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There are so many errors in them.
    Errors(usize),
    /// There is no job left.
    Empty,
    /// These settings can't change while the daemon runs.
    NeedsRestart(Vec<&'static str>),
    /// A secret can't be had; the reason names the account and the place.
    Secret(String),
    /// They did not stay the same for long enough to be read.
    Unsteady,
    /// What is on record of them can't be read.
    Record(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(1) => f.write_str("there is an error in the files"),
            Self::Errors(errors) => write!(f, "there are {errors} errors in the files"),
            Self::Empty => f.write_str("no job would be left; if that is meant, reload with --allow-empty"),
            Self::NeedsRestart(keys) => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                write!(f, "a change of {} takes a restart", keys.join(", "))
            }
            Self::Secret(why) | Self::Record(why) => f.write_str(why),
            Self::Unsteady => f.write_str("the files keep changing; they are read once they rest"),
        }
    }
}

/// Whether files that have changed come into force; `before` are the settings in force, with so many jobs.
///
/// # Errors
///
/// Why they don't.
pub fn judge(
    candidate: Candidate<'_>,
    before: &Settings,
    jobs_before: usize,
    allow_empty: bool,
) -> Result<(), Refusal> {
    let Some(settings) = candidate.settings.filter(|_| candidate.errors == 0) else {
        return Err(Refusal::Errors(candidate.errors));
    };
    let fixed = fixed(before, settings);
    if !fixed.is_empty() {
        return Err(Refusal::NeedsRestart(fixed));
    }
    if candidate.jobs == 0 && jobs_before > 0 && !allow_empty {
        return Err(Refusal::Empty);
    }
    Ok(())
}

/// Whether the files of a start come into force, as far as they are right; `is_strict` is whether they must all be.
///
/// # Errors
///
/// Why they don't.
pub fn judge_start(candidate: Candidate<'_>, is_strict: bool, allow_empty: bool) -> Result<(), Refusal> {
    let nothing_is_right = candidate.jobs == 0 && !allow_empty;
    if candidate.errors > 0 && (candidate.settings.is_none() || is_strict || nothing_is_right) {
        return Err(Refusal::Errors(candidate.errors));
    }
    if nothing_is_right { Err(Refusal::Empty) } else { Ok(()) }
}

/// The settings that can't change while the daemon runs, of those that have.
fn fixed(before: &Settings, after: &Settings) -> Vec<&'static str> {
    let all = [
        ("state", before.state != after.state),
        ("control", before.control != after.control),
        ("log.format", before.log.format != after.log.format),
    ];
    all.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

/// How many jobs are others than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// There were none of their names.
    pub added: usize,
    /// Their files say something else.
    pub changed: usize,
    /// There are none of their names any more.
    pub removed: usize,
}

impl Changes {
    /// What has changed from one set of jobs to another; each is sorted by name.
    #[must_use]
    pub fn between<'a>(
        before: impl IntoIterator<Item = &'a Job>,
        after: impl IntoIterator<Item = &'a Job>,
    ) -> Self {
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        let mut changes = Self::default();
        loop {
            let order = match (before.peek(), after.peek()) {
                (Some(old), Some(new)) => old.name.cmp(&new.name),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return changes,
            };
            let old = if order.is_le() { before.next() } else { None };
            let new = if order.is_ge() { after.next() } else { None };
            match (old, new) {
                (Some(old), Some(new)) => {
                    changes.changed += usize::from(!std::ptr::eq(old, new) && old != new);
                }
                (Some(_), None) => changes.removed += 1,
                (None, _) => changes.added += 1,
            }
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, changed, removed } = self;
        write!(f, "{added} added, {changed} changed, {removed} removed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{JobDefaults, parse_job, parse_settings};

    fn settings(more: &str) -> Settings {
        let text = format!(
            "{more}\n[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"1000.A\"\n\
             client_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"A\" }}\n"
        );
        let read = parse_settings("calloff.toml", &text, None).settings;
        read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
    }

    #[test]
    fn a_reload_takes_all_or_nothing() {
        let before = settings("");
        let other_state = settings("state = \"sqlite:other.db\"");
        let other_log = settings("log = { format = \"json\" }");
        let restart = |key| Err(Refusal::NeedsRestart(vec![key]));
        #[rustfmt::skip]
        let table = [
            // settings           jobs errors before allow_empty  judged
            (Some(&before),       2,   0,     1,     false,       Ok(())),
            (Some(&before),       2,   1,     1,     false,       Err(Refusal::Errors(1))),
            (None,                0,   3,     1,     true,        Err(Refusal::Errors(3))),
            (Some(&before),       0,   0,     1,     false,       Err(Refusal::Empty)),
            (Some(&before),       0,   0,     1,     true,        Ok(())),
            (Some(&before),       0,   0,     0,     false,       Ok(())),
            (Some(&other_state),  1,   0,     1,     false,       restart("state")),
            (Some(&other_log),    1,   0,     1,     false,       restart("log.format")),
        ];
        for (settings, jobs, errors, jobs_before, allow_empty, judged) in table {
            let candidate = Candidate { settings, jobs, errors };
            assert_eq!(judge(candidate, &before, jobs_before, allow_empty), judged, "{candidate:?}");
        }
    }

    #[test]
    fn a_start_does_without_what_is_wrong_unless_that_is_all() {
        let settings = settings("");
        #[rustfmt::skip]
        let table = [
            // settings        jobs errors strict allow_empty judged
            (Some(&settings),  2,   0,     true,  false,      Ok(())),
            (Some(&settings),  2,   1,     false, false,      Ok(())),
            (Some(&settings),  2,   1,     true,  false,      Err(Refusal::Errors(1))),
            (Some(&settings),  0,   1,     false, false,      Err(Refusal::Errors(1))),
            (Some(&settings),  0,   1,     false, true,       Ok(())),
            (None,             2,   1,     false, true,       Err(Refusal::Errors(1))),
            (Some(&settings),  0,   0,     false, false,      Err(Refusal::Empty)),
            (Some(&settings),  0,   0,     false, true,       Ok(())),
        ];
        for (settings, jobs, errors, is_strict, allow_empty, judged) in table {
            let candidate = Candidate { settings, jobs, errors };
            assert_eq!(judge_start(candidate, is_strict, allow_empty), judged, "{candidate:?}");
        }
    }

    #[test]
    fn what_was_left_out_may_be_about_any_account_that_it_does_not_rule_out() {
        let account = |name: &str| AccountName::parse(name).unwrap();
        let job = |job: &str, of: Option<&str>| Quarantined {
            job: job.parse().unwrap(),
            account: of.map(account),
            why: String::new(),
        };
        let nothing = LeftOut::default();
        assert!(
            nothing.is_nothing() && !nothing.may_have("a") && nothing.concerning(&account("x")).is_none()
        );
        let known = LeftOut { jobs: vec![job("a", Some("x"))], ..LeftOut::default() };
        assert!(!known.is_nothing() && known.may_have("a") && !known.may_have("b"));
        assert_eq!(known.concerning(&account("x")).as_deref(), Some("the job `a`"));
        assert_eq!(known.concerning(&account("y")), None);
        let of_secret = secret(&account("x"), "");
        assert!(known.is_for_secret(&of_secret) && !known.is_for_secret(&secret(&account("y"), "")));
        let unknown = LeftOut { jobs: vec![job("a", None)], ..LeftOut::default() };
        assert!(unknown.concerning(&account("y")).is_some());
        let folder = LeftOut { others: vec!["jobs/eu: E001".to_owned()], ..LeftOut::default() };
        assert!(folder.may_have("anything") && folder.concerning(&account("y")).is_some());
    }

    #[test]
    fn changes_are_counted_by_name() {
        let job = |name: &str, every: &str| {
            let text = format!("account = \"acme\"\nbackups = [\"1\"]\nschedule = {{ every = \"{every}\" }}");
            parse_job(&name.parse().unwrap(), name, &text, &JobDefaults::unknown(None)).value.unwrap()
        };
        let before = [job("a", "1h"), job("b", "1h"), job("c", "1h")];
        let after = [job("b", "2h"), job("c", "1h"), job("d", "1h"), job("e", "1h")];
        assert_eq!(Changes::between(&before, &after), Changes { added: 2, changed: 1, removed: 1 });
        assert_eq!(Changes::between(&before, &before), Changes::default());
        assert_eq!(Changes::between(&[], &before), Changes { added: 3, changed: 0, removed: 0 });
    }
}
