//! A list of faults that is used up one call at a time.

use std::collections::VecDeque;

use crate::fault::Step;

/// What is left of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(VecDeque<Step>);

impl Queue {
    pub(super) fn new(steps: &[Step]) -> Self {
        Self(steps.iter().filter(|step| step.times > 0).copied().collect())
    }

    pub(super) fn push(&mut self, step: Step) {
        if step.times > 0 {
            self.0.push_back(step);
        }
    }

    /// What becomes of the next call; `None` once the list is used up.
    pub(super) fn take(&mut self) -> Option<Step> {
        let first = self.0.front_mut()?;
        let step = *first;
        first.times -= 1;
        if first.times == 0 {
            self.0.pop_front();
        }
        Some(step)
    }
}
