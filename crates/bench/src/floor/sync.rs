//! Floor of a durable write: one block written to a file that is already long enough, and `fdatasync`.

use std::{os::unix::fs::FileExt, time::Instant};

use crate::{
    outcome::Outcome,
    report::{Report, Unit},
    times::Times,
};

const BLOCK_BYTES: usize = 4_096;
/// Blocks of the file; each is written once more after the file was extended.
const BLOCKS: usize = 1_000;

/// Median time of one write and its `fdatasync`, in milliseconds.
pub(crate) fn median_ms() -> Outcome<f64> {
    let file = tempfile::tempfile()?;
    let block = [1; BLOCK_BYTES];
    file.write_all_at(&vec![0; BLOCKS * BLOCK_BYTES], 0)?;
    file.sync_all()?;
    let mut times = Times::new()?;
    for index in 0..BLOCKS {
        let started = Instant::now();
        file.write_all_at(&block, (index * BLOCK_BYTES) as u64)?;
        file.sync_data()?;
        times.add(started.elapsed());
    }
    Ok(times.percentile_ms(50.0))
}

pub(crate) fn report() -> Outcome<Report> {
    let mut report = Report::default();
    let median_ms = median_ms()?;
    report.lines.push(format!("fdatasync     p50 {median_ms:.3} ms"));
    report.add_figure("–", "`fdatasync` of a pre-extended file".to_owned(), Unit::Cost("ms"), median_ms, None);
    Ok(report)
}
