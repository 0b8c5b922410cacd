//! Commands that look ahead, and change nothing.

use std::path::PathBuf;
use std::time::Duration;

use calloff_core::ids::JobName;
use clap::{Args, ValueEnum};

use super::{Form, duration};

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
