//! `calloff completions`: what a shell needs to complete our command line.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::args::{Cli, CompletionsArgs, Shell};
use super::output::Output;
use crate::error::Error;

pub(super) fn completions(args: &CompletionsArgs, mut output: Output) -> Result<ExitCode, Error> {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // By way of a buffer: clap_complete panics where it can't write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "calloff", &mut script);
    output.bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
