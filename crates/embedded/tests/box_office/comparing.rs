//! The consistency check: a seat map that differs from the ledger is reloaded, a correct seat map is not changed.

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{Buyer, compare_map, list_loaded_maps, lock_seats},
    catalogue::SharedScreening,
    ids::{HallId, MovieId, ScreeningId},
    locks::{SeatStatus, SeatTruth},
    payment::PaymentStatus,
    ports::{Cursor, PAGE_ITEMS_MAX, ProgrammeChange},
};
use seatkeeper_testing::{hall_of, movie_of, sample_now, screening_of};

use crate::{
    office::{TestOffice, seats},
    visit::Visit,
};

impl TestOffice {
    /// Runs a whole round of the consistency check, and returns the screenings whose seat maps were reloaded.
    async fn compare(&self) -> Vec<ScreeningId> {
        let (mut mended, mut after) = (Vec::new(), None::<Cursor>);
        loop {
            let page = list_loaded_maps(&self.office, after).await.expect("the parts work");
            for id in page.items {
                if compare_map(&self.office, id).await.expect("the parts work") {
                    mended.push(id);
                }
            }
            after = page.next;
            if after.is_none() {
                return mended;
            }
        }
    }

    /// The seat map as `A1 booked, A2 locked`, and its sequence number.
    async fn map(&self, screening: &SharedScreening) -> (String, u64) {
        let map = self.office.locks.snapshot(screening.screening.id).await.expect("the locks work").expect("a map");
        let word = |status| match status {
            SeatStatus::Available => "available",
            SeatStatus::Locked { .. } => "locked",
            SeatStatus::Booked => "booked",
            SeatStatus::Unavailable => "unavailable",
        };
        let seats: Vec<String> = map.seats.iter().map(|seat| format!("{} {}", seat.id, word(seat.status))).collect();
        (seats.join(", "), map.seq)
    }
}

#[tokio::test]
async fn consistency_check_does_not_change_a_map_that_agrees_with_the_ledger() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sssss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    ann.bought(&cinema, "A1 A2").await;
    bob.paying(&cinema, "A3").await;
    ann.locked("A5").await;
    let before = cinema.map(&screening).await;
    assert_eq!(before.0, "A1 booked, A2 booked, A3 locked, A5 locked");
    assert_eq!(cinema.compare().await, []);
    assert_eq!(cinema.map(&screening).await, before, "no live change is published");
}

#[tokio::test]
async fn consistency_check_removes_a_sale_that_was_marked_after_its_refund() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    let booking = ann.bought(&cinema, "A1 A2").await;
    // The provider refunds the money. A delayed update of the sale then marks the seats as sold.
    cinema.office.provider.give_back(booking.payment_id).await.expect("the provider works");
    ann.report(booking.payment_id).await;
    cinema.come_to_rest().await;
    assert_eq!(ann.find(booking.payment_id).await.status, PaymentStatus::Refunded);
    let id = screening.screening.id;
    cinema.office.locks.mark_sold(id, booking.payment_id, &seats("A1 A2")).await.expect("the locks work");
    bob.locked("A3").await;
    assert_eq!(cinema.map(&screening).await.0, "A1 booked, A2 booked, A3 locked");

    assert_eq!(cinema.compare().await, [id]);
    assert_eq!(cinema.map(&screening).await.0, "A3 locked", "the lock of another person stays");
    assert_eq!(cinema.compare().await, []);
    bob.locked("A1").await;
}

#[tokio::test]
async fn consistency_check_adds_missing_sales_and_claims_to_the_map() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("sss").await;
    let (ann, bob) = (Visit::of(&cinema, "Ann", &screening).await, Visit::of(&cinema, "Bob", &screening).await);
    ann.bought(&cinema, "A1").await;
    let payment = bob.paying(&cinema, "A2").await;
    let (locks, id) = (&cinema.office.locks, screening.screening.id);
    locks.mark_freed(id, &seats("A1")).await.expect("the locks work");
    locks.end_payment(id, bob.person, payment.id).await.expect("the locks work");
    locks.release(id, bob.person, None).await.expect("the locks work");
    assert_eq!(cinema.map(&screening).await.0, "");

    assert_eq!(cinema.compare().await, [id]);
    assert_eq!(cinema.map(&screening).await.0, "A1 booked, A2 locked");
    assert_eq!(bob.hold().await.payment, Some(payment.id), "the payment is in progress again");
}

#[tokio::test]
async fn consistency_check_covers_all_pages_but_no_unloaded_maps_and_no_past_screenings() {
    let cinema = TestOffice::new();
    let movie = movie_of(MovieId::from_uuid(cinema.entropy.next_uuid()), "Often Shown");
    let hall = hall_of(HallId::from_uuid(cinema.entropy.next_uuid()), "Hall", "ss");
    cinema.change(ProgrammeChange::PutMovie(movie.clone(), 0)).await;
    cinema.change(ProgrammeChange::PutHall(hall.clone(), 0)).await;
    let mut ids = Vec::new();
    for number in 0..=PAGE_ITEMS_MAX {
        let id = ScreeningId::from_uuid(cinema.entropy.next_uuid());
        let start = sample_now() + SignedDuration::from_hours(4 * i64::from(number + 1));
        cinema.change(ProgrammeChange::PutScreening(screening_of(id, &movie, &hall, start), 0)).await;
        ids.push(id);
    }
    let (first, last) = (ids[0], ids[PAGE_ITEMS_MAX as usize]);
    for id in [first, last] {
        let screening = cinema.find_screening(id).await;
        let ann = cinema.person("Ann").await;
        let visit = Visit { office: cinema.office.clone(), person: ann, screening: screening.clone() };
        lock_seats(&cinema.office, &Buyer::alone(ann), &screening, &visit.select("A1")).await.expect("the parts work");
        cinema.office.locks.mark_sold(id, cinema.payment_id(), &seats("A2")).await.expect("the locks work");
    }
    let states = cinema.office.locks.list_states(&ids).await.expect("the locks work");
    assert_eq!(states.iter().flatten().count(), 2);

    assert_eq!(cinema.compare().await, [first, last]);
    assert_eq!(cinema.office.locks.list_states(&ids[1..2]).await.expect("the locks work"), [None]);

    // A day later the first screening is over.
    cinema.office.locks.mark_sold(first, cinema.payment_id(), &seats("A2")).await.expect("the locks work");
    cinema.pass(SignedDuration::from_hours(29));
    assert_eq!(cinema.compare().await, []);
    let truth = cinema.office.stores.ledger.seat_truth(first, cinema.office.now()).await.expect("the store works");
    assert_eq!(truth, SeatTruth::default());
}
