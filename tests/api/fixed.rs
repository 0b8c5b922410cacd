//! A state that stands still, served as the daemon serves its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calloff::http::{Access, Bounds, Listening, Source, Unread, Wanted, router};
use calloff_core::ids::RunId;
use calloff_core::overview::{Call, DaemonStatus, Health, Overdue, Overview, ReloadStatus};
use calloff_core::reload::Verdict;
use calloff_core::run::{Run, RunState};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Bounds that are reached soon.
pub(crate) const SOON: Bounds = Bounds {
    connections: 8,
    header_within: Duration::from_millis(300),
    connection_within: Duration::from_mins(10),
};

/// A daemon without jobs, accounts and history.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) is_beating: bool,
    pub(crate) overdue: Vec<Overdue>,
    /// Whether to look at it is a defect.
    pub(crate) has_defect: bool,
}

/// One that beats.
pub(crate) const BEATING: Fixed = Fixed { is_beating: true, overdue: vec![], has_defect: false };

impl Source for Fixed {
    async fn overview(&self) -> Arc<Overview> {
        assert!(!self.has_defect, "a defect");
        let at: Timestamp = "2026-11-27T16:00:00Z".parse().unwrap();
        let reload = ReloadStatus { verdict: Verdict::Accepted, at, since: at, reason: None };
        let daemon = DaemonStatus {
            pid: 1,
            version: "1.0.0".to_owned(),
            since: at,
            reload,
            health: Health::new(vec![]),
            looked_at: at,
            is_beating: self.is_beating,
            under_way: 0,
            overdue: self.overdue.clone(),
        };
        let (jobs, loaded, accounts, debts, recent) = (vec![], vec![], vec![], vec![], vec![]);
        Arc::new(Overview { at, daemon, jobs, loaded, accounts, debts, recent })
    }

    fn is_beating(&self) -> bool {
        self.is_beating
    }

    async fn history(&self, _: Wanted) -> Result<Vec<Run>, Unread> {
        Err(Unread("disk I/O error".to_owned()))
    }

    async fn calls(&self, _: Vec<RunId>) -> Result<BTreeMap<RunId, Vec<Call>>, Unread> {
        Err(Unread("disk I/O error".to_owned()))
    }

    async fn newest_states(&self, _: Vec<String>, _: u32) -> Result<BTreeMap<String, Vec<RunState>>, Unread> {
        Err(Unread("disk I/O error".to_owned()))
    }

    async fn metrics(&self, _: Option<String>) -> (&'static str, String) {
        ("text/plain; version=0.0.4; charset=utf-8", String::new())
    }
}

/// What serves a state, until this is dropped.
pub(crate) struct Standing {
    pub(crate) address: String,
    _runtime: Runtime,
    _stop: DropGuard,
}

impl Standing {
    /// Serves it to those who bring the token, if there is one.
    pub(crate) fn serve(state: Fixed, token: Option<&str>, bounds: Bounds) -> Self {
        let runtime = Runtime::new().unwrap();
        let listening = runtime.block_on(Listening::bind(([127, 0, 0, 1], 0).into())).unwrap().within(bounds);
        let address = listening.address().unwrap().to_string();
        let stop = CancellationToken::new();
        let router = router(state, Access::new(token.map(Into::into), vec![]));
        runtime.spawn(listening.serve(router, stop.clone()));
        Self { address, _runtime: runtime, _stop: stop.drop_guard() }
    }
}
