//! Results for people: runs, plans, tables, times. Styles are always in the text; the output drops
//! them where they are not wanted.

mod backup;
mod checkup;
mod credentials;
mod explain;
#[cfg(test)]
mod fixture;
mod grid;
mod history;
mod live;
mod marks;
mod plan;
mod restores;
mod runs;
mod status;
mod style;
mod table;
mod text;
mod time;

pub use backup::{backup, backup_history};
pub use checkup::checkup;
pub use credentials::{Checked, credentials};
pub use explain::{Explanation, explain};
pub use history::history;
pub use plan::{AccountPlan, plan};
pub use restores::{ended, owed, paid};
pub use runs::run;
pub use status::{Extent, Standing, status};
pub use style::{BOLD, DIM, WARNING, style_of, styled};
pub use table::table;
pub use text::wrapped;
pub use time::{relative, seconds};
