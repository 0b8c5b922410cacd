//! The scenario files that are shipped can be read, and wrong ones are refused with a reason.

use std::error::Error as _;

use calloff_sim::{Code, Fault, Scenario, Status};
use rstest::rstest;

#[test]
fn the_embedded_scenario_can_be_read() {
    let demo = &Scenario::default().accounts["demo"];
    let current = demo.backups.last().unwrap();
    assert_eq!((current.id.as_str(), current.status), ("4876876000001593003", Status::Scheduled));
}

#[test]
fn the_example_can_be_read() {
    let scenario = Scenario::parse(include_str!("../scenarios/example.toml")).unwrap();
    let acme = &scenario.accounts["acme"];
    assert_eq!(acme.backups[1].faults[0].fault, Fault::Code(Code::InternalError));
    assert_eq!(acme.backups[1].faults[1].times, 2);
    assert!(scenario.accounts["globex"].backups.is_empty());
}

#[rstest]
#[case::no_account("accounts = {}", "there is none")]
#[case::a_key_nobody_knows("[accounts.a]\nlatancy = '1s'", "unknown field `latancy`")]
#[case::a_word_nobody_knows("[accounts.a.faults]\nget = ['dorp']", "`dorp` is no fault")]
#[case::a_key_in_a_fault("[accounts.a.faults]\nget = [{ than = 'ok' }]", "unknown field `than`")]
#[case::an_id_with_letters("[[accounts.a.backups]]\nid = '12a'", "`12a` is not a string of digits")]
#[case::an_id_twice("[[accounts.a.backups]]\nid = '1'\n[[accounts.a.backups]]\nid = '1'", "`1` comes twice")]
#[case::a_date_without_offset(
    "[[accounts.a.backups]]\nid = '1'\nscheduled_date = '2026-12-05T02:30:00'",
    "neither an instant with an offset"
)]
#[case::a_token_word_elsewhere("[accounts.a.faults]\nget = ['throttled']", "only at the token endpoint")]
#[case::a_code_at_the_token_endpoint(
    "[accounts.a.faults]\ntoken = ['INTERNAL_ERROR']",
    "accounts.a.faults.token"
)]
fn a_wrong_scenario_is_refused_with_a_reason(#[case] text: &str, #[case] reason: &str) {
    let error = Scenario::parse(text).unwrap_err();
    let told = format!("{error} {}", error.source().map(ToString::to_string).unwrap_or_default());
    assert!(told.contains(reason), "{told}");
}
