//! The ledger: claims, payments and bookings. Each write is one transaction.

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use mongodb::bson::doc;
use seatkeeper_core::{
    ids::{PaymentId, ScreeningId},
    locks::{ClaimedSeat, SeatTruth},
    payment::{CONFIRMING_FOR_MAX, ConfirmOutcome, MoneyTask, Payment, PaymentStatus},
    ports::{
        Backend, CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart, Cursor, Ledger, NewPayment,
        StartOutcome,
    },
};

use super::{
    MongoStore,
    claims::{self, Claim},
    conn::Conn,
    documents::{ms, whole_ms},
    fault::Fault,
    ledger_commit, ledger_start, pages,
    payments::{self, PaymentDocument},
    schema::{PAYMENTS, SEATS},
};

/// Least remaining time that is reported for the claim of a CONFIRMING payment. Such a claim never expires, so the seat
/// lock that is restored from it must not expire while the claim exists.
const CONFIRMING_LEFT_MIN: SignedDuration = SignedDuration::from_mins(1);

#[async_trait]
impl Ledger for MongoStore {
    async fn start_payment(&self, start: &NewPayment, now: Timestamp) -> Backend<StartOutcome> {
        self.transact(start, move |conn, start| ledger_start::start_payment(conn, start, now).boxed()).await
    }

    async fn find_payment(&self, id: PaymentId) -> Backend<Option<Payment>> {
        self.call(payments::find_payment(&mut self.conn(), id)).await
    }

    async fn begin_confirming(&self, id: PaymentId, outcome: ConfirmOutcome, now: Timestamp) -> Backend<ConfirmStart> {
        self.transact((), move |conn, ()| begin_confirming(conn, id, outcome, now).boxed()).await
    }

    async fn commit_booking(&self, commit: &CommitBooking, now: Timestamp) -> Backend<CommitOutcome> {
        self.transact(commit, move |conn, commit| ledger_commit::commit_booking(conn, commit, now).boxed()).await
    }

    async fn close_payment(&self, close: &ClosePayment, now: Timestamp) -> Backend<CloseOutcome> {
        self.transact(close, move |conn, close| ledger_commit::close_payment(conn, close, now).boxed()).await
    }

    async fn finish_money_task(&self, id: PaymentId, task: MoneyTask) -> Backend<()> {
        self.call(payments::finish_task(&mut self.conn(), id, task)).await
    }

    async fn list_unfinished(&self, now: Timestamp, after: Option<Cursor>, limit: u32) -> Backend<Vec<Payment>> {
        let overdue = doc! { "status": "PENDING", "expires_at": { "$lte": ms(now) } };
        let with_task = doc! { "money_task": { "$in": ["capture", "give_back"] } };
        let mut filter = doc! { "is_unfinished": true };
        pages::add(&mut filter, doc! { "$or": [overdue, { "status": "CONFIRMING" }, with_task] });
        let filter = pages::earliest_first(filter, "created_at", after);
        let order = pages::rising("created_at");
        let found: Vec<PaymentDocument> = self.call(self.conn().list(PAYMENTS, filter, order, limit)).await?;
        Ok(found.into_iter().map(|document| document.0).collect())
    }

    async fn seat_truth(&self, screening: ScreeningId, now: Timestamp) -> Backend<SeatTruth> {
        self.call(seat_truth(&mut self.conn(), screening, now)).await
    }

    async fn count_taken(&self, screenings: &[ScreeningId], now: Timestamp) -> Backend<Vec<u32>> {
        self.call(claims::count_seats(&mut self.conn(), screenings, claims::standing_at(now))).await
    }
}

async fn begin_confirming(
    conn: &mut Conn,
    id: PaymentId,
    outcome: ConfirmOutcome,
    now: Timestamp,
) -> Result<ConfirmStart, Fault> {
    let Some(mut payment) = payments::find_payment(conn, id).await? else { return Ok(ConfirmStart::NotFound) };
    if payment.status == PaymentStatus::Confirming {
        return Ok(ConfirmStart::Confirming(payment));
    }
    if payment.is_overdue(now) {
        claims::expire(conn, &mut payment, now).await?;
    }
    if payment.status != PaymentStatus::Pending {
        return Ok(ConfirmStart::Over(payment));
    }
    payment.status = PaymentStatus::Confirming;
    payment.confirming_since = Some(whole_ms(now));
    payment.outcome = Some(outcome);
    payments::write_state(conn, &payment).await?;
    claims::keep(conn, &payment).await?;
    Ok(ConfirmStart::Confirming(payment))
}

async fn seat_truth(conn: &mut Conn, screening: ScreeningId, now: Timestamp) -> Result<SeatTruth, Fault> {
    let mut standing = claims::standing_at(now);
    standing.insert("_id.screening_id", screening.to_string());
    let mut truth = SeatTruth::default();
    for claim in conn.list_all::<Claim>(SEATS, standing).await? {
        match claim.is_sold() {
            true => truth.sold.push(claim.key.seat_id),
            false => truth.claimed.push(claimed_seat(&claim, now)),
        }
    }
    truth.sold.sort_unstable();
    truth.claimed.sort_unstable_by_key(|claim| claim.id);
    Ok(truth)
}

fn claimed_seat(claim: &Claim, now: Timestamp) -> ClaimedSeat {
    ClaimedSeat {
        id: claim.key.seat_id,
        holder: claim.person_id,
        payment: claim.payment_id,
        until: claim.until.unwrap_or_else(|| confirming_until_ms(claim.confirming_since, now)),
        extended_from: claim.kept_from,
    }
}

fn confirming_until_ms(since_ms: Option<i64>, now: Timestamp) -> i64 {
    let since = since_ms.and_then(|since| Timestamp::from_millisecond(since).ok()).unwrap_or(now);
    let planned = since.saturating_add(CONFIRMING_FOR_MAX).unwrap_or(since);
    let at_least = now.saturating_add(CONFIRMING_LEFT_MIN).unwrap_or(now);
    ms(planned.max(at_least))
}
