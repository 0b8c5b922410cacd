//! One cancel, from the start of the program to its end.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{self, Place};
use crate::server::Server;
use crate::{Extent, Result, figures};

pub(crate) fn measure(extent: &Extent) -> Result<()> {
    let mut server = Server::start(Duration::ZERO)?;
    let place = Place::new(&server.url, 10)?;
    time(&mut place.cancel(place::ids(1)))?;
    server.did()?;
    println!(
        "\nOne cold `calloff cancel ID --account bench --json`, the token cached; load {}\n",
        figures::load()
    );

    let mut all = vec![
        ("calloff cancel", place.cancel(place::ids(1)), vec![]),
        ("calloff --version", place.calloff(&["--version"]), vec![]),
    ];
    if place::curl().is_some() {
        all.push(("curl", place.curl(place::ids(1))?, vec![]));
    }
    for _ in 0..extent.cold {
        for (_, command, times) in &mut all {
            times.push(time(command)?);
        }
    }
    let answer = server.did()?.latency;
    if place.recorded()? != extent.cold + 1 {
        return Err("not every cold cancel is on record".into());
    }
    println!("| program | median | 95 % | over the server's answer |");
    println!("|---|---|---|---|");
    for (name, _, times) in &all {
        let [middle, most] = [50, 95].map(|share| figures::percentile(times, share));
        let over = match *name {
            "calloff --version" => "–".to_owned(),
            _ => figures::ms(middle.saturating_sub(answer)),
        };
        println!("| {name} | {} | {} | {over} |", figures::ms(middle), figures::ms(most));
    }
    println!(
        "\n{} each, by turns; the server answered after {} on average",
        extent.cold,
        figures::ms(answer)
    );
    Ok(())
}

fn time(command: &mut Command) -> Result<Duration> {
    command.stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status()?;
    let time = begun.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{command:?}: {status}").into()) }
}
