//! Messages on a screening's channels: live changes, which the functions publish, and payment statuses, which servers
//! publish.
//!
//! Version 2: `2 seats 41 57 A1 1732600000000 B2 B C3 A @<holder> <payment or -> A1 1732600000000` has `prev` and
//! `seq`, seats with their status, then each changed hold. `2 payment <holder> <payment> SUCCEEDED` has a payment's
//! status. Version 1, from servers of the previous version: `1 41 57 A1 1732600000000` does not name the changed holds.

use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{HeldSeat, Hold, HoldChange, LiveChange, LiveEvent, PaymentChange, SeatChange, SeatStatus},
};

/// Parses a message. Returns `None` when it is damaged or has an unknown version: the receiver has then missed a
/// change.
pub(super) fn read_message(screening: ScreeningId, payload: &[u8]) -> Option<LiveEvent> {
    let mut words = std::str::from_utf8(payload).ok()?.split(' ');
    match words.next()? {
        "1" => read_old_change(screening, words).map(LiveEvent::Seats),
        "2" => match words.next()? {
            "seats" => read_change(screening, words).map(LiveEvent::Seats),
            "payment" => read_payment(screening, words).map(LiveEvent::Payment),
            _ => None,
        },
        _ => None,
    }
}

/// Parses seats, each followed by its status.
pub(super) fn read_seats(text: &str) -> Option<Vec<SeatChange>> {
    if text.is_empty() { Some(Vec::new()) } else { read_statuses(text.split(' ')) }
}

/// The message that publishes a payment's status.
pub(super) fn write_payment(change: &PaymentChange) -> String {
    format!("2 payment {} {} {}", change.holder, change.payment, change.status.as_ref())
}

fn read_old_change<'a>(screening: ScreeningId, mut words: impl Iterator<Item = &'a str>) -> Option<LiveChange> {
    let (prev, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let changes = read_statuses(words)?;
    (seq > prev && !changes.is_empty()).then_some(LiveChange { screening, prev, seq, changes, holds: None })
}

fn read_change<'a>(screening: ScreeningId, mut words: impl Iterator<Item = &'a str>) -> Option<LiveChange> {
    let (prev, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let mut words = words.peekable();
    let changes = read_statuses(std::iter::from_fn(|| words.next_if(|word| !word.starts_with('@'))))?;
    let mut holds = Vec::new();
    while let Some(holder) = words.next() {
        let holder = PersonId::parse(holder.strip_prefix('@')?)?;
        let payment = match words.next()? {
            "-" => None,
            payment => Some(PaymentId::parse(payment)?),
        };
        let mut seats = Vec::new();
        while let Some(seat) = words.next_if(|word| !word.starts_with('@')) {
            seats.push(HeldSeat { id: SeatId::parse(seat)?, until: words.next()?.parse().ok()? });
        }
        holds.push(HoldChange { holder, hold: Hold { seq, seats, payment } });
    }
    (seq > prev).then_some(LiveChange { screening, prev, seq, changes, holds: Some(holds) })
}

fn read_payment<'a>(screening: ScreeningId, mut words: impl Iterator<Item = &'a str>) -> Option<PaymentChange> {
    let (holder, payment) = (PersonId::parse(words.next()?)?, PaymentId::parse(words.next()?)?);
    let status = words.next()?.parse().ok()?;
    words.next().is_none().then_some(PaymentChange { screening, holder, payment, status })
}

fn read_statuses<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Vec<SeatChange>> {
    let mut changes = Vec::new();
    while let Some(seat) = words.next() {
        let status = match words.next()? {
            "A" => SeatStatus::Available,
            "B" => SeatStatus::Booked,
            "U" => SeatStatus::Unavailable,
            until => SeatStatus::Locked { until: until.parse().ok()? },
        };
        changes.push(SeatChange { id: SeatId::parse(seat)?, status });
    }
    Some(changes)
}

#[cfg(test)]
mod tests {
    use seatkeeper_core::payment::PaymentStatus;
    use uuid::Uuid;

    use super::*;

    const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));
    const ANN: PersonId = PersonId::from_uuid(Uuid::from_u128(2));
    const BOB: PersonId = PersonId::from_uuid(Uuid::from_u128(3));
    const PAYMENT: PaymentId = PaymentId::from_uuid(Uuid::from_u128(4));

    fn read_seat_change(message: &str) -> LiveChange {
        match read_message(HERE, message.as_bytes()) {
            Some(LiveEvent::Seats(change)) => change,
            other => panic!("{message}: {other:?}"),
        }
    }

    fn statuses(change: &LiveChange) -> Vec<(String, SeatStatus)> {
        change.changes.iter().map(|change| (change.id.to_string(), change.status)).collect()
    }

    #[test]
    fn message_of_version_2_gives_each_seat_and_each_changed_hold() {
        let text =
            format!("2 seats 41 57 A1 1732600000000 AB12 B C3 A D4 U @{ANN} {PAYMENT} A1 1732600000000 @{BOB} -");
        let change = read_seat_change(&text);
        assert_eq!((change.screening, change.prev, change.seq), (HERE, 41, 57));
        let locked = SeatStatus::Locked { until: 1_732_600_000_000 };
        let all = [
            ("A1", locked),
            ("AB12", SeatStatus::Booked),
            ("C3", SeatStatus::Available),
            ("D4", SeatStatus::Unavailable),
        ];
        assert_eq!(statuses(&change), all.map(|(id, status)| (id.to_owned(), status)));
        let held = HeldSeat { id: SeatId::parse("A1").unwrap(), until: 1_732_600_000_000 };
        let ann = HoldChange { holder: ANN, hold: Hold { seq: 57, seats: vec![held], payment: Some(PAYMENT) } };
        let bob = HoldChange { holder: BOB, hold: Hold { seq: 57, seats: vec![], payment: None } };
        assert_eq!(change.holds, Some(vec![ann, bob]));
    }

    #[test]
    fn message_of_a_change_of_a_payment_lock_only_has_no_seats() {
        let change = read_seat_change(&format!("2 seats 41 57 @{ANN} -"));
        assert_eq!((change.changes.len(), change.holds.map(|holds| holds.len())), (0, Some(1)));
    }

    #[test]
    fn message_of_version_1_does_not_name_the_changed_holds() {
        let change = read_seat_change("1 41 57 A1 B");
        assert_eq!(statuses(&change), [("A1".to_owned(), SeatStatus::Booked)]);
        assert_eq!(change.holds, None);
    }

    #[test]
    fn payment_message_reads_back_as_written() {
        for &status in PaymentStatus::ALL {
            let change = PaymentChange { screening: HERE, holder: ANN, payment: PAYMENT, status };
            assert_eq!(read_message(HERE, write_payment(&change).as_bytes()), Some(LiveEvent::Payment(change)));
        }
    }

    #[test]
    fn damaged_message_or_one_of_an_unknown_version_is_refused() {
        let bad = [
            "".to_owned(),
            "1".to_owned(),
            "1 41".to_owned(),
            "1 41 57".to_owned(),
            "3 seats 41 57 A1 B".to_owned(),
            "1 57 41 A1 B".to_owned(),
            "1 41 57 A1".to_owned(),
            "1 41 57 A1 X".to_owned(),
            "1 41 57 A0 B".to_owned(),
            "1 a 57 A1 B".to_owned(),
            "2".to_owned(),
            "2 seats 41".to_owned(),
            "2 seats 57 41 A1 B".to_owned(),
            "2 seats 41 57 A1".to_owned(),
            "2 later 41 57 A1 B".to_owned(),
            format!("2 seats 41 57 A1 B @{ANN}"),
            format!("2 seats 41 57 A1 B @{ANN} - A1"),
            format!("2 seats 41 57 A1 B @{ANN} - A1 x"),
            "2 seats 41 57 A1 B @ann -".to_owned(),
            format!("2 payment {ANN} {PAYMENT}"),
            format!("2 payment {ANN} {PAYMENT} LATER"),
            format!("2 payment {ANN} {PAYMENT} SUCCEEDED more"),
        ];
        for bad in bad {
            assert_eq!(read_message(HERE, bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(read_message(HERE, b"1 41 57 \xff B"), None);
    }

    #[test]
    fn empty_seat_map_is_parsed_as_no_seats() {
        assert_eq!(read_seats(""), Some(Vec::new()));
        assert_eq!(read_seats("A1 B").map(|seats| seats.len()), Some(1));
        assert_eq!(read_seats("A1"), None);
    }
}
