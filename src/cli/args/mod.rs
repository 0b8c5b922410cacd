//! What can be said on the command line.

mod acting;
mod checking;
mod entering;
mod keeping;
mod trying;
mod zoho;

use std::path::PathBuf;
use std::time::Duration;

use calloff_core::outcome::Outcome;
use clap::{Args, Parser, Subcommand};

use crate::logs;

pub(super) use acting::{CancelArgs, OnceArgs, RunArgs, TriggerArgs};
pub(super) use checking::{CheckArgs, CheckFormat, ExplainArgs, NextArgs, PlanArgs};
pub(super) use entering::{CompletionsArgs, DoctorArgs, InitArgs, ManArgs, SchemaArgs, SchemaOf, Shell};
pub(super) use keeping::{
    HistoryArgs, NotifyCommand, NotifyTestArgs, PauseArgs, ReloadArgs, RestoreCommand, RestoreListArgs,
    RestorePayArgs, RestoreWaiveArgs, ResumeArgs, StatusArgs,
};
pub(super) use trying::{DemoArgs, SimArgs, Story};
pub(super) use zoho::{
    AuthArgs, AuthCheckArgs, AuthCommand, AuthExchangeArgs, BackupArgs, BackupCommand, BackupHistoryArgs,
    BackupScheduleArgs, BackupShowArgs,
};

/// Calls off scheduled Zoho CRM data backups, declaratively.
#[derive(Debug, Parser)]
#[command(name = "calloff", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  calloff demo                              see it work, against a simulator
  calloff init                              a folder to start with
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
    #[arg(long, global = true, value_name = "LEVEL", env = "CALLOFF_LOG", value_parser = level)]
    pub log_level: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a folder to start with: commented files, a job that is switched off
    Init(InitArgs),
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
    /// Show what Zoho itself has of an account's backups, or schedule one
    Backup(BackupArgs),
    /// Get an account's refresh token, or test its credentials
    Auth(AuthArgs),
    /// Show what is loaded, when it is due and how it last went
    Status(StatusArgs),
    /// Show what happened
    History(HistoryArgs),
    /// Put a job out of action for a while
    Pause(PauseArgs),
    /// End a job's pause early
    Resume(ResumeArgs),
    /// Have the daemon read its files again, and say what became of them
    Reload(ReloadArgs),
    /// Show, pay or waive the recurring backups that are owed
    #[command(subcommand)]
    Restore(RestoreCommand),
    /// Try whether those who are told what happens can be
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Look at everything around Calloff that may be wrong; changes nothing
    Doctor(DoctorArgs),
    /// Serve a simulated Zoho on loopback
    Sim(SimArgs),
    /// Watch Calloff work for some seconds, against the simulator; leaves nothing behind
    Demo(DemoArgs),
    /// Print the JSON Schema of a file, for editors
    Schema(SchemaArgs),
    /// Print a script that makes a shell complete the command line
    Completions(CompletionsArgs),
    /// Print a page of the manual, or write all of them into a folder
    Man(ManArgs),
}

/// Whether results are for people or for programs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Form {
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 10m, 2h or 7d"))
}

fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    duration(text).and_then(
        |asked| {
            if asked >= least { Ok(asked) } else { Err("it is 100ms at least".to_owned()) }
        },
    )
}

fn level(text: &str) -> Result<String, String> {
    logs::check_level(text).map(|()| text.to_owned())
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
