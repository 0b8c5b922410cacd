//! `[http]` comes into force as the rest of `calloff.toml` does, and what is wrong with it stops nothing else.

use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::place::{HTTP_TOKEN, NEEDS_TOKEN, Served, later, listening, set_http, set_token};
use crate::support::program::Place;
use crate::support::web;

fn served(http: &str) -> Served {
    Served::start(&[("job", &later())], http)
}

fn reload(place: &Place) {
    let done = place.run(&["reload"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

/// What the daemon says of its health.
fn health(place: &Place) -> Value {
    let status = place.run(&["status", "--json"]);
    assert_eq!(status.code, 0, "{}", status.stderr);
    status.json().pop().unwrap()["daemon"]["health"].clone()
}

fn status_with(address: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    web::ask(address, "GET", "/api/v1/status", &[("Authorization", &bearer)]).status
}

fn is_closed(address: &str) -> bool {
    TcpStream::connect(address).is_err()
}

#[test]
fn another_address_and_none_are_taken_without_a_restart() {
    let served = served("");
    let place = &served.place;
    reload(place);
    assert_eq!(served.get("/healthz").status, 200);
    assert_eq!(served.daemon.events("http.listening").len(), 1, "nothing of it has changed");

    set_http(place, Some("listen = \"127.0.0.2:0\""));
    reload(place);
    let there = listening(&served.daemon, place, 2);
    assert!(there.starts_with("127.0.0.2:"), "{there}");
    assert_eq!(web::get(&there, "/healthz").status, 200);
    assert!(is_closed(&served.address));

    set_http(place, None);
    reload(place);
    place.wait_until("it is off", |_| is_closed(&there));
    assert_eq!(health(place)["state"], "ok");

    set_http(place, Some("listen = \"[::1]:0\""));
    reload(place);
    let there = listening(&served.daemon, place, 3);
    assert_eq!(web::get(&there, "/healthz").status, 200);
    assert_eq!(served.daemon.stop(), Some(0));
}

#[test]
fn names_and_the_token_are_those_of_the_files_as_they_are() {
    let served = served(NEEDS_TOKEN);
    let place = &served.place;
    assert_eq!(status_with(&served.address, HTTP_TOKEN), 200);
    // The same file, with another token in it.
    set_token(place, "another-token");
    assert_eq!(status_with(&served.address, HTTP_TOKEN), 200);
    reload(place);
    let address = listening(&served.daemon, place, 2);
    assert_eq!((status_with(&address, HTTP_TOKEN), status_with(&address, "another-token")), (401, 200));

    let hosts = format!("listen = \"127.0.0.1:0\"\nhosts = [\"calloff.example.com\"]\n{NEEDS_TOKEN}");
    set_http(place, Some(&hosts));
    reload(place);
    let address = listening(&served.daemon, place, 3);
    let named =
        |address: &str| web::ask(address, "GET", "/healthz", &[("Host", "calloff.example.com")]).status;
    assert_eq!(named(&address), 200);

    set_http(place, Some("listen = \"127.0.0.1:0\""));
    reload(place);
    let address = listening(&served.daemon, place, 4);
    assert_eq!((web::get(&address, "/api/v1/status").status, named(&address)), (200, 421));
}

#[test]
fn a_token_that_can_not_be_read_leaves_what_is_served_as_it_is() {
    let served = served(NEEDS_TOKEN);
    let place = &served.place;
    std::fs::remove_file(place.path("secrets/http")).unwrap();
    reload(place);
    served.daemon.wait_for(place, "http.unavailable", 1);
    assert_eq!(status_with(&served.address, HTTP_TOKEN), 200);
    assert_eq!(web::get(&served.address, "/").status, 401);
    let reason = health(place)["reasons"][0].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with("the status page and the metrics are served as before: its token can't be read"),
        "{reason}"
    );
    // It is tried again by itself.
    set_token(place, HTTP_TOKEN);
    place.wait_until("all is well", |place| health(place)["state"] == "ok");
    assert_eq!(served.daemon.events("http.listening").len(), 1, "it is the same token");
    assert_eq!(served.daemon.events("http.unavailable").len(), 1, "it is said once");
}

#[test]
fn a_port_that_is_taken_is_waited_for_and_keeps_nothing_from_being_done() {
    let served = served("");
    let place = &served.place;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    set_http(place, Some(&format!("listen = \"{address}\"")));
    reload(place);
    let said = served.daemon.wait_for(place, "http.unavailable", 1);
    assert!(said["why"].as_str().unwrap().contains(&address), "{said}");
    let health_now = health(place);
    assert_eq!(health_now["state"], "degraded");
    let reason = health_now["reasons"][0].as_str().unwrap();
    assert!(
        reason.starts_with("the status page and the metrics are not served: couldn't listen on"),
        "{reason}"
    );
    assert!(place.run(&["status"]).stdout.contains("degraded: the status page"));
    assert!(is_closed(&served.address), "what files say no more is not served");
    let done = place.run(&["trigger", "job"]);
    assert_eq!(done.code, 0, "{}", done.stderr);

    drop(taken);
    assert_eq!(listening(&served.daemon, place, 2), address);
    assert_eq!(web::get(&address, "/healthz").status, 200);
    assert_eq!(health(place)["state"], "ok");
    assert_eq!(served.daemon.events("http.unavailable").len(), 1, "it is said once");
    assert_eq!(served.daemon.stop(), Some(0));
}

#[test]
fn a_start_does_not_wait_for_a_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "", &[("job", &later())]);
    set_http(&place, Some(&format!("listen = \"{}\"", taken.local_addr().unwrap())));
    // It waits until the daemon works.
    let daemon = crate::support::daemon::Daemon::start(&place);
    daemon.wait_for(&place, "http.unavailable", 1);
    assert_eq!(place.run(&["trigger", "job"]).code, 0);
    // Whoever does not want it any more is not told that it is not there.
    set_http(&place, None);
    reload(&place);
    place.wait_until("all is well", |place| health(place)["state"] == "ok");
    assert_eq!(daemon.stop(), Some(0));
}
