//! Tests that an instant is formatted as the same text in every JSON type.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use seatkeeper_core::{
    booking::{self, BookingStatus},
    catalogue::{OpenScreening, ScreeningState},
    event::Event,
    ids::{BookingId, DeadLetterId, HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Release, ReleaseReason},
    money::Money,
    payment::{PaymentMethod, PaymentStatus},
    ports::{self, Consumer},
    time_text::TimeText,
};
use seatkeeper_testing::{hall_of, movie_of, screening_of};
use serde::Serialize;
use uuid::Uuid;

use super::{admin_audit::AuditEntry, admin_dead_letters::DeadLetter, admin_events::EventBody, movies::MovieScreening};
use crate::wire::{Booking, Payment, QuickSeat, QuickTime, ScreeningDetail, hold::HeldSeat};

const PERSON: PersonId = PersonId::from_uuid(Uuid::nil());
const SCREENING: ScreeningId = ScreeningId::from_uuid(Uuid::nil());
const MOVIE: MovieId = MovieId::from_uuid(Uuid::nil());
const HALL: HallId = HallId::from_uuid(Uuid::nil());

fn json(shape: &impl Serialize) -> String {
    serde_json::to_string(shape).unwrap()
}

/// Every serialized type that contains a time, with all times set to `at`.
fn all_shapes(at: Timestamp) -> Vec<String> {
    let seat = SeatId::parse("A1").unwrap();
    let release = Release {
        screening: SCREENING,
        seq: 1,
        holder: PERSON,
        seats: [seat].into_iter().collect(),
        reason: ReleaseReason::Expired,
        at: at.as_millisecond(),
    };
    let event = Event::of_release(&release);
    let letter = ports::DeadLetter {
        id: DeadLetterId::from_uuid(Uuid::nil()),
        consumer: Consumer::Mail,
        event: event.clone(),
        error: String::new(),
        tries: 1,
        at,
    };
    let audit = AuditEntry {
        id: event.id,
        at,
        r#type: "SEAT_RELEASED",
        actor: None,
        actor_name: None,
        actor_email: None,
        request_id: None,
        screening: None,
        data: serde_json::Value::Null,
    };
    let sold = booking::Booking {
        id: BookingId::from_uuid(Uuid::nil()),
        code: String::new(),
        status: BookingStatus::Confirmed,
        person_id: PERSON,
        payment_id: PaymentId::from_uuid(Uuid::nil()),
        screening_id: SCREENING,
        movie_id: MOVIE,
        movie_title: String::new(),
        movie_title_th: None,
        hall_name: String::new(),
        hall_name_th: None,
        start_time: at,
        seats: Vec::new(),
        total: Money::satang(0),
        created_at: at,
    };
    let payment = Payment {
        id: sold.payment_id,
        screening_id: SCREENING,
        status: PaymentStatus::Pending,
        method: Some(PaymentMethod::MockCard),
        amount: sold.total,
        seat_ids: Vec::new(),
        expires_at: at,
        action: None,
        booking_id: None,
    };
    let mut screening = screening_of(SCREENING, &movie_of(MOVIE, "Film"), &hall_of(HALL, "Hall", "s"), at);
    screening.end_time = at;
    let listed = MovieScreening {
        id: SCREENING,
        start_time: at,
        hall_name: String::new(),
        hall_name_th: None,
        price_from: sold.total,
        seats_total: 0,
        seats_available: 0,
        revision: 1,
        state: ScreeningState::OnSale,
    };
    vec![
        json(&event),
        json(&EventBody::new(&event)),
        json(&DeadLetter::new(letter)),
        json(&audit),
        json(&Booking::new(sold)),
        json(&payment),
        json(&ScreeningDetail::new(&OpenScreening::new(screening, 1, SignedDuration::ZERO), at)),
        json(&listed),
        json(&HeldSeat { id: QuickSeat(seat), expires_at: QuickTime(at.as_millisecond()) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn instant_has_the_same_text_in_every_serialized_type(
        second in 0..4_102_444_800_i64,
        ms in prop_oneof![Just(0), Just(100), Just(240), 0..1_000_i64],
    ) {
        let at = Timestamp::from_millisecond(second * 1_000 + ms).unwrap();
        let expected = TimeText::of(at);
        let day = &expected.as_str()[..11];
        for shape in all_shapes(at) {
            prop_assert!(shape.contains(day), "no time in {}", shape);
            prop_assert_eq!(shape.matches(day).count(), shape.matches(expected.as_str()).count(), "{}", shape);
        }
    }
}
