//! The command line: one file a command. Data goes to stdout, everything else to stderr; nothing ever prompts.

mod args;
mod asking;
mod attending;
mod auth;
mod backup;
mod cancel;
mod check;
mod completions;
mod demo;
mod doctor;
mod explain;
mod forecast;
mod history;
mod init;
mod man;
mod next;
mod notify;
mod once;
mod output;
mod pause;
mod plan;
mod reading;
mod reload;
mod restore;
mod results;
mod run;
mod schema;
mod screen;
mod serving;
mod setup;
mod sim;
mod status;
mod trigger;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

pub use args::Cli;
use args::Command;
use output::Output;

use crate::error::Error;
use crate::{descriptors, logs};

/// How long the end of a command waits for its traces to be sent.
const FLUSHING: Duration = Duration::from_secs(2);

/// Parses the command line, does what it says, and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match execute(cli) {
        Ok(code) => code,
        // Whoever reads the output has seen enough, as `head` does.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            error.exit_code()
        }
    }
}

fn execute(cli: Cli) -> Result<ExitCode, Error> {
    descriptors::raise_limit();
    let runtime = setup::runtime()?;
    let output = Output::new();
    let config = cli.config.as_deref();
    let result = runtime.block_on(async {
        match cli.command {
            Command::Init(args) => init::init(&args, output),
            Command::Run(args) => run::run(config, &cli.log, &args).await,
            Command::Once(args) => once::once(config, &cli.log, &args, output).await,
            Command::Trigger(args) => trigger::trigger(config, &cli.log, args, output).await,
            Command::Cancel(args) => cancel::cancel(config, &cli.log, args, output).await,
            Command::Check(args) => check::check(config, &args, output),
            Command::Next(args) => next::next(config, &args, output).await,
            Command::Plan(args) => plan::plan(config, &cli.log, &args, output).await,
            Command::Explain(args) => explain::explain(config, &cli.log, &args, output).await,
            Command::Backup(args) => backup::backup(config, &cli.log, args, output).await,
            Command::Auth(args) => auth::auth(config, &cli.log, args, output).await,
            Command::Status(args) => status::status(config, &args, output).await,
            Command::History(args) => history::history(config, &args, output).await,
            Command::Pause(args) => pause::pause(config, args, output).await,
            Command::Resume(args) => pause::resume(config, args, output).await,
            Command::Reload(args) => reload::reload(config, &args, output).await,
            Command::Restore(command) => restore::restore(config, &cli.log, command, output).await,
            Command::Notify(command) => notify::notify(config, &cli.log, &command, output).await,
            Command::Doctor(args) => doctor::doctor(config, &cli.log, &args, output).await,
            Command::Sim(args) => sim::sim(&cli.log, &args, output).await,
            Command::Demo(args) => demo::demo(&cli.log, &args, output).await,
            Command::Schema(args) => schema::schema(&args, output),
            Command::Completions(args) => completions::completions(&args, output),
            Command::Man(args) => man::man(&args, output),
        }
    });
    runtime.block_on(logs::flush(FLUSHING));
    // A token lock that another process holds must not keep this one from ending.
    runtime.shutdown_background();
    result
}

/// clap exits 2 by itself; 2 has another meaning here.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // If even this can't be printed there is nowhere to say so.
    drop(error.print());
    if asked { ExitCode::SUCCESS } else { ExitCode::from(64) }
}
