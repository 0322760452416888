//! A hall's seats: the layout that an administrator draws, and the seat plan that follows from it.

mod plan;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, VariantNames};

pub use plan::{PlannedSeat, SeatPlan};

use crate::{
    ids::ROW_LABEL_LETTERS_MAX,
    invalid::{Invalid, Rule},
    text,
};

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
    /// 1–3 letters, unique in the hall whatever their case.
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

/// A layout as received or stored, not validated.
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

    /// Reads a stored layout. Earlier versions accepted labels and categories that differ in case or white space only, and
    /// their seats may be sold: such a layout is read as it is.
    fn try_from(draft: LayoutDraft) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        check_rows(&mut invalid, &draft.rows, |one, other| one == other);
        invalid.or(Self { rows: draft.rows })
    }
}

impl Layout {
    /// Validates a layout of an administrator: 1–60 rows of at most 100 cells, unique labels, at least one seat. Trims labels
    /// and categories. A category is written as in its first row: `vip` in a hall with `VIP` is `VIP`.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn parse(draft: LayoutDraft) -> Result<Self, Invalid> {
        let mut rows = draft.rows;
        let mut spelled: Vec<(String, String)> = Vec::new();
        for row in rows.iter_mut().take(ROWS_MAX) {
            row.label = row.label.trim().to_owned();
            let category = row.category.trim().to_owned();
            let key = text::folded(&category);
            row.category = match spelled.iter().find(|(known, _)| *known == key) {
                Some((_, first)) => first.clone(),
                None => {
                    spelled.push((key, category.clone()));
                    category
                }
            };
        }
        let mut invalid = Invalid::default();
        check_rows(&mut invalid, &rows, str::eq_ignore_ascii_case);
        for (index, row) in rows.iter().enumerate().take(ROWS_MAX) {
            if let Err(broken) = text::check_line(&row.category, CATEGORY_CHARS_MAX) {
                invalid.add(format!("layout.rows[{index}].category"), broken);
            }
        }
        invalid.or(Self { rows })
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

/// Checks the rules that a seat plan relies on, which hold for new and for stored layouts.
fn check_rows(invalid: &mut Invalid, rows: &[Row], is_same_label: impl Fn(&str, &str) -> bool) {
    invalid.check(rows.len() <= ROWS_MAX, "layout.rows", Rule::ItemsMax { max: ROWS_MAX });
    for (index, row) in rows.iter().enumerate().take(ROWS_MAX) {
        let at = |field: &str| format!("layout.rows[{index}].{field}");
        let label_fits = (1..=ROW_LABEL_LETTERS_MAX).contains(&row.label.len());
        let letters = row.label.bytes().all(|b| b.is_ascii_alphabetic());
        invalid.check(label_fits && letters, at("label"), Rule::RowLabel { max: ROW_LABEL_LETTERS_MAX });
        let again = rows[..index].iter().any(|other| is_same_label(&other.label, &row.label));
        invalid.check(!again, at("label"), Rule::RowLabelUnique {});
        invalid.check(row.cells.len() <= CELLS_PER_ROW_MAX, at("cells"), Rule::ItemsMax { max: CELLS_PER_ROW_MAX });
    }
    let seats = rows.iter().flat_map(|row| &row.cells).flatten().count();
    invalid.check(seats > 0, "layout.rows", Rule::HasSeat {});
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, cells: usize) -> Row {
        Row { label: label.into(), category: standard(), cells: vec![Some(SeatKind::Seat); cells] }
    }

    fn refused(rows: Vec<Row>) -> Vec<String> {
        let errors = Layout::parse(LayoutDraft { rows }).map(|_| ()).unwrap_err().errors;
        errors.into_iter().map(|e| format!("{}: {}", e.field, e.rule)).collect()
    }

    #[test]
    fn invalid_layout_is_refused_with_an_error_per_field() {
        assert_eq!(refused(vec![]), ["layout.rows: a hall has at least one seat"]);
        assert_eq!(
            refused(vec![row("A", 1), row("A", 1), row("ABCD", 101)]),
            [
                "layout.rows[1].label: a label stands for one row only",
                "layout.rows[2].label: 1 to 3 letters A to Z",
                "layout.rows[2].cells: at most 100",
            ]
        );
        let many = (0..61).map(|i| row(&format!("{}{}", char::from(b'A' + i / 26), char::from(b'A' + i % 26)), 1));
        assert_eq!(refused(many.collect()), ["layout.rows: at most 60"]);
    }

    #[test]
    fn labels_that_differ_in_case_are_refused_and_categories_are_written_as_first_given() {
        assert_eq!(
            refused(vec![row("A", 1), row(" a ", 1)]),
            ["layout.rows[1].label: a label stands for one row only"]
        );
        let with = |label: &str, category: &str| Row { category: category.into(), ..row(label, 1) };
        let rows = vec![with(" A", "VIP"), with("B ", " vip"), with("C", "Café"), with("D", "CAFE\u{301} ")];
        let layout = Layout::parse(LayoutDraft { rows }).unwrap();
        assert_eq!(layout.categories(), ["VIP", "Café"]);
        assert_eq!(layout.rows().iter().map(|row| row.label.as_str()).collect::<String>(), "ABCD");
        assert_eq!(
            refused(vec![with("A", "V\nIP"), with("B", " ")]),
            ["layout.rows[0].category: no control characters", "layout.rows[1].category: 1 to 40 characters"]
        );
    }

    #[test]
    fn stored_layout_of_an_earlier_version_is_read_unchanged() {
        let stored = r#"{"rows":[{"label":"A","category":" VIP","cells":["seat"]},{"label":"a","category":"VIP","cells":["seat"]}]}"#;
        let layout: Layout = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&layout).unwrap(), stored);
        assert_eq!(layout.categories(), [" VIP", "VIP"]);
    }

    #[test]
    fn deserialisation_refuses_an_invalid_layout() {
        let json = r#"{"rows":[{"label":"A","cells":[null]}]}"#;
        assert!(serde_json::from_str::<Layout>(json).is_err());
    }
}
