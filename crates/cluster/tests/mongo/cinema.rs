//! A small programme for tests, and helpers that sell its seats.

use jiff::{SignedDuration, Timestamp};
use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_core::{
    booking::{Booking, BookingStatus, draw_code},
    catalogue::{Hall, Movie, Screening},
    event::{Event, EventKind},
    ids::{BookingId, HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    payment::{ConfirmOutcome, Payment, PaymentMethod, PaymentStatus},
    ports::{
        Backend, CommitBooking, ConfirmStart, EventLog, Ledger, NewPayment, Outbox, Programme, ProgrammeChange,
        ProgrammeOutcome, ShownToPayer, StartOutcome,
    },
};
use seatkeeper_testing::{SeededEntropy, event_of, hall_of, movie_of, sample_now, screening_of};
use uuid::Uuid;

/// The id of the relay that reads the outbox in these tests.
const RELAY: Uuid = Uuid::from_u128(1);

/// A film, a hall of 40 seats in the rows A and B, and a screening that starts in an hour.
pub(crate) struct Cinema {
    pub(crate) ids: SeededEntropy,
    pub(crate) movie: Movie,
    pub(crate) hall: Hall,
    pub(crate) screening: Screening,
}

impl Cinema {
    pub(crate) async fn open(store: &MongoStore) -> Self {
        let ids = SeededEntropy::new(7);
        let movie = movie_of(MovieId::from_uuid(ids.next_uuid()), "Durian Nights");
        let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall 1", &["s".repeat(20), "s".repeat(20)].join("/"));
        let screening = screening_of(ScreeningId::from_uuid(ids.next_uuid()), &movie, &hall, in_minutes(60));
        let cinema = Self { ids, movie, hall, screening };
        for change in [
            ProgrammeChange::PutMovie(cinema.movie.clone(), 0),
            ProgrammeChange::PutHall(cinema.hall.clone(), 0),
            ProgrammeChange::PutScreening(cinema.screening.clone(), 0),
        ] {
            assert_eq!(cinema.change(store, change).await.unwrap(), ProgrammeOutcome::Done);
        }
        cinema
    }

    pub(crate) fn event(&self, action: &str) -> Event {
        event_of(&self.ids, sample_now(), action)
    }

    pub(crate) async fn change(&self, store: &MongoStore, change: ProgrammeChange) -> Backend<ProgrammeOutcome> {
        store.change_programme(&change, &self.event("changed"), sample_now()).await
    }

    /// A screening of the same film in the same hall, `minutes` after the first one.
    pub(crate) fn another(&self, minutes: i64) -> Screening {
        let id = ScreeningId::from_uuid(self.ids.next_uuid());
        screening_of(id, &self.movie, &self.hall, in_minutes(60 + minutes))
    }

    /// The start of a payment by a new person.
    pub(crate) fn new_payment(&self, seats: &str) -> NewPayment {
        NewPayment {
            id: PaymentId::from_uuid(self.ids.next_uuid()),
            screening_id: self.screening.id,
            person_id: PersonId::from_uuid(self.ids.next_uuid()),
            method: Some(PaymentMethod::MockCard),
            seats: seats.split(' ').filter_map(SeatId::parse).collect(),
            expires_at: in_minutes(5),
            sales_close: SignedDuration::ZERO,
            seats_everywhere_max: None,
            shown: ShownToPayer::default(),
            events: Vec::new(),
        }
    }

    /// Starts a payment and changes it to CONFIRMING.
    pub(crate) async fn confirming(&self, store: &MongoStore, seats: &str) -> Backend<Payment> {
        let started = store.start_payment(&self.new_payment(seats), sample_now()).await?;
        let StartOutcome::Started(payment) = started else { unreachable!("{started:?}") };
        match store.begin_confirming(payment.id, ConfirmOutcome::Success, sample_now()).await? {
            ConfirmStart::Confirming(payment) => Ok(payment),
            other => unreachable!("{other:?}"),
        }
    }

    /// The call that sells the seats of a payment, with its event.
    pub(crate) fn sale_of(&self, payment: &Payment) -> CommitBooking {
        let booking = Booking {
            id: BookingId::from_uuid(self.ids.next_uuid()),
            code: draw_code(&self.ids),
            status: BookingStatus::Confirmed,
            person_id: payment.person_id,
            payment_id: payment.id,
            screening_id: payment.screening_id,
            movie_id: self.screening.movie_id,
            movie_title: self.screening.movie_title.clone(),
            movie_title_th: self.screening.movie_title_th.clone(),
            hall_name: self.screening.hall_name.clone(),
            hall_name_th: self.screening.hall_name_th.clone(),
            start_time: self.screening.start_time,
            seats: payment.seats.clone(),
            total: payment.amount,
            created_at: sample_now(),
        };
        let events = vec![self.event(&format!("sold {}", payment.id))];
        let (from, sales_close) = (&[PaymentStatus::Confirming], SignedDuration::ZERO);
        CommitBooking { booking, from, sales_close, money_task: None, events }
    }
}

pub(crate) fn in_minutes(minutes: i64) -> Timestamp {
    sample_now() + SignedDuration::from_mins(minutes)
}

/// The unsent events of the outbox, in order.
pub(crate) async fn unsent(store: &MongoStore) -> Vec<Event> {
    assert!(store.take_relay_lease(RELAY, sample_now(), in_minutes(1)).await.unwrap());
    store.list_unsent(RELAY, 10_000).await.unwrap()
}

/// The actions of the unsent audit events, except those about changes of the programme.
pub(crate) async fn told(store: &MongoStore) -> Vec<String> {
    let actions = unsent(store).await.into_iter().filter_map(|event| match event.kind {
        EventKind::AuditLog { action, .. } if action != "changed" => Some(action),
        _ => None,
    });
    actions.collect()
}

/// The number of events in the event log.
pub(crate) async fn logged(store: &MongoStore) -> usize {
    store.list_events(-1, None, 10_000).await.unwrap().len()
}
