//! `[http]`: where the status page, the API, the metrics and the health are served.

use std::net::SocketAddr;

use super::model::Http;
use super::reader::{Problems, Value, bare};
use super::secret::secret;
use crate::diagnostic::Code;

/// Reads `[http]`.
pub(super) fn http(value: &Value<'_>, problems: &mut Problems) -> Option<Http> {
    let mut table = value.table(problems, "`[http]`".into())?;
    let listen = table.require("listen", problems, "write an address and a port, such as \"127.0.0.1:9817\"");
    let address = listen.as_ref().and_then(|value| listen_address(value, problems));
    let written = table.take("token");
    let token = written.as_ref().map_or(Some(None), |value| secret(value, problems).map(Some));
    if let (Some(listen), Some(address), None) = (&listen, address, &written)
        && !address.ip().is_loopback()
    {
        problems
            .add(Code::Contradiction, listen.span(), "`listen` is open to other computers, without a `token`")
            .help("listen on 127.0.0.1, or add `token = { env = \"VAR\" }`");
        return None;
    }
    let hosts = table.take("hosts").map_or(Some(vec![]), |value| hosts(&value, problems));
    table.finish(problems);
    Some(Http { listen: address?, token: token?, hosts: hosts? })
}

fn listen_address(value: &Value<'_>, problems: &mut Problems) -> Option<SocketAddr> {
    const HELP: &str = "write an IP address and a port, such as \"127.0.0.1:9817\" or \"[::1]:9817\"";
    let text = value.text(problems, HELP)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is no address to listen on", bare(text));
        problems.add(Code::Listen, value.span(), message).help(HELP);
    }
    address
}

fn hosts(value: &Value<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    const HELP: &str =
        "write the names that browsers use, without a port, such as `hosts = [\"calloff.example.com\"]`";
    let mut hosts = Some(vec![]);
    for entry in value.array(problems, HELP)? {
        let host = entry.text(problems, HELP).filter(|text| {
            let is_name = is_host_name(text);
            if !is_name {
                let message = format!("`{}` is no name of a host", bare(text));
                problems.add(Code::BadText, entry.span(), message).help(HELP);
            }
            is_name
        });
        hosts = hosts.zip(host).map(|(mut hosts, host)| {
            hosts.push(host.to_ascii_lowercase());
            hosts
        });
    }
    hosts
}

/// Whether a text may be a host's name. Source: RFC 1123, section 2.1.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_allowed) && !label.starts_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}
