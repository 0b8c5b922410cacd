//! Whether two addresses of Zoho's API are of the same data centre.

/// What a comparison of two addresses shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// They are of one data centre.
    Same,
    /// They are not: each refuses the other's tokens.
    Other,
    /// At least one is an address that data centres can't be told by.
    Unknown,
}

/// Compares the configured `api_domain` with the one that Zoho names along with a token.
///
/// Only the data centre is compared: tokens for a sandbox come with the address of production, as far as is known. Zoho's
/// own pages show `https://api.zoho.com` as an example, which is no address of CRM's API: of such nothing can be told.
#[must_use]
pub fn compare(configured: &str, named: &str) -> Place {
    let (configured, named) = (host(configured), host(named));
    if configured == named {
        return Place::Same;
    }
    match (center(&configured), center(&named)) {
        (Some(a), Some(b)) if a == b => Place::Same,
        (Some(_), Some(_)) => Place::Other,
        _ => Place::Unknown,
    }
}

/// The host and port, in lower case.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').to_ascii_lowercase()
}

/// The data centre's top-level domain in a host such as `www.zohoapis.com.au`; of a simulator on loopback, itself.
fn center(host: &str) -> Option<&str> {
    let zoho = host.split_once(".zohoapis.").map(|(_, domain)| domain);
    let is_loopback = host.starts_with("127.") || host.starts_with("[::1]") || host.starts_with("localhost");
    zoho.or_else(|| is_loopback.then_some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_centre_is_told_by_the_top_level_domain_and_environments_do_not_matter() {
        use Place::{Other, Same, Unknown};
        #[rustfmt::skip]
        let table = [
            ("https://www.zohoapis.eu",     "https://www.zohoapis.eu",  Same),
            ("https://www.zohoapis.eu",     "https://WWW.zohoapis.eu/", Same),
            ("https://sandbox.zohoapis.eu", "https://www.zohoapis.eu",  Same),
            ("https://www.zohoapis.eu",     "https://www.zohoapis.com", Other),
            ("https://www.zohoapis.com.au", "https://www.zohoapis.com", Other),
            ("https://www.zohoapis.eu",     "https://api.zoho.com",     Unknown),
            ("https://x.zohoplatform.com",  "https://www.zohoapis.com", Unknown),
            ("http://127.0.0.1:8900",       "http://127.0.0.1:8900",    Same),
            ("http://127.0.0.1:8900",       "https://www.zohoapis.com", Other),
        ];
        for (configured, named, want) in table {
            assert_eq!(compare(configured, named), want, "{configured} {named}");
        }
    }
}
