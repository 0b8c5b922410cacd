//! What came of a command's work: it is printed as it ends, and gives the exit code.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::Duration;

use calloff_core::outcome::{self, Standing};
use calloff_core::run::Run;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::output::{self, Output};
use super::setup::RECORDING;
use crate::daemon::{Ended, Fired, Paid, Runner, SeenTo, TakenUp};
use crate::error::Error;
use crate::report;
use crate::store::{Interrupted, Store};

/// What a task of a command came to.
pub(super) enum Done {
    /// Something that was due, or that a person set off.
    Fired(Box<Fired>),
    /// An interrupted run that has to wait until files are others.
    Orphan,
    /// What a window had left to be done.
    SeenTo(SeenTo),
}

/// Prints how runs ended, and gives the exit code that follows from all of them.
pub(super) struct Results {
    json: bool,
    output: Output,
    failures: usize,
    refusals: usize,
    stopped: usize,
    unrecorded: usize,
    orphaned: usize,
    /// The first thing that went wrong besides the runs.
    error: Option<Error>,
    /// What ends the command if all that was done went well.
    at_best: Option<Error>,
}

impl Results {
    pub(super) fn new(json: bool, output: Output) -> Self {
        Self {
            json,
            output,
            failures: 0,
            refusals: 0,
            stopped: 0,
            unrecorded: 0,
            orphaned: 0,
            error: None,
            at_best: None,
        }
    }

    /// Says how the command ends if all that is done goes well.
    pub(super) fn at_best(&mut self, error: Option<Error>) {
        self.at_best = error;
    }

    /// Waits for all tasks, whatever becomes of one of them; after a stop for `grace` at most.
    pub(super) async fn collect(
        &mut self,
        mut tasks: JoinSet<Result<Done, Error>>,
        stop: &CancellationToken,
        grace: Duration,
    ) {
        let over = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                joined = tasks.join_next() => match joined {
                    None => return,
                    Some(Ok(Ok(done))) => self.add(done),
                    Some(Ok(Err(error))) => self.note(error),
                    Some(Err(defect)) => self.note(Error::Internal(defect.to_string())),
                },
                () = &mut over => {
                    self.stopped += tasks.len();
                    return;
                }
            }
        }
    }

    fn add(&mut self, done: Done) {
        let Fired { missed, ended } = match done {
            Done::Fired(fired) => *fired,
            Done::SeenTo(SeenTo::Nothing) => return,
            Done::SeenTo(SeenTo::Drift(ended)) => Fired { missed: None, ended: Some(*ended) },
            Done::SeenTo(SeenTo::Payment(paid)) => {
                self.add_payment(&paid);
                return;
            }
            Done::Orphan => {
                self.orphaned += 1;
                return;
            }
        };
        if let Some(missed) = missed {
            self.add_run(&missed);
        }
        match ended {
            Some(Ended::Complete(run)) => self.add_run(&run),
            Some(Ended::Stopped(_)) => self.stopped += 1,
            Some(Ended::Unrecorded(_)) => self.unrecorded += 1,
            None => {}
        }
    }

    /// Notes a payment. It is no run, and those who read the runs of `--json` find none of it there.
    fn add_payment(&mut self, paid: &Paid) {
        match paid {
            Paid::Yes(debt) if !self.json => {
                let printed = self.output.text(&report::paid(debt));
                printed.unwrap_or_else(|error| self.note(error));
            }
            Paid::No(debt, refusal) => {
                self.failures += 1;
                self.refusals +=
                    usize::from(outcome::credentials_refused(refusal.outcome, refusal.code.as_deref()));
                output::notice(&format!("the restore {} is still owed: {}", debt.restore_id, refusal.why));
            }
            Paid::Busy => {
                output::notice(
                    "a restore that is due waits for another process, or for a run that adds to it",
                );
            }
            Paid::Stopped => self.stopped += 1,
            Paid::Yes(_) | Paid::Before(_) | Paid::Unknown | Paid::NoAccount(_) => {}
        }
    }

    fn add_run(&mut self, run: &Run) {
        for target in &run.targets {
            let Some(outcome) = target.outcome.filter(|outcome| outcome.standing() == Standing::Failure)
            else {
                continue;
            };
            self.failures += 1;
            self.refusals += usize::from(outcome::credentials_refused(outcome, target.code.as_deref()));
        }
        let printed = if self.json { self.output.json(run) } else { self.output.text(&report::run(run)) };
        if let Err(error) = printed {
            self.note(error);
        }
    }

    fn note(&mut self, error: Error) {
        // Whoever reads the results may have seen enough; the exit code still says how the runs ended.
        let broken = matches!(&error, Error::Output(error) if error.kind() == ErrorKind::BrokenPipe);
        if !broken {
            self.error.get_or_insert(error);
        }
    }

    /// The exit code; closes the record first, so that nothing is left in line.
    pub(super) async fn finish(self, store: &Store) -> Result<ExitCode, Error> {
        let closed = tokio::time::timeout(RECORDING, store.close()).await;
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.unrecorded > 0 || closed.is_err() {
            return Err(Error::Unrecorded);
        }
        if self.stopped > 0 {
            output::notice(
                "stopped before all was done; the next `run`, `once` or `trigger` takes up what is left",
            );
        }
        if self.orphaned > 0 {
            output::notice(
                "an interrupted run waits: its account or its job's file is not as it has to be; the log says which",
            );
        }
        if self.stopped + self.orphaned > 0 {
            return Ok(ExitCode::from(1));
        }
        match (self.failures, self.refusals) {
            (0, _) => self.at_best.map_or(Ok(ExitCode::SUCCESS), Err),
            (failures, refusals) if failures == refusals => Ok(ExitCode::from(77)),
            _ => Ok(ExitCode::from(1)),
        }
    }
}

/// Takes up what was interrupted, beside what a command does itself.
pub(super) fn take_up(
    interrupted: Vec<Interrupted>,
    runner: &Runner,
    tasks: &mut JoinSet<Result<Done, Error>>,
) {
    for interrupted in interrupted {
        let runner = runner.clone();
        tasks.spawn(async move {
            Ok(match runner.take_up(interrupted).await {
                TakenUp::Ended(ended) => Done::Fired(Box::new(Fired { missed: None, ended: Some(*ended) })),
                TakenUp::Later(_) => Done::Orphan,
            })
        });
    }
}
