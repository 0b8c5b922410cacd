//! Hosts whose name leads nowhere.

use crate::triggered::{place, point_at, trigger};

/// A label of a name has 63 characters at most (RFC 1035 §2.3.4): the resolver of the C library refuses this one by
/// itself, and asks nobody.
const NO_NAME: &str = "a234567890123456789012345678901234567890123456789012345678901234.invalid";

#[test]
fn a_name_that_leads_nowhere_is_tried_again_and_said_to() {
    let place = place("30s");
    point_at(&place, "https://nowhere");
    // What a user may call that name by; see hostname(7).
    place.write("aliases", &format!("nowhere {NO_NAME}\n"));
    let aliases = place.path("aliases");
    let triggered = trigger(&place, &[("HOSTALIASES", aliases.to_str().unwrap())]);
    triggered.is_exhausted("no such host", "couldn't connect: failed to lookup address information");
}
