//! A hall's seats: the layout that an administrator draws, and the seat plan that follows from it.

mod plan;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, VariantNames};

pub use plan::{PlannedSeat, SeatPlan};

use crate::{ids::ROW_LABEL_LETTERS_MAX, invalid::Invalid};

/// The most rows of a hall.
pub const ROWS_MAX: usize = 60;
/// The most cells (seats and gaps) of a row.
pub const CELLS_PER_ROW_MAX: usize = 100;
/// The longest name of a price category, in characters.
pub const CATEGORY_CHARS_MAX: usize = 40;

/// The kind of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SeatKind {
    /// An ordinary seat.
    Seat,
    /// A sofa for two people; sold, counted and priced as one.
    Pair,
    /// A space for a wheelchair.
    Wheelchair,
    /// The seat beside a wheelchair.
    Companion,
    /// A seat that is never for sale.
    Blocked,
}

impl SeatKind {
    /// Whether seats of this kind can be sold.
    #[must_use]
    pub const fn is_for_sale(self) -> bool {
        !matches!(self, Self::Blocked)
    }
}

/// One row: seats and gaps (`None`) from left to right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// 1–3 letters, unique in the hall.
    pub label: String,
    /// The price category of the row's seats.
    #[serde(default = "standard")]
    pub category: String,
    /// Seats and gaps (`None`), from left to right.
    pub cells: Vec<Option<SeatKind>>,
}

fn standard() -> String {
    "standard".to_owned()
}

/// A layout as received, not validated; [`Layout::parse`] is the only way to make a [`Layout`] of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutDraft {
    /// The rows, from the screen to the back.
    pub rows: Vec<Row>,
}

/// A valid layout of a hall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LayoutDraft")]
pub struct Layout {
    rows: Vec<Row>,
}

impl TryFrom<LayoutDraft> for Layout {
    type Error = Invalid;

    fn try_from(draft: LayoutDraft) -> Result<Self, Invalid> {
        Self::parse(draft)
    }
}

impl Layout {
    /// Validates a layout: 1–60 rows of at most 100 cells, unique labels, at least one seat.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn parse(draft: LayoutDraft) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        let rows = &draft.rows;
        invalid.check(rows.len() <= ROWS_MAX, "layout.rows", format!("at most {ROWS_MAX} rows"));
        for (index, row) in rows.iter().enumerate().take(ROWS_MAX) {
            let at = |field: &str| format!("layout.rows[{index}].{field}");
            let label_fits = (1..=ROW_LABEL_LETTERS_MAX).contains(&row.label.len());
            let letters = row.label.bytes().all(|b| b.is_ascii_alphabetic());
            invalid.check(label_fits && letters, at("label"), "1 to 3 letters A to Z");
            let again = rows[..index].iter().any(|other| other.label == row.label);
            invalid.check(!again, at("label"), "a label stands for one row only");
            let category = row.category.trim().chars().count();
            let category_fits = (1..=CATEGORY_CHARS_MAX).contains(&category);
            invalid.check(category_fits, at("category"), format!("1 to {CATEGORY_CHARS_MAX} characters"));
            let cells_fit = row.cells.len() <= CELLS_PER_ROW_MAX;
            invalid.check(cells_fit, at("cells"), format!("at most {CELLS_PER_ROW_MAX} cells"));
        }
        let seats = rows.iter().flat_map(|row| &row.cells).flatten().count();
        invalid.check(seats > 0, "layout.rows", "a hall has at least one seat");
        invalid.or(Self { rows: draft.rows })
    }

    /// The rows, from the screen to the back.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The price categories in use, in order of first appearance.
    #[must_use]
    pub fn categories(&self) -> Vec<&str> {
        let mut seen = Vec::new();
        for row in self.rows.iter().filter(|row| row.cells.iter().any(Option::is_some)) {
            if !seen.contains(&row.category.as_str()) {
                seen.push(&row.category);
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, cells: usize) -> Row {
        Row { label: label.into(), category: standard(), cells: vec![Some(SeatKind::Seat); cells] }
    }

    fn refused(rows: Vec<Row>) -> Vec<String> {
        let errors = Layout::parse(LayoutDraft { rows }).map(|_| ()).unwrap_err().errors;
        errors.into_iter().map(|e| format!("{}: {}", e.field, e.why)).collect()
    }

    #[test]
    fn invalid_layout_is_refused_with_an_error_per_field() {
        assert_eq!(refused(vec![]), ["layout.rows: a hall has at least one seat"]);
        assert_eq!(
            refused(vec![row("A", 1), row("A", 1), row("ABCD", 101)]),
            [
                "layout.rows[1].label: a label stands for one row only",
                "layout.rows[2].label: 1 to 3 letters A to Z",
                "layout.rows[2].cells: at most 100 cells",
            ]
        );
        let many = (0..61).map(|i| row(&format!("{}{}", char::from(b'A' + i / 26), char::from(b'A' + i % 26)), 1));
        assert_eq!(refused(many.collect()), ["layout.rows: at most 60 rows"]);
    }

    #[test]
    fn deserialisation_refuses_an_invalid_layout() {
        let json = r#"{"rows":[{"label":"A","cells":[null]}]}"#;
        assert!(serde_json::from_str::<Layout>(json).is_err());
    }
}
