//! What has happened, as far as somebody may want to be told.

use super::Event;
use crate::ids::AccountName;
use crate::outcome::{Outcome, Standing};
use crate::restore::{Debt, DebtState};
use crate::run::{MANUAL_JOB, Run, RunState, Target, Trigger};

/// What has become of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// There is trouble, perhaps still, until it ends.
    Begins(Event),
    /// There was trouble, and it is over already; so is what had begun before.
    Over(Event),
    /// Something has happened that has no end.
    Noted(Event),
    /// There is no trouble, perhaps there never was.
    Ends,
}

impl What {
    /// Whether the cause stands no longer.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Over(_) | Self::Ends)
    }
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What tells this trouble from any other.
    pub cause: String,
    /// What has become of it.
    pub what: What,
    /// The job.
    pub job: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The trouble, in one sentence.
    pub text: String,
    /// That it is over, in one sentence.
    pub recovery: String,
}

/// What a run that has ended tells. The person who cancels by hand sees what becomes of that.
#[must_use]
pub fn of_run(run: &Run) -> Vec<News> {
    if run.job == MANUAL_JOB {
        return vec![];
    }
    let news = |cause: &str, what, text: String, recovery: &str| News {
        cause: format!("{cause}:{}", run.job),
        what,
        job: Some(run.job.clone()),
        account: Some(run.account.to_string()),
        text,
        recovery: format!("`{}` ({}) {recovery}", run.job, run.account),
    };
    let failed = |what| news("failed", what, failure(run), "has succeeded again, after it had failed");
    let missed = |what| news("missed", what, absence(run), "has been run again, after it was missed");
    let drift = |what| news("drift", what, drift(run), "has called off what was scheduled in its window");
    let is_hold = run.trigger == Trigger::Hold;
    let mut all = match run.state {
        RunState::Failed => vec![failed(What::Begins(Event::Failed))],
        RunState::Missed => vec![missed(What::Begins(Event::Missed))],
        RunState::Running | RunState::Skipped => vec![],
        RunState::Succeeded => vec![failed(What::Ends), missed(What::Ends)],
    };
    match run.state {
        RunState::Failed | RunState::Missed if is_hold => all.insert(0, drift(What::Begins(Event::Drift))),
        RunState::Skipped if is_hold => all.push(drift(What::Noted(Event::Drift))),
        RunState::Succeeded if is_hold => all.insert(0, drift(What::Over(Event::Drift))),
        RunState::Succeeded => all.push(drift(What::Ends)),
        _ => {}
    }
    all
}

fn failure(run: &Run) -> String {
    let is_failure =
        |target: &&Target| target.outcome.is_some_and(|outcome| outcome.standing() == Standing::Failure);
    let mut failed = run.targets.iter().filter(is_failure);
    let first = failed.next().map(described);
    let others = match failed.count() {
        0 => String::new(),
        others => format!(", and {others} more"),
    };
    format!(
        "the run of `{}` ({}){} has failed: {}{others}",
        run.job,
        run.account,
        at(run),
        first.unwrap_or_else(|| "it has no target".to_owned())
    )
}

fn described(target: &Target) -> String {
    let outcome = target.outcome.map_or("without an outcome", Outcome::as_str);
    let why = [&target.reason, &target.message, &target.code].into_iter().flatten().next();
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("backup {} is {outcome}{why}", target.backup)
}

fn absence(run: &Run) -> String {
    let count = match run.missed {
        Some(1) | None => "an occurrence".to_owned(),
        Some(count) => format!("{count} occurrences"),
    };
    let reason = run.targets.first().and_then(|target| target.reason.as_deref());
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{count} of `{}` ({}) passed without being run{reason}", run.job, run.account)
}

fn drift(run: &Run) -> String {
    let what = run.reason.as_deref().unwrap_or("a backup");
    let came_of_it = match run.state {
        RunState::Succeeded => "; it has been called off",
        RunState::Skipped => "; it is left alone",
        _ => "; it could not be called off",
    };
    format!("while `{}` holds its window, {} has this scheduled: {what}{came_of_it}", run.job, run.account)
}

fn at(run: &Run) -> String {
    run.occurrence.map(|occurrence| format!(" at {occurrence}")).unwrap_or_default()
}

/// What a debt tells: nothing, as long as it has given no reason to speak of it.
#[must_use]
pub fn of_debt(debt: &Debt) -> Option<News> {
    if debt.state != DebtState::Owed || debt.reminded_at.is_none() {
        return None;
    }
    let why = debt.reason.as_deref().unwrap_or("it could not be tried yet, or waits for a person");
    let text = format!(
        "the recurring backup of {} that `{}` has ended is not scheduled again ({}): {why}",
        debt.account, debt.job, debt.pre_image.rrule
    );
    let what = What::Begins(Event::RestoreOwed);
    Some(News { what, text, job: Some(debt.job.clone()), ..without_debt(&debt.account) })
}

/// What it tells that an account owes no debt that there is reason to speak of.
#[must_use]
pub fn without_debt(account: &AccountName) -> News {
    News {
        cause: format!("{}{account}", News::OF_DEBT),
        what: What::Ends,
        job: None,
        account: Some(account.to_string()),
        text: String::new(),
        recovery: format!("the recurring backup of {account} is not owed any more"),
    }
}

impl News {
    /// What the causes of debts begin with; the account follows.
    pub const OF_DEBT: &'static str = "restore_owed:";
}

/// What it tells that this is not as it should be with Calloff itself; `about` says what of it is meant.
#[must_use]
pub fn of_health(about: &str, reasons: &[String]) -> News {
    News {
        cause: format!("degraded:{about}"),
        what: if reasons.is_empty() { What::Ends } else { What::Begins(Event::Degraded) },
        job: None,
        account: None,
        text: format!("Calloff is degraded: {}", reasons.join("; ")),
        recovery: "Calloff is as it should be again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BackupRef, RunId};

    fn run(state: RunState, trigger: Trigger) -> Run {
        let mut target = Target::pending(BackupRef::parse("42").unwrap());
        target.outcome = Some(match state {
            RunState::Failed => Outcome::NotFound,
            RunState::Missed => Outcome::Missed,
            RunState::Skipped => Outcome::Skipped,
            _ => Outcome::Cancelled,
        });
        target.code = Some("RESOURCE_NOT_FOUND".to_owned());
        Run {
            run_id: RunId::parse("0197c9d4-0000-7000-8000-000000000001").unwrap(),
            job: "freeze".to_owned(),
            account: AccountName::parse("acme").unwrap(),
            trigger,
            occurrence: "2026-11-27T16:30:00Z".parse().ok(),
            state,
            started_at: None,
            finished_at: None,
            lateness_ms: None,
            missed: None,
            reason: None,
            targets: vec![target.clone(), target],
        }
    }

    #[test]
    fn what_a_run_tells_follows_from_its_end() {
        use RunState::{Failed, Missed, Running, Skipped, Succeeded};
        use Trigger::{Hold, Schedule};
        let told = |state, trigger| -> Vec<String> {
            of_run(&run(state, trigger))
                .iter()
                .map(|news| format!("{} {:?}", news.cause, news.what))
                .collect()
        };
        assert_eq!(told(Failed, Schedule), ["failed:freeze Begins(Failed)"]);
        assert_eq!(told(Missed, Schedule), ["missed:freeze Begins(Missed)"]);
        assert_eq!(told(Skipped, Schedule), [""; 0]);
        assert_eq!(told(Running, Hold), [""; 0]);
        assert_eq!(
            told(Succeeded, Schedule),
            ["failed:freeze Ends", "missed:freeze Ends", "drift:freeze Ends"]
        );
        assert_eq!(told(Failed, Hold), ["drift:freeze Begins(Drift)", "failed:freeze Begins(Failed)"]);
        assert_eq!(told(Skipped, Hold), ["drift:freeze Noted(Drift)"]);
        assert_eq!(told(Succeeded, Hold)[0], "drift:freeze Over(Drift)");
        let manual = Run { job: MANUAL_JOB.to_owned(), ..run(Failed, Trigger::Manual) };
        assert_eq!(of_run(&manual), []);
    }

    #[test]
    fn the_sentence_names_the_first_that_failed_and_counts_the_others() {
        let news = of_run(&run(RunState::Failed, Trigger::Schedule));
        assert_eq!(
            news[0].text,
            "the run of `freeze` (acme) at 2026-11-27T16:30:00Z has failed: backup 42 is not_found \
             (RESOURCE_NOT_FOUND), and 1 more"
        );
    }
}
