//! Contract suite for rules that span [`Programme`](seatkeeper_core::ports::Programme) and
//! [`Ledger`](seatkeeper_core::ports::Ledger): a screening's end depends on its film's length, and a payment on what
//! the payer saw.

use jiff::SignedDuration;

use super::{
    hall_of, movie_of, screening_of,
    store_fixture::{CONFIRMING, LATE, Stage, StoreFixture, must, seats_of},
};
use seatkeeper_core::{
    catalogue::{Hall, Movie, Screening},
    ids::{HallId, MovieId, ScreeningId},
    money::Money,
    payment::{PaymentMethod, PaymentStatus, PricedSeat},
    ports::{
        CommitOutcome, Ledger, NewPayment, PageRequest, Programme, ProgrammeChange, ProgrammeOutcome, Sales,
        ScreeningFilter, ShownToPayer, StartOutcome, Store,
    },
    seating::SeatKind,
};

use ProgrammeChange::{DeleteScreening, PutHall, PutMovie, PutScreening};
use ProgrammeOutcome::{Cancelled, Changed, Done, HallBusy};

/// Runs the suite on a store.
pub(super) async fn run_all(fixture: &impl StoreFixture) {
    ends_of_upcoming_screenings_follow_the_length_of_their_film(fixture).await;
    new_film_length_is_refused_when_screenings_would_overlap(fixture).await;
    screening_with_a_stale_film_length_is_refused_as_changed(fixture).await;
    cancelled_screening_cannot_be_changed_and_frees_its_hall(fixture).await;
    cancelled_screening_is_not_sold(fixture).await;
    payment_is_refused_when_revision_or_total_differ_from_those_the_payer_saw(fixture).await;
    refusals_to_start_a_payment_have_a_fixed_order_of_precedence(fixture).await;
    payment_needs_a_method_unless_its_total_is_zero(fixture).await;
    booking_copies_film_hall_and_start_from_the_stored_screening(fixture).await;
    new_names_of_a_hall_are_shown_by_its_screenings_at_the_same_revision_and_not_by_bookings(fixture).await;
}

async fn try_change<S: Store>(stage: &Stage<S>, change: ProgrammeChange) -> ProgrammeOutcome {
    must(stage.store.change_programme(&change, &stage.event("tried"), stage.now()).await)
}

async fn stored<S: Store>(stage: &Stage<S>, id: ScreeningId) -> (Screening, u64) {
    match must(stage.store.find_screening(id).await) {
        Some(stored) => stored,
        None => unreachable!("{id} is missing"),
    }
}

async fn movie_and_hall<S: Store>(stage: &Stage<S>) -> (Movie, Hall) {
    let movie = must(stage.store.find_movie(stage.screening.movie_id).await);
    let hall = must(stage.store.find_hall(stage.screening.hall_id).await);
    match (movie, hall) {
        (Some((movie, _)), Some((hall, _))) => (movie, hall),
        _ => unreachable!("the stage has both"),
    }
}

/// A screening of this film in this hall, `minutes` after that of the test stage.
fn after<S>(stage: &Stage<S>, movie: &Movie, hall: &Hall, minutes: i64) -> Screening {
    let start = stage.screening.start_time + SignedDuration::from_mins(minutes);
    screening_of(ScreeningId::from_uuid(stage.ids.next_uuid()), movie, hall, start)
}

fn with_length(movie: &Movie, minutes: u32) -> Movie {
    let mut movie = movie.clone();
    movie.details.duration_min = minutes;
    movie
}

/// The screening as it is when its film runs `minutes` longer.
fn longer(screening: &Screening, minutes: i64) -> Screening {
    let by = SignedDuration::from_mins(minutes);
    Screening { end_time: screening.end_time + by, hall_free_at: screening.hall_free_at + by, ..screening.clone() }
}

async fn ends_of_upcoming_screenings_follow_the_length_of_their_film(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (movie, hall) = movie_and_hall(&stage).await;
    let other = movie_of(MovieId::from_uuid(stage.ids.next_uuid()), "Other");
    stage.change(PutMovie(other.clone(), 0)).await;
    let (second, beside) = (after(&stage, &movie, &hall, 200), after(&stage, &other, &hall, 400));
    let mut odd = after(&stage, &movie, &hall, 600);
    odd.hall_free_at = odd.end_time + SignedDuration::from_mins(40);
    for screening in [&second, &beside, &odd] {
        stage.change(PutScreening(screening.clone(), 0)).await;
    }
    // The screening of the test stage has started now.
    stage.pass_s(3_600);
    let before = must(stage.store.revision().await);
    assert_eq!(try_change(&stage, PutMovie(with_length(&movie, 150), 1)).await, Done);
    assert_eq!(must(stage.store.revision().await), before + 1);
    assert_eq!(stored(&stage, stage.screening.id).await, (stage.screening.clone(), 1), "a screening that has begun");
    assert_eq!(stored(&stage, second.id).await, (longer(&second, 50), 2));
    assert_eq!(stored(&stage, odd.id).await, (longer(&odd, 50), 2), "with the planned cleaning time");
    assert_eq!(stored(&stage, beside.id).await, (beside.clone(), 1), "of another film");

    let mut renamed = with_length(&movie, 150);
    renamed.details.title = "Renamed".to_owned();
    assert_eq!(try_change(&stage, PutMovie(renamed.clone(), 2)).await, Done);
    assert_eq!(stored(&stage, second.id).await.1, 2, "a new title does not change the revision");
    assert_eq!(try_change(&stage, PutMovie(with_length(&renamed, 90), 3)).await, Done);
    let (shorter, revision) = stored(&stage, second.id).await;
    assert_eq!((shorter.end_time, revision), (longer(&second, -10).end_time, 3));
    assert_eq!(stored(&stage, stage.screening.id).await.0.end_time, stage.screening.end_time);
}

async fn new_film_length_is_refused_when_screenings_would_overlap(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (movie, hall) = movie_and_hall(&stage).await;
    let other = movie_of(MovieId::from_uuid(stage.ids.next_uuid()), "Other");
    let elsewhere = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Hall 2", "s");
    stage.change(PutMovie(other.clone(), 0)).await;
    stage.change(PutHall(elsewhere.clone(), 0)).await;
    let next = after(&stage, &other, &hall, 120);
    let (far, twin) = (after(&stage, &movie, &hall, 400), after(&stage, &other, &elsewhere, 120));
    for screening in [&next, &far, &twin] {
        stage.change(PutScreening(screening.clone(), 0)).await;
    }
    let before = must(stage.store.revision().await);
    let mut both = vec![stage.screening.id, next.id];
    both.sort_unstable();
    assert_eq!(try_change(&stage, PutMovie(with_length(&movie, 106), 1)).await, HallBusy(both));
    assert_eq!(must(stage.store.find_movie(movie.id).await), Some((movie.clone(), 1)), "nothing was written");
    assert_eq!(must(stage.store.revision().await), before);
    for screening in [&stage.screening, &next, &far, &twin] {
        assert_eq!(stored(&stage, screening.id).await, (screening.clone(), 1));
    }
    assert_eq!(try_change(&stage, PutMovie(with_length(&movie, 105), 1)).await, Done, "free when the next begins");
    let cancelled = Screening { is_cancelled: true, ..next.clone() };
    assert_eq!(try_change(&stage, PutScreening(cancelled, 1)).await, Done);
    assert_eq!(
        try_change(&stage, PutMovie(with_length(&movie, 300), 2)).await,
        Done,
        "a cancelled screening needs no hall"
    );
    assert_eq!(stored(&stage, stage.screening.id).await, (longer(&stage.screening, 200), 3));
}

async fn screening_with_a_stale_film_length_is_refused_as_changed(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (movie, hall) = movie_and_hall(&stage).await;
    let planned = after(&stage, &movie, &hall, 500);
    stage.change(PutMovie(with_length(&movie, 150), 1)).await;
    assert_eq!(try_change(&stage, PutScreening(planned.clone(), 0)).await, Changed, "planned with 100 minutes");
    assert_eq!(try_change(&stage, PutScreening(longer(&planned, 50), 0)).await, Done);
    let now = longer(&stage.screening, 50);
    let back = Screening { start_time: now.start_time + SignedDuration::from_mins(1), ..now };
    assert_eq!(try_change(&stage, PutScreening(back, 2)).await, Changed, "moved by a minute, but not its end");
}

async fn cancelled_screening_cannot_be_changed_and_frees_its_hall(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (movie, hall) = movie_and_hall(&stage).await;
    let id = stage.screening.id;
    let cancelled = Screening { is_cancelled: true, ..stage.screening.clone() };
    assert_eq!(try_change(&stage, PutScreening(cancelled.clone(), 1)).await, Done);
    assert_eq!(stored(&stage, id).await, (cancelled.clone(), 2));
    assert_eq!(try_change(&stage, PutScreening(stage.screening.clone(), 2)).await, Cancelled);
    assert_eq!(try_change(&stage, PutScreening(cancelled.clone(), 2)).await, Cancelled);
    assert_eq!(try_change(&stage, DeleteScreening(id)).await, Cancelled);
    assert_eq!(try_change(&stage, PutMovie(with_length(&movie, 150), 1)).await, Done);
    assert_eq!(stored(&stage, id).await, (cancelled, 2), "its end does not change");

    let instead = longer(&after(&stage, &movie, &hall, 10), 50);
    assert_eq!(try_change(&stage, PutScreening(instead.clone(), 0)).await, Done, "its hall is free");
    let on = ScreeningFilter { without_cancelled: true, ..ScreeningFilter::default() };
    let ids = must(stage.store.list_screening_ids(&on, PageRequest::FIRST).await).items;
    assert_eq!(ids, [instead.id]);
    let all = must(stage.store.list_screenings(&ScreeningFilter::default(), PageRequest::FIRST).await).items;
    assert_eq!(
        all.into_iter().map(|(screening, revision)| (screening.id, revision)).collect::<Vec<_>>(),
        [(id, 2), (instead.id, 1)]
    );
}

async fn cancelled_screening_is_not_sold(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let begun = stage.confirming("A2").await;
    let late = stage.started("A1").await;
    stage.close(late.id, &[PaymentStatus::Pending], PaymentStatus::Cancelled).await;
    let cancelled = Screening { is_cancelled: true, ..stage.screening.clone() };
    assert_eq!(try_change(&stage, PutScreening(cancelled, 1)).await, Done, "claims do not prevent the cancellation");
    let start = stage.new_payment(stage.person(), "A1");
    assert_eq!(stage.start(&start).await, StartOutcome::ScreeningCancelled);
    assert_eq!(must(stage.store.find_payment(start.id).await), None);
    let sold = must(stage.store.list_movie_sales(stage.now(), stage.after_s(86_400)).await);
    assert!(sold.iter().all(|film| film.shown_seats_offered == 0), "a cancelled screening offers no seats");
    let lost = CommitOutcome::SeatsLost(seats_of("A1"));
    assert_eq!(stage.commit(&late, LATE).await, lost, "late money buys nothing");
    assert_eq!(stage.payment(begun.id).await, begun, "the caller of the cancellation ends open payments");
}

/// A payment of a new person who saw this revision and total.
fn shown<S: Store>(stage: &Stage<S>, seats: &str, revision: Option<u64>, total: Option<i64>) -> NewPayment {
    let shown = ShownToPayer { revision, total: total.map(Money::satang) };
    NewPayment { shown, ..stage.new_payment(stage.person(), seats) }
}

async fn payment_is_refused_when_revision_or_total_differ_from_those_the_payer_saw(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let first = shown(&stage, "A1", Some(1), Some(20_000));
    let StartOutcome::Started(payment) = stage.start(&first).await else { unreachable!("shown as stored") };
    let mut dearer = stage.screening.clone();
    dearer.prices.insert("standard".to_owned(), Money::satang(25_000));
    stage.change(PutScreening(dearer, 1)).await;

    let old = shown(&stage, "A2", Some(1), Some(20_000));
    assert_eq!(stage.start(&old).await, StartOutcome::ScreeningChanged);
    let price = Money::satang(25_000);
    let seats = seats_of("A2 A3").into_iter().map(|id| PricedSeat { id, kind: SeatKind::Seat, price }).collect();
    let refused = StartOutcome::PriceChanged { total: Money::satang(50_000), seats };
    assert_eq!(stage.start(&shown(&stage, "A2 A3", None, Some(40_000))).await, refused);
    assert_eq!(stage.start(&shown(&stage, "A2 A3", Some(2), Some(0))).await, refused);
    assert_eq!(stage.map().await, " | A1", "nothing was written");
    assert!(matches!(stage.start(&shown(&stage, "A2", Some(2), Some(25_000))).await, StartOutcome::Started(_)));
    assert!(matches!(stage.start(&shown(&stage, "A3", Some(9), None)).await, StartOutcome::Started(_)), "newer");
    assert_eq!(stage.start(&first).await, StartOutcome::Started(payment), "a repeated start compares nothing");
}

async fn refusals_to_start_a_payment_have_a_fixed_order_of_precedence(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    stage.started("A1").await;
    let mut dearer = stage.screening.clone();
    dearer.prices.insert("standard".to_owned(), Money::satang(25_000));
    stage.change(PutScreening(dearer.clone(), 1)).await;
    let taken = shown(&stage, "A1", Some(2), Some(1));
    assert_eq!(stage.start(&taken).await, StartOutcome::SeatsTaken(seats_of("A1")), "taken before price changed");
    let closed = NewPayment { sales_close: SignedDuration::from_hours(1), ..taken.clone() };
    assert_eq!(stage.start(&closed).await, StartOutcome::SalesClosed, "closed before taken");
    let old = NewPayment { shown: ShownToPayer { revision: Some(1), ..closed.shown }, ..closed };
    assert_eq!(stage.start(&old).await, StartOutcome::ScreeningChanged, "changed before closed");
    stage.change(PutScreening(Screening { is_cancelled: true, ..dearer }, 2)).await;
    assert_eq!(stage.start(&old).await, StartOutcome::ScreeningCancelled, "cancelled before changed");
}

async fn payment_needs_a_method_unless_its_total_is_zero(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let without = |start: NewPayment| NewPayment { method: None, ..start };
    let start = without(shown(&stage, "A1", None, None));
    assert_eq!(stage.start(&start).await, StartOutcome::MethodMissing);
    assert_eq!(must(stage.store.find_payment(start.id).await), None);
    assert_eq!(stage.map().await, " | ", "nothing was written");
    let refused = stage.start(&without(shown(&stage, "A1", None, Some(0)))).await;
    assert!(matches!(refused, StartOutcome::PriceChanged { .. }), "price changed before method missing: {refused:?}");
    let mut free = stage.screening.clone();
    free.prices.insert("standard".to_owned(), Money::satang(0));
    stage.change(PutScreening(free, 1)).await;
    for start in [without(shown(&stage, "A1", Some(2), Some(0))), shown(&stage, "A2", Some(2), Some(0))] {
        let StartOutcome::Started(payment) = stage.start(&start).await else { unreachable!("nothing is to be paid") };
        assert_eq!((payment.needed_method(), payment.method), (None, PaymentMethod::STORED_WHEN_FREE));
        assert_eq!(must(stage.store.find_payment(start.id).await), Some(payment));
    }
}

async fn booking_copies_film_hall_and_start_from_the_stored_screening(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let payment = stage.confirming("A1").await;
    let mut commit = stage.commit_of(&payment, CONFIRMING);
    // A server with a stale cached screening passes an outdated start.
    commit.booking.start_time += SignedDuration::from_hours(2);
    (commit.booking.movie_title, commit.booking.hall_name) = ("Old title".to_owned(), "Old name".to_owned());
    (commit.booking.movie_title_th, commit.booking.hall_name_th) = (None, Some("ชื่อเก่า".to_owned()));
    let CommitOutcome::Committed(booking) = must(stage.store.commit_booking(&commit, stage.now()).await) else {
        unreachable!("the seat is claimed")
    };
    let Screening { start_time, movie_title, movie_title_th, hall_name, hall_name_th, .. } = stage.screening.clone();
    assert_eq!((booking.start_time, &booking.movie_title, &booking.hall_name), (start_time, &movie_title, &hall_name));
    assert_eq!((&booking.movie_title_th, &booking.hall_name_th), (&movie_title_th, &hall_name_th));
    assert_eq!(must(stage.store.find_booking(booking.id).await), Some(booking));
}

async fn new_names_of_a_hall_are_shown_by_its_screenings_at_the_same_revision_and_not_by_bookings(
    fixture: &impl StoreFixture,
) {
    let stage = Stage::open(fixture, "s").await;
    let (_, booking) = stage.sold("A1").await;
    let (_, hall) = movie_and_hall(&stage).await;
    let new_thai = Hall { name_th: Some("โรงใหญ่".to_owned()), ..hall };
    let new_name = Hall { name: "Great hall".to_owned(), ..new_thai.clone() };
    let without_thai = Hall { name_th: None, ..new_name.clone() };
    for (revision, hall) in (1..).zip([new_thai, new_name, without_thai]) {
        let before = must(stage.store.revision().await);
        assert_eq!(try_change(&stage, PutHall(hall.clone(), revision)).await, Done);
        assert_eq!(must(stage.store.revision().await), before + 1, "servers read their cached screenings again");
        let shown = Screening { hall_name: hall.name, hall_name_th: hall.name_th, ..stage.screening.clone() };
        assert_eq!(stored(&stage, shown.id).await, (shown, 1), "names do not count");
    }
    assert_eq!(must(stage.store.find_booking(booking.id).await), Some(booking), "a ticket keeps its names");
}
