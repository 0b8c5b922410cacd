//! `smtp`: the URL of a server that takes e-mail.

use super::{Encryption, Smtp};
use crate::config::reader::{Problems, Value};
use crate::config::url::Host;
use crate::diagnostic::Code;

/// Reads the URL of a server.
pub(super) fn smtp(value: &Value<'_>, problems: &mut Problems) -> Option<Smtp> {
    const HELP: &str = "write \"smtps://mail.example.com\" (TLS, port 465), \"smtp://mail.example.com\" (STARTTLS, port \
                        587) or \"smtp://127.0.0.1:25\" (this computer, not encrypted)";
    match parse(value.text(problems, HELP)?) {
        Ok(server) => Some(server),
        Err(fault) => {
            problems.add(Code::MailServer, value.span(), format!("`{}` {fault}", value.key())).help(HELP);
            None
        }
    }
}

/// The server, or what is wrong with the URL, without repeating it: it may carry a password.
fn parse(text: &str) -> Result<Smtp, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or("is no URL")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return Err("has a user name or password: write them as `username` and `password`");
    }
    if authority.contains(['/', '\\', '?', '#']) {
        return Err("has more than a host and a port");
    }
    let host = Host::parse(authority)?;
    let encryption = match scheme {
        "smtps" => Encryption::Tls,
        "smtp" if host.loopback => Encryption::None,
        "smtp" => Encryption::StartTls,
        _ => return Err("is no URL of a mail server"),
    };
    let port = host.port.unwrap_or(match encryption {
        Encryption::Tls => 465,
        Encryption::StartTls => 587,
        Encryption::None => 25,
    });
    Ok(Smtp { encryption, host: host.name, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_computer_is_told_in_the_clear() {
        #[rustfmt::skip]
        let good = [
            ("smtps://mail.example.com",     Encryption::Tls,      "mail.example.com", 465),
            ("SMTPS://Mail.Example.com:466/", Encryption::Tls,     "mail.example.com", 466),
            ("smtp://mail.example.com",      Encryption::StartTls, "mail.example.com", 587),
            ("smtp://10.0.0.1:25",           Encryption::StartTls, "10.0.0.1", 25),
            ("smtp://127.0.0.1",             Encryption::None,     "127.0.0.1", 25),
            ("smtp://localhost:2525",        Encryption::None,     "localhost", 2525),
            ("smtp://[::1]:2525",            Encryption::None,     "::1", 2525),
        ];
        for (text, encryption, host, port) in good {
            assert_eq!(parse(text), Ok(Smtp { encryption, host: host.to_owned(), port }), "{text}");
        }
        let bad = [
            ("mail.example.com:25", "is no URL"),
            ("https://mail.example.com", "is no URL of a mail server"),
            (
                "smtp://me:canary@mail.example.com",
                "has a user name or password: write them as `username` and `password`",
            ),
            ("smtp://mail.example.com/x", "has more than a host and a port"),
            ("smtp://mail.example.com?tls=none", "has more than a host and a port"),
            ("smtp://mail.example.com:0", "has no valid port"),
            ("smtp://", "has no valid host"),
        ];
        for (text, fault) in bad {
            assert_eq!(parse(text), Err(fault), "{text}");
        }
    }
}
