//! The time to come as a picture: below one axis a block for each account, with a lane for each window, each job and
//! the backup itself.

use std::collections::BTreeMap;

use anstyle::Style;
use calloff_core::condition::NamedWindow;
use calloff_core::forecast::{Action, Foretold};
use calloff_core::window::Span;
use jiff::Timestamp;

use super::account::AccountPlan;
use super::axis::{Axis, Mark};
use super::glyph::Glyph;
use super::lane::{GAP, Lane};
use crate::report::style::{BOLD, DIM, styled};
use crate::report::text::{fitted, flowing, line, width};

/// Accounts that are shown at most.
const MOST_ACCOUNTS: usize = 20;
/// Jobs of one account that are shown at most.
const MOST_JOBS: usize = 12;

/// The lanes of one account, and how many of its jobs have none.
struct Block<'a> {
    account: &'a str,
    lanes: Vec<Lane>,
    left_out: usize,
}

/// The picture, with its legend and an empty line behind; nothing, if there is nothing to show.
pub(super) fn picture(
    accounts: &[AccountPlan<'_>],
    now: Timestamp,
    until: Timestamp,
    columns: usize,
) -> String {
    let shown: Vec<&AccountPlan<'_>> =
        accounts.iter().filter(|account| has_something_to_show(account, now, until)).collect();
    let left_out = shown.len().saturating_sub(MOST_ACCOUNTS);
    let (of_interest, others): (Vec<_>, Vec<_>) =
        shown.into_iter().partition(|account| account.is_of_interest());
    let shown: Vec<_> = of_interest.into_iter().chain(others).take(MOST_ACCOUNTS).collect();

    let label_width = label_width(&shown, columns);
    let Some(axis) = Axis::new(now, until, columns - label_width - GAP) else { return String::new() };
    let blocks: Vec<Block<'_>> = shown.iter().map(|account| block(account, now, until, axis)).collect();
    if blocks.is_empty() {
        return String::new();
    }
    let marks = axis.marks();
    let mut text = labels(&marks, label_width + GAP, axis.columns());
    for block in &blocks {
        line(&mut text, format_args!("{}", styled(BOLD, fitted(block.account, columns).trim_end())));
        for lane in &block.lanes {
            line(&mut text, format_args!("{}", lane.text(label_width, axis.columns(), &marks)));
        }
        if block.left_out > 0 {
            line(&mut text, format_args!("  {}", styled(DIM, more(block.left_out, "job"))));
        }
    }
    if left_out > 0 {
        line(&mut text, format_args!("{}", styled(DIM, more(left_out, "account"))));
    }
    text.push('\n');
    text.push_str(&legend(&blocks, columns));
    text.push('\n');
    text
}

fn more(count: usize, what: &str) -> String {
    format!("and {count} more {what}{}", if count == 1 { "" } else { "s" })
}

fn has_something_to_show(account: &AccountPlan<'_>, now: Timestamp, until: Timestamp) -> bool {
    let prevented = account.forecast.prevented.iter().copied();
    let mut starts = account.starts(now).into_iter().chain(prevented);
    !account.forecast.rows.is_empty() || starts.any(|start| start <= until)
}

/// The first line: what the axis is called where.
fn labels(marks: &[Mark], left: usize, columns: usize) -> String {
    let mut text = fitted("UTC", left);
    for Mark { column, label } in marks {
        let begun = width(&text);
        if column + width(label) <= columns && left + column >= begun {
            text.extend(std::iter::repeat_n(' ', left + column - begun));
            text.push_str(label);
        }
    }
    format!("{}\n", styled(DIM, text.trim_end()))
}

/// The meaning of each glyph that occurs.
fn legend(blocks: &[Block<'_>], columns: usize) -> String {
    let occurs = |glyph: &Glyph| blocks.iter().flat_map(|block| &block.lanes).any(|lane| lane.has(*glyph));
    flowing(Glyph::all().filter(occurs).map(Glyph::entry), 3, columns)
}

const OWN_STARTS: &str = "  backup";

fn label_width(accounts: &[&AccountPlan<'_>], columns: usize) -> usize {
    let rows = accounts.iter().flat_map(|account| &account.forecast.rows);
    let names = rows.flat_map(|row| {
        let window = row.job.when.window.as_ref().map(|window| window_label(&window.name));
        window.into_iter().chain([format!("  {}", row.job.name)])
    });
    let widest = names.map(|label| width(&label)).max().unwrap_or(0).max(OWN_STARTS.len());
    widest.min(columns / 3)
}

fn block<'a>(account: &AccountPlan<'a>, now: Timestamp, until: Timestamp, axis: Axis) -> Block<'a> {
    let mut jobs: BTreeMap<&str, Vec<&Foretold<'_>>> = BTreeMap::new();
    for row in &account.forecast.rows {
        jobs.entry(row.job.name.as_str()).or_default().push(row);
    }
    let left_out = jobs.len().saturating_sub(MOST_JOBS);
    let acts = |rows: &Vec<&Foretold<'_>>| {
        rows.iter().any(|row| !matches!(row.action, Action::Skip | Action::AlreadyCancelled))
    };
    let (acting, others): (Vec<_>, Vec<_>) = jobs.into_values().partition(acts);
    let jobs: Vec<_> = acting.into_iter().chain(others).take(MOST_JOBS).collect();

    let untold = account.forecast.cut_at.map(|cut_at| axis.band(cut_at, until));
    let beside_the_untold = |label: &str, style| {
        let mut lane = Lane::new(&format!("  {label}"), style);
        lane.fill(untold.clone().unwrap_or_default(), Glyph::Untold);
        lane
    };
    let mut lanes: Vec<Lane> = windows(&jobs).into_values().map(|window| window_lane(window, axis)).collect();
    lanes.extend(jobs.iter().map(|rows| {
        let mut lane = beside_the_untold(rows[0].job.name.as_str(), Style::new());
        for row in rows {
            lane.put(axis.column(row.fire_at), Glyph::Act(row.action));
        }
        lane
    }));
    let mut own = beside_the_untold(OWN_STARTS.trim_start(), DIM);
    let starts = account.starts(now).into_iter().map(|start| (start, Glyph::Start));
    let prevented = account.forecast.prevented.iter().map(|start| (*start, Glyph::Prevented));
    for (start, glyph) in starts.chain(prevented).filter(|(start, _)| axis.shows(*start)) {
        own.put(axis.column(start), glyph);
    }
    if own.has(Glyph::Start) || own.has(Glyph::Prevented) {
        lanes.push(own);
    }
    Block { account: account.account, lanes, left_out }
}

/// The windows that these jobs use, by name.
fn windows<'a>(jobs: &[Vec<&Foretold<'a>>]) -> BTreeMap<&'a str, &'a NamedWindow> {
    let windows = jobs.iter().filter_map(|rows| rows[0].job.when.window.as_deref());
    windows.map(|window| (window.name.as_str(), window)).collect()
}

/// A window and a job may have one name.
fn window_label(name: &str) -> String {
    format!("  window {name}")
}

fn window_lane(NamedWindow { name, window }: &NamedWindow, axis: Axis) -> Lane {
    let mut lane = Lane::new(&window_label(name), Glyph::Open.style());
    let open_from = |at| window.current_or_next(at).map(|Span { opens, closes }| (opens, closes));
    for band in axis.bands(open_from) {
        lane.fill(band, Glyph::Open);
    }
    lane
}
