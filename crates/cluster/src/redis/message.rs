//! The words in which the functions tell of seats, to viewers and in a snapshot: `A1 1732600000000 B2 B C3 A`.

use seatkeeper_core::{
    ids::{ScreeningId, SeatId},
    locks::{LiveChange, SeatChange, SeatStatus},
};

/// What this server understands; the first word of a message.
const VERSION: &str = "1";

/// Reads a message. `None` when it is of another version, or damaged: what it tells of is unknown.
pub(super) fn read_message(screening: ScreeningId, payload: &[u8]) -> Option<LiveChange> {
    let mut words = std::str::from_utf8(payload).ok()?.split(' ');
    if words.next()? != VERSION {
        return None;
    }
    let (prev, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let changes = read_words(words)?;
    (seq > prev && !changes.is_empty()).then_some(LiveChange { screening, prev, seq, changes })
}

/// Reads seats, each with its status.
pub(super) fn read_seats(text: &str) -> Option<Vec<SeatChange>> {
    if text.is_empty() { Some(Vec::new()) } else { read_words(text.split(' ')) }
}

fn read_words<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Vec<SeatChange>> {
    let mut changes = Vec::new();
    while let Some(seat) = words.next() {
        let status = match words.next()? {
            "A" => SeatStatus::Available,
            "B" => SeatStatus::Booked,
            until => SeatStatus::Locked { until: until.parse().ok()? },
        };
        changes.push(SeatChange { id: SeatId::parse(seat)?, status });
    }
    Some(changes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));

    #[test]
    fn a_message_says_what_each_seat_is_now() {
        let change = read_message(HERE, b"1 41 57 A1 1732600000000 AB12 B C3 A").unwrap();
        assert_eq!((change.screening, change.prev, change.seq), (HERE, 41, 57));
        let told: Vec<_> = change.changes.iter().map(|change| (change.id.to_string(), change.status)).collect();
        let locked = SeatStatus::Locked { until: 1_732_600_000_000 };
        let all = [("A1", locked), ("AB12", SeatStatus::Booked), ("C3", SeatStatus::Available)];
        assert_eq!(told, all.map(|(id, status)| (id.to_owned(), status)));
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        let bad = [
            "",
            "1",
            "1 41",
            "1 41 57",
            "2 41 57 A1 B",
            "1 57 41 A1 B",
            "1 41 57 A1",
            "1 41 57 A1 X",
            "1 41 57 A0 B",
            "1 a 57 A1 B",
        ];
        for bad in bad {
            assert_eq!(read_message(HERE, bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(read_message(HERE, b"1 41 57 \xff B"), None);
    }

    #[test]
    fn a_map_may_be_empty() {
        assert_eq!(read_seats(""), Some(Vec::new()));
        assert_eq!(read_seats("A1 B").map(|seats| seats.len()), Some(1));
        assert_eq!(read_seats("A1"), None);
    }
}
