//! Results for people: runs, tables, times. Styles are always in the text; the output drops them where they
//! are not wanted.

mod runs;
mod style;
mod table;
mod time;

pub use runs::{history, run};
pub use style::{BOLD, DIM, style_of, styled};
pub use table::table;
pub use time::{relative, seconds};
