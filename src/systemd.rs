//! Tells systemd how the daemon is: `sd_notify(3)`.

use jiff::Timestamp;
use sd_notify::NotifyState;

/// The variable that names systemd's socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Something that systemd is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a> {
    /// It works, as it did before a reload.
    Ready,
    /// It reads its files again; systemd waits for [`Ready`](Self::Ready), whatever comes of that.
    Reloading,
    /// It is about to end.
    Stopping,
    /// Its scheduling loop beats.
    Beat,
    /// How it is, for people.
    Status(&'a str),
}

/// Whether systemd has started this process and wants to be told.
#[must_use]
pub fn is_listening() -> bool {
    std::env::var_os(SOCKET).is_some_and(|socket| !socket.is_empty())
}

/// Whether systemd restarts a process that does not beat.
#[must_use]
pub fn wants_beats() -> bool {
    sd_notify::watchdog_enabled().is_some()
}

/// Tells systemd. Where there is nobody to tell, or it can't be told, nothing changes.
pub fn tell(told: &[Told<'_>]) {
    let states: Vec<NotifyState<'_>> = told.iter().flat_map(states).collect();
    if let Err(error) = sd_notify::notify(&states) {
        tracing::debug!(event = "systemd.untold", %error, "systemd could not be told");
    }
}

fn states<'a>(told: &Told<'a>) -> Vec<NotifyState<'a>> {
    match told {
        Told::Ready => vec![NotifyState::Ready],
        // Without the time systemd would not know which of two reloads has ended.
        Told::Reloading => {
            let now = NotifyState::monotonic_usec_now().ok();
            [NotifyState::Reloading].into_iter().chain(now).collect()
        }
        Told::Stopping => vec![NotifyState::Stopping],
        Told::Beat => vec![NotifyState::Watchdog],
        Told::Status(text) => vec![NotifyState::Status(text)],
    }
}

/// How the daemon is, in a line. `is_busy` is whether something is under way.
#[must_use]
pub fn status(
    jobs: usize,
    quarantined: usize,
    next: Option<(Timestamp, &str)>,
    is_busy: bool,
    refusal: Option<&str>,
) -> String {
    let in_force = format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" });
    let not_in_force = (quarantined > 0).then(|| format!("{quarantined} more not in force"));
    let next = match next {
        Some((at, job)) => format!("next: {job} at {}", at.strftime("%Y-%m-%d %H:%M:%SZ")),
        None if is_busy => "at work".to_owned(),
        None => "nothing is due".to_owned(),
    };
    let refusal = refusal.map(|refusal| format!("changed files are not in force: {refusal}"));
    let parts = [Some(in_force), not_in_force, Some(next), refusal];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    // A status is one line.
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_a_person_wants_to_know_first() {
        let at = "2026-11-27T16:30:00Z".parse().unwrap();
        assert_eq!(status(1, 0, None, false, None), "1 job; nothing is due");
        assert_eq!(status(1, 0, None, true, None), "1 job; at work");
        assert_eq!(
            status(12, 2, Some((at, "eu/freeze")), true, Some("jobs/a.toml:7:1: E012: no\nsuch key")),
            "12 jobs; 2 more not in force; next: eu/freeze at 2026-11-27 16:30:00Z; \
             changed files are not in force: jobs/a.toml:7:1: E012: no such key"
        );
    }
}
