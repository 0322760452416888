//! Formats WebSocket frames as JSON text, by hand into one buffer.
//!
//! Every viewer of a room receives these frames, so they are small: a frame with one change is at most 130 bytes.

use std::fmt::Write as _;

use jiff::Timestamp;
use seatkeeper_core::{
    catalogue::{OpenScreening, Prices, ScreeningState},
    ids::ScreeningId,
    locks::{self, Millis, PaymentChange, SeatChange, SeatStatus},
    time_text::TimeText,
};
use serde::{Serialize, Serializer};

use crate::wire::{Hold, wire_seq};

/// Size of a frame without its changes, in bytes; used to preallocate the buffer.
const FRAME_BYTES: usize = 72;
/// Upper estimate of the size of one seat change in a frame, in bytes; used to preallocate the buffer.
const CHANGE_BYTES: usize = 64;

/// Expiry of a lock, serialized rounded up to whole seconds, so that viewers never see a lock expire too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Until(pub(super) Millis);

impl Until {
    fn second(self) -> Timestamp {
        let seconds = self.0.div_euclid(1_000) + i64::from(self.0.rem_euclid(1_000) > 0);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

impl Serialize for Until {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TimeText::of(self.second()).serialize(serializer)
    }
}

/// Name of a seat status in frames and answers.
pub(super) const fn status_name(status: SeatStatus) -> &'static str {
    match status {
        SeatStatus::Available => "AVAILABLE",
        SeatStatus::Locked { .. } => "LOCKED",
        SeatStatus::Booked => "BOOKED",
        SeatStatus::Unavailable => "UNAVAILABLE",
    }
}

/// `snapshot` frame: the whole seat map at `seq`, of a screening at `revision`.
pub(super) fn snapshot_frame(seq: u64, revision: u64, seats: impl ExactSizeIterator<Item = SeatChange>) -> String {
    let mut text = String::with_capacity(FRAME_BYTES + seats.len() * CHANGE_BYTES);
    // Writing into a `String` does not fail.
    let _ = write!(text, r#"{{"type":"snapshot","seq":{},"revision":{revision},"seats":["#, wire_seq(seq));
    push_seats(&mut text, seats);
    text.push_str("]}");
    text
}

/// `changes` frame: the seats that changed after `prev`, up to `seq`.
pub(super) fn changes_frame(prev: u64, seq: u64, changes: impl ExactSizeIterator<Item = SeatChange>) -> String {
    let mut text = String::with_capacity(FRAME_BYTES + changes.len() * CHANGE_BYTES);
    // Writing into a `String` does not fail.
    let _ = write!(text, r#"{{"type":"changes","prev":{},"seq":{},"changes":["#, wire_seq(prev), wire_seq(seq));
    push_seats(&mut text, changes);
    text.push_str("]}");
    text
}

/// `screening` frame, sent when start, end, hall, prices or state of the screening have changed.
pub(super) fn screening_frame(open: &OpenScreening, state: ScreeningState) -> String {
    #[derive(Serialize)]
    struct ScreeningFrame<'a> {
        r#type: &'static str,
        revision: u64,
        #[serde(with = "seatkeeper_core::time_text")]
        start_time: Timestamp,
        #[serde(with = "seatkeeper_core::time_text")]
        end_time: Timestamp,
        hall_name: &'a str,
        hall_name_th: Option<&'a str>,
        prices: &'a Prices,
        state: ScreeningState,
    }
    let screening = &open.screening;
    let frame = ScreeningFrame {
        r#type: "screening",
        revision: open.revision,
        start_time: screening.start_time,
        end_time: screening.end_time,
        hall_name: &screening.hall_name,
        hall_name_th: screening.hall_name_th.as_deref(),
        prices: &screening.prices,
        state,
    };
    // Serializing text, times and numbers into memory does not fail.
    serde_json::to_string(&frame).unwrap_or_default()
}

/// `alive` frame: the heartbeat, with the sequence number of the last change sent to viewers.
pub(super) fn alive_frame(seq: u64) -> String {
    format!(r#"{{"type":"alive","seq":{}}}"#, wire_seq(seq))
}

/// `hold` frame: the seats that one person has locked, sent only to that person's sockets.
pub(super) fn hold_frame(screening: ScreeningId, hold: &locks::Hold) -> String {
    #[derive(Serialize)]
    struct HoldFrame {
        r#type: &'static str,
        seq: i64,
        hold: Hold,
    }
    let frame = HoldFrame { r#type: "hold", seq: wire_seq(hold.seq), hold: Hold::of(screening, hold) };
    // Serializing a hold into memory does not fail.
    serde_json::to_string(&frame).unwrap_or_default()
}

/// `payment` frame: a payment's status, sent only to the payer's sockets.
pub(super) fn payment_frame(change: &PaymentChange) -> String {
    format!(r#"{{"type":"payment","id":"{}","status":"{}"}}"#, change.payment, change.status.as_ref())
}

fn push_seats(text: &mut String, seats: impl Iterator<Item = SeatChange>) {
    for (index, SeatChange { id, status }) in seats.enumerate() {
        if index > 0 {
            text.push(',');
        }
        // Writing into a `String` does not fail.
        let _ = write!(text, r#"{{"id":"{}{}","status":"{}""#, id.row(), id.number(), status_name(status));
        if let SeatStatus::Locked { until } = status {
            let _ = write!(text, r#","until":"{}""#, TimeText::of(Until(until).second()));
        }
        text.push('}');
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use seatkeeper_core::{
        ids::{PaymentId, PersonId, SeatId},
        locks::HeldSeat,
        payment::PaymentStatus,
    };
    use seatkeeper_testing::SAMPLE_NOW_MS;
    use uuid::Uuid;

    use super::*;

    const SEQ: u64 = SAMPLE_NOW_MS as u64;

    fn change(seat: &str, status: SeatStatus) -> SeatChange {
        SeatChange { id: SeatId::parse(seat).unwrap(), status }
    }

    #[test]
    fn seat_frames_have_the_json_of_the_contract() {
        let locked = change("A1", SeatStatus::Locked { until: SAMPLE_NOW_MS + 300_001 });
        let booked = change("B12", SeatStatus::Booked);
        let free = change("C3", SeatStatus::Available);
        expect![[r#"{"type":"snapshot","seq":59747400041,"revision":8,"seats":[{"id":"A1","status":"LOCKED","until":"2026-11-23T12:35:01Z"},{"id":"B12","status":"BOOKED"}]}"#]]
            .assert_eq(&snapshot_frame(SEQ + 41, 8, [locked, booked].into_iter()));
        expect![[r#"{"type":"changes","prev":59747400041,"seq":59747400057,"changes":[{"id":"B12","status":"BOOKED"},{"id":"C3","status":"AVAILABLE"}]}"#]]
            .assert_eq(&changes_frame(SEQ + 41, SEQ + 57, [booked, free].into_iter()));
        expect![[r#"{"type":"alive","seq":59747400057}"#]].assert_eq(&alive_frame(SEQ + 57));
        expect![[r#"{"type":"snapshot","seq":59747400000,"revision":1,"seats":[]}"#]].assert_eq(&snapshot_frame(
            SEQ,
            1,
            [].into_iter(),
        ));
    }

    #[test]
    fn withdrawn_seat_is_unavailable_in_frames() {
        let withdrawn = change("A1", SeatStatus::Unavailable);
        expect![[
            r#"{"type":"changes","prev":59747400000,"seq":59747400001,"changes":[{"id":"A1","status":"UNAVAILABLE"}]}"#
        ]]
        .assert_eq(&changes_frame(SEQ, SEQ + 1, [withdrawn].into_iter()));
    }

    #[test]
    fn changes_frame_without_seat_changes_has_an_empty_list() {
        expect![[r#"{"type":"changes","prev":59747400000,"seq":59747400001,"changes":[]}"#]].assert_eq(&changes_frame(
            SEQ,
            SEQ + 1,
            [].into_iter(),
        ));
    }

    #[test]
    fn hold_and_payment_frames_have_the_json_of_the_contract_without_the_holder() {
        let screening = ScreeningId::from_uuid(Uuid::nil());
        let payment = PaymentId::from_uuid(Uuid::from_u128(7));
        let held = HeldSeat { id: SeatId::parse("A1").unwrap(), until: SAMPLE_NOW_MS + 300_001 };
        let hold = locks::Hold { seq: SEQ + 57, seats: vec![held], payment: Some(payment) };
        expect![[r#"{"type":"hold","seq":59747400057,"hold":{"screening_id":"00000000-0000-0000-0000-000000000000","seq":59747400057,"seat_ids":["A1"],"seats":[{"id":"A1","expires_at":"2026-11-23T12:35:00.001Z"}],"expires_at":"2026-11-23T12:35:00.001Z","payment_id":"00000000-0000-0000-0000-000000000007"}}"#]]
            .assert_eq(&hold_frame(screening, &hold));
        let none = locks::Hold { seq: SEQ + 58, seats: vec![], payment: None };
        expect![[r#"{"type":"hold","seq":59747400058,"hold":{"screening_id":"00000000-0000-0000-0000-000000000000","seq":59747400058,"seat_ids":[],"seats":[],"expires_at":null,"payment_id":null}}"#]]
            .assert_eq(&hold_frame(screening, &none));
        let holder = PersonId::from_uuid(Uuid::from_u128(1));
        let change = PaymentChange { screening, holder, payment, status: PaymentStatus::Confirming };
        expect![[r#"{"type":"payment","id":"00000000-0000-0000-0000-000000000007","status":"CONFIRMING"}"#]]
            .assert_eq(&payment_frame(&change));
    }

    #[test]
    fn size_of_changes_frames_is_bounded_per_seat() {
        let until = SAMPLE_NOW_MS + 299_999;
        let locked = |seat| change(seat, SeatStatus::Locked { until });
        let one = changes_frame(SEQ, SEQ + 9, [locked("AA12")].into_iter()).len();
        assert!(one <= 130, "{one}");
        let two =
            changes_frame(SEQ, SEQ + 9, [locked("AA12"), change("AA13", SeatStatus::Available)].into_iter()).len();
        assert!(two - one <= 60, "{}", two - one);
        // A second locked seat adds a comma and sixty bytes, the minimum for the contract's field names and an RFC 3339
        // time.
        let locks = changes_frame(SEQ, SEQ + 9, [locked("AA12"), locked("B1")].into_iter()).len();
        assert_eq!(locks - one, 61);
    }

    #[test]
    fn lock_expiry_is_rounded_up_to_the_next_second() {
        for until in [-1_i64, 0, 1, 999, 1_000, 1_001, SAMPLE_NOW_MS, SAMPLE_NOW_MS + 1] {
            let told = Until(until).second().as_millisecond();
            assert!((until..until + 1_000).contains(&told), "{until}: {told}");
        }
        assert_eq!(Until(i64::MAX).second(), Timestamp::MAX);
    }

    #[test]
    fn lock_expiry_is_the_same_in_frames_and_in_the_map() {
        for until in [SAMPLE_NOW_MS, SAMPLE_NOW_MS + 1, SAMPLE_NOW_MS + 240] {
            let frame = changes_frame(SEQ, SEQ + 1, [change("A1", SeatStatus::Locked { until })].into_iter());
            let text = serde_json::to_string(&Until(until)).unwrap();
            assert!(frame.contains(&format!(r#""until":{text}"#)), "{frame}: {text}");
            assert_eq!(text, format!("\"{}\"", TimeText::of(Until(until).second())));
        }
    }
}
