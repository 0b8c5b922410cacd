//! What an account's refresh token must allow: the parts of Zoho's backup API that its jobs call.

use std::collections::BTreeMap;

use crate::condition::Needs;
use crate::config::Job;
use crate::ids::{AccountName, BackupRef, JobName};
use crate::words::words;

words! {
    /// A part of Zoho's backup API, which a token allows or not.
    Scope {
        /// To read what is scheduled, and what has been.
        Read = "read",
        /// To cancel.
        Update = "update",
        /// To schedule.
        Create = "create",
    }
}

/// What the scopes of the backup API begin with.
const PREFIX: &str = "ZohoCRM.bulk.backup";

impl Scope {
    /// Its name at Zoho.
    ///
    /// Source: Zoho CRM API v7, the pages of the backup API.
    #[must_use]
    pub fn name(self) -> String {
        format!("{PREFIX}.{}", self.operation())
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Update => "UPDATE",
            Self::Create => "CREATE",
        }
    }

    /// Whether scopes cover it that are named as the token endpoint does: with spaces or commas between them.
    ///
    /// `ZohoCRM.bulk.ALL` is not taken to cover it: by its name it might, and those who had it were refused.
    #[must_use]
    pub fn is_covered_by(self, named: &str) -> bool {
        let mut operations =
            named.split([' ', ',']).filter_map(|scope| scope.strip_prefix(PREFIX)?.strip_prefix('.'));
        operations.any(|operation| operation == "ALL" || operation == self.operation())
    }

    /// What a job needs it for; `None` if it does without.
    fn use_in(self, job: &Job) -> Option<&'static str> {
        match self {
            Self::Read => {
                let uses = [
                    (job.backups.contains(&BackupRef::Current), "`current`"),
                    (job.when.needs() != Needs::default(), "`[when]`"),
                    (job.hold.is_some(), "`[hold]`"),
                    (job.restore, "`[restore]`"),
                    (job.verify, "`verify`"),
                ];
                uses.into_iter().find_map(|(is_used, by)| is_used.then_some(by))
            }
            Self::Update => Some("the cancel"),
            Self::Create => job.restore.then_some("`[restore]`"),
        }
    }
}

/// A scope that jobs need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The scope.
    pub scope: Scope,
    /// What it is needed for, in a few words.
    pub by: &'static str,
    /// The first job that needs it.
    pub job: JobName,
}

/// The scopes that jobs of one account need.
fn needs(jobs: &[&Job]) -> Vec<Need> {
    let first = |&scope: &Scope| {
        jobs.iter().find_map(|job| Some(Need { scope, by: scope.use_in(job)?, job: job.name.clone() }))
    };
    Scope::ALL.iter().filter_map(first).collect()
}

/// The scopes that jobs need, by account; of each the first job that needs it.
#[must_use]
pub fn needs_by_account<'a>(jobs: impl IntoIterator<Item = &'a Job>) -> BTreeMap<AccountName, Vec<Need>> {
    let mut accounts: BTreeMap<&AccountName, Vec<&Job>> = BTreeMap::new();
    for job in jobs {
        accounts.entry(&job.account).or_default().push(job);
    }
    accounts.into_iter().map(|(account, jobs)| (account.clone(), needs(&jobs))).collect()
}

/// Names scopes in a sentence, such as "ZohoCRM.bulk.backup.READ, .UPDATE and .CREATE".
#[must_use]
pub fn listed(scopes: impl IntoIterator<Item = Scope>) -> String {
    let mut names: Vec<String> = scopes.into_iter().map(|scope| format!(".{}", scope.operation())).collect();
    if let Some(first) = names.first_mut() {
        first.insert_str(0, PREFIX);
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{parse_job, parse_settings};

    fn job(name: &str, text: &str) -> Job {
        let settings = "timezone = \"UTC\"\n[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"x\"\n\
                        client_secret = { env = \"A\" }\nrefresh_token = { env = \"B\" }\n\
                        [[windows.w]]\nopens = \"0 18 * * FRI\"\nlasts = \"60h\"\n";
        let defaults = parse_settings("calloff.toml", settings, None).defaults;
        let (top, tables) =
            text.split_once('[').map_or((text, String::new()), |(top, rest)| (top, format!("[{rest}")));
        let backups = if top.contains("backups") { "" } else { "backups = [\"1\"]\n" };
        let text = format!("account = \"acme\"\n{backups}{top}\n[schedule]\nevery = \"1h\"\n{tables}");
        let read = parse_job(&name.parse().unwrap(), name, &text, &defaults);
        read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
    }

    #[test]
    fn a_job_needs_what_it_calls() {
        use Scope::{Create, Read, Update};
        let cancel = (Update, "the cancel");
        #[rustfmt::skip]
        let table = [
            ("",                                                        vec![(Read, "`verify`"), cancel]),
            ("verify = false",                                          vec![cancel]),
            ("verify = false\n[when]\nwindow = \"w\"",                  vec![cancel]),
            ("verify = false\n[when]\nstatus = [\"SCHEDULED\"]",        vec![(Read, "`[when]`"), cancel]),
            ("verify = false\n[when]\nlast_good_backup_within = \"8d\"", vec![(Read, "`[when]`"), cancel]),
            ("verify = false\n[when]\nwindow = \"w\"\n[hold]",          vec![(Read, "`[hold]`"), cancel]),
            ("verify = false\n[when]\nwindow = \"w\"\n[restore]",       vec![(Read, "`[restore]`"), cancel, (Create, "`[restore]`")]),
            ("verify = false\nbackups = \"current\"",                   vec![(Read, "`current`"), cancel]),
        ];
        for (text, want) in table {
            let job = job("job", text);
            let got: Vec<_> = needs(&[&job]).into_iter().map(|need| (need.scope, need.by)).collect();
            assert_eq!(got, want, "{text:?}");
        }
        assert!(needs(&[]).is_empty());
    }

    #[test]
    fn a_need_names_the_first_job_that_has_it() {
        let (a, b) = (job("a", "verify = false"), job("b", "[when]\nwindow = \"w\"\n[restore]"));
        let got: Vec<_> =
            needs(&[&a, &b]).into_iter().map(|need| (need.scope.as_str(), need.job.to_string())).collect();
        assert_eq!(got, [("read", "b".to_owned()), ("update", "a".to_owned()), ("create", "b".to_owned())]);

        let other = Job { account: "other".parse().unwrap(), ..a.clone() };
        let by_account = needs_by_account([&other, &a, &b]);
        let counts: Vec<_> =
            by_account.iter().map(|(account, needs)| (account.as_str(), needs.len())).collect();
        assert_eq!(counts, [("acme", 3), ("other", 1)]);
    }

    #[test]
    fn named_scopes_cover_their_own_part_and_all_covers_every_part() {
        #[rustfmt::skip]
        let table = [
            // named                                                  read   update create
            ("ZohoCRM.bulk.backup.ALL",                               [true,  true,  true]),
            ("ZohoCRM.bulk.backup.READ ZohoCRM.bulk.backup.UPDATE",   [true,  true,  false]),
            ("ZohoCRM.bulk.backup.READ,ZohoCRM.bulk.backup.CREATE",   [true,  false, true]),
            ("ZohoCRM.modules.ALL, ZohoCRM.bulk.backup.UPDATE",       [false, true,  false]),
            ("ZohoCRM.bulk.ALL ZohoCRM.bulk.READ ZohoCRM.backup.ALL", [false, false, false]),
            ("ZohoCRM.bulk.backup ZohoCRM.bulk.backupREAD",           [false, false, false]),
            ("",                                                      [false, false, false]),
        ];
        for (named, want) in table {
            let got = [Scope::Read, Scope::Update, Scope::Create].map(|scope| scope.is_covered_by(named));
            assert_eq!(got, want, "{named:?}");
        }
    }

    #[test]
    fn scopes_are_listed_as_a_person_would() {
        use Scope::{Create, Read, Update};
        assert_eq!(listed([Update]), "ZohoCRM.bulk.backup.UPDATE");
        assert_eq!(listed([Read, Update]), "ZohoCRM.bulk.backup.READ and .UPDATE");
        assert_eq!(listed([Read, Update, Create]), "ZohoCRM.bulk.backup.READ, .UPDATE and .CREATE");
        assert_eq!(Create.name(), "ZohoCRM.bulk.backup.CREATE");
    }
}
