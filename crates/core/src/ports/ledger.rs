//! Claims, payments, bookings: the writes on which no seat may be sold twice.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Backend, Cursor, whole_ms};
use crate::{
    booking::Booking,
    catalogue::OpenScreening,
    event::Event,
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::SeatTruth,
    money::Money,
    payment::{ConfirmOutcome, MoneyTask, Payment, PaymentMethod, PaymentStatus, PricedSeat},
};

/// What a payer was shown when they chose to pay; nothing is said for what is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownToPayer {
    /// The screening's revision.
    pub revision: Option<u64>,
    /// The sum.
    pub total: Option<Money>,
}

impl ShownToPayer {
    /// Whether the screening has changed since.
    #[must_use]
    pub fn is_older_than(&self, open: &OpenScreening) -> bool {
        self.revision.is_some_and(|revision| revision < open.revision)
    }

    /// Whether the sum is another one.
    #[must_use]
    pub fn differs_from(&self, total: Money) -> bool {
        self.total.is_some_and(|shown| shown != total)
    }
}

/// A payment to be started. The store takes prices and closing time from the screening, in its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// Chosen beforehand: the payment lock carries it already.
    pub id: PaymentId,
    /// What for.
    pub screening_id: ScreeningId,
    /// Whose.
    pub person_id: PersonId,
    /// How.
    pub method: PaymentMethod,
    /// In order of seat; never empty.
    pub seats: Vec<SeatId>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How long before the start sales end.
    pub sales_close: SignedDuration,
    /// Compared with the screening and the prices, in the same transaction.
    pub shown: ShownToPayer,
    /// Told before the claims, if they are made: what became of these seats until now.
    pub events: Vec<Event>,
}

impl NewPayment {
    /// Why the screening, as it is in the store, refuses the payment; in the order of the contract.
    #[must_use]
    pub fn refused_by_screening(&self, open: &OpenScreening, now: Timestamp) -> Option<StartOutcome> {
        if open.screening.is_cancelled {
            return Some(StartOutcome::ScreeningCancelled);
        }
        if self.shown.is_older_than(open) {
            return Some(StartOutcome::ScreeningChanged);
        }
        open.sales_closed(now).then_some(StartOutcome::SalesClosed)
    }

    /// Why its sum refuses it: the last reason of all.
    #[must_use]
    pub fn refused_by_price(&self, priced: &Payment) -> Option<StartOutcome> {
        let refused = || StartOutcome::PriceChanged { total: priced.amount, seats: priced.seats.clone() };
        self.shown.differs_from(priced.amount).then(refused)
    }

    /// The payment with its seats in order, at the prices that stand at the screening; `None` when one of the seats is not
    /// there, there are none, or no sum holds their prices.
    #[must_use]
    pub fn priced(&self, open: &OpenScreening, now: Timestamp) -> Option<Payment> {
        let mut ids = self.seats.clone();
        ids.sort_unstable();
        ids.dedup();
        let priced = ids.into_iter().map(|id| {
            let seat = open.plan.find(id)?;
            Some(PricedSeat { id, kind: seat.kind, price: open.price_of(seat) })
        });
        let seats = priced.collect::<Option<Vec<_>>>().filter(|seats| !seats.is_empty())?;
        Some(Payment {
            id: self.id,
            screening_id: self.screening_id,
            person_id: self.person_id,
            method: self.method,
            status: PaymentStatus::Pending,
            amount: Money::sum(seats.iter().map(|seat| seat.price))?,
            seats,
            created_at: whole_ms(now),
            expires_at: whole_ms(self.expires_at),
            confirming_since: None,
            outcome: None,
            money_task: None,
            booking_id: None,
        })
    }
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// PENDING, with a claim on each seat. Also when the same id is started again with the same seats.
    Started(Payment),
    /// Somebody else has claimed or bought these. Nothing was written.
    SeatsTaken(Vec<SeatId>),
    /// The person's own other payment claims these seats.
    AlreadyPaying(PaymentId),
    /// Sales have ended.
    SalesClosed,
    /// The screening is cancelled.
    ScreeningCancelled,
    /// The screening has changed since the payer saw it.
    ScreeningChanged,
    /// The seats cost another sum than the payer was shown.
    PriceChanged {
        /// The sum now.
        total: Money,
        /// The seats with their prices now, in order.
        seats: Vec<PricedSeat>,
    },
    /// The screening, or one of its seats, is not there.
    NotFound,
}

/// What became of PENDING → CONFIRMING.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmStart {
    /// It is CONFIRMING now, or was already.
    Confirming(Payment),
    /// It is over; if its time was just up it was set EXPIRED here and now.
    Over(Payment),
    /// There is no such payment.
    NotFound,
}

/// A sale to be made, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitBooking {
    /// The sale; its `payment_id` says which payment, its seats are the payment's.
    pub booking: Booking,
    /// The states from which it may be made. Seats not claimed by the payment are claimed on the way, if nobody has them.
    pub from: &'static [PaymentStatus],
    /// How long before the start sales end. Only late money is held to it: a payment whose confirmation began in time is
    /// sold whenever its outcome is known.
    pub sales_close: SignedDuration,
    /// What is still to be done about the money.
    pub money_task: Option<MoneyTask>,
    /// Told with it.
    pub events: Vec<Event>,
}

/// What became of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is made; or was made by an earlier call.
    Committed(Booking),
    /// Somebody else has claimed or bought a seat. Nothing was written.
    SeatsLost(Vec<SeatId>),
    /// The money is late, see [`Payment::is_late`], and sales of the screening are closed. Nothing was written.
    SalesClosed,
    /// The payment is in another state. Nothing was written.
    NotNow(Payment),
    /// Another booking has this code; draw again.
    CodeTaken,
    /// There is no such payment.
    NotFound,
}

/// A payment to be ended without a sale; frees its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosePayment {
    /// Which.
    pub id: PaymentId,
    /// The states from which it may be ended.
    pub from: &'static [PaymentStatus],
    /// How it ends. REFUNDED also ends a sale: the booking is REFUNDED and its seats free.
    pub to: PaymentStatus,
    /// What is still to be done about the money.
    pub money_task: Option<MoneyTask>,
    /// Told with it.
    pub events: Vec<Event>,
}

/// What became of an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// It is over now.
    Closed(Payment),
    /// It is in another state (perhaps this very one already). Nothing was written.
    NotNow(Payment),
    /// There is no such payment.
    NotFound,
}

/// Payments with their claims, and bookings. The unique key (screening, seat) is the law.
///
/// Whoever meets another's PENDING payment past its time sets it EXPIRED, frees its claims and tells
/// [`Event::timeout_of`], in the same transaction.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes a PENDING payment with a claim on each seat, or nothing.
    async fn start_payment(&self, start: &NewPayment, now: Timestamp) -> Backend<StartOutcome>;
    /// A payment.
    async fn find_payment(&self, id: PaymentId) -> Backend<Option<Payment>>;
    /// PENDING → CONFIRMING, refused once its time is up. Keeps `outcome` for whoever goes on after a crash.
    async fn begin_confirming(&self, id: PaymentId, outcome: ConfirmOutcome, now: Timestamp) -> Backend<ConfirmStart>;
    /// Sells: claims, payment, booking and events, all or nothing. The booking takes film, hall and start from the screening
    /// in this transaction, if it is there: the caller's copy may be older.
    async fn commit_booking(&self, commit: &CommitBooking, now: Timestamp) -> Backend<CommitOutcome>;
    /// Ends a payment without a sale.
    async fn close_payment(&self, close: &ClosePayment, now: Timestamp) -> Backend<CloseOutcome>;
    /// The money task of a payment is done.
    async fn finish_money_task(&self, id: PaymentId, task: MoneyTask) -> Backend<()>;
    /// Payments that need somebody: PENDING past their time, CONFIRMING, or with a money task. In order of their start and
    /// id, `after` the last of an earlier page.
    async fn list_unfinished(&self, now: Timestamp, after: Option<Cursor>, limit: u32) -> Backend<Vec<Payment>>;
    /// Sold and claimed seats of a screening; claims of payments past their time are left out. A claim that is being
    /// confirmed lasts [`crate::payment::CONFIRMING_FOR_MAX`] from then.
    async fn seat_truth(&self, screening: ScreeningId, now: Timestamp) -> Backend<SeatTruth>;
    /// How many seats of each of these screenings are sold or claimed, in the same order.
    async fn count_taken(&self, screenings: &[ScreeningId], now: Timestamp) -> Backend<Vec<u32>>;
}

/// What an idempotent call is known by: a person, a method and path, and the client's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Whose.
    pub person_id: PersonId,
    /// `POST /api/payments`.
    pub call: String,
    /// 1–255 printable characters.
    pub key: String,
}

/// An answer kept for repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status code.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Its content type.
    pub content_type: String,
}

/// What reserving a key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Go on, within the lease. `subject` is the same for every run of this key: what the call creates takes it as its
    /// id, so that a run after a crash meets its own work and does it once.
    Run {
        /// The id to create with.
        subject: Uuid,
    },
    /// Another run has the lease.
    Running,
    /// It was done: answer this.
    Done(KeptAnswer),
    /// The key was used for another body.
    OtherBody,
}

/// Idempotency keys.
#[async_trait]
pub trait Reservations: Send + Sync {
    /// Reserves a key for one run until `lease_until`; `subject` is kept if the key is new. Forgets keys older than 24 h.
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        body_hash: [u8; 32],
        subject: Uuid,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Backend<Reservation>;
    /// Keeps the answer.
    async fn keep_answer(&self, key: &IdempotencyKey, answer: &KeptAnswer) -> Backend<()>;
    /// Lets the key go: this answer is not one to repeat. The subject stays.
    async fn let_go(&self, key: &IdempotencyKey) -> Backend<()>;
}

impl Event {
    /// The event of a payment whose time ran out: made from its cause, so that whoever meets it tells the same event.
    #[must_use]
    pub fn timeout_of(payment: &Payment, now: Timestamp) -> Self {
        struct NoEntropy;
        impl super::Entropy for NoEntropy {
            fn fill(&self, _: &mut [u8]) {}
        }
        let kind = crate::event::EventKind::BookingTimeout { payment_id: payment.id, seat_ids: payment.seat_ids() };
        Self::new(now, &NoEntropy, kind)
            .at_screening(payment.screening_id)
            .by(Some(payment.person_id))
            .caused_by(&format!("timeout/{}", payment.id))
    }
}
