//! Commands about an account at Zoho.

use calloff_core::ids::AccountName;
use clap::{Args, Subcommand};

use super::Form;

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
