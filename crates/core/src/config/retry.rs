//! `[retry]`: in `calloff.toml` for every job, in a job file key by key.

use std::time::Duration;

use super::reader::{Problems, Span, Value};
use crate::diagnostic::Code;
use crate::retry::RetryPolicy;
use crate::text::duration as duration_text;

/// Reads the table over `base`, which holds for the keys it leaves out. `None` if it is wrong.
pub(super) fn retry(
    value: Option<&Value<'_>>,
    base: RetryPolicy,
    problems: &mut Problems,
) -> Option<RetryPolicy> {
    let Some(value) = value else { return Some(base) };
    let mut table = value.table(problems, "`[retry]`".into())?;

    let bounds = Span::from(Duration::from_millis(1)).to(Duration::from_hours(24));
    let attempts = table.take("max_attempts");
    let initial = table.take("initial_delay");
    let ceiling = table.take("max_delay");
    let end = table.take("give_up_after");
    table.finish(problems);

    let max_attempts = attempts.map_or(Some(base.max_attempts), |value| value.number(problems, 1, 100));
    let mut delay = |value: Option<&Value<'_>>, default| {
        value.map_or(Some(default), |value| value.duration(problems, bounds))
    };
    let initial_delay = delay(initial.as_ref(), base.initial_delay);
    let max_delay = delay(ceiling.as_ref(), base.max_delay);
    let week = Span::from(Duration::ZERO).to(Duration::from_hours(24 * 7));
    let give_up_after = end.map_or(Some(base.give_up_after), |value| value.duration(problems, week));

    let policy = RetryPolicy {
        max_attempts: max_attempts?,
        initial_delay: initial_delay?,
        max_delay: max_delay?,
        give_up_after: give_up_after?,
    };
    if policy.max_delay < policy.initial_delay {
        let written = ceiling.or(initial)?;
        problems
            .add(
                Code::Contradiction,
                written.span(),
                format!(
                    "`max_delay` ({}) is less than `initial_delay` ({})",
                    duration_text(policy.max_delay),
                    duration_text(policy.initial_delay)
                ),
            )
            .help("write both, `max_delay` not less than `initial_delay`: a key that is left out has its default");
        return None;
    }
    Some(policy)
}
