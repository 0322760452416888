//! What a load showed: lines for its reader, and figures for the table.

use std::io::{self, Write};

use crate::meter::Costs;

/// The results of one load.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) lines: Vec<String>,
    pub(super) figures: Vec<Figure>,
}

/// One row of the table, as measured once.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// Which load and floor it is, such as `P1`: docs/benchmarks.md explains each id. Several figures share one.
    pub(super) id: &'static str,
    pub(super) what: String,
    pub(super) unit: Unit,
    pub(super) measured: f64,
    /// The least that the same work costs without Seatkeeper, measured in the same run; `None` when nothing is comparable.
    pub(super) floor: Option<f64>,
}

/// What a figure counts, and which of several measurements is the best: noise only ever adds cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A cost: the lowest is the best.
    Cost(&'static str),
    /// A throughput: the highest is the best.
    Rate(&'static str),
}

impl Unit {
    pub(super) const CPU: Self = Self::Cost("µs CPU");

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cost(name) | Self::Rate(name) => name,
        }
    }

    pub(super) const fn best(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Cost(_) => one.min(other),
            Self::Rate(_) => one.max(other),
        }
    }
}

impl Figure {
    pub(super) fn line(&self) -> String {
        let Self { id, what, unit, measured, floor } = self;
        let floor =
            floor.map_or(String::new(), |floor| format!(", {:.2} times the floor of {floor:.2}", measured / floor));
        format!("{id:<14}{what}: {measured:.2} {}{floor}", unit.name())
    }
}

impl Report {
    pub(super) fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.figures.extend(other.figures);
    }

    pub(super) fn add_figure(&mut self, id: &'static str, what: String, unit: Unit, measured: f64, floor: Option<f64>) {
        self.figures.push(Figure { id, what, unit, measured, floor });
    }

    /// A figure with the CPU time of the server, when it was measured.
    pub(super) fn add_server_cpu(&mut self, id: &'static str, what: String, costs: &Costs, floor_us: f64) {
        if let Some(each) = costs.each("server") {
            self.add_figure(id, what, Unit::CPU, each * 1e6, Some(floor_us));
        }
    }
}

/// Prints what a load showed.
pub(crate) fn print_report(report: &Report) -> io::Result<()> {
    report.lines.iter().try_for_each(|line| print_line(line))?;
    report.figures.iter().try_for_each(|figure| print_line(&figure.line()))
}

/// Prints a line.
pub(crate) fn print_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
