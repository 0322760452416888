//! The clock is set back while seats are being paid for.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{load_screening, mend_screening},
    locks::LongestTimes,
};

use crate::{
    office::{LOCK_TTL, PAYMENT_TTL, TestOffice},
    visit::Visit,
};

const STEP: SignedDuration = SignedDuration::from_hours(1);

/// Ann's seats last no longer than a payment may, although the claims in the store still end an hour later.
async fn check_hold(cinema: &TestOffice, ann: &Visit) {
    let longest = LongestTimes::of(LOCK_TTL, PAYMENT_TTL).payment_ms;
    let until = ann.hold().await.expires_at().expect("the seat is held");
    let left = until - cinema.clock.now_ms();
    assert!((1..=longest).contains(&left), "{left} ms are left");
}

#[tokio::test]
async fn restored_locks_of_a_payment_last_their_own_time_when_the_clock_was_set_back_before_a_restart() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("s").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    ann.paying(&cinema, "A1").await;
    let (person, id) = (ann.person, screening.screening.id);
    drop((ann, screening));
    cinema.clock.advance(-STEP);
    let cinema = cinema.restart();
    let screening = cinema.find_screening(id).await;
    let ann = Visit { office: Arc::clone(&cinema.office), person, screening };
    mend_screening(&cinema.office, id).await.expect("the store works");
    check_hold(&cinema, &ann).await;
}

#[tokio::test]
async fn map_that_is_loaded_after_the_clock_was_set_back_has_no_longer_locks() {
    let cinema = TestOffice::new();
    let screening = cinema.screening("s").await;
    let ann = Visit::of(&cinema, "Ann", &screening).await;
    ann.paying(&cinema, "A1").await;
    cinema.clock.advance(-STEP);
    cinema.lose_locks();
    load_screening(&cinema.office, screening.screening.id, 0).await.expect("the store works");
    check_hold(&cinema, &ann).await;
}
