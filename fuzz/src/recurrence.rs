//! Recurrence rules, as Zoho may name them: what the program makes of one, and what the simulator does. The input's first
//! line is a rule; the second is its first start and the third an instant, if they are.

use bytes::Bytes;
use calloff_core::recurrence::starts;
use calloff_sim::world::Backup;
use calloff_sim::{Account, Scenario, World};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::json;

/// Starts that are asked for: a rule that comes daily has as many in a quarter.
const MOST: usize = 90;

/// Any text is a rule with starts in order, or none; the simulator takes it or refuses it.
pub(crate) fn any_rule(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let rule = lines.next().unwrap_or_default();
    let first: Zoned = lines
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| "2026-11-24T10:00:00+01:00[+01:00]".parse().expect("a start"));
    let after = lines.next().and_then(|text| text.parse().ok()).unwrap_or(first.timestamp());
    check_starts(rule, &first, after);
    check_simulator(rule);
}

fn check_starts(rule: &str, first: &Zoned, after: Timestamp) {
    let found = starts(rule, first, after, Timestamp::MAX, MOST);
    assert!(found.len() <= MOST);
    assert!(found.iter().all(|start| *start > after), "not after {after}: {found:?}");
    assert!(found.is_sorted_by(|one, next| one < next), "not one after the other: {found:?}");
    let Some((middle, last)) = found.get(found.len() / 2).zip(found.last()) else { return };
    let later = starts(rule, first, *middle, *last, MOST);
    assert!(found.ends_with(&later), "asked later, other starts: {found:?} {later:?}");
    assert_eq!(later.len(), found.len() - found.len() / 2 - 1);
}

/// A backup that the simulator schedules lies ahead, and once it has run the next one does.
fn check_simulator(rule: &str) {
    let now: Timestamp = "2026-11-24T10:00:00Z".parse().expect("an instant");
    let mut world = World::new(Scenario::parse("[accounts.acme]").expect("a scenario"), now);
    let body = json!({ "backup": { "rrule": rule } }).to_string();
    let status = ask(&mut world, Method::POST, body, now);
    let Some(backup) = world.account("acme").and_then(Account::latest) else {
        assert!(status >= 400, "{status}");
        return;
    };
    assert!(status < 300, "{status}");
    assert_eq!(backup.rrule(), Some(rule));
    let start = backup.scheduled_date().expect("its start");
    assert!(start > now, "{start}");
    ask(&mut world, Method::GET, String::new(), start + SignedDuration::from_hours(1));
    let backup = world.account("acme").and_then(Account::latest);
    let next = backup.and_then(Backup::scheduled_date);
    assert!(next.is_some_and(|next| next > start), "{start}, then {next:?}");
}

fn ask(world: &mut World, method: Method, body: String, now: Timestamp) -> u16 {
    let token = world.issue_token("acme", now).expect("an account");
    let request = Request::builder()
        .method(method)
        .uri("/crm/bulk/v8/backup")
        .header(http::header::AUTHORIZATION, format!("Zoho-oauthtoken {token}"))
        .body(Bytes::from(body))
        .expect("a request");
    world.handle(&request, now).answer.status().as_u16()
}
