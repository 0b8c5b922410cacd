//! Whom something is told, given who was told of its cause before.

use super::{Event, Subscription, What};

/// That a sink is told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tell<'s> {
    /// The sink's name.
    pub sink: &'s str,
    /// What.
    pub event: Event,
    /// Whether that is kept, until its cause has ended.
    pub is_kept: bool,
}

/// Whom to tell; `was_told` says which sinks were told of the same cause and not yet that it is over.
pub fn decide(
    what: What,
    was_told: impl Fn(&str) -> bool,
    subscriptions: &[Subscription],
) -> impl Iterator<Item = Tell<'_>> {
    subscriptions.iter().filter_map(move |subscription| {
        let event = match (what, was_told(&subscription.sink)) {
            (What::Begins(event) | What::Over(event) | What::Noted(event), false) => event,
            (What::Over(_) | What::Ends, true) => Event::Recovered,
            (What::Begins(_) | What::Noted(_), true) | (What::Ends, false) => return None,
        };
        let is_kept = matches!(what, What::Begins(_));
        subscription.wants(event).then_some(Tell { sink: &subscription.sink, event, is_kept })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn subscription(sink: &str, on: &[Event]) -> Subscription {
        Subscription { sink: sink.to_owned(), on: on.to_vec() }
    }

    fn what() -> impl Strategy<Value = What> {
        let event = prop_oneof![Just(Event::Failed), Just(Event::Drift)];
        prop_oneof![
            event.clone().prop_map(What::Begins),
            event.clone().prop_map(What::Over),
            event.prop_map(What::Noted),
            Just(What::Ends),
        ]
    }

    #[test]
    fn a_sink_is_told_once_and_of_what_it_wants() {
        let sinks = [subscription("all", Event::ALL), subscription("failures", &[Event::Failed])];
        let told = |what, known: &'static [&str]| -> Vec<(&str, &str)> {
            decide(what, |sink| known.contains(&sink), &sinks)
                .map(|tell| (tell.sink, tell.event.as_str()))
                .collect()
        };
        let failed = What::Begins(Event::Failed);
        assert_eq!(told(failed, &[]), [("all", "failed"), ("failures", "failed")]);
        assert_eq!(told(failed, &["all"]), [("failures", "failed")], "one that came later");
        assert_eq!(told(failed, &["all", "failures"]), []);
        assert_eq!(told(What::Ends, &["all", "failures"]), [("all", "recovered")]);
        assert_eq!(told(What::Ends, &[]), []);
        assert_eq!(told(What::Over(Event::Drift), &[]), [("all", "drift")]);
        assert_eq!(told(What::Over(Event::Drift), &["all"]), [("all", "recovered")]);
        assert_eq!(told(What::Noted(Event::Drift), &["all"]), []);
    }

    proptest! {
        /// Whatever happens, and whenever sinks come and go.
        #[test]
        fn no_sink_hears_twice_of_one_failure_nor_of_a_recovery_alone(
            steps in prop::collection::vec((what(), any::<bool>(), prop::sample::subsequence(Event::ALL, 0..6)), 0..60),
        ) {
            let mut told: BTreeSet<String> = BTreeSet::new();
            let mut is_failing = false;
            for (what, is_there, on) in steps {
                let sinks = if is_there { vec![subscription("sink", &on)] } else { vec![] };
                let tells: Vec<_> = decide(what, |sink| told.contains(sink), &sinks).collect();
                for tell in tells {
                    match tell.event {
                        Event::Recovered => prop_assert!(is_failing, "a recovery of nothing"),
                        _ => prop_assert!(!is_failing, "told twice"),
                    }
                    if tell.is_kept {
                        is_failing = true;
                        told.insert(tell.sink.to_owned());
                    }
                }
                if what.has_ended() {
                    is_failing = false;
                    told.clear();
                }
            }
        }
    }
}
