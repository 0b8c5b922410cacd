//! `auth exchange`, killed at each of its writes: the token is there as a whole or not at all.

use crate::support::program::Place;
use crate::{killed_ever_later, killed_so, was_killed};

const TOKEN: &str = "1000.refresh0token0123456789";

pub(crate) const CALL: [&str; 6] = ["auth", "exchange", "-a", "acme", "--code-file", "code"];

/// A place where there is a code, and no token yet.
pub(crate) fn place() -> Place {
    let zoho = format!("[accounts.acme]\ngrant_code = \"1000.code\"\nrefresh_token = \"{TOKEN}\"\n");
    let job = "backups = [\"42\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";
    let place = Place::new(&zoho, "", &[("job", job)]);
    place.write("code", "1000.code");
    place.set_account_key("refresh_token", "{ file = \"secret\" }");
    place
}

fn tell(kill: &str) -> Option<()> {
    let place = place();
    let done = killed_so(&place, kill, &CALL);
    match std::fs::read_to_string(place.path("secret")) {
        Ok(text) => assert_eq!(text, format!("{TOKEN}\n"), "{kill}"),
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{kill}");
            assert!(was_killed(&done), "{kill}: {}", done.stderr);
        }
    }
    was_killed(&done).then_some(())
}

#[test]
fn a_token_is_written_as_a_whole_or_not_at_all() {
    for when in ["before", "after"] {
        assert!(killed_ever_later(when, tell).len() >= 3);
    }
}
