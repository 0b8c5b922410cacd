//! For programs and files: one line each, as wide as it likes.

use calloff_core::overview::{Health, JobStatus};

use super::Standing;
use crate::report::restores::owed;
use crate::report::style::{DIM, WARNING, styled};
use crate::report::table::table;
use crate::report::time::{relative, seconds};

pub(super) fn status(standing: &Standing<'_>) -> String {
    let Standing { jobs, debts, now, .. } = *standing;
    // What is owed comes first, so that nobody forgets it.
    let mut text = owed(debts, now, None);
    if !debts.is_empty() {
        text.push('\n');
    }
    let mut table = table(["JOB", "ACCOUNT", "STATE", "NEXT", "", "LAST"], None);
    for job in jobs {
        table.add_row([
            job.job.clone(),
            job.account.clone().unwrap_or_default(),
            state(job),
            job.next.map_or_else(String::new, seconds),
            job.next.map_or_else(String::new, |next| relative(next, now)),
            last(job),
        ]);
    }
    let daemon = daemon(standing).into_iter().map(|said| styled(DIM, said));
    let wrong = degraded(standing).into_iter().map(|said| styled(WARNING, said));
    let lines: Vec<String> = [table.to_string()].into_iter().chain(daemon).chain(wrong).collect();
    text.push_str(&lines.join("\n"));
    text.push('\n');
    text
}

/// Whether a daemon runs, and what it made of the files.
pub(super) fn daemon(standing: &Standing<'_>) -> Vec<String> {
    let Some(daemon) = standing.daemon else { return vec!["daemon: not running".to_owned()] };
    let running = format!("daemon: running, pid {}, since {}", daemon.pid, seconds(daemon.since));
    let read = daemon.reload.as_ref();
    let read = read.map(|reload| format!("files: {} {}", reload.verdict, seconds(reload.at)));
    [running].into_iter().chain(read).collect()
}

/// What is not as it should be with it.
pub(super) fn degraded(standing: &Standing<'_>) -> Vec<String> {
    let health = standing.daemon.and_then(|daemon| daemon.health.as_ref());
    health.into_iter().flat_map(Health::reasons).map(|reason| format!("degraded: {reason}")).collect()
}

fn state(job: &JobStatus) -> String {
    match (job.paused_until, job.held_until, &job.reason) {
        (Some(until), _, Some(reason)) => format!("paused until {}: {reason}", seconds(until)),
        (_, Some(closes), _) => format!("{}, held until {}", job.state, seconds(closes)),
        (_, _, Some(reason)) => format!("{}: {reason}", job.state),
        _ => job.state.to_string(),
    }
}

fn last(job: &JobStatus) -> String {
    match job.last {
        None => "never ran".to_owned(),
        Some(last) => match last.occurrence {
            Some(occurrence) => format!("{} ({})", last.state, seconds(occurrence)),
            None => format!("{} ({})", last.state, last.trigger),
        },
    }
}
