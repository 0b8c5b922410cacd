//! The status page: HTML that works without a script, and refreshes itself with one.

mod account;
mod attention;
mod front;
mod history;
mod job;
mod jobs;
mod layout;

pub(super) use account::account;
pub(super) use front::front;
#[cfg(test)]
pub(super) use job::Part;
pub(super) use job::job;
pub(super) use jobs::{Search, Slice};
pub(super) use layout::not_found;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a part of a path can't have as it is. Source: RFC 3986, section 3.3.
const PART: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Where the page of an account is.
pub(super) fn account_path(account: &str) -> String {
    format!("/accounts/{}", utf8_percent_encode(account, PART))
}

/// Where the page of a job is. Its folders are part of the path.
pub(super) fn job_path(job: &str) -> String {
    format!("/jobs/{}", utf8_percent_encode(job, PART))
}
