//! What Zoho says of the calls that an organisation may still make today.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use jiff::Timestamp;

/// Source: Zoho CRM API v8, "API limits". It comes only once half of the day's credits are used.
const HEADER: &str = "x-api-credits-remaining";

/// The credits that remain, as far as Zoho has said so. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Credits(Arc<Mutex<Option<(u64, Timestamp)>>>);

impl Credits {
    /// How many remained when Zoho last said so, and when that was.
    #[must_use]
    pub fn last_said(&self) -> Option<(u64, Timestamp)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes from an answer what it says of them, if it says anything that makes sense.
    pub(super) fn hear(&self, headers: &HeaderMap, now: Timestamp) {
        let value = headers.get(HEADER).and_then(|value| value.to_str().ok());
        if let Some(credits) = value.and_then(|value| value.trim().parse().ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((credits, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let credits = Credits::default();
        let at = Timestamp::from_second;
        let mut second = 0;
        let mut hear = |value: Option<&'static str>| {
            second += 1;
            let mut headers = HeaderMap::new();
            headers.extend(value.map(|value| (HEADER.parse().ok(), HeaderValue::from_static(value))));
            credits.hear(&headers, at(second).unwrap());
            credits.last_said()
        };
        assert_eq!(hear(None), None);
        assert_eq!(hear(Some(" 4200 ")), Some((4200, at(2).unwrap())));
        for nonsense in [None, Some(""), Some("-1"), Some("many"), Some("1e3"), Some("99999999999999999999")]
        {
            assert_eq!(hear(nonsense), Some((4200, at(2).unwrap())), "{nonsense:?}");
        }
        assert_eq!(hear(Some("0")), Some((0, at(9).unwrap())));
    }
}
