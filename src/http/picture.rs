//! The picture of the coming days, as SVG. Where things lie in time is said by [`Timeline`].

use calloff_core::overview::Recent;
use calloff_core::run::RunState;
use calloff_core::timeline::{Band, Frequent, JobTick, Lane, Mark, Timeline};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use maud::{Markup, html};

use super::format::{count, duration, seconds};

/// In units of the picture, which is scaled to its place.
const WIDTH: f64 = 1200.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 10.0;
const AXIS: f64 = 30.0;
const LANE: f64 = 44.0;

/// Letters of an account's name that have room beside its lane.
const LETTERS: usize = 19;

/// Draws the picture. It is as high as it has lanes.
pub(super) fn picture(timeline: &Timeline) -> Markup {
    let drawing = Drawing { timeline };
    let height = AXIS + LANE * as_f64(timeline.lanes.len()) + 6.0;
    html! {
        svg #timeline viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-labelledby="timeline-title timeline-desc" {
            title #timeline-title { "The next 14 days" }
            desc #timeline-desc {
                "A lane for each account, from a day ago to 14 days ahead: windows as bands, what is due as strokes, Zoho's own "
                "next backup as a diamond, and how runs ended. The tables below say the same in words."
            }
            (drawing.axis(height))
            @for (place, lane) in timeline.lanes.iter().enumerate() {
                (drawing.lane(lane, AXIS + LANE * as_f64(place)))
            }
            g .now {
                line x1=(drawing.x(timeline.now)) y1=(AXIS - 8.0) x2=(drawing.x(timeline.now)) y2=(height) {}
                title { "now: " (seconds(timeline.now)) }
            }
        }
    }
}

/// The section that has the picture, with what its marks mean, and what else belongs to it.
pub(super) fn section(timeline: &Timeline, more: &Markup) -> Markup {
    html! {
        section #coming aria-labelledby="coming-title" {
            h2 #coming-title { "The next 14 days" }
            div.scroll #coming-picture tabindex="0" role="region" aria-label="The next 14 days" {
                (picture(timeline))
            }
            (legend())
            (more)
        }
    }
}

/// What the marks mean.
fn legend() -> Markup {
    let sample = |mark: Markup| html! { svg.sample viewBox="0 0 24 24" aria-hidden="true" { (mark) } };
    html! {
        ul.legend {
            li { (sample(html! { rect.band x="1" y="3" width="22" height="18" {} })) "window" }
            li { (sample(html! { g.tick { line x1="12" y1="3" x2="12" y2="21" {} } })) "due" }
            li { (sample(html! { g.tick.paused { line x1="12" y1="3" x2="12" y2="21" {} } })) "due, but paused" }
            li { (sample(html! { rect.often x="1" y="9" width="22" height="6" {} })) "due very often" }
            li { (sample(html! { g.backup { (diamond(12.0, 12.0)) } })) "Zoho's next backup" }
            @for state in [RunState::Succeeded, RunState::Failed, RunState::Missed, RunState::Skipped, RunState::Running] {
                li { (sample(html! { g class={ "past " (state.as_str()) } { (symbol(state, 12.0, 12.0)) } })) (state.as_str()) }
            }
        }
    }
}

struct Drawing<'a> {
    timeline: &'a Timeline,
}

impl Drawing<'_> {
    /// Where an instant lies, to a tenth of a unit.
    fn x(&self, at: Timestamp) -> f64 {
        let Timeline { from, until, .. } = self.timeline;
        let whole = until.duration_since(*from).as_secs_f64().max(1.0);
        let share = (at.duration_since(*from).as_secs_f64() / whole).clamp(0.0, 1.0);
        tenths(LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    fn axis(&self, height: f64) -> Markup {
        html! {
            g.axis {
                @for day in self.days() {
                    @let x = self.x(day.timestamp());
                    line x1=(x) y1=(AXIS - 8.0) x2=(x) y2=(height) {}
                    @if x < WIDTH - 50.0 {
                        text x=(x + 3.0) y=(AXIS - 12.0) { (day.strftime("%a %-d")) }
                    }
                }
            }
        }
    }

    /// The days that begin in the picture, in UTC.
    fn days(&self) -> Vec<Zoned> {
        let Timeline { from, until, .. } = self.timeline;
        let first = from.to_zoned(TimeZone::UTC).start_of_day().ok();
        let days = std::iter::successors(first, |day| day.checked_add(1.day()).ok());
        days.skip_while(|day| day.timestamp() < *from).take_while(|day| day.timestamp() < *until).collect()
    }

    fn lane(&self, lane: &Lane, top: f64) -> Markup {
        let middle = top + LANE / 2.0;
        html! {
            g.lane data-account=(lane.account) {
                line.rule x1="0" y1=(top) x2=(WIDTH) y2=(top) {}
                a href=(super::page::account_path(&lane.account)) {
                    text x="4" y=(middle + 4.0) { (shortened(&lane.account)) title { (lane.account) } }
                }
                @for band in &lane.bands { (self.band(band, top)) }
                @if !lane.frequent.is_empty() { (self.frequent(&lane.frequent, middle)) }
                @for tick in &lane.ticks { (self.tick(tick, top)) }
                @if let Some(start) = lane.backup {
                    g.backup data-at=(start) {
                        (diamond(self.x(start), middle))
                        title { "Zoho's next backup: " (seconds(start)) }
                    }
                }
                @for run in &lane.past { (self.past(run, middle)) }
                @if lane.left_out > 0 {
                    text.more x=(WIDTH - RIGHT) y=(top + LANE - 4.0) text-anchor="end" {
                        "and " (count(lane.left_out, "job", "jobs")) " more"
                    }
                }
            }
        }
    }

    fn band(&self, band: &Band, top: f64) -> Markup {
        let (opens, closes) = (self.x(band.shown.opens), self.x(band.shown.closes));
        html! {
            rect.band x=(opens) y=(top + 3.0) width=(tenths((closes - opens).max(1.0))) height=(LANE - 6.0) {
                title {
                    "window " (band.window) ": " (edge(band.span.opens)) " to " (edge(band.span.closes))
                    @if band.is_many { ", and so on" }
                }
            }
        }
    }

    fn tick(&self, tick: &Mark<JobTick>, top: f64) -> Markup {
        let x = self.x(tick.at);
        html! {
            g.tick.paused[tick.is_paused()] data-at=(tick.at) {
                line x1=(x) y1=(top + 8.0) x2=(x) y2=(top + LANE - 8.0) {}
                title {
                    @for job in &tick.told {
                        (job.job) ": due " (seconds(job.at)) @if job.is_paused { ", paused" } "\n"
                    }
                    @if tick.more > 0 { "and " (tick.more) " more" }
                }
            }
        }
    }

    fn frequent(&self, jobs: &[Frequent], middle: f64) -> Markup {
        let from = self.x(self.timeline.now);
        html! {
            rect.often x=(from) y=(middle - 3.0) width=(tenths(WIDTH - RIGHT - from)) height="6" {
                title {
                    @for job in jobs.iter().take(10) {
                        (job.job) @if let Some(interval) = job.interval { ": due at least every " (duration(interval)) } "\n"
                    }
                    @if jobs.len() > 10 { "and " (jobs.len() - 10) " more" }
                }
            }
        }
    }

    fn past(&self, mark: &Mark<Recent>, middle: f64) -> Markup {
        let state = mark.worst();
        html! {
            g class={ "past " (state.as_str()) } data-at=(mark.at) {
                (symbol(state, self.x(mark.at), middle))
                title {
                    @for run in &mark.told { (run.job) ": " (run.state.as_str()) " " (seconds(run.at)) "\n" }
                    @if mark.more > 0 { "and " (mark.more) " more" }
                }
            }
        }
    }
}

/// Each state has a shape of its own.
fn symbol(state: RunState, x: f64, y: f64) -> Markup {
    match state {
        RunState::Succeeded => html! { circle cx=(x) cy=(y) r="4" {} },
        RunState::Skipped => html! { circle.hollow cx=(x) cy=(y) r="3.5" {} },
        RunState::Running => html! { rect x=(x - 3.0) y=(y - 3.0) width="6" height="6" {} },
        RunState::Failed => {
            let (left, right, top, bottom) = (x - 5.0, x + 5.0, y - 5.0, y + 5.0);
            html! { path.cross d={ "M" (left) " " (top) "L" (right) " " (bottom) "M" (right) " " (top) "L" (left) " " (bottom) } {} }
        }
        RunState::Missed => {
            html! { path d={ "M" (x) " " (y - 5.0) "l5 9h-10z" } {} }
        }
    }
}

fn diamond(x: f64, y: f64) -> Markup {
    html! { path d={ "M" (x) " " (tenths(y - 8.0)) "l7 8l-7 8l-7 -8z" } {} }
}

/// Where a window opens or closes; one may have no end in sight.
fn edge(at: Timestamp) -> String {
    if at == Timestamp::MIN || at == Timestamp::MAX { "no end in sight".to_owned() } else { seconds(at) }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "a page has few lanes")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
