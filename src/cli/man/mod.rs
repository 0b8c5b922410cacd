//! `calloff man`: the manual, one page a command, made of what `--help` says.

mod page;

use std::path::Path;
use std::process::ExitCode;

use calloff_core::config;
use clap::{Command, CommandFactory as _};

use super::args::{Cli, ManArgs};
use super::output::{Output, notice};
use crate::error::Error;

pub(super) fn man(args: &ManArgs, mut output: Output) -> Result<ExitCode, Error> {
    let root = root();
    match &args.dir {
        Some(folder) => write_all(&root, folder)?,
        None => output.bytes(&page::render(find(&root, &args.command)?)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The command line, with every subcommand's full name worked out.
fn root() -> Command {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    root
}

fn find<'a>(root: &'a Command, words: &[String]) -> Result<&'a Command, Error> {
    words.iter().try_fold(root, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            let names = command.get_subcommands().map(Command::get_name);
            let help = config::did_you_mean(word, names)
                .unwrap_or_else(|| format!("`{} --help` lists its commands", full_name(command)));
            Error::Usage(format!("`{}` has no command `{word}`; {help}", full_name(command)))
        })
    })
}

fn full_name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

fn write_all(root: &Command, folder: &Path) -> Result<(), Error> {
    let failed =
        |error| Error::Usage(format!("couldn't write the manual into `{}`: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut commands = vec![root];
    let mut written = 0;
    while let Some(command) = commands.pop() {
        std::fs::write(folder.join(page::file_name(command)), page::render(command)?).map_err(failed)?;
        written += 1;
        commands.extend(command.get_subcommands().filter(|command| !command.is_hide_set()));
    }
    notice(&format!("{written} pages written into `{}`", folder.display()));
    Ok(())
}
