//! The contract suite for [`Ledger`](seatkeeper_core::ports::Ledger): each outcome of each call. Concurrent calls are
//! in `store_races`.

use jiff::SignedDuration;

use super::{
    sample_now,
    store_fixture::{CONFIRMING, LATE, PAYMENT_S, Stage, StoreFixture, must, seats_of},
};
use seatkeeper_core::{
    booking::BookingStatus,
    event::EventKind,
    ids::{PaymentId, ScreeningId},
    money::Money,
    payment::{CONFIRMING_FOR_MAX, ConfirmOutcome, MoneyTask, Payment, PaymentStatus},
    ports::{
        CloseOutcome, CommitBooking, CommitOutcome, ConfirmStart, Cursor, Ledger, NewPayment, Outbox, ProgrammeChange,
        Sales, StartOutcome, Store,
    },
    seating::SeatKind,
};

use PaymentStatus::{Cancelled, Confirming, Declined, Expired, Pending, Refunded, Succeeded};

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    starting_a_payment_claims_every_seat(fixture).await;
    starting_a_payment_writes_earlier_releases_before_its_claims(fixture).await;
    starting_a_payment_uses_the_current_prices(fixture).await;
    repeated_start_of_a_payment_returns_the_stored_payment(fixture).await;
    payment_is_refused_as_a_whole_when_a_seat_is_taken(fixture).await;
    payment_is_refused_for_unknown_seats_and_after_sales_close(fixture).await;
    starting_a_payment_expires_an_overdue_payment_that_claims_its_seats(fixture).await;
    claims_of_a_confirming_payment_do_not_expire(fixture).await;
    overdue_payment_cannot_be_confirmed(fixture).await;
    sale_writes_booking_payment_seats_and_event(fixture).await;
    sale_is_refused_whole_when_payment_or_booking_do_not_match(fixture).await;
    booking_code_is_used_once(fixture).await;
    late_payment_is_sold_if_its_seats_are_free(fixture).await;
    late_payment_is_not_sold_when_a_seat_is_taken(fixture).await;
    late_payment_is_not_sold_after_sales_have_closed(fixture).await;
    a_payment_confirmed_in_time_is_sold_after_sales_are_closed(fixture).await;
    late_payment_for_a_deleted_screening_is_not_sold(fixture).await;
    closing_a_payment_frees_its_seats(fixture).await;
    overdue_payment_cannot_be_cancelled(fixture).await;
    refund_ends_the_booking_and_frees_its_seats(fixture).await;
    finishing_a_money_task_leaves_another_task_alone(fixture).await;
    unfinished_payments_are_listed_oldest_first_in_pages(fixture).await;
    sold_and_claimed_seats_are_counted_for_each_screening(fixture).await;
}

async fn starting_a_payment_claims_every_seat(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss_ss/sofa:pp").await;
    let mut start = stage.new_payment(stage.person(), "A2 B1");
    start.seats.reverse();
    let StartOutcome::Started(payment) = stage.start(&start).await else { unreachable!("the seats are free") };
    assert_eq!((payment.id, payment.person_id, payment.screening_id), (start.id, start.person_id, stage.screening.id));
    assert_eq!(payment.status, Pending);
    assert_eq!(payment.seat_ids(), seats_of("A2 B1"), "in order of seat");
    assert_eq!(payment.seats[1].kind, SeatKind::Pair);
    assert_eq!(payment.amount, Money::satang(40_000), "at the screening's prices");
    assert_eq!((payment.created_at, payment.expires_at), (sample_now(), start.expires_at));
    assert_eq!(must(stage.store.find_payment(payment.id).await), Some(payment.clone()));

    let truth = stage.truth().await;
    let claims: Vec<_> = truth.claimed.iter().map(|c| (c.id, c.holder, c.payment, c.until)).collect();
    let until = start.expires_at.as_millisecond();
    let expected = seats_of("A2 B1").into_iter().map(|seat| (seat, start.person_id, start.id, until));
    assert_eq!(claims, expected.collect::<Vec<_>>());
    assert_eq!(truth.sold, []);
    assert!(truth.claimed.iter().all(|claim| claim.extended_from.is_none()), "not confirming yet");
    assert_eq!(must(stage.store.find_payment(PaymentId::from_uuid(stage.ids.next_uuid())).await), None);
}

async fn starting_a_payment_writes_earlier_releases_before_its_claims(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let released = stage.event("released");
    let start = NewPayment { events: vec![released.clone()], ..stage.new_payment(stage.person(), "A1") };
    assert!(matches!(stage.start(&start).await, StartOutcome::Started(_)));
    let refused = NewPayment { events: vec![stage.event("refused")], ..stage.new_payment(stage.person(), "A1") };
    assert!(matches!(stage.start(&refused).await, StartOutcome::SeatsTaken(_)));
    // The worker that copies releases to the outbox appends the event of the same release again.
    must(stage.store.append_events(&[stage.event("later"), released]).await);
    assert_eq!(stage.count_unsent_by_type().await, "later:1 released:1");
    let first = stage.unsent().await.into_iter().next().map(|event| event.kind);
    assert!(matches!(first, Some(EventKind::AuditLog { action, .. }) if action == "released"));
}

async fn starting_a_payment_uses_the_current_prices(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    assert_eq!(stage.started("A1").await.amount, Money::satang(20_000));
    let mut dearer = stage.screening.clone();
    dearer.prices.insert("standard".to_owned(), Money::satang(25_000));
    stage.change(ProgrammeChange::PutScreening(dearer, 1)).await;
    assert_eq!(stage.started("A2").await.amount, Money::satang(25_000));
    let closed = NewPayment { sales_close: SignedDuration::from_hours(1), ..stage.new_payment(stage.person(), "A1") };
    assert_eq!(stage.start(&closed).await, StartOutcome::SalesClosed, "and the closing time of the call");
}

async fn repeated_start_of_a_payment_returns_the_stored_payment(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let start = stage.new_payment(stage.person(), "A1 A2");
    let first = stage.start(&start).await;
    stage.pass_s(1);
    assert_eq!(stage.start(&start).await, first);
    let mut other = start.clone();
    (other.seats, other.expires_at) = (seats_of("A3"), stage.after_s(900));
    assert_eq!(stage.start(&other).await, first, "the stored payment, even if other seats are requested");
    assert_eq!(stage.map().await, " | A1 A2");
    let confirming = must(stage.store.begin_confirming(start.id, ConfirmOutcome::Success, stage.now()).await);
    let ConfirmStart::Confirming(confirming) = confirming else { unreachable!("{confirming:?}") };
    assert_eq!(stage.start(&start).await, StartOutcome::Started(confirming), "in its current state");
}

async fn payment_is_refused_as_a_whole_when_a_seat_is_taken(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssxs").await;
    let (claimed, _) = (stage.started("A1").await, stage.sold("A2").await);
    let refused = stage.new_payment(stage.person(), "A1 A2 A3 A5");
    assert_eq!(stage.start(&refused).await, StartOutcome::SeatsTaken(seats_of("A1 A2 A5")));
    assert_eq!(must(stage.store.find_payment(refused.id).await), None, "nothing was written");
    assert_eq!(stage.map().await, "A2 | A1");

    let own = stage.new_payment(claimed.person_id, "A1 A2 A3");
    assert_eq!(stage.start(&own).await, StartOutcome::AlreadyPaying(claimed.id));
    let beside = stage.new_payment(claimed.person_id, "A3");
    assert!(matches!(stage.start(&beside).await, StartOutcome::Started(_)), "other seats do not conflict");

    let (bought, _) = stage.sold("A4").await;
    let again = stage.new_payment(bought.person_id, "A4 A6");
    assert_eq!(stage.start(&again).await, StartOutcome::SeatsTaken(seats_of("A4")), "sold, also if to oneself");
}

async fn payment_is_refused_for_unknown_seats_and_after_sales_close(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let unknown_seat = stage.new_payment(stage.person(), "A1 A3");
    assert_eq!(stage.start(&unknown_seat).await, StartOutcome::NotFound);
    let mut nowhere = stage.new_payment(stage.person(), "A1");
    nowhere.screening_id = ScreeningId::from_uuid(stage.ids.next_uuid());
    assert_eq!(stage.start(&nowhere).await, StartOutcome::NotFound);

    let mut early = stage.new_payment(stage.person(), "A1");
    early.sales_close = SignedDuration::from_mins(60);
    assert_eq!(stage.start(&early).await, StartOutcome::SalesClosed, "an hour before the start");
    stage.pass_s(3_600);
    let late = stage.new_payment(stage.person(), "A1");
    assert_eq!(stage.start(&late).await, StartOutcome::SalesClosed);
    assert_eq!(stage.map().await, " | ");
}

async fn starting_a_payment_expires_an_overdue_payment_that_claims_its_seats(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sssss").await;
    let first = stage.started("A1 A2 A3").await;
    let young = stage.new_payment(stage.person(), "A3");
    stage.pass_s(PAYMENT_S - 1);
    assert_eq!(stage.start(&young).await, StartOutcome::SeatsTaken(seats_of("A3")), "a second before the expiry");
    stage.pass_s(1);
    assert_eq!(stage.map().await, " | ", "overdue claims are free, although still PENDING");
    assert_eq!(stage.payment(first.id).await.status, Pending);

    let next = stage.started("A3 A4").await;
    assert_eq!(stage.payment(first.id).await, Payment { status: Expired, ..first.clone() });
    assert_eq!(stage.map().await, " | A3 A4");
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:1");
    stage.started("A1 A2").await;
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:1", "written once");

    stage.pass_s(PAYMENT_S);
    let own = stage.new_payment(next.person_id, "A4");
    assert!(
        matches!(stage.start(&own).await, StartOutcome::Started(_)),
        "an overdue payment of the same person does not block"
    );
    assert_eq!(stage.payment(next.id).await.status, Expired);
}

async fn claims_of_a_confirming_payment_do_not_expire(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sss").await;
    let payment = stage.started("A1 A2").await;
    stage.pass_s(PAYMENT_S - 1);
    let asked = must(stage.store.begin_confirming(payment.id, ConfirmOutcome::Decline, stage.now()).await);
    let since = Some(stage.now());
    let confirming =
        Payment { status: Confirming, confirming_since: since, outcome: Some(ConfirmOutcome::Decline), ..payment };
    assert_eq!(asked, ConfirmStart::Confirming(confirming.clone()));
    stage.pass_s(5);
    let again = must(stage.store.begin_confirming(confirming.id, ConfirmOutcome::Success, stage.now()).await);
    assert_eq!(again, ConfirmStart::Confirming(confirming.clone()), "the first outcome stands");
    assert_eq!(stage.payment(confirming.id).await, confirming);

    let claim = stage.truth().await.claimed[0];
    let lasts = confirming.confirming_since.map(|since| (since + CONFIRMING_FOR_MAX).as_millisecond());
    assert_eq!((Some(claim.until), claim.extended_from), (lasts, Some(confirming.expires_at.as_millisecond())));
    stage.pass_s(3_000);
    assert_eq!(stage.map().await, " | A1 A2", "the claims do not expire");
    let until = stage.truth().await.claimed[0].until;
    assert!(until > stage.now().as_millisecond(), "a standing claim is not listed as expired");
    let other = stage.new_payment(stage.person(), "A2");
    assert_eq!(stage.start(&other).await, StartOutcome::SeatsTaken(seats_of("A2")));
    let nobody = PaymentId::from_uuid(stage.ids.next_uuid());
    let missing = must(stage.store.begin_confirming(nobody, ConfirmOutcome::Success, stage.now()).await);
    assert_eq!(missing, ConfirmStart::NotFound);
}

async fn overdue_payment_cannot_be_confirmed(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sss").await;
    let payment = stage.started("A1 A2").await;
    stage.pass_s(PAYMENT_S);
    let expired = Payment { status: Expired, ..payment.clone() };
    for _ in 0..2 {
        let answer = must(stage.store.begin_confirming(payment.id, ConfirmOutcome::Success, stage.now()).await);
        assert_eq!(answer, ConfirmStart::Over(expired.clone()));
    }
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:1");
    let (sold, _) = stage.sold("A1 A2 A3").await;
    let answer = must(stage.store.begin_confirming(sold.id, ConfirmOutcome::Success, stage.now()).await);
    assert_eq!(answer, ConfirmStart::Over(sold));
}

async fn sale_writes_booking_payment_seats_and_event(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sss").await;
    let payment = stage.confirming("A1 A3").await;
    let mut commit = stage.commit_of(&payment, CONFIRMING);
    commit.money_task = Some(MoneyTask::Capture);
    let committed = must(stage.store.commit_booking(&commit, stage.now()).await);
    assert_eq!(committed, CommitOutcome::Committed(commit.booking.clone()));
    assert_eq!(must(stage.store.find_booking(commit.booking.id).await), Some(commit.booking.clone()));
    let stored = stage.payment(payment.id).await;
    assert_eq!((stored.status, stored.booking_id), (Succeeded, Some(commit.booking.id)));
    assert_eq!(stored.money_task, Some(MoneyTask::Capture));
    assert_eq!(stage.map().await, "A1 A3 | ");
    assert_eq!(stage.unsent().await, commit.events);

    stage.pass_s(9);
    let again = stage.commit(&payment, CONFIRMING).await;
    assert_eq!(again, CommitOutcome::Committed(commit.booking.clone()), "the booking of the first call");
    assert_eq!(stage.count_unsent_by_type().await, "sold:1");
}

async fn sale_is_refused_whole_when_payment_or_booking_do_not_match(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let payment = stage.started("A1").await;
    assert_eq!(stage.commit(&payment, CONFIRMING).await, CommitOutcome::NotNow(payment.clone()));
    assert_eq!(stage.map().await, " | A1");
    assert_eq!(stage.count_unsent_by_type().await, "", "nothing was written");
    let nobody = Payment { id: PaymentId::from_uuid(stage.ids.next_uuid()), ..payment.clone() };
    assert_eq!(stage.commit(&nobody, CONFIRMING).await, CommitOutcome::NotFound);

    let mut wrong = stage.commit_of(&payment, &[Pending]);
    wrong.booking.seats[0].price = Money::satang(1);
    let refused = stage.store.commit_booking(&wrong, stage.now()).await;
    assert!(refused.is_err_and(|error| !error.retryable), "seats and total must be the payment's");
    assert_eq!(stage.map().await, " | A1");
}

async fn booking_code_is_used_once(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let (_, first) = stage.sold("A1").await;
    let payment = stage.confirming("A2").await;
    let mut commit = stage.commit_of(&payment, CONFIRMING);
    let fresh = std::mem::replace(&mut commit.booking.code, first.code.clone());
    assert_eq!(must(stage.store.commit_booking(&commit, stage.now()).await), CommitOutcome::CodeTaken);
    assert_eq!(stage.payment(payment.id).await, payment, "nothing was written");
    assert_eq!(stage.map().await, "A1 | A2");
    commit.booking.code = fresh;
    let committed = must(stage.store.commit_booking(&commit, stage.now()).await);
    assert_eq!(committed, CommitOutcome::Committed(commit.booking));
}

async fn late_payment_is_sold_if_its_seats_are_free(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let expired = stage.started("A1 A2").await;
    stage.pass_s(PAYMENT_S);
    let overdue = stage.started("A1 A3").await;
    assert_eq!(stage.payment(expired.id).await.status, Expired);
    stage.pass_s(PAYMENT_S);
    let sold = stage.commit(&expired, LATE).await;
    assert!(matches!(sold, CommitOutcome::Committed(_)), "the other payment is overdue, too: {sold:?}");
    assert_eq!(stage.payment(overdue.id).await.status, Expired);
    assert_eq!(stage.map().await, "A1 A2 | ");
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:2 sold:1");

    let cancelled = stage.started("A4").await;
    stage.close(cancelled.id, &[Pending], Cancelled).await;
    assert!(matches!(stage.commit(&cancelled, LATE).await, CommitOutcome::Committed(_)));
    let pending = stage.started("A3").await;
    assert!(matches!(stage.commit(&pending, LATE).await, CommitOutcome::Committed(_)), "a callback before any confirm");
}

async fn late_payment_is_not_sold_when_a_seat_is_taken(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let late = stage.started("A1 A2 A3").await;
    stage.pass_s(PAYMENT_S);
    let (claiming, _) = (stage.started("A2").await, stage.sold("A3").await);
    let counts = stage.count_unsent_by_type().await;
    let lost = stage.commit(&late, LATE).await;
    assert_eq!(lost, CommitOutcome::SeatsLost(seats_of("A2 A3")));
    assert_eq!(stage.payment(late.id).await.status, Expired, "nothing was written");
    assert_eq!(stage.map().await, "A3 | A2");
    assert_eq!(stage.count_unsent_by_type().await, counts);
    assert_eq!(stage.payment(claiming.id).await.status, Pending);
}

/// The screening starts an hour after the store was opened.
async fn late_payment_is_not_sold_after_sales_have_closed(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssss").await;
    let cancelled = stage.started("A2").await;
    stage.close(cancelled.id, &[Pending], Cancelled).await;
    let declined = stage.confirming("A3").await;
    stage.close(declined.id, CONFIRMING, Declined).await;
    let expired = stage.started("A1").await;
    stage.pass_s(PAYMENT_S);
    stage.close(expired.id, &[Pending], Expired).await;
    let counts = stage.count_unsent_by_type().await;

    let early = CommitBooking { sales_close: SignedDuration::from_mins(59), ..stage.commit_of(&expired, LATE) };
    let closed = must(stage.store.commit_booking(&early, stage.now()).await);
    assert_eq!(closed, CommitOutcome::SalesClosed, "sales close as long before the start as the call says");
    stage.pass_s(3_600 - PAYMENT_S);
    for (late, status) in [(&expired, Expired), (&cancelled, Cancelled), (&declined, Declined)] {
        assert_eq!(stage.commit(late, LATE).await, CommitOutcome::SalesClosed, "{status:?}");
        assert_eq!(stage.payment(late.id).await.status, status, "nothing was written");
    }
    assert_eq!(stage.map().await, " | ");
    assert_eq!(stage.count_unsent_by_type().await, counts);

    // The stored start decides: after the screening has moved to a later time, sales are open again.
    let mut later = stage.screening.clone();
    let by = stage.after_s(1).duration_since(later.start_time);
    for time in [&mut later.start_time, &mut later.end_time, &mut later.hall_free_at] {
        *time = time.saturating_add(by).unwrap_or(*time);
    }
    stage.change(ProgrammeChange::PutScreening(later, 1)).await;
    let overdue = stage.started("A4").await;
    assert!(matches!(stage.commit(&expired, LATE).await, CommitOutcome::Committed(_)));
    stage.pass_s(PAYMENT_S);
    let closed = stage.commit(&overdue, LATE).await;
    assert_eq!(closed, CommitOutcome::SalesClosed, "overdue counts as late, although still PENDING");
}

async fn a_payment_confirmed_in_time_is_sold_after_sales_are_closed(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let confirming = stage.confirming("A1 A2").await;
    stage.pass_s(3_600);
    assert!(matches!(stage.commit(&confirming, CONFIRMING).await, CommitOutcome::Committed(_)));
    assert_eq!(stage.map().await, "A1 A2 | ");
}

async fn late_payment_for_a_deleted_screening_is_not_sold(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let late = stage.started("A1 A2").await;
    stage.close(late.id, &[Pending], Cancelled).await;
    stage.change(ProgrammeChange::DeleteScreening(stage.screening.id)).await;
    assert_eq!(stage.commit(&late, LATE).await, CommitOutcome::SeatsLost(seats_of("A1 A2")));
}

async fn closing_a_payment_frees_its_seats(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sss").await;
    let payment = stage.started("A1 A2").await;
    let cancelled = Payment { status: Cancelled, ..payment.clone() };
    assert_eq!(stage.close(payment.id, &[Pending], Cancelled).await, CloseOutcome::Closed(cancelled.clone()));
    assert_eq!(stage.close(payment.id, &[Pending], Cancelled).await, CloseOutcome::NotNow(cancelled));
    assert_eq!(stage.map().await, " | ");
    assert_eq!(stage.count_unsent_by_type().await, "closed:1", "its events are written only if it is closed");

    let declined = stage.confirming("A1").await;
    let mut close = stage.close_of(declined.id, CONFIRMING, Declined);
    close.money_task = Some(MoneyTask::GiveBack);
    let closed = must(stage.store.close_payment(&close, stage.now()).await);
    let CloseOutcome::Closed(closed) = closed else { unreachable!("{closed:?}") };
    assert_eq!((closed.status, closed.money_task), (Declined, Some(MoneyTask::GiveBack)));
    assert_eq!(stage.payment(declined.id).await, closed);

    let confirming = stage.confirming("A1").await;
    let refused = stage.close(confirming.id, &[Pending], Cancelled).await;
    assert_eq!(refused, CloseOutcome::NotNow(confirming.clone()));
    let illegal = stage.close(confirming.id, CONFIRMING, Cancelled).await;
    assert_eq!(illegal, CloseOutcome::NotNow(confirming), "not a transition that payments have");
    let nobody = PaymentId::from_uuid(stage.ids.next_uuid());
    assert_eq!(stage.close(nobody, &[Pending], Cancelled).await, CloseOutcome::NotFound);
    assert_eq!(stage.map().await, " | A1");
}

async fn overdue_payment_cannot_be_cancelled(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let payment = stage.started("A1").await;
    stage.pass_s(PAYMENT_S);
    let expired = Payment { status: Expired, ..payment.clone() };
    let answer = stage.close(payment.id, &[Pending], Cancelled).await;
    assert_eq!(answer, CloseOutcome::NotNow(expired), "it expired before");
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:1");

    let swept = stage.started("A2").await;
    stage.pass_s(PAYMENT_S);
    let answer = stage.close(swept.id, &[Pending], Expired).await;
    assert_eq!(answer, CloseOutcome::Closed(Payment { status: Expired, ..swept }));
    assert_eq!(stage.count_unsent_by_type().await, "BOOKING_TIMEOUT:1 closed:1", "the caller's own events");
}

async fn refund_ends_the_booking_and_frees_its_seats(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let (payment, booking) = stage.sold("A1 A2").await;
    let closed = stage.close(payment.id, &[Succeeded], Refunded).await;
    assert_eq!(closed, CloseOutcome::Closed(Payment { status: Refunded, ..payment.clone() }));
    let stored = must(stage.store.find_booking(booking.id).await);
    assert_eq!(stored.map(|booking| booking.status), Some(BookingStatus::Refunded));
    assert_eq!(stage.map().await, " | ");
    let again = stage.commit(&payment, CONFIRMING).await;
    assert_eq!(again, CommitOutcome::NotNow(Payment { status: Refunded, ..payment }), "a refund is final");
    stage.sold("A1 A2").await;
    assert_eq!(stage.map().await, "A1 A2 | ");
}

async fn finishing_a_money_task_leaves_another_task_alone(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let payment = stage.confirming("A1").await;
    let mut commit = stage.commit_of(&payment, CONFIRMING);
    commit.money_task = Some(MoneyTask::Capture);
    must(stage.store.commit_booking(&commit, stage.now()).await);
    must(stage.store.finish_money_task(payment.id, MoneyTask::GiveBack).await);
    assert_eq!(stage.payment(payment.id).await.money_task, Some(MoneyTask::Capture), "another task was finished");
    must(stage.store.finish_money_task(payment.id, MoneyTask::Capture).await);
    assert_eq!(stage.payment(payment.id).await.money_task, None);
    must(stage.store.finish_money_task(payment.id, MoneyTask::Capture).await);
}

async fn unfinished_payments_are_listed_oldest_first_in_pages(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssss").await;
    let overdue = stage.started("A1").await.id;
    stage.pass_s(1);
    let confirming = stage.confirming("A2").await.id;
    stage.pass_s(1);
    let to_capture = stage.confirming("A3").await;
    let mut commit = stage.commit_of(&to_capture, CONFIRMING);
    commit.money_task = Some(MoneyTask::Capture);
    must(stage.store.commit_booking(&commit, stage.now()).await);
    stage.sold("A4").await;
    let cancelled = stage.started("A5").await;
    stage.close(cancelled.id, &[Pending], Cancelled).await;
    assert_eq!(unfinished(&stage, 10).await, [confirming, to_capture.id], "the first is not overdue yet");
    stage.pass_s(PAYMENT_S - 2);
    let young = stage.started("A6").await.id;
    assert_eq!(unfinished(&stage, 10).await, [overdue, confirming, to_capture.id], "oldest first");
    assert_eq!(unfinished(&stage, 2).await, [overdue, confirming]);
    must(stage.store.finish_money_task(to_capture.id, MoneyTask::Capture).await);
    stage.pass_s(PAYMENT_S);
    assert_eq!(unfinished(&stage, 10).await, [overdue, confirming, young]);
    let (mut paged, mut after) = (Vec::new(), None);
    while let [payment] = must(stage.store.list_unfinished(stage.now(), after, 1).await).as_slice() {
        after = Some(Cursor { at: payment.created_at.as_millisecond(), id: payment.id.as_uuid() });
        paged.push(payment.id);
    }
    assert_eq!(paged, [overdue, confirming, young], "one page after the other");
}

async fn unfinished<S: Store>(stage: &Stage<S>, limit: u32) -> Vec<PaymentId> {
    let payments = must(stage.store.list_unfinished(stage.now(), None, limit).await);
    payments.into_iter().map(|payment| payment.id).collect()
}

async fn sold_and_claimed_seats_are_counted_for_each_screening(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sssssx").await;
    let nowhere = ScreeningId::from_uuid(stage.ids.next_uuid());
    stage.started("A1 A2").await;
    stage.pass_s(1);
    stage.confirming("A3").await;
    stage.sold("A4").await;
    let asked = [nowhere, stage.screening.id, nowhere, stage.screening.id];
    assert_eq!(must(stage.store.count_taken(&asked, stage.now()).await), [0, 4, 0, 4]);
    stage.pass_s(PAYMENT_S - 1);
    assert_eq!(must(stage.store.count_taken(&asked, stage.now()).await), [0, 2, 0, 2], "without overdue claims");
    assert!(must(stage.store.count_taken(&[], stage.now()).await).is_empty());
}
