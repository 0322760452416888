//! Sequences of a screening in answers and frames.

/// Sequences are about milliseconds since 1970; in answers and frames they count from 2025, which makes frames smaller. Clients
/// treat them as opaque; the order is kept, and all servers use the same origin.
const WIRE_SEQ_ORIGIN: i64 = 1_735_689_600_000;

/// A sequence as clients see it.
#[must_use]
pub fn wire_seq(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX).saturating_sub(WIRE_SEQ_ORIGIN)
}

#[cfg(test)]
mod tests {
    use seatkeeper_testing::SAMPLE_NOW_MS;

    use super::*;

    #[test]
    fn wire_seq_keeps_the_order() {
        let now = SAMPLE_NOW_MS as u64;
        let seqs = [0, 41, now, now + 1, u64::MAX];
        assert!(seqs.windows(2).all(|pair| wire_seq(pair[0]) < wire_seq(pair[1])));
    }
}
