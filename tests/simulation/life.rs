//! One process from its start to its end: the engine on a stage of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calloff::daemon::{self, Accounts, Beat, Engine, Handle, Runner, Set, by_name};
use calloff_core::agenda::{self, Entry};
use calloff_core::config::Job;
use calloff_core::reload::LeftOut;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::case::{File, Files};
use crate::support::stage::{Stage, within_the_hour};

/// How often what was interrupted elsewhere is looked for.
const TAKE_OVER: u64 = 300;

pub(crate) struct Life {
    pub stage: Stage,
    pub handle: Handle,
    accounts: Arc<Accounts>,
    served: JoinHandle<Instant>,
    jobs: Vec<Arc<Job>>,
    /// What commands do meanwhile.
    pub commands: JoinSet<()>,
}

/// Reads files.
pub(crate) fn read(stage: &Stage, files: &Files) -> Vec<Arc<Job>> {
    let read = |(name, file): (&String, &File)| stage.job_of(name, &file.text());
    files.iter().map(read).collect()
}

pub(crate) fn named(jobs: &[Arc<Job>]) -> BTreeMap<String, Arc<Job>> {
    jobs.iter().map(|job| (job.name.as_str().to_owned(), Arc::clone(job))).collect()
}

impl Life {
    pub(crate) async fn begin(stage: Stage, jobs: Vec<Arc<Job>>) -> Self {
        let now = stage.clock.now();
        let agenda = daemon::agenda(&stage.store, &jobs, &LeftOut::default(), now, now).await;
        let interrupted = stage.store.take_over_at_start().await.expect("the record works");
        let runner = stage.runner_of(&jobs);
        let accounts = Arc::clone(&runner.accounts);
        let agenda = agenda.expect("the record works");
        let engine = Engine::new(runner, agenda, interrupted, stage.settings.keep, stage.settings.grace);
        let handle = engine.handle();
        let (queue, beats) = mpsc::channel(1);
        let served = tokio::spawn(engine.run(beats));
        tokio::spawn(async move {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            for second in 1_u64.. {
                seconds.tick().await;
                let beat = if second.is_multiple_of(TAKE_OVER) { Beat::TakeOver } else { Beat::Look };
                let _ = queue.try_send(beat);
            }
        });
        Self { stage, handle, accounts, served, jobs, commands: JoinSet::new() }
    }

    /// Has other files come into force; gives since when they are, if the loop is there.
    pub(crate) async fn replace(&mut self, jobs: Vec<Arc<Job>>) -> Timestamp {
        let known = named(&self.jobs);
        let new = jobs.iter().filter(|job| !known.contains_key(job.name.as_str()));
        let new =
            new.map(|job| (job.name.clone(), agenda::fingerprint(&Entry::from(job.as_ref())))).collect();
        let now = self.stage.clock.now();
        let set = Set {
            settings: self.stage.settings.clone(),
            by_name: by_name(&jobs),
            accounts: Arc::clone(&self.accounts),
            stands: self.stage.store.stands(new, now).await.expect("the record can be read"),
            gone: vec![],
            jobs: jobs.clone(),
        };
        self.jobs = jobs;
        within_the_hour(self.handle.replace(set)).await.expect("the loop is there")
    }

    pub(crate) fn jobs(&self) -> &[Arc<Job>] {
        &self.jobs
    }

    /// What commands work with, beside the loop.
    pub(crate) fn runner(&self) -> Runner {
        Runner { accounts: Arc::clone(&self.accounts), jobs: by_name(&self.jobs), ..self.stage.runner() }
    }

    /// Ends it as on a signal.
    pub(crate) async fn stop(mut self) {
        self.stage.stop.cancel();
        let end = within_the_hour(&mut self.served).await.expect("the loop ends well");
        self.commands.shutdown().await;
        // A record that takes no writes has to do without what is in line.
        let _ = tokio::time::timeout_at(end, self.stage.store.close()).await;
    }

    /// Nothing has ended in a defect so far.
    pub(crate) fn is_well(&self) -> bool {
        !self.served.is_finished()
    }
}
