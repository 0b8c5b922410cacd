//! Reads `[[notify]]` and `[ping]`.

use std::time::Duration;

use super::smtp::smtp;
use super::{Channel, Email, Format, Notify, Ping};
use crate::config::reader::{Problems, Span, Table, Value};
use crate::config::secret::secret;
use crate::diagnostic::Code;
use crate::notify::Event;

const FORMATS: [(&str, Format); 2] = [("json", Format::Json), ("slack", Format::Slack)];
const EVERY: Duration = Duration::from_mins(5);
const EITHER: &str = "write either `webhook = { env = \"VAR\" }` or a table `email`";

/// Reads `[[notify]]`.
pub(in crate::config) fn notify(value: &Value<'_>, problems: &mut Problems) -> Option<Vec<Notify>> {
    let mut read = Some(Vec::new());
    for entry in value.array(problems, "write it as `[[notify]]`")? {
        let notify = entry.table(problems, "`[[notify]]`".into()).and_then(|table| one(table, problems));
        if let (Some(notify), Some(before)) = (&notify, &read)
            && before.iter().any(|other: &Notify| other.channel.name() == notify.channel.name())
        {
            let message = format!("`{}` is told twice", notify.channel.name());
            problems.add(Code::Contradiction, entry.span(), message).help("make one entry of the two");
        }
        read = read.zip(notify).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    read
}

fn one(mut table: Table<'_>, problems: &mut Problems) -> Option<Notify> {
    let email = table.take("email");
    let webhook = table.take("webhook");
    let format = table.take("format");
    let on = table.take("on").map_or_else(|| Some(Event::ALL.to_vec()), |value| events(&value, problems));
    let url = webhook.as_ref().map(|value| secret(value, problems));
    let kind = format.as_ref().map_or(Some(Format::Json), |value| value.word(problems, &FORMATS));
    let channel = match (url, &email) {
        (Some(_), Some(email)) => {
            let message = "`webhook` and `email` both say whom to tell";
            problems.add(Code::Contradiction, email.key_span(), message).help("make two entries of them");
            None
        }
        (Some(url), None) => url.zip(kind).map(|(url, format)| Channel::Webhook { url, format }),
        (None, Some(value)) => {
            if let Some(format) = &format {
                let message = "`format` makes no sense without `webhook`";
                problems.add(Code::Contradiction, format.key_span(), message).help("leave it out");
            }
            self::email(value, problems).map(|email| Channel::Email(Box::new(email)))
        }
        (None, None) => {
            if !["webhook", "email"].iter().any(|key| table.misspells(key)) {
                problems
                    .add(Code::MissingKey, table.span(), "`[[notify]]` does not say whom to tell")
                    .help(EITHER)
                    .absence();
            }
            None
        }
    };
    table.finish(problems);
    Some(Notify { channel: channel?, on: on? })
}

fn events(value: &Value<'_>, problems: &mut Problems) -> Option<Vec<Event>> {
    const HELP: &str = "write an array such as `on = [\"failed\", \"recovered\"]`";
    let words: Vec<(&str, Event)> = Event::ALL.iter().map(|event| (event.as_str(), *event)).collect();
    let elements = value.array(problems, HELP)?;
    if elements.is_empty() {
        problems.add(Code::BadText, value.span(), "`on` is empty").help(HELP);
        return None;
    }
    let mut events = Some(Vec::new());
    for element in elements {
        events = events.zip(element.word(problems, &words)).map(|(mut events, event)| {
            if !events.contains(&event) {
                events.push(event);
            }
            events
        });
    }
    events
}

fn email(value: &Value<'_>, problems: &mut Problems) -> Option<Email> {
    let mut table = value.table(problems, "`[notify.email]`".into())?;
    let to = table
        .require("to", problems, "write to whom: an array of addresses, each in quotes")
        .and_then(|value| addresses(&value, problems));
    let from = table
        .require("from", problems, "write an address that the server lets you send from")
        .and_then(|value| address(&value, problems));
    let server = table
        .require("smtp", problems, "write the mail server: `smtp = \"smtps://mail.example.com\"`")
        .and_then(|value| smtp(&value, problems));
    let (username, password) = (table.take("username"), table.take("password"));
    let login = match (&username, &password) {
        (None, None) => Some(None),
        (Some(username), Some(password)) => {
            let (username, password) = (username.line(problems, 320), secret(password, problems));
            username.zip(password).map(|(username, password)| Some((username.to_owned(), password)))
        }
        (Some(one), None) | (None, Some(one)) => {
            let message = format!("`{}` stands alone", one.key());
            problems
                .add(Code::Contradiction, one.key_span(), message)
                .help("write both `username` and `password`, or none of them")
                .absence();
            if let Some(password) = &password {
                secret(password, problems);
            }
            None
        }
    };
    table.finish(problems);
    Some(Email { to: to?, from: from?, smtp: server?, login: login? })
}

fn addresses(value: &Value<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    const HELP: &str = "write an array of addresses, each in quotes";
    let elements = value.array(problems, HELP)?;
    if elements.is_empty() {
        problems.add(Code::BadText, value.span(), "`to` is empty").help(HELP);
        return None;
    }
    let mut all = Some(Vec::new());
    for element in elements {
        all = all.zip(address(&element, problems)).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    all
}

fn address(value: &Value<'_>, problems: &mut Problems) -> Option<String> {
    let text = value.line(problems, 320)?;
    if is_address(text) {
        return Some(text.to_owned());
    }
    // What looks like the user of a URL is not shown; nor would an address in the help be.
    let message = format!("`{}` has something that is no e-mail address", value.key());
    let help = "write an address alone, without a name: a user, the sign and a domain, in ASCII";
    problems.add(Code::BadText, value.span(), message).help(help);
    None
}

/// Whether a text is an address as they are in use: RFC 5321 without quotes, comments and address literals.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    local.len() <= 64 && local.split('.').all(atom) && domain.split('.').all(label)
}

/// Reads `[ping]`.
pub(in crate::config) fn ping(value: &Value<'_>, problems: &mut Problems) -> Option<Ping> {
    let mut table = value.table(problems, "`[ping]`".into())?;
    let help = "say where it is: `url = { env = \"VAR\" }`";
    let url = table.require("url", problems, help).and_then(|value| secret(&value, problems));
    let bounds = Span::from(Duration::from_secs(1)).to(Duration::from_hours(24));
    let every = table.take("every").map_or(Some(EVERY), |value| value.duration(problems, bounds));
    table.finish(problems);
    Some(Ping { url: url?, every: every? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_mail_servers_take() {
        for good in ["ops@example.com", "calloff@host", "a.b+c@x-y.example"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "ops",
            "@x",
            "a@",
            "a b@x",
            "Ops <ops@x>",
            "a@x y",
            "a..b@x",
            "a@-x",
            "ä@x",
            "a@[127.0.0.1]",
            "a\"@x",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
