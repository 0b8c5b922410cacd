//! Holds windows: looks at an account again and again until its window closes.

use calloff_core::condition::Needs;
use calloff_core::config::{Hold, Job};
use calloff_core::course::Question;
use calloff_core::hold::{self, Drift, Held, Memory, Response};
use calloff_core::ids::{BackupRef, RunId};
use calloff_core::run::{Target, Trigger};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::ids::new_id;
use super::pursuit::Spent;
use super::runner::{PATIENCE, Runner, skip, started};
use super::worker::{Ended, Orders};
use crate::error::chain;
use crate::store::{NewRun, StoreError};

impl Runner {
    /// Looks at a held account, and does what is to be done about what is there. Gives the run that came of it.
    ///
    /// # Errors
    ///
    /// If the record can't be used.
    pub async fn poll(&self, job: &Job, held: &Held) -> Result<Option<Ended>, StoreError> {
        let Some(policy) = job.hold else { return Ok(None) };
        let (store, clock) = (&self.worker.store, &self.worker.clock);
        let after = |failures| {
            let pause = hold::pause(policy.poll, failures);
            clock.now().saturating_add(pause).unwrap_or(Timestamp::MAX)
        };
        // A look does not wait for a record that takes no writes: a due cancel would wait with it.
        let taken = tokio::time::timeout(PATIENCE, store.take_poll(held, after(0))).await;
        if !taken.unwrap_or(Ok(true))? {
            return Ok(None);
        }
        let now = clock.now();
        if self.pause_of(&job.name, now, now).await.is_some() {
            return Ok(None);
        }
        // Nothing comes of a look that a stop has cut short: the next one is due as it was taken.
        let Some((memory, ended)) = self.look_at_held(job, policy, &held.memory).await? else {
            return Ok(None);
        };
        let next = after(memory.failures);
        let polled = tokio::time::timeout(PATIENCE, store.polled(held, memory, next)).await;
        // It stays in line. Whoever has the looks made waits before the next one, which the record does not know of.
        polled.map_err(|_| StoreError::Busy)??;
        Ok(ended)
    }

    /// Looks, and does what is to be done. Gives what is to be kept of it, and the run that came of it.
    async fn look_at_held(
        &self,
        job: &Job,
        policy: Hold,
        memory: &Memory,
    ) -> Result<Option<(Memory, Option<Ended>)>, StoreError> {
        let Some(access) = self.accounts.get(&job.account) else { return Ok(None) };
        let question = Question { backups: &[BackupRef::Current], ..Question::of(job) };
        let (pursuer, needs) = (self.worker.pursuer(), question.needs());
        let needs = Needs { live: true, ..needs };
        let read = pursuer.facts_within(access, needs, job.retry, &mut Spent::default()).await;
        let Some((facts, unread)) = read else { return Ok(None) };
        let failed = Memory { failures: memory.failures.saturating_add(1), ..memory.clone() };
        let quiet = Memory { was_quiet: true, ..Memory::default() };
        let Some(live) = facts.live.as_read() else {
            let why = unread.map_or_else(String::new, |unread| unread.why());
            tracing::warn!(event = "hold.unread", job = %job.name, account = %job.account, why,
                "a held account could not be looked at; looking again");
            return Ok(Some((failed, None)));
        };
        self.worker.remember(&access.name, live.clone());
        let now = self.worker.clock.now();
        let Some(drift) = hold::drift(live.as_ref(), memory, now) else { return Ok(Some((quiet, None))) };
        let known = Memory { drift: Some(drift.key.clone()), failures: 0, ..memory.clone() };
        let course = question.answer(&facts, now);
        Ok(Some(match hold::respond(&drift, policy.on_drift, &course, memory, now) {
            // A condition could not be read.
            Response::Nothing if unread.is_some() => (failed, None),
            // What was acted on in vain is still there.
            Response::Nothing if memory.drift.as_ref() == Some(&drift.key) => (memory.clone(), None),
            Response::Nothing => (known, None),
            Response::Record(reason) => (known, self.record_drift(job, &drift, reason).await?),
            Response::Run => match self.end_drift(job, &drift).await? {
                Some(ended) if is_proven(&ended) => (quiet, Some(ended)),
                ended => (hold::acted_in_vain(drift, memory, self.worker.clock.now()), ended),
            },
        }))
    }

    /// Ends a hold whose window has closed, or whose job does not hold any more.
    pub(super) async fn let_go(&self, held: &Held) {
        let ended = tokio::time::timeout(PATIENCE, self.worker.store.let_go(held)).await;
        match ended.unwrap_or(Err(StoreError::Busy)) {
            Ok(false) => {}
            Ok(true) => tracing::info!(event = "hold.ended", job = %held.job, account = %held.account,
                since = %held.since, "the window is held no longer"),
            Err(error) => tracing::warn!(event = "hold.ended", job = %held.job, error = chain(&error),
                "the end of a hold could not be recorded; trying again"),
        }
    }

    /// Cancels what is scheduled, as a run of the job.
    async fn end_drift(&self, job: &Job, drift: &Drift) -> Result<Option<Ended>, StoreError> {
        say(job, drift, "cancel");
        let orders = Orders::of(job);
        let new = self.of_hold(job, drift, &orders);
        let (runner, (freed, calls_made)) = (self.clone(), oneshot::channel());
        let mut run = tokio::spawn(async move {
            let freed = || {
                let _ = freed.send(());
            };
            runner.begin_and_free(new, None, &orders, freed).await
        });
        // The looks go on when the calls are made, even if the record is slow: the outcome is on its way there.
        let is_slow = async {
            drop(calls_made.await);
            self.worker.pursuer().wait(PATIENCE).await;
        };
        tokio::select! {
            biased;
            ended = &mut run => ended.unwrap_or(Ok(None)),
            () = is_slow, if self.worker.record_within.is_none() => Ok(None),
        }
    }

    /// Puts on record that what is scheduled is left alone.
    async fn record_drift(
        &self,
        job: &Job,
        drift: &Drift,
        reason: String,
    ) -> Result<Option<Ended>, StoreError> {
        say(job, drift, "report");
        let new = self.of_hold(job, drift, &Orders { verify: false, ..Orders::of(job) });
        let mut run = started(&new);
        skip(&mut run, &reason, new.started_at);
        // In one piece: a run that is only to be put on record must never be taken up. It stays in line.
        let written = tokio::time::timeout(PATIENCE, self.worker.store.skipped(new, reason)).await;
        written.unwrap_or(Ok(()))?;
        self.worker.announce(&run);
        Ok(Some(Ended::Complete(run)))
    }

    fn of_hold(&self, job: &Job, drift: &Drift, orders: &Orders) -> NewRun {
        let now = self.worker.clock.now();
        NewRun {
            run_id: RunId::new(new_id(now)),
            job: job.name.as_str().to_owned(),
            account: job.account.clone(),
            trigger: Trigger::Hold,
            occurrence: None,
            due_at: None,
            started_at: now,
            reason: Some(drift.what.clone()),
            backups: vec![BackupRef::Current],
            decided: false,
            verify: orders.verify,
        }
    }
}

fn say(job: &Job, drift: &Drift, response: &str) {
    tracing::warn!(event = "hold.drift", job = %job.name, account = %job.account, drift = drift.what, response,
        "a backup is scheduled though its window is held");
}

/// Whether a run has stopped what it was to stop, and Zoho has shown that.
fn is_proven(ended: &Ended) -> bool {
    let is_stopped = |target: &Target| target.is_success() && target.verified == Some(true);
    matches!(ended, Ended::Complete(run) if run.targets.iter().all(is_stopped))
}
