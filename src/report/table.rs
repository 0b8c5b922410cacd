//! Tables.

use comfy_table::{Cell, ContentArrangement, Table, presets};

use super::style::{BOLD, styled};

/// An empty table without lines, fitted to the terminal if there is one.
#[must_use]
pub fn table<const N: usize>(headings: [&str; N], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.map(|heading| Cell::new(styled(BOLD, heading))));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}
