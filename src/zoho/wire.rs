//! Between HTTP and what decides: requests are built and answers taken apart here, without sending anything.

use std::time::Duration;

use bytes::Bytes;
use calloff_core::outcome::Answer;
use http::{HeaderMap, Response, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Map, Value};

use super::redact::Redactor;

/// The longest wait that an answer can ask for: what is longer is as good as never.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Takes an answer apart; the body is given back where it is JSON.
///
/// Zoho wraps some errors in `backup` and sends others bare, and both are accepted for every code. A gateway's
/// older form has a number for `code` and the word in `error`.
pub(super) fn take_apart(
    response: &Response<Bytes>,
    redactor: &Redactor,
    now: Timestamp,
) -> (Answer, Option<Value>) {
    let body: Option<Value> = serde_json::from_slice(response.body()).ok();
    let envelope = body.as_ref().and_then(envelope);
    let text = |key: &str| envelope?.get(key)?.as_str();
    let code = text("code").or_else(|| text("error")).map(str::to_owned).or_else(|| {
        let number = envelope?.get("code")?.as_number()?;
        Some(number.to_string())
    });
    let message = text("message").or_else(|| text("error_info"));
    let answer = Answer {
        status: response.status().as_u16(),
        code: code.map(|code| redactor.clean(&code)).filter(|code| !code.is_empty()),
        message: message.map(|message| redactor.clean(message)),
        retry_after: retry_after(response.headers(), envelope, now),
    };
    (answer, body)
}

fn envelope(body: &Value) -> Option<&Map<String, Value>> {
    let outer = body.as_object()?;
    Some(outer.get("backup").and_then(Value::as_object).unwrap_or(outer))
}

/// The least time to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else `details.retry_after`
/// in seconds, as Zoho's `OpenAPI` file has it for 429.
fn retry_after(
    headers: &HeaderMap,
    envelope: Option<&Map<String, Value>>,
    now: Timestamp,
) -> Option<Duration> {
    let header = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = header.and_then(|text| text.parse::<u64>().ok()).or_else(|| {
        let until = rfc2822::parse(header?).ok()?.timestamp();
        Some(u64::try_from(until.duration_since(now).as_secs()).unwrap_or(0))
    });
    let seconds = seconds.or_else(|| envelope?.get("details")?.get("retry_after")?.as_u64())?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Answer {
        let response = Response::builder().status(400).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        take_apart(&response, &Redactor::default(), Timestamp::UNIX_EPOCH).0
    }

    #[test]
    fn the_code_is_found_in_every_known_shape() {
        #[rustfmt::skip]
        let table = [
            (r#"{"backup":{"code":"INPROGRESS","details":{"id":"1"},"message":"m","status":"error"}}"#, Some("INPROGRESS"), "wrapped"),
            (r#"{"code":"INPROGRESS","details":{},"message":"m","status":"error"}"#, Some("INPROGRESS"), "bare"),
            (r#"{"code":"NO_PERMISSION","details":[],"message":"m"}"#, Some("NO_PERMISSION"), "details is an array"),
            (r#"{"code":"NO_PERMISSION","details":null}"#, Some("NO_PERMISSION"), "details is null"),
            (r#"{"code":429,"error":"TOO_MANY_REQUESTS","error_info":"m","details":[]}"#, Some("TOO_MANY_REQUESTS"), "a numeric code and the word"),
            (r#"{"code":429}"#, Some("429"), "a numeric code alone"),
            (r#"{"code":null}"#, None, "null"),
            (r#"{"code":["X"]}"#, None, "a wrong type"),
            (r#"{"backup":[]}"#, None, "a wrong envelope"),
            ("[]", None, "an array"),
            ("", None, "nothing"),
            ("<html>502</html>", None, "HTML"),
            (r#"{"code":"INPROG"#, None, "cut short"),
        ];
        for (body, want, why) in table {
            assert_eq!(parse(body).code.as_deref(), want, "{why}: {body}");
        }
    }

    #[test]
    fn every_way_to_ask_for_time_is_understood() {
        let now: Timestamp = "2026-11-27T16:30:00Z".parse().unwrap();
        #[rustfmt::skip]
        let table = [
            (Some("90"),                            "{}",                                   Some(90)),
            (Some("Fri, 27 Nov 2026 16:31:00 GMT"), "{}",                                   Some(60)),
            (Some("Fri, 27 Nov 2026 16:29:00 GMT"), "{}",                                   Some(0)),
            (Some("soon"),                          "{}",                                   None),
            (Some("-5"),                            "{}",                                   None),
            (Some("99999999999999999"),             "{}",                                   Some(86_400)),
            (None,                                  r#"{"details":{"retry_after":60}}"#,    Some(60)),
            (Some("5"),                             r#"{"details":{"retry_after":60}}"#,    Some(5)),
            (None,                                  r#"{"details":{"retry_after":"60"}}"#,  None),
        ];
        for (header, body, want) in table {
            let mut response = Response::builder().status(429);
            if let Some(value) = header {
                response = response.header(header::RETRY_AFTER, value);
            }
            let response = response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
            let (answer, _) = take_apart(&response, &Redactor::default(), now);
            assert_eq!(answer.retry_after.map(|wait| wait.as_secs()), want, "{header:?} {body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(status in 100_u16..=999, header in "\\PC{0,40}", body: Vec<u8>) {
            let mut response = Response::builder().status(status);
            if let Ok(value) = http::HeaderValue::from_str(&header) {
                response = response.header(header::RETRY_AFTER, value);
            }
            take_apart(&response.body(Bytes::from(body)).unwrap(), &Redactor::default(), Timestamp::UNIX_EPOCH);
        }

        #[test]
        fn no_json_makes_it_panic(code in "\\PC*", number: i64, wait: u64) {
            let body = format!(r#"{{"backup":{{"code":{},"details":{{"retry_after":{wait}}},"n":{number}}}}}"#,
                               Value::from(code));
            parse(&body);
        }
    }
}
