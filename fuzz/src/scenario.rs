//! Scenario files of the simulator.

use bytes::Bytes;
use calloff_sim::{Scenario, World};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};

/// What each account is asked: method and path; the token of that account goes with it.
const CALLS: [(Method, &str); 6] = [
    (Method::GET, "/crm/bulk/v8/backup"),
    (Method::GET, "/crm/bulk/v8/backup/history?page=1&per_page=200"),
    (Method::PUT, "/crm/bulk/v8/backup/42/actions/cancel"),
    (Method::POST, "/crm/bulk/v8/backup"),
    (Method::GET, "/crm/bulk/v8/backup/urls"),
    (Method::GET, "/crm/v8/org"),
];

/// Any text is a scenario, whose simulator answers whatever it is asked whenever, or is refused with a reason.
pub(crate) fn any_scenario(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(!scenario.accounts.is_empty());
    let ids = scenario.accounts.values().flat_map(|account| &account.backups).map(|backup| &backup.id);
    assert!(ids.into_iter().all(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())));
    let start: Timestamp = "2026-11-24T10:00:00Z".parse().expect("an instant");
    let mut world = World::new(scenario.clone(), start);
    for days in [0, 1, 400] {
        let now = start + SignedDuration::from_hours(24 * days);
        for name in scenario.accounts.keys() {
            ask(&mut world, name, now);
        }
    }
}

fn ask(world: &mut World, name: &str, now: Timestamp) {
    let token = world.issue_token(name, now).expect("the scenario has it");
    for (method, path) in CALLS {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::AUTHORIZATION, format!("Zoho-oauthtoken {token}"))
            .body(Bytes::new())
            .expect("a request");
        let asked = world.requests();
        let reaction = world.handle(&request, now);
        assert_eq!(world.requests(), asked + 1);
        if let Some(call) = reaction.in_flight {
            world.leave(call);
        }
    }
    let account = world.account(name).expect("the scenario has it");
    assert_eq!(account.in_flight(), 0);
}
