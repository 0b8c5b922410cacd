//! E-mail, by SMTP.

use std::fmt;
use std::time::Duration;

use calloff_core::config::{Email, Encryption};
use calloff_core::notify::Tried;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::Unfit;

/// The time that one step of the talk with a server may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest subject, in characters.
const SUBJECT: usize = 120;

/// What sends e-mail.
pub(super) struct Mailer {
    to: Vec<Mailbox>,
    from: Mailbox,
    server: AsyncSmtpTransport<Tokio1Executor>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

impl Mailer {
    pub(super) fn new(email: &Email, password: Option<SecretString>) -> Result<Self, Unfit> {
        // Whoever was first has installed the same provider.
        drop(rustls::crypto::ring::default_provider().install_default());
        let to = email.to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
        let smtp = &email.smtp;
        let setup = |error: lettre::transport::smtp::Error| Unfit::Setup(describe(&error));
        let builder = match smtp.encryption {
            Encryption::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&smtp.host).map_err(setup)?,
            Encryption::StartTls => {
                AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&smtp.host).map_err(setup)?
            }
            Encryption::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host),
        };
        let builder = builder.port(smtp.port).timeout(Some(TIMEOUT));
        let builder = match (&email.login, password) {
            (Some((username, _)), Some(password)) => {
                let password = password.expose_secret().to_owned();
                builder.credentials(Credentials::new(username.clone(), password))
            }
            _ => builder,
        };
        Ok(Self { to, from: mailbox(&email.from)?, server: builder.build() })
    }

    pub(super) async fn send(&self, body: &str, key: &str) -> Tried {
        let message = match self.message(body, key) {
            Ok(message) => message,
            Err(error) => return Tried::Refused { why: format!("it can't be written: {error}") },
        };
        match self.server.send(message).await {
            Ok(_) => Tried::Done,
            Err(error) if error.is_permanent() && !is_about_login(&error) => {
                Tried::Refused { why: describe(&error) }
            }
            Err(error) => Tried::Failed { why: describe(&error), pause: None },
        }
    }

    fn message(&self, body: &str, key: &str) -> Result<Message, lettre::error::Error> {
        let notice: Value = serde_json::from_str(body).unwrap_or_default();
        // Whoever gets it twice, because it was not known whether it had got through, can tell so by this.
        let id = format!("<{key}@{}>", self.from.email.domain());
        let builder =
            Message::builder().from(self.from.clone()).subject(subject(&notice)).message_id(Some(id));
        let builder = self.to.iter().fold(builder, |builder, to| builder.to(to.clone()));
        builder.header(ContentType::TEXT_PLAIN).body(text(&notice))
    }
}

fn mailbox(address: &str) -> Result<Mailbox, Unfit> {
    let address: Address =
        address.parse().map_err(|error: lettre::address::AddressError| Unfit::Address(error.to_string()))?;
    Ok(Mailbox::new(None, address))
}

/// What a server said, by its code alone: its text may repeat anything.
fn describe(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "there is no encrypted connection with the mail server".to_owned(),
        None if error.is_response() => "the mail server answered something that is no SMTP".to_owned(),
        None => "the mail server could not be reached, or has hung up".to_owned(),
    }
}

/// Whether a server refuses who sends, and not what is sent: RFC 4954, section 6.
fn is_about_login(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    matches!(code, Some(530 | 534 | 535 | 538))
}

fn subject(notice: &Value) -> String {
    let word = |key: &str| notice[key].as_str();
    let about = [word("job"), word("account")].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let about = if about.is_empty() { about } else { format!(": {about}") };
    let subject = format!("[calloff] {}{about}", word("event").unwrap_or_default());
    subject.chars().filter(|c| !c.is_control()).take(SUBJECT).collect()
}

/// The notice for people: what has happened, and of a run how each target ended.
fn text(notice: &Value) -> String {
    let mut lines = vec![notice["text"].as_str().unwrap_or_default().to_owned()];
    let run = &notice["run"];
    let targets = run["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !targets.is_empty() {
        lines.push(String::new());
    }
    for target in targets {
        let said = ["backup", "outcome", "code", "message", "reason"].map(|key| target[key].as_str());
        lines.push(said.into_iter().flatten().collect::<Vec<_>>().join(" · "));
        lines.extend(target["hint"].as_str().map(|hint| format!("    {hint}")));
    }
    if let Some(id) = run["run_id"].as_str() {
        lines.extend([String::new(), format!("run {id}; `calloff history` has it")]);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_says_what_has_happened_and_how_each_target_ended() {
        let notice = json!({
            "event": "failed", "job": "eu/freeze", "account": "acme", "text": "it has failed",
            "run": { "run_id": "0197", "targets": [
                { "backup": "42", "outcome": "not_found", "code": "RESOURCE_NOT_FOUND", "message": null, "hint": "correct the ID" },
            ]},
        });
        assert_eq!(subject(&notice), "[calloff] failed: eu/freeze, acme");
        assert_eq!(
            text(&notice),
            "it has failed\n\n42 · not_found · RESOURCE_NOT_FOUND\n    correct the ID\n\nrun 0197; `calloff history` has it\n"
        );
        let health = json!({ "event": "degraded", "job": null, "account": null, "text": "x", "run": null });
        assert_eq!((subject(&health), text(&health)), ("[calloff] degraded".to_owned(), "x\n".to_owned()));
    }
}
