//! Why a job would act at an instant, or would not: the chain of reasons, link by link.

use anstyle::AnsiColor;
use calloff_core::agenda::Pause;
use calloff_core::condition::{Permit, Reading, permit};
use calloff_core::config::Job;
use calloff_core::explain::{Explained, Past};
use calloff_core::forecast::{Action, Foretold};
use calloff_core::live::LiveBackup;
use jiff::Timestamp;

use super::live::live;
use super::style::{coloured, style_of_action, styled};
use super::text::{hanging, line, most_columns, wrapped};
use super::time::{relative, seconds};

/// What there is to know of one job at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    /// What it comes to, and what it would do by itself.
    pub told: &'a Explained<'a>,
    /// The job's pause, if it has one.
    pub pause: Option<&'a Pause>,
    /// What Zoho has now.
    pub live: &'a Reading<Option<LiveBackup>>,
}

/// How a link of the chain holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Holds,
    Breaks,
    Untold,
}

impl From<Option<bool>> for Link {
    fn from(holds: Option<bool>) -> Self {
        match holds {
            Some(true) => Self::Holds,
            Some(false) => Self::Breaks,
            None => Self::Untold,
        }
    }
}

impl Link {
    fn mark(self) -> String {
        let (mark, colour) = match self {
            Self::Holds => ('✓', AnsiColor::Green),
            Self::Breaks => ('✗', AnsiColor::Red),
            Self::Untold => ('?', AnsiColor::Yellow),
        };
        styled(coloured(colour), mark)
    }
}

/// The verdict, then each link of the chain: the occurrence, the job, its conditions, each target, and what Zoho has.
#[must_use]
pub fn explain(explanation: &Explanation<'_>, now: Timestamp, width: Option<u16>) -> String {
    let columns = most_columns(width);
    let mut text = verdict(explanation, now, columns);
    let chain = explanation.chain(now);
    let label_width = chain.iter().map(|(label, ..)| label.len()).max().unwrap_or(0);
    for (label, link, said) in &chain {
        let head = format!("  {} {label:label_width$}  ", link.mark());
        hanging(&mut text, &head, label_width + 6, said, columns);
    }
    text.push('\n');
    if !matches!(explanation.told.past, Past::OnRecord(_)) {
        targets(&mut text, &explanation.told.row, columns);
        text.push('\n');
    }
    let head = if explanation.live.as_read().is_some() { "In Zoho now: " } else { "" };
    hanging(&mut text, head, head.len(), &live(explanation.live, now), columns);
    text
}

impl Explanation<'_> {
    /// All links up to the targets: a name, how it holds, and what there is to say.
    fn chain(&self, now: Timestamp) -> Vec<(&'static str, Link, String)> {
        let enabled = self.told.row.job.enabled;
        let said = if enabled { "yes" } else { "no: the job file has `enabled = false`" };
        let conditions = self.told.row.conditions.iter().map(|finding| {
            let said = format!("wanted {}, found {}", finding.wanted, finding.actual);
            (finding.condition.as_str(), finding.holds.into(), said)
        });
        let mut chain =
            vec![self.occurrence(now), ("enabled", Some(enabled).into(), said.to_owned()), self.paused(now)];
        chain.extend(conditions);
        chain
    }

    /// The pause that keeps it from acting, if there is one.
    fn pause_then(&self, now: Timestamp) -> Option<&Pause> {
        let Foretold { occurrence, fire_at, .. } = self.told.row;
        // What is left over from before is run now.
        let runs_at = if self.told.past == Past::NotOnRecord { fire_at } else { fire_at.max(now) };
        self.pause.filter(|pause| pause.covers(occurrence, runs_at))
    }

    fn paused(&self, now: Timestamp) -> (&'static str, Link, String) {
        let said = match (self.pause_then(now), self.pause) {
            (Some(pause), _) => format!("until {}: {}", seconds(pause.until), pause.reason),
            (None, Some(pause)) => {
                format!("not then, but from {} until {}", seconds(pause.since), seconds(pause.until))
            }
            (None, None) => "none".to_owned(),
        };
        ("pause", Some(self.pause_then(now).is_none()).into(), said)
    }

    fn occurrence(&self, now: Timestamp) -> (&'static str, Link, String) {
        let Foretold { job, occurrence, fire_at, .. } = &self.told.row;
        let is_one = self.told.due.is_some();
        let said = match self.told.next {
            _ if is_one && fire_at == occurrence => "yes".to_owned(),
            _ if is_one => format!("yes; its spread makes it due at {}", seconds(*fire_at)),
            Some(next) => {
                format!("no; the next is {}, {}, {}", local(job, next), seconds(next), relative(next, now))
            }
            None => "no, and none comes after it".to_owned(),
        };
        ("occurrence", Some(is_one).into(), said)
    }

    /// Why it is not due, whatever Zoho has.
    fn not_due(&self) -> Option<&'static str> {
        match (self.told.row.job.enabled, self.told.due.is_some()) {
            (false, _) => Some("it is not enabled"),
            (true, false) => Some("that is no occurrence of it"),
            (true, true) => None,
        }
    }

    /// What would stop it if it were due, in short.
    fn stopped_by(&self, now: Timestamp) -> Option<String> {
        if self.pause_then(now).is_some() {
            return Some("it is paused".to_owned());
        }
        let failing = self.told.row.conditions.iter().filter(|finding| finding.holds == Some(false));
        let failing: Vec<String> = failing.map(|finding| format!("`{}`", finding.condition)).collect();
        let verb = if failing.len() == 1 { "does" } else { "do" };
        (!failing.is_empty()).then(|| format!("{} {verb} not hold", failing.join(" and ")))
    }
}

fn verdict(explanation: &Explanation<'_>, now: Timestamp, columns: usize) -> String {
    let Explained { row, by_itself, past, .. } = explanation.told;
    let Foretold { job, occurrence, action, .. } = row;
    let by_itself = match (by_itself.action, explanation.stopped_by(now)) {
        (Action::Skip, Some(why)) => format!("{}: {why}", would(Action::Skip)),
        (Action::Skip | Action::Unknown, _) => would(by_itself.action).to_owned(),
        (action, _) if explanation.not_due().is_some() => format!("{}: {}", would(action), by_itself.reason),
        (action, _) => would(action).to_owned(),
    };
    let verdict = match (past, explanation.not_due()) {
        (Past::OnRecord(_), _) => format!("{}: {}", job.name, row.reason),
        (_, Some(why)) => format!("{} {}: {why}", job.name, would(Action::Skip)),
        (_, None) => format!("{} {by_itself}", job.name),
    };
    let mut text = String::new();
    for part in wrapped(&verdict, columns) {
        line(&mut text, format_args!("{}", styled(style_of_action(*action).bold(), part)));
    }
    let (local, utc, away) = (local(job, *occurrence), seconds(*occurrence), relative(*occurrence, now));
    hanging(&mut text, "", 0, &format!("at {local}, {utc}, {away}"), columns);
    match past {
        Past::OnRecord(run) => {
            line(&mut text, format_args!("\n{}\nAs it stands now:", super::run(run).trim_end()));
            return text;
        }
        Past::NotOnRecord => hanging(&mut text, "", 0, "It is past and not on record", columns),
        Past::Not => {}
    }
    if explanation.not_due().is_some() {
        hanging(&mut text, "", 0, &format!("If it ran then, it {by_itself}"), columns);
    }
    text.push('\n');
    text
}

/// What a run does, behind the name of its job.
fn would(action: Action) -> &'static str {
    match action {
        Action::Cancel => "would cancel",
        Action::Skip => "would not act",
        Action::AlreadyCancelled => "would find nothing left to cancel",
        Action::TooLate => "would come too late",
        Action::NotFound => "would not find the backup",
        Action::Unknown => "may or may not act: that can't be told",
    }
}

/// An instant in the job's zone, with that zone's name.
fn local(job: &Job, at: Timestamp) -> String {
    let local = at.to_zoned(job.schedule.zone().clone());
    let zone = job.schedule.zone().iana_name().unwrap_or("UTC");
    format!("{} {zone}", local.strftime("%Y-%m-%d %H:%M:%S%:z"))
}

fn targets(text: &mut String, row: &Foretold<'_>, columns: usize) {
    let widest = row.targets.iter().map(|target| target.action.as_str().len()).max().unwrap_or(0);
    let conditions = permit(&row.conditions);
    for target in &row.targets {
        let action = format!("{:widest$}", target.action);
        let head = format!("  {}  ", styled(style_of_action(target.action), action));
        // The chain has said why.
        let is_told = target.action == Action::Skip
            || matches!(&conditions, Permit::Untold(reason) if *reason == target.reason);
        let said =
            if is_told { target.backup.to_string() } else { format!("{}: {}", target.backup, target.reason) };
        hanging(text, &head, widest + 4, &said, columns);
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use calloff_core::explain;
    use calloff_core::forecast::{Player, Standing};
    use insta::assert_snapshot;

    use super::*;
    use crate::report::fixture::{NOW, backup, facts, job, player, ts};
    use crate::report::text;

    const FREEZE: &str = "backups = \"current\"\nschedule.cron = \"0 19 * * FRI\"\n\
                          when.window = \"weekend\"\nwhen.due_in_window = true";
    const FRIDAY: &str = "2026-11-27T18:00:00Z";

    fn explained(
        job: &Job,
        at: &str,
        pause: Option<&Pause>,
        live: &Reading<Option<LiveBackup>>,
        width: u16,
    ) -> String {
        let players = [Player { pause, ..player(job) }];
        let (standing, is_offline) = (Standing::default(), *live == Reading::NotRead);
        let told =
            explain::explain(&players, 0, &facts(live), standing, ts(NOW), ts(at), is_offline).unwrap();
        let explanation = Explanation { told: &told, pause, live };
        let text = strip_str(&super::explain(&explanation, ts(NOW), Some(width))).to_string();
        for line in text.lines() {
            assert!(text::width(line) <= usize::from(width), "{line:?}");
        }
        text
    }

    #[test]
    fn a_cancel() {
        let live = backup("SCHEDULED", Some("2026-11-28T02:00:00Z"));
        let job = job("friday-release-freeze", FREEZE);
        assert_snapshot!(explained(&job, FRIDAY, None, &Reading::Read(Some(live)), 100));
    }

    #[test]
    fn an_instant_that_is_no_occurrence_on_a_narrow_terminal() {
        let live = backup("SCHEDULED", Some("2026-12-02T02:00:00Z"));
        let job = job("friday-release-freeze", FREEZE);
        assert_snapshot!(explained(&job, "2026-11-28T03:00:00Z", None, &Reading::Read(Some(live)), 60));
    }

    #[test]
    fn a_paused_job() {
        let live = backup("SCHEDULED", Some("2026-11-28T02:00:00Z"));
        let job = job("friday-release-freeze", FREEZE);
        let pause =
            Pause { since: ts(NOW), until: ts("2026-11-30T08:00:00Z"), reason: "audit, ask Ada".to_owned() };
        assert_snapshot!(explained(&job, FRIDAY, Some(&pause), &Reading::Read(Some(live)), 100));
    }

    #[test]
    fn a_job_that_is_switched_off_while_zoho_can_not_be_read() {
        let job = job("friday-release-freeze", &format!("enabled = false\n{FREEZE}"));
        assert_snapshot!(explained(
            &job,
            FRIDAY,
            None,
            &Reading::Failed("INTERNAL_ERROR (HTTP 500)".to_owned()),
            100
        ));
    }

    #[test]
    fn several_targets_of_a_job_that_has_had_its_day() {
        let live = backup("SCHEDULED", Some("2026-11-28T02:00:00Z"));
        let both = "backups = [\"4876876000001000001\", \"4876876000001593003\"]\n\
                    schedule.at = \"2026-11-20T17:30:00\"";
        assert_snapshot!(explained(&job("both", both), FRIDAY, None, &Reading::Read(Some(live)), 100));
    }
}
