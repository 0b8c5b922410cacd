//! `api_domain` and `accounts_url`: where secrets are sent, so that nothing but a host is let through.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::model::BaseUrl;
use super::reader::{Problems, Value};
use crate::diagnostic::Code;

/// Reads a URL of a host.
pub(super) fn base_url(value: &Value<'_>, problems: &mut Problems) -> Option<BaseUrl> {
    const HELP: &str = "write https:// and a host, perhaps with a port, such as \"https://www.zohoapis.eu\"";
    let text = value.text(problems, HELP)?;
    match parse(text) {
        Ok(url) => Some(url),
        Err(fault) => {
            problems.add(Code::Url, value.span(), format!("`{}` {fault}", value.key())).help(HELP);
            None
        }
    }
}

/// The URL, or what is wrong with it, without repeating it: it may carry a password.
fn parse(text: &str) -> Result<BaseUrl, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or("is no URL")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return Err("has a user name or password");
    }
    if authority.contains(['/', '\\']) {
        return Err("has a path");
    }
    if authority.contains(['?', '#']) {
        return Err("has a query or fragment");
    }
    let host = Host::parse(authority)?;
    match scheme {
        "https" => {}
        "http" if host.loopback => {}
        "http" => return Err("is not encrypted: http:// is for loopback addresses only"),
        _ => return Err("is no https URL"),
    }
    Ok(BaseUrl(format!("{scheme}://{authority}")))
}

/// A host, perhaps with a port.
pub(super) struct Host {
    /// Its name or address, without the brackets of an address of IPv6.
    pub(super) name: String,
    pub(super) port: Option<u16>,
    /// Whether it is this computer.
    pub(super) loopback: bool,
}

impl Host {
    pub(super) fn parse(authority: &str) -> Result<Self, &'static str> {
        if let Some(rest) = authority.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or("has no valid host")?;
            let address: Ipv6Addr = address.parse().map_err(|_| "has no valid host")?;
            let port = read_port(port.strip_prefix(':'), port.is_empty())?;
            return Ok(Self { name: address.to_string(), port, loopback: address.is_loopback() });
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let port = read_port(port, port.is_none())?;
        let loopback = match host.parse::<Ipv4Addr>() {
            Ok(address) => address.is_loopback(),
            Err(_) if is_name(host) => host == "localhost",
            Err(_) => return Err("has no valid host"),
        };
        Ok(Self { name: host.to_owned(), port, loopback })
    }
}

fn read_port(port: Option<&str>, absent: bool) -> Result<Option<u16>, &'static str> {
    if absent {
        return Ok(None);
    }
    let digits = port.filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.and_then(|port| port.parse().ok()).filter(|number| *number > 0);
    number.map(Some).ok_or("has no valid port")
}

fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label that begins with a digit would be taken for an address in an unusual notation.
    let named = host.rsplit('.').next().is_some_and(|last| !last.starts_with(|c: char| c.is_ascii_digit()));
    host.len() <= 253 && host.split('.').all(label) && named
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_a_host_is_a_base_url_and_only_loopback_goes_unencrypted() {
        #[rustfmt::skip]
        let good = [
            ("https://www.zohoapis.eu", "https://www.zohoapis.eu"),
            ("HTTPS://WWW.ZohoAPIs.eu/", "https://www.zohoapis.eu"),
            ("https://proxy.example:8443", "https://proxy.example:8443"),
            ("http://127.0.0.1:8900", "http://127.0.0.1:8900"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:8900/", "http://[::1]:8900"),
            ("http://localhost:8900", "http://localhost:8900"),
        ];
        for (text, url) in good {
            assert_eq!(parse(text).as_ref().map(super::BaseUrl::as_str), Ok(url), "{text}");
        }
        #[rustfmt::skip]
        let bad = [
            ("www.zohoapis.eu", "is no URL"),
            ("", "is no URL"),
            ("ftp://www.zohoapis.eu", "is no https URL"),
            ("http://www.zohoapis.eu", "is not encrypted: http:// is for loopback addresses only"),
            ("http://127.0.0.1.evil.example", "is not encrypted: http:// is for loopback addresses only"),
            ("http://localhost.evil.example", "is not encrypted: http:// is for loopback addresses only"),
            ("http://10.0.0.1", "is not encrypted: http:// is for loopback addresses only"),
            ("http://[::2]", "is not encrypted: http:// is for loopback addresses only"),
            ("http://127.1", "has no valid host"),
            ("https://0x7f.0.0.1", "has no valid host"),
            ("https://", "has no valid host"),
            ("https://a b", "has no valid host"),
            ("https://-a.example", "has no valid host"),
            ("https://[::1", "has no valid host"),
            ("https://ü.example", "has no valid host"),
            ("https://a.example:", "has no valid port"),
            ("https://a.example:0", "has no valid port"),
            ("https://a.example:+1", "has no valid port"),
            ("https://a.example:99999", "has no valid port"),
            ("https://[::1]8", "has no valid port"),
            ("https://user:pass@a.example", "has a user name or password"),
            ("https://a.example/crm", "has a path"),
            ("https://a.example//", "has a path"),
            ("https://a.example\\b", "has a path"),
            ("https://a.example?x", "has a query or fragment"),
            ("https://a.example#x", "has a query or fragment"),
        ];
        for (text, fault) in bad {
            assert_eq!(parse(text), Err(fault), "{text}");
        }
    }
}
