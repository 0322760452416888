//! CSV for spreadsheets.

/// Byte order mark, which makes spreadsheets read the file as UTF-8.
pub(super) const BOM: &str = "\u{feff}";

/// Adds a row to the table. A cell that a spreadsheet would evaluate as a formula (CSV injection) gets a leading `'`.
pub(super) fn push_row<'a>(table: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            table.push(',');
        }
        push_cell(table, cell);
    }
    table.push_str("\r\n");
}

fn push_cell(table: &mut String, cell: &str) {
    let guard = if is_formula(cell) { "'" } else { "" };
    if cell.contains(['"', ',', '\r', '\n']) {
        table.push('"');
        table.push_str(guard);
        table.push_str(&cell.replace('"', "\"\""));
        table.push('"');
    } else {
        table.push_str(guard);
        table.push_str(cell);
    }
}

/// Whether a spreadsheet may evaluate the cell. Spreadsheets skip white space at the start, and some also read
/// full-width signs.
fn is_formula(cell: &str) -> bool {
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    cell.starts_with(['\t', '\r', '\n']) || cell.trim_start().starts_with(SIGNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> String {
        let mut table = String::new();
        push_row(&mut table, cells.iter().copied());
        table
    }

    #[test]
    fn csv_cells_are_quoted_without_loss() {
        assert_eq!(row(&["K7QX2M9P", "200.00", "A1 A2"]), "K7QX2M9P,200.00,A1 A2\r\n");
        assert_eq!(
            row(&["Ann \"A\" Lee", "a,b", "two\nlines", ""]),
            "\"Ann \"\"A\"\" Lee\",\"a,b\",\"two\nlines\",\r\n"
        );
        assert_eq!(row(&["ภาพยนตร์"]), "ภาพยนตร์\r\n");
    }

    #[test]
    fn formulas_in_csv_cells_are_escaped() {
        for start in ["=", "+", "-", "@", "\t", "＝", "＋", "－", "＠", " =", "\u{a0}-", "\u{3000}＝"] {
            assert_eq!(row(&[&format!("{start}1")]), format!("'{start}1\r\n"));
        }
        assert_eq!(row(&["\rx"]), "\"'\rx\"\r\n");
        assert_eq!(row(&["\nx", "\n\n=1"]), "\"'\nx\",\"'\n\n=1\"\r\n");
        assert_eq!(row(&["=HYPERLINK(\"x\",\"y\")"]), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"\r\n");
        assert_eq!(row(&["a=1", "1-2"]), "a=1,1-2\r\n");
    }
}
