//! Commands about an account at Zoho.

use std::path::PathBuf;

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
    /// Turn the grant code of a self client into a refresh token
    Exchange(AuthExchangeArgs),
    /// Test whether the credentials are good, and allow what the jobs need; changes nothing
    Check(AuthCheckArgs),
}

/// `calloff auth exchange`
#[derive(Debug, Args)]
#[command(after_help = "\
In Zoho's API console choose Self Client, then Generate Code. Ask for the scopes
ZohoCRM.bulk.backup.READ,ZohoCRM.bulk.backup.UPDATE and, for jobs with [restore],
ZohoCRM.bulk.backup.CREATE; choose the organisation. The code is good once, for some minutes.

It is read from standard input, its first line, or from a file; never from the arguments, which
others on the machine can see. Needed is a valid calloff.toml with the account's client_id and
client_secret; job files may be wrong. One request is made, and never repeated; Ctrl-C does not
end it.

The refresh token goes to where `refresh_token = { file = … }` of the account points, or to --out:
a file that is new, with mode 0600, of the user that runs this: run it as Calloff's user, or hand
the file over. Whether it can be written is tried before the code is sent. A path after --out is
relative to the current folder, one in calloff.toml to that file's.

Exit codes: 0 the refresh token is written; 1 Zoho gave none; 64 usage, no such account, no code,
or a place that can't be written; 69 Zoho could not be reached or throttles, or the token could not
be written after all; 77 Zoho refuses the code or the client; 78 calloff.toml is invalid, or the
client secret can't be read.

Examples:
  calloff auth exchange --account acme                 then paste the code, and Enter
  calloff auth exchange -a acme --code-file code.txt --out secrets/acme-refresh-token
  # encrypted; the old one stays if the code is refused:
  token=$(calloff auth exchange -a acme --stdout < code.txt) && printf %s \"$token\" |
    systemd-creds encrypt --name=acme-refresh-token - new && mv new acme-refresh-token")]
pub struct AuthExchangeArgs {
    /// The account, by its name in calloff.toml
    #[arg(short, long, value_name = "ACCOUNT")]
    pub account: AccountName,
    /// Read the code from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
    /// Write the refresh token to this file; default: the file that the account names
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the refresh token instead of writing it to a file
    #[arg(long, conflicts_with_all = ["out", "force", "json"])]
    pub stdout: bool,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}

/// `calloff auth check`
#[derive(Debug, Args)]
#[command(after_help = "\
Reading is tried. For the rest Zoho may have named the token's scopes when it issued it. If it has
not, a cancel of the ID 0, which no backup has, shows whether cancels are allowed; whether
scheduling is can't be told then, and nothing is ever scheduled.

The data centre is told by the address of the API that Zoho names with a token. The organisation
is shown if the token happens to allow it (ZohoCRM.org.READ); nothing needs that.

Exit codes: 0 all is well, as far as can be told; 1 a scope is missing that jobs need, the token is
of another data centre, or Zoho refuses for another lasting reason; 64 no such account; 69 Zoho could not be reached; 77 nothing is
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
