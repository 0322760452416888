//! Claims, payments and bookings: the writes that guarantee that no seat is sold twice.

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

/// What a payer was shown when they chose to pay. A field that is `None` is not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownToPayer {
    /// The screening's revision.
    pub revision: Option<u64>,
    /// The total.
    pub total: Option<Money>,
}

impl ShownToPayer {
    /// Whether the screening has a newer revision than the one shown.
    #[must_use]
    pub fn is_older_than(&self, open: &OpenScreening) -> bool {
        self.revision.is_some_and(|revision| revision < open.revision)
    }

    /// Whether `total` differs from the one shown.
    #[must_use]
    pub fn differs_from(&self, total: Money) -> bool {
        self.total.is_some_and(|shown| shown != total)
    }
}

/// A payment to be started. The store takes prices and closing time from the screening, in its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// The id, chosen by the caller because the payment lock has it already.
    pub id: PaymentId,
    /// The screening.
    pub screening_id: ScreeningId,
    /// The payer.
    pub person_id: PersonId,
    /// The payment method.
    pub method: PaymentMethod,
    /// In order of seat; never empty.
    pub seats: Vec<SeatId>,
    /// When the payment expires.
    pub expires_at: Timestamp,
    /// How long before the start sales end.
    pub sales_close: SignedDuration,
    /// Compared with the screening and the prices, in the same transaction.
    pub shown: ShownToPayer,
    /// Events written before the claims, if the payment starts: earlier releases of these seats.
    pub events: Vec<Event>,
}

impl NewPayment {
    /// Why the stored screening refuses the payment, if it does. The checks are in the order of the contract.
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

    /// The refusal if the total differs from the one shown. It has the lowest precedence.
    #[must_use]
    pub fn refused_by_price(&self, priced: &Payment) -> Option<StartOutcome> {
        let refused = || StartOutcome::PriceChanged { total: priced.amount, seats: priced.seats.clone() };
        self.shown.differs_from(priced.amount).then(refused)
    }

    /// The payment with its seats in order, at the screening's current prices. `None` if a seat does not exist, there are no
    /// seats, or the total overflows.
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

/// The result of starting a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// PENDING, with a claim on each seat. If a payment of this id exists already, that one in its current state.
    Started(Payment),
    /// These seats are sold, or claimed by others. Nothing was written.
    SeatsTaken(Vec<SeatId>),
    /// The person's own other payment claims these seats.
    AlreadyPaying(PaymentId),
    /// Sales have ended.
    SalesClosed,
    /// The screening is cancelled.
    ScreeningCancelled,
    /// The screening has changed since the payer saw it.
    ScreeningChanged,
    /// The total differs from the one that the payer was shown.
    PriceChanged {
        /// The current total.
        total: Money,
        /// The seats at their current prices, in order of seat.
        seats: Vec<PricedSeat>,
    },
    /// The screening or one of its seats does not exist.
    NotFound,
}

/// The result of PENDING → CONFIRMING.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmStart {
    /// The payment is CONFIRMING, by this call or an earlier one.
    Confirming(Payment),
    /// The payment has ended. If it was overdue, this call set it EXPIRED.
    Over(Payment),
    /// There is no such payment.
    NotFound,
}

/// A sale to be made, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitBooking {
    /// The booking. Its seats and total must be those of its payment.
    pub booking: Booking,
    /// The payment states from which to sell. Seats that the payment does not claim are sold if nobody else has them.
    pub from: &'static [PaymentStatus],
    /// How long before the start sales end. Applies to late money only: a payment whose confirmation began in time is sold
    /// whenever its outcome is known.
    pub sales_close: SignedDuration,
    /// The money task that the payment has afterwards.
    pub money_task: Option<MoneyTask>,
    /// Events written in the same transaction.
    pub events: Vec<Event>,
}

/// The result of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The sale is made, by this call or an earlier one.
    Committed(Booking),
    /// These seats are claimed by others or sold. Nothing was written.
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

/// A payment to be ended without a sale. Its claims are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosePayment {
    /// The payment.
    pub id: PaymentId,
    /// The states from which it may be ended.
    pub from: &'static [PaymentStatus],
    /// The final state. REFUNDED also ends a sale: the booking becomes REFUNDED and its seats are free.
    pub to: PaymentStatus,
    /// The money task that the payment has afterwards.
    pub money_task: Option<MoneyTask>,
    /// Events written in the same transaction.
    pub events: Vec<Event>,
}

/// The result of ending a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// The payment has ended.
    Closed(Payment),
    /// The payment is not in one of the given states, perhaps in the final one already. At most its expiry was written.
    NotNow(Payment),
    /// There is no such payment.
    NotFound,
}

/// Payments with their claims, and bookings. The unique key (screening, seat) prevents double sales.
///
/// A call that meets an overdue PENDING payment sets it EXPIRED, deletes its claims and writes [`Event::timeout_of`], in the
/// same transaction.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes a PENDING payment with a claim on each seat, or nothing.
    async fn start_payment(&self, start: &NewPayment, now: Timestamp) -> Backend<StartOutcome>;
    /// Finds a payment.
    async fn find_payment(&self, id: PaymentId) -> Backend<Option<Payment>>;
    /// PENDING → CONFIRMING, refused once the payment is overdue. Stores `outcome`, so that any server can continue later.
    async fn begin_confirming(&self, id: PaymentId, outcome: ConfirmOutcome, now: Timestamp) -> Backend<ConfirmStart>;
    /// Sells: claims, payment, booking and events, all or nothing. Film, hall and start of the booking are read from the stored
    /// screening in this transaction, if it exists: the caller's copy may be stale.
    async fn commit_booking(&self, commit: &CommitBooking, now: Timestamp) -> Backend<CommitOutcome>;
    /// Ends a payment without a sale.
    async fn close_payment(&self, close: &ClosePayment, now: Timestamp) -> Backend<CloseOutcome>;
    /// Clears the money task of a payment, unless it has another task.
    async fn finish_money_task(&self, id: PaymentId, task: MoneyTask) -> Backend<()>;
    /// Payments for the reconciler: overdue PENDING, CONFIRMING, or with a money task. In order of start and id, `after` the
    /// last one of an earlier page.
    async fn list_unfinished(&self, now: Timestamp, after: Option<Cursor>, limit: u32) -> Backend<Vec<Payment>>;
    /// Sold, claimed and withdrawn seats of a screening, without the claims of overdue payments. The claim of a CONFIRMING
    /// payment lasts [`crate::payment::CONFIRMING_FOR_MAX`] from its confirmation, and longer while the payment is unfinished.
    async fn seat_truth(&self, screening: ScreeningId, now: Timestamp) -> Backend<SeatTruth>;
    /// How many seats of each of these screenings are sold or claimed, in the same order.
    async fn count_taken(&self, screenings: &[ScreeningId], now: Timestamp) -> Backend<Vec<u32>>;
}

/// What identifies an idempotent call: the person, method and path, and the client's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The caller.
    pub person_id: PersonId,
    /// Method and path: `POST /api/payments`.
    pub call: String,
    /// 1–255 printable characters.
    pub key: String,
}

/// A stored HTTP response, returned again when the call is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The status code.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Its content type.
    pub content_type: String,
}

/// The result of reserving a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Run the call within the lease. `subject` is the same for every run of this key and becomes the id of what the call
    /// creates, so that a run after a crash finds its own work.
    Run {
        /// The id of what the call creates.
        subject: Uuid,
    },
    /// Another run has the lease.
    Running,
    /// The call was done; return this response.
    Done(StoredAnswer),
    /// The key was used with another body.
    OtherBody,
}

/// Idempotency keys.
#[async_trait]
pub trait Reservations: Send + Sync {
    /// Reserves a key for one run until `lease_until`; `subject` is stored if the key is new. Deletes keys older than 24 h.
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        body_hash: [u8; 32],
        subject: Uuid,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Backend<Reservation>;
    /// Stores the response. The first one stands.
    async fn store_answer(&self, key: &IdempotencyKey, answer: &StoredAnswer) -> Backend<()>;
    /// Ends the lease without a stored response, so that the call can run again. The subject stays.
    async fn let_go(&self, key: &IdempotencyKey) -> Backend<()>;
}

impl Event {
    /// The event of an expired payment. Its id derives from the payment, so that concurrent writers write the same event.
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
