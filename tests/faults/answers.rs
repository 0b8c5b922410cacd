//! What Zoho's API may answer instead of an answer.

use crate::rude::{self, Manners, Rude, STOPPED};
use crate::triggered::{place, point_at, trigger};

/// Enough for whatever ends by itself.
const LONG: &str = "30s";

#[test]
fn a_server_that_is_right_is_understood() {
    let (place, server) = (place(LONG), Rude::start(rude::says(STOPPED)));
    point_at(&place, &server.url());
    trigger(&place, &[]).is_cancelled();
    let asked = server.asked().concat().to_lowercase();
    assert!(asked.contains("authorization: zoho-oauthtoken 1000.sim"), "{asked}");
    assert!(!asked.contains("accept-encoding"), "nothing that is packed is asked for: {asked}");
}

#[test]
fn what_never_ends_is_ended_by_the_time_that_a_call_may_take() {
    let place = place("300ms");
    let table: [(&str, Manners); 5] = [
        ("never answers", rude::never_answers),
        ("drips a header", rude::drips_a_header),
        ("drips a body", rude::drips_a_body),
        ("drips chunks", rude::drips_chunks),
        ("drips promises", rude::drips_promises),
    ];
    for (why, manners) in table {
        let server = Rude::start(manners);
        point_at(&place, &server.url());
        trigger(&place, &[]).is_exhausted(why, "timed out: no whole answer within 300ms");
        assert_eq!(server.asked().len(), 2, "{why}");
    }
}

#[test]
fn what_is_cut_off_is_no_answer() {
    let place = place(LONG);
    let table: [(&[u8], &str); 8] = [
        (b"", "the connection broke"),
        (b"HTTP/1.1 20", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "the connection broke"),
        (&STOPPED[..STOPPED.len() - 1], "the answer was cut short"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "the answer was cut short"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"backup\"",
            "the answer was cut short",
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", "the answer was cut short"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "the answer was cut short"),
    ];
    for (bytes, message) in table {
        let server = Rude::start(rude::says(bytes));
        point_at(&place, &server.url());
        trigger(&place, &[]).is_exhausted(&String::from_utf8_lossy(bytes), message);
    }
}

#[test]
fn more_than_an_answer_may_have_is_not_read() {
    let place = place(LONG);
    let table: [(&str, Manners, &str); 5] = [
        ("10,000 headers", rude::pours_headers, "the connection broke"),
        ("a header of 10 MiB", rude::pours_one_header, "the connection broke"),
        ("a header without end", rude::pours_a_header_for_ever, "the connection broke"),
        ("a chunk whose size does not end", rude::pours_a_chunk_extension, "the answer was cut short"),
        ("trailers without end", rude::pours_trailers, "the answer was cut short"),
    ];
    for (why, manners, message) in table {
        let server = Rude::start(manners);
        point_at(&place, &server.url());
        trigger(&place, &[]).is_exhausted(why, message);
    }
}

#[test]
fn a_body_that_is_no_answer_is_tried_again_however_long_it_is() {
    let place = place(LONG);
    let table: [(&str, Manners); 3] = [
        ("100 MiB", rude::pours_a_body),
        ("100 MiB in chunks", rude::pours_chunks),
        ("small objects", rude::pours_small_objects),
    ];
    for (why, manners) in table {
        let server = Rude::start(manners);
        point_at(&place, &server.url());
        trigger(&place, &[]).is_exhausted_by(why, 200);
    }
}

/// `{"code":"SUCCESS"}`, packed by gzip 1.12.
const PACKED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 38\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJ\xceOIU\xb2R\x0a\x0euvv\x0d\x0eV\xaa\x05\x00:\xe2\xafX\x12\x00\x00\x00";

#[test]
fn what_is_packed_is_not_unpacked() {
    let (place, server) = (place(LONG), Rude::start(rude::says(PACKED)));
    point_at(&place, &server.url());
    trigger(&place, &[]).is_exhausted_by("gzip", 200);
}

#[test]
fn a_redirect_is_refused_and_nobody_else_learns_the_token() {
    let place = place(LONG);
    let elsewhere = Rude::start(rude::says(STOPPED));
    for status in [301, 302, 303, 307, 308] {
        let answer =
            format!("HTTP/1.1 {status} Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
        let server = Rude::start(rude::says(answer.leak().as_bytes()));
        point_at(&place, &server.url());
        let triggered = trigger(&place, &[]);
        let target = &triggered.target;
        assert_eq!(
            (&target["outcome"], &target["attempts"]),
            (&"rejected".into(), &1.into()),
            "{triggered:?}"
        );
        assert_eq!(target["http_status"], status, "{triggered:?}");
        assert!(target["hint"].as_str().is_some_and(|hint| hint.contains("`api_domain`")), "{triggered:?}");
    }
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}
