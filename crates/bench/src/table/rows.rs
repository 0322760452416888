//! The rows of the table.

use crate::report::Figure;

/// How many people load the server, unless a row says otherwise.
pub(super) const PEOPLE: u64 = 32;

/// Digits of a printed number, so that small and large ones are equally exact.
const DIGITS: usize = 3;

/// One row for each figure, one column for each program.
pub(super) struct Rows {
    columns: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    /// Its id, text and unit; its floor is the best of all programs and rounds.
    figure: Figure,
    measured: Vec<Option<f64>>,
}

impl Rows {
    pub(super) fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a measurement of a program; the best one counts.
    pub(super) fn add(&mut self, column: usize, figure: Figure) {
        let is_it =
            |row: &Row| (row.figure.id, &row.figure.what, row.figure.unit) == (figure.id, &figure.what, figure.unit);
        let index = self.rows.iter().position(is_it).unwrap_or_else(|| {
            self.rows.push(Row { figure: figure.clone(), measured: vec![None; self.columns.len()] });
            self.rows.len() - 1
        });
        let (row, unit) = (&mut self.rows[index], figure.unit);
        let best = |old: Option<f64>, new| Some(old.map_or(new, |old| unit.best(old, new)));
        row.measured[column] = best(row.measured[column], figure.measured);
        if let Some(floor) = figure.floor {
            row.figure.floor = best(row.figure.floor, floor);
        }
    }

    /// The table in Markdown, in the order of the ids.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        let number = |row: &&Row| row.figure.id.trim_matches(char::is_alphabetic).parse().unwrap_or(u32::MAX);
        rows.sort_by_key(number);
        let heads: String = self.columns.iter().map(|name| format!(" {name} | × floor |")).collect();
        let mut lines = vec![
            format!("| id | what | unit | floor |{heads}"),
            format!("|{}", "---|".repeat(4 + 2 * self.columns.len())),
        ];
        for Row { figure: Figure { id, what, unit, floor, .. }, measured } in rows {
            let shown = |value: Option<f64>| value.map_or("–".to_owned(), short);
            let cell = |value: &Option<f64>| {
                let ratio = value.zip(*floor).map(|(value, floor)| value / floor);
                format!(" {} | {} |", shown(*value), shown(ratio))
            };
            let cells: String = measured.iter().map(cell).collect();
            lines.push(format!("| {id} | {what} | {} | {} |{cells}", unit.name(), shown(*floor)));
        }
        lines
    }
}

/// A number with three digits, more when they stand before the point: `0.0123`, `1.23`, `12.3`, `12345`.
fn short(value: f64) -> String {
    let before_point = if value > 0.0 { value.log10().floor() as i32 + 1 } else { 1 };
    let decimals = i32::try_from(DIGITS).map_or(0, |digits| (digits - before_point).max(0));
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Unit;

    fn figure(id: &'static str, unit: Unit, measured: f64, floor: Option<f64>) -> Figure {
        Figure { id, what: "work".to_owned(), unit, measured, floor }
    }

    #[test]
    fn table_shows_the_best_of_all_rounds_beside_the_best_floor() {
        let mut rows = Rows::new(&["before", "after"]);
        let (cost, rate) = (Unit::Cost("µs"), Unit::Rate("sales"));
        rows.add(0, figure("P10", rate, 30.0, None));
        rows.add(1, figure("P10", rate, 20.0, None));
        rows.add(1, figure("P10", rate, 40.0, None));
        rows.add(0, figure("P1", cost, 52.0, Some(16.0)));
        rows.add(1, figure("P1", cost, 24.0, Some(17.0)));
        rows.add(1, figure("P1", cost, 25.0, Some(18.0)));
        rows.add(1, figure("P9", Unit::Cost("commands"), 570.4, None));
        let expected = [
            "| id | what | unit | floor | before | × floor | after | × floor |",
            "|---|---|---|---|---|---|---|---|",
            "| P1 | work | µs | 16.0 | 52.0 | 3.25 | 24.0 | 1.50 |",
            "| P9 | work | commands | – | – | – | 570 | – |",
            "| P10 | work | sales | – | 30.0 | – | 40.0 | – |",
        ];
        assert_eq!(rows.lines(), expected);
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [(0.0, "0.00"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (12_345.6, "12346")]
        {
            assert_eq!(short(value), text);
        }
    }
}
