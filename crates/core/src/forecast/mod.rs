//! What would happen: the jobs of one account played through against what Zoho has now, as far as that can be told.
//!
//! Each occurrence is answered by the same rules as a run. What a run does is taken to have happened when the next
//! one is answered: a backup that one job has cancelled is `already_cancelled` for the next. So are the starts of the
//! backup itself; how long it then runs is not documented, and is taken to be [`ASSUMED_RUN`](crate::live::ASSUMED_RUN).
//! So is what windows leave to be done: a backup that is scheduled while its window is held is cancelled at the next
//! look, and a schedule that is owed is put back once its window has closed.

mod kept;
mod play;
mod player;
mod row;
#[cfg(test)]
mod tests;
mod world;

pub use kept::Standing;
pub use play::{Forecast, Told, at_instant, foretell};
pub use player::Player;
pub(crate) use row::summary;
pub use row::{Action, BY_WEIGHT, Foretold, ForetoldTarget};
