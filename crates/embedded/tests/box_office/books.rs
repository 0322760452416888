//! Invariants over payments, bookings, events, mails and seat maps: those that always hold, and those that hold once
//! all work is finished.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use seatkeeper_core::{
    booking::{Booking, BookingStatus},
    box_office::{BoxOffice, handle_events, mend_screening, publish_releases, relay_events},
    event::{Event, EventKind},
    ids::{PaymentId, ScreeningId, SeatId},
    locks::SeatStatus,
    payment::{Payment, PaymentStatus},
    ports::{Backend, BookingFilter, Consumer, PAGE_ITEMS_MAX, PageRequest, ProviderAnswer},
};
use uuid::Uuid;

use crate::{office::TestOffice, reconciler::resume_unfinished};

pub(crate) const RELAY: Uuid = Uuid::from_u128(7);
/// The most rounds of the workers until all work must be finished.
const ROUNDS: u32 = 20;
/// The most events that a consumer reads at once.
const EVENTS_MAX: u32 = 200;

/// Lets a consumer handle its next events, and returns their number.
pub(crate) async fn consume(office: &BoxOffice, consumer: Consumer) -> Backend<usize> {
    let next = office.stores.events.list_next(consumer, EVENTS_MAX).await?;
    let events: Vec<Event> = next.iter().map(|logged| logged.event.clone()).collect();
    handle_events(office, consumer, &events).await?;
    if let Some(last) = next.last() {
        office.stores.events.acknowledge(consumer, last.position).await?;
    }
    Ok(next.len())
}

impl TestOffice {
    /// Runs one round of all background workers.
    pub(crate) async fn work(&self) {
        let office = &self.office;
        office.locks.sweep().await.expect("the locks work");
        resume_unfinished(office).await.expect("the parts work");
        publish_releases(office, RELAY).await.expect("the parts work");
        relay_events(office, RELAY).await.expect("the parts work");
        for consumer in [Consumer::Mail, Consumer::Audit] {
            self.consume(consumer).await;
        }
    }

    async fn consume(&self, consumer: Consumer) {
        consume(&self.office, consumer).await.expect("the events can be handled");
    }

    /// Lets all locks and payments expire and runs the workers until all work is finished.
    pub(crate) async fn come_to_rest(&self) {
        for _ in 0..ROUNDS {
            self.work().await;
            self.pass(SignedDuration::from_secs(61));
        }
        let unfinished =
            self.office.stores.ledger.list_unfinished(self.office.now(), None, 10).await.expect("the store works");
        assert_eq!(unfinished, [], "no payment is unfinished");
        while self.office.stores.outbox.has_unsent().await.expect("the store works") {
            self.work().await;
        }
        for consumer in [Consumer::Mail, Consumer::Audit] {
            while self.office.stores.events.lag(consumer).await.expect("the log works") > 0 {
                self.consume(consumer).await;
            }
        }
    }

    pub(crate) async fn bookings(&self) -> Vec<Booking> {
        let mut bookings = Vec::new();
        let mut page = PageRequest::FIRST;
        loop {
            let read =
                self.office.stores.sales.list_bookings(&BookingFilter::default(), page).await.expect("the store works");
            bookings.extend(read.items.into_iter().map(|item| item.booking));
            match read.next {
                Some(next) => page.after = Some(next),
                None => return bookings,
            }
        }
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let read = self.office.stores.events.list_events(after, None, EVENTS_MAX).await.expect("the log works");
            let Some(last) = read.last() else { return events };
            after = last.position;
            events.extend(read.into_iter().map(|logged| logged.event));
        }
    }

    /// Checks an invariant that always holds: no seat is in two confirmed bookings.
    pub(crate) async fn check_no_seat_is_sold_twice(&self) {
        let mut sold = BTreeSet::new();
        for booking in self.bookings().await.iter().filter(|booking| booking.status == BookingStatus::Confirmed) {
            for seat in &booking.seats {
                assert!(sold.insert((booking.screening_id.as_uuid().as_u128(), seat.id)), "{} is sold twice", seat.id);
            }
        }
    }

    /// Loads the seat map, and checks that it shows exactly the sold seats as sold.
    pub(crate) async fn check_map_after_load(&self, screening: ScreeningId) {
        mend_screening(&self.office, screening).await.expect("the map loads");
        let shown = self.shown_as_sold(screening).await.expect("the map is loaded");
        assert_eq!(shown, self.sold(screening).await, "the map shows what the store has sold");
    }

    async fn sold(&self, screening: ScreeningId) -> Vec<SeatId> {
        self.office.stores.ledger.seat_truth(screening, self.office.now()).await.expect("the store works").sold
    }

    /// The seats that the seat map shows as sold; `None` while it is not loaded.
    async fn shown_as_sold(&self, screening: ScreeningId) -> Option<Vec<SeatId>> {
        let map = self.office.locks.snapshot(screening).await.expect("the locks work").ok()?;
        let sold = map.seats.iter().filter(|seat| seat.status == SeatStatus::Booked);
        Some(sold.map(|seat| seat.id).collect())
    }

    /// Checks, after all work is finished, that payments, bookings, events, mails and seat maps agree.
    pub(crate) async fn check_books(&self, screenings: &[ScreeningId], payments: &[PaymentId]) {
        self.check_no_seat_is_sold_twice().await;
        let bookings = self.bookings().await;
        let events = self.events().await;
        let mut by_payment: BTreeMap<Uuid, Booking> = BTreeMap::new();
        for booking in bookings {
            let twice = by_payment.insert(booking.payment_id.as_uuid(), booking);
            assert!(twice.is_none(), "two bookings of one payment: {twice:?}");
        }
        for id in payments {
            if let Some(payment) = self.office.stores.ledger.find_payment(*id).await.expect("the store works") {
                self.check_payment(&payment, by_payment.remove(&id.as_uuid()), &events).await;
            } else {
                let money = self.book.find_entry(*id).await.expect("the books open");
                assert!(!has_money(money), "the provider has money for an unknown payment: {money:?}");
            }
        }
        assert!(by_payment.is_empty(), "bookings of unknown payments: {by_payment:?}");
        for screening in screenings {
            self.check_map_at_rest(*screening).await;
        }
    }

    async fn check_payment(&self, payment: &Payment, booking: Option<Booking>, events: &[Event]) {
        let told = |matches: &dyn Fn(&EventKind) -> bool| events.iter().filter(|event| matches(&event.kind)).count();
        let successes =
            told(&|kind| matches!(kind, EventKind::BookingSuccess { payment_id, .. } if *payment_id == payment.id));
        let timeouts =
            told(&|kind| matches!(kind, EventKind::BookingTimeout { payment_id, .. } if *payment_id == payment.id));
        let refunds =
            told(&|kind| matches!(kind, EventKind::PaymentRefunded { payment_id, .. } if *payment_id == payment.id));
        let money = self.book.find_entry(payment.id).await.expect("the books open");
        let status = payment.status;
        let place = format!("{payment:?} with {money:?} and {booking:?}");

        assert!(!payment.status.holds_claims(), "the payment is finished: {place}");
        assert_eq!(payment.money_task, None, "{place}");
        assert_eq!(payment.booking_id, booking.as_ref().map(|booking| booking.id), "{place}");
        assert_eq!(successes, usize::from(booking.is_some()), "one BOOKING_SUCCESS per booking: {place}");
        assert_eq!(refunds, usize::from(status == PaymentStatus::Refunded), "one PAYMENT_REFUNDED per refund: {place}");
        assert!(timeouts <= 1, "{place}");
        assert!(status != PaymentStatus::Expired || timeouts == 1, "one BOOKING_TIMEOUT per expiry: {place}");
        let is_good = booking.as_ref().is_some_and(|booking| booking.status == BookingStatus::Confirmed);
        assert_eq!(status == PaymentStatus::Succeeded, is_good, "{place}");
        assert_eq!(
            money == Some(ProviderAnswer::Captured),
            is_good && !payment.is_free(),
            "money is captured exactly for confirmed bookings that cost something: {place}"
        );
        assert!(money.is_none() || !payment.is_free(), "the provider knows no free payment: {place}");
        assert!(money != Some(ProviderAnswer::Authorised), "no money stays authorised: {place}");
        if let Some(booking) = booking {
            assert_eq!(self.mails_of(&booking).await, 1, "one mail per booking: {place}");
            assert_eq!(booking.seats, payment.seats, "{place}");
        }
    }

    async fn mails_of(&self, booking: &Booking) -> usize {
        let mut mails = 0;
        let mut page = PageRequest { after: None, limit: PAGE_ITEMS_MAX };
        loop {
            let read = self.office.stores.mails.list_mails(None, page).await.expect("the store works");
            mails += read.items.iter().filter(|mail| mail.mail.booking_id == booking.id).count();
            match read.next {
                Some(next) => page.after = Some(next),
                None => return mails,
            }
        }
    }

    /// Checks that no lock is left and that the seat map agrees with the ledger, before and after it is loaded again.
    async fn check_map_at_rest(&self, screening: ScreeningId) {
        let truth = self.office.stores.ledger.seat_truth(screening, self.office.now()).await.expect("the store works");
        assert_eq!(truth.claimed, [], "no claim is left");
        if let Ok(map) = self.office.locks.snapshot(screening).await.expect("the locks work") {
            let locked = map.seats.iter().filter(|seat| matches!(seat.status, SeatStatus::Locked { .. })).count();
            assert_eq!(locked, 0, "no lock is left: {map:?}");
            assert_eq!(self.shown_as_sold(screening).await, Some(truth.sold), "the map agrees with the store");
        }
        assert_eq!(
            self.office.locks.list_releases(None, 1).await.expect("the locks work"),
            [],
            "every release is published"
        );
        self.check_map_after_load(screening).await;
    }
}

fn has_money(answer: Option<ProviderAnswer>) -> bool {
    matches!(answer, Some(ProviderAnswer::Authorised | ProviderAnswer::Captured))
}
