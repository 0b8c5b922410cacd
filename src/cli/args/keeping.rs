//! Commands about what is loaded and on record.

use std::time::Duration;

use calloff_core::ids::{JobName, RestoreId};
use calloff_core::outcome::Outcome;
use clap::{Args, Subcommand};

use super::{Form, duration, interval, outcome};

/// `calloff status`
#[derive(Debug, Args)]
#[command(after_help = "\
What is owed comes first, then the jobs: those that need a person, then those that are due next.
On a terminal that is 50 of each kind; through a pipe and with --json it is all of them, one line
each. Colours are for terminals that want them (NO_COLOR); each state has a shape there too.

Examples:
  calloff status
  calloff status --all
  calloff status --watch                  live, until Ctrl-C
  calloff status --watch --interval 10s
  calloff status --json | jq -r 'select(.state == \"paused\").job'")]
pub struct StatusArgs {
    /// Show all jobs, however many there are
    #[arg(long, conflicts_with = "watch")]
    pub all: bool,
    /// Keep showing it on the terminal, as far as there is room, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// How often it is looked again with --watch
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "2s", requires = "watch")]
    pub interval: Duration,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff history`
#[derive(Debug, Args)]
#[command(after_help = "\
Shows the newest 50 runs, the newest last, or all that match with --json. On a terminal it says
below a run that failed why it did and what to do next.

Examples:
  calloff history
  calloff history --since 7d --outcome too_late
  calloff history --job release-freeze --json")]
pub struct HistoryArgs {
    /// Not older than this, such as 7d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// Only runs with a target that ended so, such as `too_late`
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    pub outcome: Option<Outcome>,
    /// Only runs of this job; may be given several times
    #[arg(long = "job", value_name = "JOB")]
    pub jobs: Vec<String>,
    /// At most so many runs, the newest
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff pause`
#[derive(Debug, Args)]
#[command(after_help = "\
What comes due meanwhile is recorded as skipped. The pause is kept in the record, not in the
job file, and ends by itself; pausing again replaces it. `calloff trigger` still runs the job.

Example:
  calloff pause release-freeze --for 2h --reason 'the release is called off'")]
pub struct PauseArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub job: JobName,
    /// How long, such as 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub length: Duration,
    /// Why, for the record and for `calloff status`
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// `calloff resume`
#[derive(Debug, Args)]
#[command(after_help = "\
The schedule goes on from now: nothing that came due during the pause is run.

Example:
  calloff resume release-freeze")]
pub struct ResumeArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub job: JobName,
}

/// `calloff reload`
#[derive(Debug, Args)]
#[command(after_help = "\
All files come into force at once, or none of them if anything is wrong: then what was in force
before stays so. Runs under way keep the files they began with. Secrets are read again. The daemon
does the same by itself when files change, and on SIGHUP.

Exit codes: 0 they are in force; 69 no daemon answers; 78 they are not, and why is printed.

Examples:
  calloff reload
  calloff reload --json")]
pub struct ReloadArgs {
    /// Accept a set without any job
    #[arg(long)]
    pub allow_empty: bool,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff restore`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A job with [restore] owes the recurrence that its cancel has ended. When its window closes the
daemon, or `calloff once`, schedules it again. What Zoho refuses stays owed, and is tried again
after a minute, then ever later, every 6 hours at last.

Examples:
  calloff restore list
  calloff restore pay 019ab6a1-7c3e-7000-8a55-0123456789ab
  calloff restore waive 019ab6a1-7c3e-7000-8a55-0123456789ab --reason 'the plan has changed'")]
pub enum RestoreCommand {
    /// Show what is owed, then what was paid or waived
    List(RestoreListArgs),
    /// Schedule the recurrence again now, whether or not it is due
    Pay(RestorePayArgs),
    /// Say that the recurrence is not to come back
    Waive(RestoreWaiveArgs),
}

/// `calloff restore list`
#[derive(Debug, Args)]
pub struct RestoreListArgs {
    /// Only what is owed
    #[arg(long)]
    pub owed: bool,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff restore pay`
#[derive(Debug, Args)]
#[command(after_help = "\
It looks first: if the same recurrence is scheduled already the debt is paid, and another one is
not overwritten.

Exit codes: 0 it is scheduled; 1 Zoho refuses; 64 no such restore, or it was waived; 69 Zoho could not be reached,
or another process is at it; 77 the credentials were refused.")]
pub struct RestorePayArgs {
    /// The restore, by the ID that `calloff restore list` shows
    #[arg(value_name = "RESTORE_ID")]
    pub restore_id: RestoreId,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff restore waive`
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 it is waived; 64 no such restore, or it was paid or waived before; 69 another process
is paying it, or the record can't be used.")]
pub struct RestoreWaiveArgs {
    /// The restore, by the ID that `calloff restore list` shows
    #[arg(value_name = "RESTORE_ID")]
    pub restore_id: RestoreId,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff notify`
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send each webhook and mail server of [[notify]] a test, and say what came of it
    Test(NotifyTestArgs),
}

/// `calloff notify test`
#[derive(Debug, Args)]
#[command(after_help = "\
The test has the event `test`, and goes to all of them, whatever their `on` says. Nothing is
recorded. [ping] is left out: a success that is not meant would put its alarm off.

Exit codes: 0 all have taken it; 64 there is no [[notify]]; 69 one has not; 78 the configuration is
invalid, or a secret can't be read.

Examples:
  calloff notify test
  calloff notify test --json")]
pub struct NotifyTestArgs {
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}
