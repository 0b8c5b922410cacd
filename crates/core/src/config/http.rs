//! `[http]`: checked in full, and without behaviour yet.

use std::net::SocketAddr;

use super::reader::{Problems, Value, bare};
use super::secret::secret;
use crate::diagnostic::Code;

/// Checks `[http]`.
pub(super) fn http(value: &Value<'_>, problems: &mut Problems) {
    problems.not_supported(value.key_span(), "`http`");
    let Some(mut table) = value.table(problems, "`[http]`".into()) else { return };
    let listen = table.require("listen", problems, "write an address and a port, such as \"127.0.0.1:9817\"");
    let address = listen.as_ref().and_then(|value| listen_address(value, problems));
    let token = table.take("token");
    if let Some(token) = &token {
        secret(token, problems);
    }
    if let (Some(listen), Some(address), None) = (&listen, address, &token)
        && !address.ip().is_loopback()
    {
        problems
            .add(Code::Contradiction, listen.span(), "`listen` is open to other computers, without a `token`")
            .help("listen on 127.0.0.1, or add `token = { env = \"VAR\" }`");
    }
    table.finish(problems);
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
