//! Reads what many accounts have, some at the same time. It only reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use calloff_core::condition::{Facts, Needs};
use calloff_core::ids::AccountName;
use calloff_core::retry::RetryPolicy;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::accounts::Accounts;
use super::look::Unread;
use super::pursuit::Pursuer;

/// What was read of an account.
#[derive(Debug, Clone, Default)]
pub struct Surveyed {
    /// The facts; what could not be read is among them as such.
    pub facts: Facts,
    /// Why something could not be read.
    pub unread: Option<Unread>,
}

/// Reads of each account what is needed, each once, `concurrency` accounts at the same time. `progress` is called
/// after each account.
///
/// # Errors
///
/// If a reading ended in a defect.
pub async fn survey(
    pursuer: &Pursuer,
    accounts: &Accounts,
    needs: &BTreeMap<AccountName, Needs>,
    policy: RetryPolicy,
    concurrency: usize,
    progress: impl Fn(),
) -> Result<BTreeMap<AccountName, Surveyed>, JoinError> {
    let places = Arc::new(Semaphore::new(concurrency.max(1)));
    let mut readings = JoinSet::new();
    for (name, needs) in needs {
        let Some(access) = accounts.get(name).map(Arc::clone) else { continue };
        let (name, needs) = (name.clone(), *needs);
        let (pursuer, places) = (pursuer.clone(), Arc::clone(&places));
        readings.spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire().await.ok()?;
            let (facts, unread) = pursuer.facts(&access, needs, policy).await?;
            Some((name, Surveyed { facts, unread }))
        });
    }
    let mut surveyed = BTreeMap::new();
    while let Some(read) = readings.join_next().await {
        surveyed.extend(read?);
        progress();
    }
    Ok(surveyed)
}
