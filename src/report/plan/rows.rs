//! Each occurrence, or several that come to the same, with what it would do and why.

use anstyle::Style;
use calloff_core::forecast::{Action, Foretold, ForetoldTarget};
use calloff_core::ids::BackupRef;
use jiff::Timestamp;

use super::account::AccountPlan;
use super::fold::{Fold, folded};
use crate::report::style::{BOLD, DIM, style_of_action, styled};
use crate::report::text::{fitted, hanging, line, width, wrapped};
use crate::report::time::{relative, seconds};

/// How much room reasons need to stand beside the rest.
const REASON: usize = 48;
/// Backups that are named at most where several fare alike.
const NAMED: usize = 3;
const GAP: &str = "  ";
const WHEN: usize = "2026-11-27 16:30:00Z".len();

/// One row, before it is fitted to a width.
struct Row<'a> {
    when: String,
    away: String,
    job: &'a str,
    account: &'a str,
    action: Action,
    why: String,
    /// Lines below that, about targets that fare otherwise.
    targets: Vec<String>,
}

/// Where what stands.
struct Layout {
    /// The widths of: away, job, account, action.
    widths: [usize; 4],
    /// Where reasons begin.
    indent: usize,
    place: Place,
    columns: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Reasons stand beside the rest.
    Beside,
    /// Reasons stand below the rest.
    Below,
    /// And so do the account and how far away it is.
    AllBelow,
}

/// All rows, as a table with an empty line behind; nothing, if there are none.
pub(super) fn rows(accounts: &[AccountPlan<'_>], now: Timestamp, columns: usize) -> String {
    let mut folds: Vec<(&str, Fold<'_>)> = accounts
        .iter()
        .flat_map(|account| folded(account.forecast).into_iter().map(|fold| (account.account, fold)))
        .collect();
    folds.sort_by_key(|(account, fold)| (fold.first.fire_at, *account, fold.first.job.name.as_str()));
    if folds.is_empty() {
        return String::new();
    }
    let rows: Vec<Row<'_>> = folds.iter().map(|(account, fold)| row(account, fold, now)).collect();
    let layout = Layout::of(&rows, columns);
    let mut text = layout.headings();
    for row in &rows {
        layout.row(&mut text, row);
    }
    text.push('\n');
    text
}

fn row<'a>(account: &'a str, fold: &Fold<'a>, now: Timestamp) -> Row<'a> {
    let Fold { first, count, last, reasons } = fold;
    let reasons = reasons.join("; ");
    let why = match count {
        1 => reasons,
        count => format!("first of {count} until {}: {reasons}", seconds(*last)),
    };
    Row {
        when: seconds(first.fire_at),
        away: relative(first.fire_at, now),
        job: first.job.name.as_str(),
        account,
        action: first.action,
        why,
        targets: deviations(first),
    }
}

/// What happens to the targets that fare otherwise than the row says, those that fare alike together.
fn deviations(row: &Foretold<'_>) -> Vec<String> {
    let said = row.targets.iter().find(|target| target.action == row.action).map(fate);
    let mut fates: Vec<(Fate<'_>, Vec<&BackupRef>)> = Vec::new();
    for target in row.targets.iter().filter(|target| Some(fate(target)) != said) {
        match fates.iter_mut().find(|(one, _)| *one == fate(target)) {
            Some((_, backups)) => backups.push(&target.backup),
            None => fates.push((fate(target), vec![&target.backup])),
        }
    }
    let told = |((action, reason), backups): &(Fate<'_>, Vec<&BackupRef>)| {
        let mut names: Vec<String> = backups.iter().take(NAMED).map(ToString::to_string).collect();
        if backups.len() > NAMED {
            names.push(format!("{} more", backups.len() - NAMED));
        }
        format!("{}: {action}, {reason}", names.join(", "))
    };
    fates.iter().map(told).collect()
}

type Fate<'a> = (Action, &'a str);

fn fate(target: &ForetoldTarget) -> Fate<'_> {
    (target.action, &target.reason)
}

impl Layout {
    fn of(rows: &[Row<'_>], columns: usize) -> Self {
        let widest = |heading: &str, cell: &dyn Fn(&Row<'_>) -> usize| {
            rows.iter().map(cell).max().unwrap_or(0).max(heading.len())
        };
        let widths = [
            widest("", &|row| width(&row.away)),
            widest("JOB", &|row| width(row.job)),
            widest("ACCOUNT", &|row| width(row.account)),
            widest("ACTION", &|row| row.action.as_str().len()),
        ];
        let [away, job, account, action] = widths;
        let whole = WHEN + widths.iter().map(|width| GAP.len() + width).sum::<usize>();
        if whole + GAP.len() + REASON <= columns {
            Self { widths, indent: whole + GAP.len(), place: Place::Beside, columns }
        } else if whole <= columns {
            Self { widths, indent: WHEN + GAP.len(), place: Place::Below, columns }
        } else {
            let job = job.min(columns.saturating_sub(WHEN + GAP.len() + action + GAP.len()));
            Self { widths: [away, job, account, action], indent: 4, place: Place::AllBelow, columns }
        }
    }

    /// One line of cells: when, away, job, account, action.
    fn cells(&self, cells: [&str; 5], action: &dyn Fn(String) -> String) -> String {
        let [when, away, job, account, act] = cells;
        let [away_width, job_width, account_width, action_width] = self.widths;
        let when = fitted(when, WHEN);
        let job = fitted(job, job_width);
        let act = action(fitted(act, if self.place == Place::Beside { action_width } else { width(act) }));
        match self.place {
            Place::AllBelow => [when, job, act].join(GAP),
            Place::Beside | Place::Below => {
                [when, fitted(away, away_width), job, fitted(account, account_width), act].join(GAP)
            }
        }
    }

    fn headings(&self) -> String {
        let mut text = self.cells(["WHEN", "", "JOB", "ACCOUNT", "ACTION"], &|action| action);
        if self.place == Place::Beside {
            text.push_str(GAP);
            text.push_str("WHY");
        }
        format!("{}\n", styled(BOLD, text))
    }

    fn row(&self, text: &mut String, row: &Row<'_>) {
        let cells = [&row.when, row.away.as_str(), row.job, row.account, row.action.as_str()];
        let cells = self.cells(cells, &|action| styled(style_of_action(row.action), action));
        let Self { indent, columns, .. } = *self;
        match self.place {
            Place::Beside => hanging(text, &format!("{cells}{GAP}"), indent, &row.why, columns),
            Place::Below => {
                line(text, format_args!("{cells}"));
                self.below(text, Style::new(), &row.why);
            }
            Place::AllBelow => {
                line(text, format_args!("{cells}"));
                let mut aside = format!("{}, account {}", row.away, row.account);
                if width(row.job) > self.widths[1] {
                    // Above it is cut.
                    aside = format!("{aside}, job {}", row.job);
                }
                self.below(text, DIM, &aside);
                self.below(text, Style::new(), &row.why);
            }
        }
        for target in &row.targets {
            hanging(text, &format!("{:indent$}- ", ""), indent + 2, target, columns);
        }
    }

    fn below(&self, text: &mut String, style: Style, what: &str) {
        let indent = self.indent;
        for what in wrapped(what, self.columns.saturating_sub(indent)) {
            line(text, format_args!("{:indent$}{}", "", styled(style, what)));
        }
    }
}
