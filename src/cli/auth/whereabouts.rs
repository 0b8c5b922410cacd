//! What a test of credentials shows of where they lead: the data centre, and the organisation.

use calloff_core::config::Account;
use calloff_core::lint;
use calloff_core::place::{self, Place};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::finding::{Finding, Shown};
use crate::daemon::Audited;
use crate::zoho::Organisation;

/// Whether the API's address that Zoho names with a token is that of the configured data centre.
pub(super) fn data_center(account: &Account, audited: &Audited) -> Finding {
    let configured = account.api_domain.as_str();
    let (shown, detail) = match &audited.api_domain {
        None => (Shown::Untold, "Zoho has not named the address of the API".to_owned()),
        Some(named) if named == configured => (Shown::Ok, format!("the API is at {named}")),
        Some(named) => match place::compare(configured, named) {
            Place::Same => (Shown::Ok, format!("the API is at {configured}, and at {named}")),
            Place::Other => {
                (Shown::Elsewhere, format!("Zoho names {named}, and calloff.toml says {configured}"))
            }
            Place::Unknown => {
                (Shown::Untold, format!("Zoho names {named}, which may or may not be where {configured} is"))
            }
        },
    };
    let hint = (shown == Shown::Elsewhere).then(|| {
        "set `data_center` to that of the organisation, or `api_domain` and `accounts_url` to its hosts"
            .to_owned()
    });
    Finding { check: "data_center", shown, detail, hint }
}

/// What Zoho says of the organisation. Most tokens don't allow it to be asked, and nothing depends on it.
pub(super) fn organisation(account: &Account, audited: &Audited, now: Timestamp) -> Finding {
    let (shown, detail, hint) = match &audited.organisation {
        None => (Shown::Untold, "it was not asked for".to_owned(), None),
        Some(Err(unread)) => {
            let detail =
                format!("{}; the scope ZohoCRM.org.READ would show it, and nothing needs it", unread.why());
            (Shown::Untold, detail, None)
        }
        Some(Ok(organisation)) => match described(organisation) {
            None => (Shown::Untold, "Zoho says nothing of it".to_owned(), None),
            Some(detail) => (Shown::Ok, detail, zone_hint(account, organisation, now)),
        },
    };
    Finding { check: "organisation", shown, detail, hint }
}

/// Such as "Acme, ID 4876876000000020005, Europe/Berlin, enterprise".
fn described(organisation: &Organisation) -> Option<String> {
    let Organisation { name, id, time_zone, edition } = organisation;
    let id = id.as_ref().map(|id| format!("ID {id}"));
    let parts: Vec<&str> =
        [name, &id, time_zone, edition].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What to do if clocks in the organisation's time zone do not show what `calloff.toml` lets one think.
fn zone_hint(account: &Account, organisation: &Organisation, now: Timestamp) -> Option<String> {
    let configured = account.timezone.as_ref()?;
    let name = organisation.time_zone.as_deref()?;
    let zone = TimeZone::get(name).ok()?;
    if lint::agree(configured, &zone, now) {
        return None;
    }
    let configured = configured.iana_name().unwrap_or("another time zone");
    Some(format!(
        "the organisation is in {name}, and by calloff.toml in {configured}: set `timezone = \"{name}\"` of the account"
    ))
}

#[cfg(test)]
mod tests {
    use calloff_core::config::parse_settings;

    use super::*;
    use crate::daemon::Unread;

    fn account(more: &str) -> Account {
        let text = format!(
            "[accounts.acme]\nclient_id = \"x\"\nclient_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n{more}"
        );
        let read = parse_settings("calloff.toml", &text, None).settings;
        read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics)).accounts.remove("acme").unwrap()
    }

    fn audited(api_domain: Option<&str>, organisation: Option<Result<Organisation, Unread>>) -> Audited {
        let api_domain = api_domain.map(str::to_owned);
        Audited { unread: None, scopes: None, api_domain, organisation, cancel: None }
    }

    #[test]
    fn a_data_centre_is_told_by_the_address_that_comes_with_the_token() {
        let account = account("data_center = \"eu\"\nenvironment = \"sandbox\"\n");
        for (named, shown, said) in [
            (Some("https://sandbox.zohoapis.eu"), Shown::Ok, "the API is at https://sandbox.zohoapis.eu"),
            (Some("https://www.zohoapis.eu"), Shown::Ok, "and at https://www.zohoapis.eu"),
            (Some("https://www.zohoapis.com"), Shown::Elsewhere, "Zoho names https://www.zohoapis.com"),
            (Some("https://api.zoho.com"), Shown::Untold, "may or may not be"),
            (None, Shown::Untold, "has not named"),
        ] {
            let found = data_center(&account, &audited(named, None));
            assert_eq!((found.shown, found.hint.is_some()), (shown, shown == Shown::Elsewhere), "{named:?}");
            assert!(found.detail.contains(said), "{}", found.detail);
        }
    }

    #[test]
    fn an_organisation_is_shown_and_a_time_zone_that_is_not_its_own_told() {
        let now = "2026-11-24T00:00:00Z".parse().unwrap();
        let organisation_in = |zone: &str| Organisation {
            name: Some("Acme".into()),
            id: Some("42".into()),
            time_zone: Some(zone.into()),
            edition: None,
        };
        let account = account("data_center = \"eu\"\ntimezone = \"Asia/Kolkata\"\n");
        for (zone, is_other) in [
            ("Asia/Kolkata", false),
            ("Asia/Calcutta", false),
            ("Europe/Berlin", true),
            ("Middle-earth", false),
        ] {
            let found = organisation(&account, &audited(None, Some(Ok(organisation_in(zone)))), now);
            assert_eq!((found.shown, found.detail), (Shown::Ok, format!("Acme, ID 42, {zone}")));
            assert_eq!(found.hint.is_some(), is_other, "{zone}: {:?}", found.hint);
        }
        for untold in [None, Some(Err(Unread::default())), Some(Ok(Organisation::default()))] {
            assert_eq!(organisation(&account, &audited(None, untold), now).shown, Shown::Untold);
        }
    }
}
