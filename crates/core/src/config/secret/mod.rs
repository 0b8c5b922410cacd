//! Secrets: how the file refers to them, and how those that stand in it are kept from being shown.

mod hidden;
mod reference;
mod scan;
mod shape;

pub(super) use hidden::hidden;
pub(super) use reference::secret;
pub(super) use shape::{MASK, redacted, secret_ranges};
