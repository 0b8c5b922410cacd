//! The form of what is told.

use serde::Serialize;

use super::{Event, News};
use crate::run::Run;

/// What is told: as JSON it is the body of a webhook.
#[derive(Debug, Clone, Serialize)]
pub struct Notice<'n> {
    event: &'static str,
    job: Option<&'n str>,
    account: Option<&'n str>,
    text: &'n str,
    run: Option<&'n Run>,
}

impl<'n> Notice<'n> {
    /// The notice of this event.
    #[must_use]
    pub fn new(event: Event, news: &'n News, run: Option<&'n Run>) -> Self {
        let text = if event == Event::Recovered { &news.recovery } else { &news.text };
        let event = event.as_str();
        Self { event, job: news.job.as_deref(), account: news.account.as_deref(), text, run }
    }

    /// One that tells nothing, to see whether it arrives.
    #[must_use]
    pub fn test(text: &'n str) -> Self {
        Self { event: Self::TEST, job: None, account: None, text, run: None }
    }

    /// The event of a test, which is no word of `on`.
    pub const TEST: &'static str = "test";
}

/// A text as Slack takes it.
///
/// Source: <https://docs.slack.dev/messaging/formatting-message-text/#escaping>: these three characters, and no others.
#[must_use]
pub fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::of_health;

    #[test]
    fn a_notice_has_these_keys_and_no_others() {
        let news = of_health("files", &["x < y".to_owned()]);
        let body = serde_json::to_string(&Notice::new(Event::Degraded, &news, None)).unwrap();
        assert_eq!(
            body,
            r#"{"event":"degraded","job":null,"account":null,"text":"Calloff is degraded: x < y","run":null}"#
        );
        let body = serde_json::to_value(Notice::new(Event::Recovered, &news, None)).unwrap();
        assert_eq!(body["text"], "Calloff is as it should be again");
    }

    #[test]
    fn nothing_that_is_told_mentions_anybody_in_slack() {
        assert_eq!(slack("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
    }
}
