//! Commands that act: what is due, and what a person wants now.

use std::time::Duration;

use calloff_core::ids::{AccountName, BackupId, JobName};
use clap::Args;

use super::{Form, duration};

/// `calloff run`
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM and SIGINT stop it: requests under way finish, for `grace` at most (default 20s), and
what is left is taken up at the next start.

Files that change are read again by themselves, on SIGHUP, and by `calloff reload`: all of them
come into force at once, or none if anything is wrong. A start does without job files that are
wrong, and says so.

Examples:
  calloff run
  calloff run --strict
  calloff --config /etc/calloff/calloff.toml run")]
pub struct RunArgs {
    /// Refuse to start if anything in any file is wrong
    #[arg(long)]
    pub strict: bool,
    /// Start, and reload, even if the jobs folder holds no job
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
