//! The ledger's last guards against double sales. The ledger checks every call before it writes, so no use case reaches
//! these guards. The tests call the writing functions directly, as after a faulty check, while another person has the
//! seat.

use jiff::SignedDuration;
use rusqlite::Transaction;
use seatkeeper_core::{
    booking::{Booking, BookingStatus, draw_code},
    ids::{BookingId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    money::Money,
    payment::{Payment, PaymentMethod, PaymentStatus, PricedSeat},
    seating::SeatKind,
};
use seatkeeper_testing::{SeededEntropy, sample_now};
use tempfile::TempDir;

use crate::sqlite::{SqliteStore, bookings, claims, payments, rows::Fault};

/// Two people, each with a payment for the same seat; the first person's payment has already claimed the seat.
struct Scene {
    store: SqliteStore,
    first: Payment,
    second: Payment,
    _folder: TempDir,
}

const SEAT: &str = "A1";

fn payment_of(ids: &SeededEntropy, screening: ScreeningId) -> Payment {
    let id = SeatId::parse(SEAT).unwrap();
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
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
        let ids = SeededEntropy::new(3);
        let screening = ScreeningId::from_uuid(ids.next_uuid());
        let (first, second) = (payment_of(&ids, screening), payment_of(&ids, screening));
        let scene = Self { store, first, second, _folder: folder };
        let both = [scene.first.clone(), scene.second.clone()];
        scene.write(move |tx| both.iter().try_for_each(|payment| payments::insert(tx, payment))).await.unwrap();
        let first = scene.first.clone();
        scene.write(move |tx| claims::claim(tx, &first, first.seats[0].id)).await.unwrap();
        scene
    }

    /// Runs a write; `Err` is the text of the store's error.
    async fn write(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(), Fault> + Send + 'static,
    ) -> Result<(), String> {
        self.store.write(work).await.map_err(|error| error.to_string())
    }

    /// The row of `seat_claims` for the seat, as text.
    async fn row(&self) -> String {
        let (payment, seat) = (self.first.clone(), self.first.seats[0].id);
        let read = move |tx: &Transaction<'_>| {
            let claim = claims::standing_claim(tx, payment.screening_id, seat, payment.id, sample_now())?;
            Ok(format!("{claim:?}"))
        };
        self.store.write(read).await.unwrap()
    }

    async fn sell_to_first(&self) {
        let first = self.first.clone();
        self.write(move |tx| claims::sell(tx, &first, first.seats[0].id)).await.unwrap();
    }
}

#[tokio::test]
async fn claim_is_refused_by_the_key_when_another_has_claimed_or_bought_the_seat() {
    let scene = Scene::open().await;
    for _ in ["claimed", "sold"] {
        let (before, second) = (scene.row().await, scene.second.clone());
        let refused = scene.write(move |tx| claims::claim(tx, &second, second.seats[0].id)).await;
        assert!(refused.is_err());
        assert_eq!(scene.row().await, before);
        scene.sell_to_first().await;
    }
}

#[tokio::test]
async fn sale_is_refused_when_another_has_claimed_or_bought_the_seat() {
    let scene = Scene::open().await;
    for _ in ["claimed", "sold"] {
        let (before, second) = (scene.row().await, scene.second.clone());
        let refused = scene.write(move |tx| claims::sell(tx, &second, second.seats[0].id)).await.unwrap_err();
        assert!(refused.contains("a seat of another payment cannot be sold"), "{refused}");
        assert_eq!(scene.row().await, before);
        scene.sell_to_first().await;
    }
}

#[tokio::test]
async fn keep_and_free_do_not_change_the_claim_of_another() {
    let scene = Scene::open().await;
    let before = scene.row().await;
    let second = scene.second.clone();
    scene.write(move |tx| claims::keep(tx, &second)).await.unwrap();
    assert_eq!(scene.row().await, before, "kept");
    let second = scene.second.clone();
    scene.write(move |tx| claims::free(tx, &second)).await.unwrap();
    assert_eq!(scene.row().await, before, "freed");
    scene.sell_to_first().await;
    let (before, second) = (scene.row().await, scene.second.clone());
    scene.write(move |tx| claims::free(tx, &second)).await.unwrap();
    assert_eq!(scene.row().await, before, "freed after the sale");
}

#[tokio::test]
async fn second_booking_of_a_payment_is_refused_by_the_key() {
    let scene = Scene::open().await;
    let (ids, first) = (SeededEntropy::new(4), scene.first.clone());
    let (one, two) = (booking_of(&ids, &first), booking_of(&ids, &first));
    scene.write(move |tx| bookings::insert(tx, &one).map(|is_new| assert!(is_new))).await.unwrap();
    assert!(scene.write(move |tx| bookings::insert(tx, &two).map(|_| ())).await.is_err());
}
