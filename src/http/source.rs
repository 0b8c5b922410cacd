//! Where what is shown comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use calloff_core::ids::RunId;
use calloff_core::outcome::Outcome;
use calloff_core::overview::{Call, Overview};
use calloff_core::run::{Run, RunState};
use jiff::Timestamp;

/// The record can't be read, for this reason.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the record can't be read: {0}")]
pub struct Unread(pub String);

/// Which runs are wanted, the newest of them first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this job only.
    pub job: Option<String>,
    /// Recorded at this instant or later.
    pub since: Option<Timestamp>,
    /// Having a target with this outcome.
    pub outcome: Option<Outcome>,
    /// At most so many.
    pub limit: u32,
}

/// What knows all that is shown: the daemon, or a fixed state in a test.
pub trait Source: Clone + Send + Sync + 'static {
    /// How everything stands.
    fn overview(&self) -> impl Future<Output = Arc<Overview>> + Send;

    /// Whether the scheduling loop looks what is due. That is known at once, whatever else hangs.
    fn is_beating(&self) -> bool;

    /// What has happened.
    fn history(&self, wanted: Wanted) -> impl Future<Output = Result<Vec<Run>, Unread>> + Send;

    /// The calls of those of these runs that are on record, each target by target.
    fn calls(
        &self,
        runs: Vec<RunId>,
    ) -> impl Future<Output = Result<BTreeMap<RunId, Vec<Call>>, Unread>> + Send;

    /// How the newest runs of these jobs stand, at most `count` of each, the oldest of them first.
    fn newest_states(
        &self,
        jobs: Vec<String>,
        count: u32,
    ) -> impl Future<Output = Result<BTreeMap<String, Vec<RunState>>, Unread>> + Send;

    /// The metrics, as Prometheus reads them, with the type of that text: one of those that are accepted.
    fn metrics(&self, accepted: Option<String>) -> impl Future<Output = (&'static str, String)> + Send;
}
