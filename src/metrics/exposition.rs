//! The two forms of text that Prometheus reads.

/// A form of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus's own text format, which everything reads.
    #[default]
    Text,
    /// `OpenMetrics`.
    OpenMetrics,
}

impl Format {
    /// The form that a client wants, by its header `Accept`.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        let wants = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if wants { Self::OpenMetrics } else { Self::Text }
    }

    /// What the header `Content-Type` says of it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The text in this form, of what the library writes, which is `OpenMetrics` without its end.
    pub(super) fn finish(self, mut text: String) -> String {
        match self {
            Self::OpenMetrics => {
                text.push_str("# EOF\n");
                text
            }
            Self::Text => with_whole_names(&text),
        }
    }
}

/// In `OpenMetrics` a counter is described without the `_total` that its samples end with; in the older form with it.
fn with_whole_names(text: &str) -> String {
    let mut whole = String::with_capacity(text.len() + 1024);
    let mut help = None;
    for line in text.split_inclusive('\n') {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(said)) => help = Some((name, said)),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let suffix = if kind == "counter\n" { "_total" } else { "" };
                if let Some((_, said)) = help.take().filter(|(of, _)| *of == name) {
                    whole.extend(["# HELP ", name, suffix, " ", said]);
                }
                whole.extend(["# TYPE ", name, suffix, " ", kind]);
            }
            _ => whole.push_str(line),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "# HELP a A.\n# TYPE a counter\na_total{x=\"# TYPE a counter\"} 1\n\
                           # HELP b B c.\n# TYPE b gauge\nb 2\n";

    #[test]
    fn the_older_form_describes_counters_by_their_whole_names() {
        assert_eq!(
            Format::Text.finish(WRITTEN.to_owned()),
            "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"# TYPE a counter\"} 1\n\
             # HELP b B c.\n# TYPE b gauge\nb 2\n"
        );
        assert_eq!(Format::OpenMetrics.finish(WRITTEN.to_owned()), format!("{WRITTEN}# EOF\n"));
    }

    #[test]
    fn a_client_gets_what_it_asks_for() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        for other in [None, Some("*/*"), Some("text/plain;version=0.0.4"), Some("text/html")] {
            assert_eq!(Format::accepted(other), Format::Text, "{other:?}");
        }
    }
}
