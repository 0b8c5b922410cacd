//! One field of a cron expression: its grammar, stricter than croner's.
//!
//! croner replaces names wherever they stand (`MON` in the minute field is 1), skips empty list items slowly,
//! and takes an `L` that matches nothing. So each list item is checked and spelt in numbers here; croner then
//! judges the numbers.

/// Which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    /// All six, in the order of an expression.
    pub(super) const ALL: [Field; 6] =
        [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Month, Self::Weekday];

    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "use 0 to 59, `*`, ranges such as `10-20`, steps such as `*/15`",
            Self::Hour => "use 0 to 23, `*`, ranges such as `8-17`, steps such as `*/6`",
            Self::Day => {
                "use 1 to 31, `*`, ranges, steps, `L` (last day), `15W` (nearest weekday) or `LW` (last weekday)"
            }
            Self::Month => "use 1 to 12 or JAN to DEC, `*`, ranges such as `JAN-MAR`, steps such as `*/3`",
            Self::Weekday => {
                "use 0 to 7 or SUN to SAT (0 and 7 are Sunday), `*`, ranges, `FRI#2` (second) or `FRI#L` (last)"
            }
        }
    }

    /// Spells a list item as croner takes it, in numbers; `None` if its form is wrong.
    pub(super) fn spell(self, item: &str) -> Option<String> {
        let (item, step) = match item.split_once('/') {
            Some((item, step)) => (item, format!("/{}", digits(step)?)),
            None => (item, String::new()),
        };
        match (self, item) {
            (_, "*") => return Some(format!("*{step}")),
            (Self::Day, "L" | "LW") if step.is_empty() => return Some(item.to_owned()),
            _ => {}
        }
        let (item, suffix) = self.suffix(item)?;
        if !suffix.is_empty() && !step.is_empty() {
            return None;
        }
        let values = match item.split_once('-') {
            // Sunday ends a range as 7 and begins one as 0.
            Some((from, to)) if self == Self::Weekday && to == "SUN" => {
                let from = if from == "SUN" { "7".to_owned() } else { self.value(from)? };
                format!("{from}-7")
            }
            Some((from, to)) => format!("{}-{}", self.value(from)?, self.value(to)?),
            None => self.value(item)?,
        };
        Some(format!("{values}{suffix}{step}"))
    }

    /// Splits off `W` or `#n`, `#L`, `L`.
    fn suffix(self, item: &str) -> Option<(&str, String)> {
        match self {
            Self::Day => Some(item.strip_suffix('W').map_or((item, String::new()), |day| (day, "W".into()))),
            Self::Weekday => match item.split_once('#') {
                Some((day, "L")) => Some((day, "#L".into())),
                Some((day, nth)) => Some((day, format!("#{}", digits(nth)?))),
                // A bare `5L` is the last Friday; no name ends in L.
                None => Some(item.strip_suffix('L').map_or((item, String::new()), |day| (day, "#L".into()))),
            },
            _ => Some((item, String::new())),
        }
    }

    fn value(self, text: &str) -> Option<String> {
        let names: &[&str] = match self {
            Self::Month => &MONTHS,
            Self::Weekday => &WEEKDAYS,
            _ => &[],
        };
        match names.iter().position(|name| *name == text) {
            Some(index) if self == Self::Month => Some((index + 1).to_string()),
            Some(index) => Some(index.to_string()),
            None => digits(text).map(str::to_owned),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day-of-month",
            Self::Month => "month",
            Self::Weekday => "day-of-week",
        })
    }
}

/// `text`, if it is a short number: signs and blanks are not.
fn digits(text: &str) -> Option<&str> {
    ((1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}
