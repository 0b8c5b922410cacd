//! A job file.

use std::collections::BTreeSet;

use super::Checked;
use super::conditions::conditions;
use super::document::Document;
use super::model::Job;
use super::reader::{Problems, Value, bare, did_you_mean, listed};
use super::retry::retry;
use super::secret::redacted;
use super::settings::JobDefaults;
use super::timing::timing;
use super::warnings::{self, Places};
use crate::diagnostic::Code;
use crate::ids::{AccountName, BackupRef, JobName};

const MOST_BACKUPS: usize = 1000;
const BACKUPS_HELP: &str = "write an array of strings, such as `backups = [\"4876876000001593003\"]`";

/// Reads a job file; `file` is what diagnostics call it.
#[must_use]
pub fn parse_job(name: &JobName, file: &str, text: &str, defaults: &JobDefaults) -> Checked<Job> {
    let document = Document::parse(file, text);
    let mut problems = Problems::default();
    let mut root = document.root("a job file");

    let description = root
        .take("description")
        .map_or(Some(None), |value| description(&value, &mut problems).map(|text| Some(text.to_owned())));
    let account = root
        .require(
            "account",
            &mut problems,
            "write `account = \"NAME\"`, of an `[accounts.NAME]` in calloff.toml",
        )
        .and_then(|value| account(&value, defaults, &mut problems));
    let backups_value = root.require("backups", &mut problems, BACKUPS_HELP);
    let backups = backups_value.as_ref().and_then(|value| backups(value, &mut problems));
    let zone_value = root.take("timezone");
    let zone = defaults.zone.overridden(zone_value.as_ref(), &mut problems);
    let enabled = root.take("enabled").map_or(Some(true), |value| value.flag(&mut problems));
    let verify = root.take("verify").map_or(Some(true), |value| value.flag(&mut problems));
    let timing = root
        .require("schedule", &mut problems, "add a table `[schedule]` with one of `cron`, `at` and `every`")
        .and_then(|value| timing(&value, &zone, defaults.warn_from, &mut problems));
    let retry = retry(root.take("retry").as_ref(), defaults.retry, &mut problems);
    let when = conditions(&mut root, defaults.windows.as_ref(), &mut problems);
    root.finish(&mut problems);

    let job = (|| {
        let (timing, when) = (timing?, when?);
        // Of times whose zone can't be told there is nothing to warn of.
        let warn_from = defaults.warn_from.filter(|_| timing.local.is_none() || !zone.is_unreadable());
        let place = warn_from.zip(backups_value).map(|(_, value)| document.mark(value.span()));
        let job = Job {
            name: name.clone(),
            description: description?,
            account: account?,
            backups: backups?,
            enabled: enabled?,
            schedule: timing.schedule,
            jitter: timing.jitter,
            catch_up: timing.catch_up,
            when: when.conditions,
            verify: verify?,
            hold: when.hold,
            restore: when.restore,
            retry: retry?,
            text: redacted(text).into(),
            place: place.map(Box::new),
        };
        let zone = timing.local.map(|local| zone_value.as_ref().map_or(local, Value::span));
        if let Some(from) = warn_from {
            warnings::of_job(&job, Places { zone, window: when.window }, from, defaults, &mut problems);
        }
        Some(job)
    })();
    Checked::new(job, document.conclude(problems))
}

fn description<'t>(value: &Value<'t>, problems: &mut Problems) -> Option<&'t str> {
    let text = value.text(problems, "write it in quotes")?;
    if text.len() > 2000 || text.chars().any(|c| c.is_control() && c != '\n') {
        problems
            .add(Code::BadText, value.span(), "`description` is too long or has control characters")
            .help("write at most 2000 bytes of text");
        return None;
    }
    Some(text)
}

fn account(value: &Value<'_>, defaults: &JobDefaults, problems: &mut Problems) -> Option<AccountName> {
    let text = value.text(problems, "write the name of an `[accounts.NAME]` in quotes")?;
    let name = match AccountName::parse(text) {
        Ok(name) => name,
        Err(error) => {
            let help = "write the NAME of an `[accounts.NAME]` in calloff.toml";
            problems.add(Code::Name, value.span(), error.to_string()).help(help);
            return None;
        }
    };
    let Some(known) = defaults.accounts.as_ref().filter(|known| !known.contains_key(&name)) else {
        return Some(name);
    };
    let help = did_you_mean(text, known.keys().map(AccountName::as_str)).unwrap_or_else(|| {
        format!("calloff.toml has {}", listed(known.keys().map(AccountName::as_str).take(10)))
    });
    problems
        .add(
            Code::UnknownAccount,
            value.span(),
            format!("there is no account `{}` in calloff.toml", bare(text)),
        )
        .help(help);
    None
}

fn backups(value: &Value<'_>, problems: &mut Problems) -> Option<Vec<BackupRef>> {
    if let Some(text) = value.as_text() {
        if text == "current" {
            return Some(vec![BackupRef::Current]);
        }
        let help = did_you_mean(text, ["current"]).unwrap_or_else(|| BACKUPS_HELP.to_owned());
        value.wrong_type(problems, "an array, or the word \"current\"", &help);
        return None;
    }
    let elements = value.array(problems, BACKUPS_HELP)?;
    if elements.is_empty() || elements.len() > MOST_BACKUPS {
        problems
            .add(Code::BadText, value.span(), format!("`backups` must have 1 to {MOST_BACKUPS} entries"))
            .help("list the backups to call off");
        return None;
    }
    let mut seen = BTreeSet::new();
    let read: Vec<_> = elements.iter().map(|element| backup(element, &mut seen, problems)).collect();
    if let Some(current) = elements.iter().find(|element| element.as_text() == Some("current"))
        && elements.len() > 1
    {
        problems
            .add(Code::Contradiction, current.span(), "`current` stands beside other backups")
            .help("write `backups = [\"current\"]` alone, or name all backups by ID");
        return None;
    }
    read.into_iter().collect()
}

fn backup(value: &Value<'_>, seen: &mut BTreeSet<BackupRef>, problems: &mut Problems) -> Option<BackupRef> {
    let Some(text) = value.as_text() else {
        value.wrong_type(problems, "strings", "write each ID in quotes: Zoho's IDs are strings of digits");
        return None;
    };
    match BackupRef::parse(text) {
        Err(error) => {
            problems
                .add(Code::BackupId, value.span(), error.to_string())
                .help("copy the ID as Zoho shows it, digits only; or write `backups = [\"current\"]`");
            None
        }
        Ok(backup) if seen.insert(backup.clone()) => Some(backup),
        Ok(backup) => {
            problems
                .add(Code::DuplicateBackup, value.span(), format!("backup `{backup}` is listed twice"))
                .help("remove one of the two");
            None
        }
    }
}
