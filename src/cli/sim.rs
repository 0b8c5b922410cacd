//! `calloff sim`: a simulated Zoho on loopback.

use std::process::ExitCode;

use calloff_core::config::LogFormat;
use calloff_sim::{Scenario, Simulator};

use super::args::{LogArgs, SimArgs};
use super::output::{Output, notice};
use super::setup;
use crate::error::Error;
use crate::logs;

pub(super) async fn sim(log: &LogArgs, args: &SimArgs, mut output: Output) -> Result<ExitCode, Error> {
    logs::init(LogFormat::Auto, log.log_level.as_deref().unwrap_or("info")).map_err(Error::Usage)?;
    let scenario = match &args.scenario {
        Some(path) => {
            Scenario::load(path).map_err(|source| Error::Scenario { path: path.clone(), source })?
        }
        None => Scenario::default(),
    };
    if !args.listen.ip().is_loopback() {
        return Err(Error::Usage(format!(
            "{} is no loopback address: the simulator serves no others",
            args.listen
        )));
    }
    let stop = setup::stop_on_signals()?;
    let (lines, mut received) = tokio::sync::mpsc::unbounded_channel();
    let watch = move |seen: &calloff_sim::Seen| {
        drop(lines.send(seen.to_string()));
    };
    let running = Simulator::start_watched(args.listen, scenario, watch)
        .await
        .map_err(|source| Error::Simulator { address: args.listen.to_string(), source })?;
    notice(&format!("simulating Zoho at {}; set `api_domain` and `accounts_url` to it", running.url()));
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(line) = received.recv() => output.text(&format!("{line}\n"))?,
        }
    }
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}
