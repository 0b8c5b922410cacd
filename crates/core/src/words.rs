//! Enums whose cases are words: in JSON, in the record, on the command line.

/// Makes an enum, its `ALL`, `as_str`, `parse` and `Serialize`, so that none can drift from another.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$case_doc])* $case,)+ }

        impl $name {
            /// Every case.
            pub const ALL: &[Self] = &[$(Self::$case,)+];

            /// The word in JSON, logs, the record and on the command line.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $word,)+ }
            }

            /// The case of that word, if there is one.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$case),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;
