//! The labels of what is counted: their values are words of closed sets, or names from the files.

use prometheus_client::encoding::EncodeLabelSet;

/// Of runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RunLabels {
    pub(super) job: String,
    pub(super) state: &'static str,
}

/// Of targets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TargetLabels {
    pub(super) account: String,
    pub(super) outcome: &'static str,
}

/// Of calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    pub(super) account: String,
    pub(super) endpoint: &'static str,
    pub(super) code: &'static str,
}

/// Of how long calls take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct EndpointLabels {
    pub(super) endpoint: &'static str,
}

/// Of requests for tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RefreshLabels {
    pub(super) account: String,
    pub(super) result: &'static str,
}

/// Of the program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BuildLabels {
    pub(super) version: &'static str,
}
