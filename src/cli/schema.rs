//! `calloff schema`: what editors check and complete configuration files by.

use std::process::ExitCode;

use super::args::{SchemaArgs, SchemaOf};
use super::output::Output;
use crate::error::Error;

pub(super) fn schema(args: &SchemaArgs, mut output: Output) -> Result<ExitCode, Error> {
    output.text(match args.of {
        SchemaOf::Job => include_str!("../../schemas/job.json"),
        SchemaOf::Config => include_str!("../../schemas/config.json"),
    })?;
    Ok(ExitCode::SUCCESS)
}
