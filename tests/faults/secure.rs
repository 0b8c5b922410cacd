//! Who gets the token: servers that can show that they are who they should be, and nobody else.

use rcgen::date_time_ymd;

use crate::rude::{self, Rude, STOPPED};
use crate::support::program::Place;
use crate::tls::{self, Authority, Identity};
use crate::triggered::{Triggered, place, point_at, trigger};

/// Triggers the job where this is all that the system trusts.
fn trigger_trusting(place: &Place, pem: &str) -> Triggered {
    place.write("trusted.pem", pem);
    let trusted = place.path("trusted.pem");
    trigger(place, &[("SSL_CERT_FILE", trusted.to_str().unwrap())])
}

#[test]
fn a_server_whose_certificate_the_system_trusts_gets_the_token() {
    let (place, authority) = (place("30s"), Authority::new("trusted"));
    for host in ["localhost", "127.0.0.1"] {
        let server = tls::server(authority.vouches_for(host), STOPPED);
        point_at(&place, &format!("https://{host}:{}", server.port()));
        trigger_trusting(&place, &authority.pem()).is_cancelled();
        let asked = server.asked().concat().to_lowercase();
        assert!(asked.contains("authorization: zoho-oauthtoken 1000.sim"), "{asked}");
    }
}

#[test]
fn a_server_with_another_certificate_gets_nothing_and_what_is_wrong_with_it_is_on_record() {
    let (place, authority) = (place("30s"), Authority::new("trusted"));
    let table: [(Identity, &str); 5] = [
        (tls::self_signed("localhost"), "UnknownIssuer"),
        (Authority::new("unknown").vouches_for("localhost"), "UnknownIssuer"),
        (
            authority.vouches("localhost", |params| {
                (params.not_before, params.not_after) =
                    (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }),
            "certificate expired",
        ),
        (
            authority.vouches("localhost", |params| params.not_before = date_time_ymd(2090, 1, 1)),
            "certificate not valid yet",
        ),
        (authority.vouches_for("crm.example"), "certificate not valid for name \"localhost\""),
    ];
    for (identity, message) in table {
        let server = tls::server(identity, STOPPED);
        point_at(&place, &format!("https://localhost:{}", server.port()));
        trigger_trusting(&place, &authority.pem())
            .is_exhausted(message, &format!("couldn't connect: invalid peer certificate: {message}"));
        assert_eq!(server.asked(), Vec::<String>::new(), "{message}");
    }
}

#[test]
fn what_does_not_speak_tls_gets_nothing() {
    let authority = Authority::new("trusted");
    let plain = Rude::serving(|stream, hear| {
        hear(rude::read_some(stream)?);
        rude::says(STOPPED)(stream)
    });
    let closing = Rude::serving(|stream, hear| {
        hear(rude::read_some(stream)?);
        Ok(())
    });
    let silent = Rude::serving(|stream, _| rude::never_answers(stream));
    for (server, timeout, message) in [
        (plain, "30s", "couldn't connect: received corrupt message"),
        (closing, "30s", "couldn't connect: "),
        (silent, "300ms", "timed out: no whole answer within 300ms"),
    ] {
        let place = place(timeout);
        point_at(&place, &format!("https://localhost:{}", server.port()));
        trigger_trusting(&place, &authority.pem()).is_exhausted(message, message);
        for heard in server.asked() {
            assert!(!heard.to_lowercase().contains("zoho"), "{heard}");
        }
    }
}

#[test]
fn a_system_that_trusts_nobody_is_said_to() {
    let place = place("30s");
    let server = tls::server(Authority::new("trusted").vouches_for("localhost"), STOPPED);
    point_at(&place, &format!("https://localhost:{}", server.port()));
    trigger_trusting(&place, "").is_exhausted("no roots", "No CA certificates were loaded from the system");
    assert_eq!(server.asked(), Vec::<String>::new());
}
