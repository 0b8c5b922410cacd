//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use calloff_core::ids::{AccountName, BackupId, JobName, RestoreId};
use calloff_core::outcome::Outcome;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Calls off scheduled Zoho CRM data backups, declaratively.
#[derive(Debug, Parser)]
#[command(name = "calloff", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  calloff demo                              see it work, against a simulator
  calloff check                             validate calloff.toml and every job file, offline
  calloff run                               the daemon
  calloff cancel 4876876000001593003 -a acme   call off one backup now

Exit codes: 0 done; 1 a target failed or was missed, or not all could be told (plan, explain);
2 something would be cancelled (plan --detailed-exitcode only); 64 usage; 69 Zoho, store or
daemon unreachable; 70 a defect; 77 credentials refused; 78 configuration invalid.")]
pub struct Cli {
    /// The configuration; else `$CALLOFF_CONFIG`, ./calloff.toml, /etc/calloff/calloff.toml
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How the log on stderr is written.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How the log on stderr is written.
#[derive(Debug, Clone, Default, Args)]
pub struct LogArgs {
    /// The least severe level that is logged: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", env = "CALLOFF_LOG")]
    pub log_level: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: loads the job files and calls backups off when they are due
    Run(RunArgs),
    /// Do everything that is due now, then end: for cron, a systemd timer or a Kubernetes `CronJob`
    Once(OnceArgs),
    /// Run jobs now, whatever their schedules say
    Trigger(TriggerArgs),
    /// Call off backups now, without a job file
    Cancel(CancelArgs),
    /// Validate calloff.toml and job files, offline
    Check(CheckArgs),
    /// Show the coming occurrences
    Next(NextArgs),
    /// Show what the coming occurrences would do and why, against what Zoho has now; changes nothing
    Plan(PlanArgs),
    /// Show why a job would or would not act at an instant; changes nothing
    Explain(ExplainArgs),
    /// Show what Zoho itself has of an account's backups
    Backup(BackupArgs),
    /// Test an account's credentials
    Auth(AuthArgs),
    /// Show what is loaded, when it is due and how it last went
    Status(StatusArgs),
    /// Show what happened
    History(HistoryArgs),
    /// Put a job out of action for a while
    Pause(PauseArgs),
    /// End a job's pause early
    Resume(ResumeArgs),
    /// Show, pay or waive the recurring backups that are owed
    #[command(subcommand)]
    Restore(RestoreCommand),
    /// Serve a simulated Zoho on loopback
    Sim(SimArgs),
    /// Watch Calloff work for some seconds, against the simulator; leaves nothing behind
    Demo(DemoArgs),
}

/// Whether results are for people or for programs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Form {
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `calloff run`
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM and SIGINT stop it: requests under way finish, for `grace` at most (default 20s), and
what is left is taken up at the next start.

Examples:
  calloff run
  calloff --config /etc/calloff/calloff.toml run")]
pub struct RunArgs {
    /// Start even if the jobs folder holds no job
    #[arg(long)]
    pub allow_empty: bool,
}

/// `calloff once`
#[derive(Debug, Args)]
#[command(after_help = "\
The first call on a fresh state only sets baselines: what was due before is not run, unless
--since says how far to look back.

Examples:
  calloff once
  calloff once --since 10m --json     in a container without a lasting state")]
pub struct OnceArgs {
    /// On a fresh state, look this far back, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff trigger`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calloff trigger release-freeze --reason 'release moved to today'
  calloff trigger eu/crm-migration us/crm-migration --json")]
pub struct TriggerArgs {
    /// The jobs, by name: the path below the jobs folder, without .toml
    #[arg(required = true, value_name = "JOB")]
    pub jobs: Vec<JobName>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff cancel`
#[derive(Debug, Args)]
#[command(after_help = "\
The ID is the `id` of Zoho's GET /backup; those in the backup history are others.

Examples:
  calloff cancel 4876876000001593003 --account acme
  calloff cancel 4876876000001593003 -a acme --json --reason 'import runs tonight'")]
pub struct CancelArgs {
    /// The backups, by ID
    #[arg(required = true, value_name = "ID")]
    pub backups: Vec<BackupId>,
    /// The account, by its name in calloff.toml
    #[arg(short, long, value_name = "ACCOUNT")]
    pub account: AccountName,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff check`
#[derive(Debug, Args)]
#[command(after_help = "\
Findings go to stdout. Secrets need not exist, and nothing is sent.

Examples:
  calloff check
  calloff check jobs/eu/freeze.toml
  calloff check --format github       annotations on a pull request")]
pub struct CheckArgs {
    /// Report on these files and folders only; default: calloff.toml and all jobs
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The form of the findings
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
}

/// The form of `check`'s findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// With the offending lines, for people
    Human,
    /// One object a line
    Json,
    /// GitHub workflow commands
    Github,
}

/// `calloff next`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calloff next
  calloff next -n 10 release-freeze
  calloff next --at 2027-03-28T00:00:00Z      what comes after that instant")]
pub struct NextArgs {
    /// Occurrences per job
    #[arg(short, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub n: u16,
    /// Count from this instant instead of now: with an offset, or local in each job's time zone
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// These jobs only
    #[arg(value_name = "JOB")]
    pub jobs: Vec<JobName>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff plan`
#[derive(Debug, Args)]
#[command(after_help = "\
It reads each account's current backup, and plays the coming occurrences of all its jobs through.
What one run does counts for the next; so does what the backup does by itself. How long a backup
runs is not documented: an hour is assumed.

Exit codes: 0 done; 1 what an occurrence would do could not be told, or with --detailed-exitcode:
the plan was cut short, and cancels nothing as far as it reaches; 2 with --detailed-exitcode:
something would be cancelled; 69 no account could be read; 77 all of them refused the credentials;
78 the configuration is invalid, or no account has its secrets.

Examples:
  calloff plan
  calloff plan --until 30d release-freeze
  calloff plan --json --detailed-exitcode")]
pub struct PlanArgs {
    /// How far to look ahead, such as 7d
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    pub until: Duration,
    /// Exit with 2 if something would be cancelled
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Accounts that are read at the same time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub concurrency: u16,
    /// Show these jobs only; the others still count for what they do before
    #[arg(value_name = "JOB")]
    pub jobs: Vec<JobName>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff explain`
#[derive(Debug, Args)]
#[command(after_help = "\
Of an occurrence that has passed it shows first what is on record.

Exit codes: 0 done; 1 what Zoho shows doesn't tell, or too many occurrences come before it; 64 no
such job, or no such instant; 69 it can't be told because Zoho could not be read; 77 likewise,
because the credentials were refused; 78 the configuration is invalid, or the account's secrets
can't be read.

Examples:
  calloff explain release-freeze --at 2026-11-27T17:30:00
  calloff explain release-freeze --at 2026-11-27T16:30:00Z --json
  calloff explain release-freeze --at 2026-11-27T17:30:00 --offline")]
pub struct ExplainArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub job: JobName,
    /// The instant: with an offset, or local in the job's time zone
    #[arg(long, value_name = "TIME")]
    pub at: String,
    /// Do not read Zoho: what depends on it can't be told then
    #[arg(long)]
    pub offline: bool,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff backup`
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct BackupArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: BackupCommand,
}

/// What to do with an account's backups at Zoho.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Show the account's current backup; changes nothing
    Show(BackupShowArgs),
    /// Show what has been done with the account's backups in the last year; changes nothing
    History(BackupHistoryArgs),
    /// Schedule a recurring backup, or have one made now
    Schedule(BackupScheduleArgs),
}

/// `calloff backup show`
#[derive(Debug, Args)]
#[command(after_help = "\
Zoho shows the newest backup of an account and no other. The scope is ZohoCRM.bulk.backup.READ.

Exit codes: 0 done; 1 Zoho refuses to show it; 64 no such account; 69 Zoho could not be reached;
77 the credentials were refused; 78 calloff.toml is invalid, or the account's secrets can't be read.

Examples:
  calloff backup show --account acme
  calloff backup show -a acme --json")]
pub struct BackupShowArgs {
    /// The account, by its name in calloff.toml
    #[arg(short, long, value_name = "ACCOUNT")]
    pub account: AccountName,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff backup schedule`
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("when").required(true).args(["rrule", "now"])))]
#[command(after_help = "\
It looks first: a rule that is scheduled already is left as it is, and another one is not
overwritten. With --now one call is made, and not repeated. The scopes are
ZohoCRM.bulk.backup.CREATE and .READ.

Exit codes: 0 it is scheduled; 1 Zoho refuses; 64 no such account; 69 Zoho could not be reached;
77 the credentials were refused; 78 calloff.toml is invalid, or the account's secrets can't be read.

Examples:
  calloff backup schedule -a acme --rrule 'RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU'
  calloff backup schedule -a acme --now")]
pub struct BackupScheduleArgs {
    /// The account, by its name in calloff.toml
    #[arg(short, long, value_name = "ACCOUNT")]
    pub account: AccountName,
    /// The recurrence, in Zoho's form
    #[arg(long, value_name = "RULE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub rrule: Option<String>,
    /// Have a backup made now, once
    #[arg(long)]
    pub now: bool,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff backup history`
#[derive(Debug, Args)]
#[command(after_help = "\
Shows the newest 50 rows, or all with --json. The IDs are those of rows: don't cancel by them.
The scope is ZohoCRM.bulk.backup.READ.

Exit codes: 0 done; 1 Zoho refuses to show it; 64 no such account; 69 Zoho could not be reached;
77 the credentials were refused; 78 calloff.toml is invalid, or the account's secrets can't be read.

Examples:
  calloff backup history --account acme
  calloff backup history -a acme --limit 200
  calloff backup history -a acme --json")]
pub struct BackupHistoryArgs {
    /// The account, by its name in calloff.toml
    #[arg(short, long, value_name = "ACCOUNT")]
    pub account: AccountName,
    /// At most so many rows, the newest
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff auth`
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct AuthArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: AuthCommand,
}

/// What to do with an account's credentials.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Test whether the credentials are good, and allow what the jobs need; changes nothing
    Check(AuthCheckArgs),
}

/// `calloff auth check`
#[derive(Debug, Args)]
#[command(after_help = "\
Reading is tried. For the rest Zoho may have named the token's scopes when it issued it. If it has
not, a cancel of the ID 0, which no backup has, shows whether cancels are allowed; whether
scheduling is can't be told then, and nothing is ever scheduled.

Exit codes: 0 all is well, as far as can be told; 1 a scope is missing that jobs need, or Zoho
refuses for another lasting reason; 64 no such account; 69 Zoho could not be reached; 77 nothing is
wrong but refused credentials; 78 the configuration is invalid, or a secret can't be read.

Examples:
  calloff auth check
  calloff auth check --account acme --json")]
pub struct AuthCheckArgs {
    /// This account only; default: those that jobs use, or all if there is no job
    #[arg(short, long, value_name = "ACCOUNT")]
    pub account: Option<AccountName>,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff history`
#[derive(Debug, Args)]
#[command(after_help = "\
Shows the newest 50 runs, or all that match with --json.

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

Exit codes: 0 it is scheduled; 1 Zoho refuses; 64 no such restore; 69 Zoho could not be reached,
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

/// `calloff sim`
#[derive(Debug, Args)]
#[command(after_help = "\
It prints each request that it receives. Without a scenario it serves a small embedded one;
docs/simulator.md has the format of a scenario, with every key.

Examples:
  calloff sim
  calloff sim --listen 127.0.0.1:8900 --scenario scenario.toml")]
pub struct SimArgs {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8900")]
    pub listen: SocketAddr,
    /// Accounts, backups and faults to simulate
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
}

/// `calloff demo`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calloff demo                  the jobs of the repository, for 20 seconds
  calloff demo --story hold     a window opens, a backup comes back, the window closes")]
pub struct DemoArgs {
    /// What to show
    #[arg(long, value_enum, default_value_t = Story::Jobs)]
    pub story: Story,
    /// How long to run; at most, for a story that ends by itself [default: 20s, hold: 50s]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub length: Option<Duration>,
}

/// What the demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Story {
    /// The jobs of the repository: cancels, retries, conditions, failures
    Jobs,
    /// A window that is held, and the schedule that is put back when it closes
    Hold,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 10m, 2h or 7d"))
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| {
        let words: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        format!("use one of: {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
