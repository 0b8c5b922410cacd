//! Commands for whoever begins, packages or edits.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Form;

/// `calloff completions`
#[derive(Debug, Args)]
#[command(after_help = "\
The script goes to stdout. Packages put it where the shell looks by itself.

Examples:
  calloff completions bash > /usr/share/bash-completion/completions/calloff
  calloff completions zsh > /usr/local/share/zsh/site-functions/_calloff
  calloff completions fish > ~/.config/fish/completions/calloff.fish
  source <(calloff completions bash)        for this shell only")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// A shell that completions are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash, 4 or newer
    Bash,
    /// The Z shell
    Zsh,
    /// Fish
    Fish,
}

/// `calloff man`
#[derive(Debug, Args)]
#[command(after_help = "\
The pages are roff, for man(1), and say what --help says.

Examples:
  calloff man | man -l -                    read calloff(1)
  calloff man restore pay | man -l -        read calloff-restore-pay(1)
  calloff man --dir /usr/local/share/man/man1")]
pub struct ManArgs {
    /// The command whose page is printed; default: calloff itself
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Vec<String>,
    /// Write all pages into this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `calloff schema`
#[derive(Debug, Args)]
#[command(after_help = "\
JSON Schema, draft 2020-12. With a first line such as `#:schema ../schemas/job.json` in a file,
Taplo and the editors that use it complete its keys and mark what is wrong. `calloff check` finds
more: what a file says must fit the other files, and time.

Examples:
  calloff schema job > schemas/job.json
  calloff schema config > schemas/config.json")]
pub struct SchemaArgs {
    /// Of which file
    #[arg(value_enum, value_name = "FILE")]
    pub of: SchemaOf,
}

/// A file that there is a schema of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A job file
    Job,
    /// calloff.toml
    Config,
}

/// `calloff init`
#[derive(Debug, Args)]
#[command(after_help = "\
It makes calloff.toml, jobs/first.toml, which is switched off, .gitignore, and the folders secrets/
and state/, which are yours alone. What is there already is kept as it is, and named. Then it says
what to do next.

Exit codes: 0 all is there; 64 DIR is a file, or can't be written.

Examples:
  calloff init
  calloff init ~/calloff")]
pub struct InitArgs {
    /// The folder, which is made if need be
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// `calloff doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
It looks at the configuration, the clock, the data of time zones, permissions, credentials, the
record, the daemon, and whether Zoho's hosts answer: all of it, whatever is wrong with some. It
changes nothing, sends no credentials, and takes some seconds at most. Run it as the user that runs
Calloff. Whether Zoho accepts the credentials is for `calloff auth check` to say.

Exit codes: 0 nothing failed; 69 the record can't be used, or a host does not answer; 78 the
configuration, the clock, the data of time zones, permissions or secrets are wrong. Of several
that failed, 78 comes first.

Examples:
  calloff doctor
  sudo -u calloff calloff doctor --json")]
pub struct DoctorArgs {
    /// How results are printed.
    #[command(flatten)]
    pub form: Form,
}
