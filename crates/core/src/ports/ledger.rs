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

/// What the payer saw on the page when they chose to pay. A field that is `None` is not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownToPayer {
    /// The screening's revision that the page showed.
    pub revision: Option<u64>,
    /// The total price that the page showed.
    pub total: Option<Money>,
}

impl ShownToPayer {
    /// Whether the screening has a newer revision than the one that the payer saw.
    #[must_use]
    pub fn is_older_than(&self, open: &OpenScreening) -> bool {
        self.revision.is_some_and(|revision| revision < open.revision)
    }

    /// Whether `total` differs from the total that the payer saw. False if none was shown.
    #[must_use]
    pub fn differs_from(&self, total: Money) -> bool {
        self.total.is_some_and(|shown| shown != total)
    }
}

/// A payment to be started. The store reads prices and the closing time of sales from the screening, in its own
/// transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// Id of the payment. The caller chooses it before the call, because the payment lock already carries it.
    pub id: PaymentId,
    /// The screening whose seats are paid for.
    pub screening_id: ScreeningId,
    /// The payer.
    pub person_id: PersonId,
    /// The payment method. It may be missing when there is nothing to pay.
    pub method: Option<PaymentMethod>,
    /// The seats to claim, sorted; never empty.
    pub seats: Vec<SeatId>,
    /// When the payment expires.
    pub expires_at: Timestamp,
    /// Sales end this long before the screening starts.
    pub sales_close: SignedDuration,
    /// The most seats that one person's payments in progress claim at all screenings together; `None` for no limit.
    pub seats_everywhere_max: Option<usize>,
    /// Compared with the stored screening and its prices, in the transaction that writes the payment.
    pub shown: ShownToPayer,
    /// Releases of these seats that are not in the outbox yet. If the payment starts, they are written before its
    /// claims.
    pub events: Vec<Event>,
}

impl NewPayment {
    /// The refusal that follows from the stored screening, if any. The checks run in the order that the API contract
    /// documents.
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

    /// The refusal if the total differs from the one that the payer saw, or if there is something to pay and no method to
    /// pay by. Only the limit of seats at all screenings is checked after this.
    #[must_use]
    pub fn refused_by_price(&self, priced: &Payment) -> Option<StartOutcome> {
        if self.shown.differs_from(priced.amount) {
            return Some(StartOutcome::PriceChanged { total: priced.amount, seats: priced.seats.clone() });
        }
        (self.method.is_none() && !priced.is_free()).then_some(StartOutcome::MethodMissing)
    }

    /// The refusal if the payer's payments in progress claim `held_elsewhere` seats at other screenings, and too many
    /// with this payment's. The last check, because it must count claims.
    #[must_use]
    pub fn refused_by_seats_elsewhere(&self, payment: &Payment, held_elsewhere: usize) -> Option<StartOutcome> {
        let refused = || StartOutcome::TooManySeatsEverywhere { held_elsewhere };
        self.seats_everywhere_max.filter(|max| payment.seats.len() + held_elsewhere > *max).map(|_| refused())
    }

    /// The payment with sorted seats at the screening's current prices. `None` if a seat does not exist, there are no
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
        let amount = Money::sum(seats.iter().map(|seat| seat.price))?;
        let needed_method = self.method.filter(|_| !amount.is_zero());
        Some(Payment {
            id: self.id,
            screening_id: self.screening_id,
            person_id: self.person_id,
            method: needed_method.unwrap_or(PaymentMethod::STORED_WHEN_FREE),
            status: PaymentStatus::Pending,
            amount,
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
    /// The payment is PENDING, with a claim on each seat. If a payment with this id exists already, it is returned as
    /// it is now.
    Started(Payment),
    /// These seats are sold, or claimed by other people. Nothing was written.
    SeatsTaken(Vec<SeatId>),
    /// The person has another payment in progress that claims these seats.
    AlreadyPaying(PaymentId),
    /// Sales have ended.
    SalesClosed,
    /// The screening is cancelled.
    ScreeningCancelled,
    /// The screening has changed since the payer saw it: its revision is newer.
    ScreeningChanged,
    /// The total differs from the one that the payer was shown.
    PriceChanged {
        /// The current total.
        total: Money,
        /// The seats at their current prices, sorted by seat.
        seats: Vec<PricedSeat>,
    },
    /// There is something to pay, and no method to pay by.
    MethodMissing,
    /// With the seats of the person's other payments in progress, these would be more than one person may hold.
    TooManySeatsEverywhere {
        /// The number of seats that those payments claim at other screenings.
        held_elsewhere: usize,
    },
    /// The screening or one of its seats does not exist.
    NotFound,
}

/// The result of beginning the confirmation of a payment (PENDING → CONFIRMING).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmStart {
    /// The payment is CONFIRMING, because of this call or an earlier one.
    Confirming(Payment),
    /// The payment has ended. If it was still PENDING after its expiry, this call set it EXPIRED.
    Over(Payment),
    /// There is no such payment.
    NotFound,
}

/// A sale of all seats of a payment, or of none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitBooking {
    /// The booking to write. Its seats and total must equal those of its payment.
    pub booking: Booking,
    /// The payment may be sold only in one of these states. Seats on which it has no claim are sold if nobody else has
    /// them.
    pub from: &'static [PaymentStatus],
    /// Sales end this long before the screening starts. Checked only for late payments: a payment whose confirmation
    /// began in time is sold whenever its outcome becomes known.
    pub sales_close: SignedDuration,
    /// The money task to store with the payment.
    pub money_task: Option<MoneyTask>,
    /// Events written in the same transaction.
    pub events: Vec<Event>,
}

/// The result of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The seats are sold, by this call or an earlier one.
    Committed(Booking),
    /// Other people have claimed or bought these seats. Nothing was written.
    SeatsLost(Vec<SeatId>),
    /// The payment succeeded late (see [`Payment::is_late`]) and the screening no longer sells seats. Nothing was
    /// written.
    SalesClosed,
    /// The payment is in none of the states from which the [`CommitBooking`] may sell. Nothing was written.
    NotNow(Payment),
    /// Another booking has this booking code; the caller draws another one.
    CodeTaken,
    /// There is no such payment.
    NotFound,
}

/// A payment to be ended without a sale. Its claims are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosePayment {
    /// Id of the payment.
    pub id: PaymentId,
    /// The payment is ended only if it is in one of these states.
    pub from: &'static [PaymentStatus],
    /// The final state. REFUNDED also ends a sale: the booking becomes REFUNDED and its seats are available again.
    pub to: PaymentStatus,
    /// The money task to store with the payment.
    pub money_task: Option<MoneyTask>,
    /// Events written in the same transaction.
    pub events: Vec<Event>,
}

/// The result of ending a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// The payment has ended.
    Closed(Payment),
    /// The payment is in none of the states from which [`ClosePayment`] may end it, perhaps already in the final one. At
    /// most an EXPIRED status was written.
    NotNow(Payment),
    /// There is no such payment.
    NotFound,
}

/// Payments with their claims, and bookings. The unique key (screening, seat) of the claims prevents double sales.
///
/// Every call that finds a PENDING payment after its expiry sets it EXPIRED, deletes its claims and writes
/// [`Event::timeout_of`], in its own transaction.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes a PENDING payment with a claim on each seat, all in one transaction.
    async fn start_payment(&self, start: &NewPayment, now: Timestamp) -> Backend<StartOutcome>;
    /// Finds a payment.
    async fn find_payment(&self, id: PaymentId) -> Backend<Option<Payment>>;
    /// Sets a payment from PENDING to CONFIRMING, unless it is past its expiry. Stores `outcome`, so that any server
    /// can continue.
    async fn begin_confirming(&self, id: PaymentId, outcome: ConfirmOutcome, now: Timestamp) -> Backend<ConfirmStart>;
    /// Sells the seats: claims, payment, booking and events are written in one transaction. Film, hall and start of the
    /// booking are read from the stored screening in this transaction, because the caller's copy may be stale.
    async fn commit_booking(&self, commit: &CommitBooking, now: Timestamp) -> Backend<CommitOutcome>;
    /// Ends a payment without a sale.
    async fn close_payment(&self, close: &ClosePayment, now: Timestamp) -> Backend<CloseOutcome>;
    /// Clears the money task of a payment if it is `task`; another task stays.
    async fn finish_money_task(&self, id: PaymentId, task: MoneyTask) -> Backend<()>;
    /// Payments for the reconciler: PENDING past their expiry, CONFIRMING, or with a money task. Sorted by start and
    /// id, beginning `after` the last payment of the previous page.
    async fn list_unfinished(&self, now: Timestamp, after: Option<Cursor>, limit: u32) -> Backend<Vec<Payment>>;
    /// Seats of a screening that are sold, claimed by a payment, or taken off sale. Claims of expired payments are left
    /// out. A CONFIRMING payment keeps its claim for at least [`crate::payment::CONFIRMING_FOR_MAX`] after the start of its
    /// confirmation, and then until its outcome is known.
    async fn seat_truth(&self, screening: ScreeningId, now: Timestamp) -> Backend<SeatTruth>;
    /// The number of sold or claimed seats of each of these screenings, in the order of the argument.
    async fn count_taken(&self, screenings: &[ScreeningId], now: Timestamp) -> Backend<Vec<u32>>;
}

/// Identifies an idempotent call: the person, method and path, and the client's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The caller.
    pub person_id: PersonId,
    /// Method and path: `POST /api/payments`.
    pub call: String,
    /// The `Idempotency-Key` header: 1–255 printable characters.
    pub key: String,
}

/// A stored HTTP response, returned again when the call is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The status code.
    pub status: u16,
    /// The unchanged bytes of the body.
    pub body: Bytes,
    /// The content type of the body.
    pub content_type: String,
}

/// The result of reserving an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The caller runs the call within the lease. Every run with this key gets the same `subject`, which becomes the id
    /// of the created record, so that a retry after a crash finds the record of the first run.
    Run {
        /// The id of the record that the call creates.
        subject: Uuid,
    },
    /// Another run with this key has the lease.
    Running,
    /// A run has completed; its stored response is returned again.
    Done(StoredAnswer),
    /// The key was used before with another request body.
    OtherBody,
}

/// Idempotency keys.
#[async_trait]
pub trait Reservations: Send + Sync {
    /// Reserves a key for one run until `lease_until`. `subject` is stored if the key is new. Deletes keys older than
    /// 24 h.
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        body_hash: [u8; 32],
        subject: Uuid,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Backend<Reservation>;
    /// Stores the response of a run. If the key has a response already, that one stays.
    async fn store_answer(&self, key: &IdempotencyKey, answer: &StoredAnswer) -> Backend<()>;
    /// Ends the lease of the run that has reserved the key until `lease_until`, without a response, so that the call can
    /// run again, with the same subject. The lease of another run, which took over, stays.
    async fn let_go(&self, key: &IdempotencyKey, lease_until: Timestamp) -> Backend<()>;
    /// Deletes the key of the run that has reserved it until `lease_until`, after the run was refused and changed nothing:
    /// the key counts as unused. A stored response stays, and so does the key of another run, which took over.
    async fn forget_key(&self, key: &IdempotencyKey, lease_until: Timestamp) -> Backend<()>;
}

impl Event {
    /// The event for an expired payment. Its id derives from the payment, so that concurrent writers write the same
    /// event once.
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
