//! What would happen, on one page: a picture of the time to come, each occurrence, what Zoho has, and the sums.

mod account;
mod axis;
mod closing;
mod fold;
mod glyph;
mod lane;
mod page;
mod picture;
mod rows;
#[cfg(test)]
mod tests;

pub use account::AccountPlan;
pub use page::plan;
