//! The database's own protection against selling a seat twice. The methods of the store check before they write, so no
//! use case reaches it; these tests call the writes directly while another person has the seat, as a faulty check
//! would.

use jiff::SignedDuration;
use mongodb::bson::doc;
use seatkeeper_core::{
    booking::{Booking, BookingStatus, draw_code},
    ids::{BookingId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    money::Money,
    payment::{Payment, PaymentMethod, PaymentStatus, PricedSeat},
    seating::SeatKind,
};
use seatkeeper_testbed::shared_mongo_url;
use seatkeeper_testing::{SeededEntropy, sample_now};
use uuid::Uuid;

use crate::mongo::{
    MongoStore, bookings,
    claims::{self, Claim},
    fault::Fault,
    schema::SEATS,
};

/// Two people, each with a payment for the same seat. The first person's payment has claimed the seat.
struct Scene {
    store: MongoStore,
    first: Payment,
    second: Payment,
}

fn payment_of(ids: &SeededEntropy, screening: ScreeningId) -> Payment {
    let id = SeatId::parse("A1").unwrap();
    Payment {
        id: PaymentId::from_uuid(ids.next_uuid()),
        screening_id: screening,
        person_id: PersonId::from_uuid(ids.next_uuid()),
        method: PaymentMethod::MockCard,
        status: PaymentStatus::Pending,
        seats: vec![PricedSeat { id, kind: SeatKind::Seat, price: Money::satang(20_000) }],
        amount: Money::satang(20_000),
        created_at: sample_now(),
        expires_at: sample_now() + SignedDuration::from_mins(5),
        confirming_since: None,
        outcome: None,
        money_task: None,
        booking_id: None,
    }
}

fn booking_of(ids: &SeededEntropy, payment: &Payment) -> Booking {
    Booking {
        id: BookingId::from_uuid(ids.next_uuid()),
        code: draw_code(ids),
        status: BookingStatus::Confirmed,
        person_id: payment.person_id,
        payment_id: payment.id,
        screening_id: payment.screening_id,
        movie_id: MovieId::from_uuid(ids.next_uuid()),
        movie_title: "Film".to_owned(),
        movie_title_th: None,
        hall_name: "Hall".to_owned(),
        hall_name_th: None,
        start_time: sample_now(),
        seats: payment.seats.clone(),
        total: payment.amount,
        created_at: sample_now(),
    }
}

impl Scene {
    async fn open() -> Self {
        let url = shared_mongo_url(&format!("test_{}", Uuid::new_v4().simple())).await;
        let store = MongoStore::open(&url).await.unwrap();
        let ids = SeededEntropy::new(3);
        let screening = ScreeningId::from_uuid(ids.next_uuid());
        let scene = Self { store, first: payment_of(&ids, screening), second: payment_of(&ids, screening) };
        claims::claim(&mut scene.store.conn(), &scene.first).await.unwrap();
        scene
    }

    /// All documents of the collection of seats, as text.
    async fn documents(&self) -> String {
        format!("{:?}", self.store.conn().list_all::<Claim>(SEATS, doc! {}).await.unwrap())
    }

    async fn sell_to_first(&self) {
        claims::sell(&mut self.store.conn(), &self.first, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn claim_is_refused_by_the_key_when_another_has_claimed_or_bought_the_seat() {
    let scene = Scene::open().await;
    for _ in ["claimed", "sold"] {
        let before = scene.documents().await;
        let refused = claims::claim(&mut scene.store.conn(), &scene.second).await;
        assert!(matches!(refused, Err(Fault::Duplicate(_))), "{refused:?}");
        assert_eq!(scene.documents().await, before);
        scene.sell_to_first().await;
    }
}

#[tokio::test]
async fn sale_is_refused_when_another_has_claimed_or_bought_the_seat() {
    let scene = Scene::open().await;
    for _ in ["claimed", "sold"] {
        let before = scene.documents().await;
        // The first call simulates a check that wrongly found a claim of the same payment, the second one that wrongly
        // found the seat free.
        let own = claims::sell(&mut scene.store.conn(), &scene.second, &[]).await;
        assert!(matches!(own, Err(Fault::Broken(_))), "{own:?}");
        assert_eq!(scene.documents().await, before);
        let free = claims::sell(&mut scene.store.conn(), &scene.second, &scene.second.seat_ids()).await;
        assert!(matches!(free, Err(Fault::Duplicate(_))), "{free:?}");
        assert_eq!(scene.documents().await, before);
        scene.sell_to_first().await;
    }
}

#[tokio::test]
async fn keep_and_free_do_not_change_the_claim_of_another() {
    let scene = Scene::open().await;
    let before = scene.documents().await;
    claims::keep(&mut scene.store.conn(), &scene.second).await.unwrap();
    assert_eq!(scene.documents().await, before, "kept");
    claims::free(&mut scene.store.conn(), &scene.second).await.unwrap();
    assert_eq!(scene.documents().await, before, "freed");
    scene.sell_to_first().await;
    let before = scene.documents().await;
    claims::free(&mut scene.store.conn(), &scene.second).await.unwrap();
    assert_eq!(scene.documents().await, before, "freed after the sale");
}

#[tokio::test]
async fn second_booking_of_a_payment_is_refused_by_the_key() {
    let (scene, ids) = (Scene::open().await, SeededEntropy::new(4));
    let (one, two) = (booking_of(&ids, &scene.first), booking_of(&ids, &scene.first));
    assert!(bookings::insert(&mut scene.store.conn(), &one).await.unwrap());
    let second = bookings::insert(&mut scene.store.conn(), &two).await;
    assert!(matches!(second, Err(Fault::Duplicate(_))), "{second:?}");
}
