//! `calloff reload`: has the daemon read its files again, and says what became of them.

use std::path::Path;
use std::process::ExitCode;

use super::args::ReloadArgs;
use super::asking;
use super::output::Output;
use crate::control::{Form, Request};
use crate::error::Error;

pub(super) async fn reload(
    config: Option<&Path>,
    args: &ReloadArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let form = Form { json: args.form.json, width: output.width(), ..Form::default() };
    let request = Request::Reload { allow_empty: args.allow_empty, form };
    asking::print(&asking::demand(config, &request).await?, &mut output)
}
