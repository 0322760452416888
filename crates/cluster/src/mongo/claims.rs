//! Claims on seats: each seat of a screening is claimed or sold at most once. The unique key of this collection
//! prevents a seat from being sold twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc};
use seatkeeper_core::{
    event::Event,
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    payment::{Payment, PaymentStatus},
};
use serde::{Deserialize, Serialize};

use super::{
    conn::Conn,
    documents::{ms, texts},
    fault::Fault,
    outbox, payments,
    schema::SEATS,
};

/// Identifies one seat of one screening. The fields must always be written in this order: MongoDB compares embedded
/// documents in `_id` including the order of fields.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct SeatKey {
    pub(super) screening_id: ScreeningId,
    pub(super) seat_id: SeatId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum SeatState {
    Claimed,
    Sold,
}

/// A payment's claim on a seat, or the sale of the seat. Times are in milliseconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claim {
    #[serde(rename = "_id")]
    pub(super) key: SeatKey,
    pub(super) payment_id: PaymentId,
    pub(super) person_id: PersonId,
    pub(super) state: SeatState,
    /// When the claim of a PENDING payment expires. `None` for a CONFIRMING payment and for a sold seat, which never
    /// expire.
    pub(super) until: Option<i64>,
    /// Since when the payment has been CONFIRMING.
    pub(super) confirming_since: Option<i64>,
    /// When the claim would have expired before its payment became CONFIRMING.
    pub(super) kept_from: Option<i64>,
}

impl Claim {
    fn of(payment: &Payment, seat: SeatId, state: SeatState, until: Option<i64>) -> Self {
        Self {
            key: SeatKey { screening_id: payment.screening_id, seat_id: seat },
            payment_id: payment.id,
            person_id: payment.person_id,
            state,
            until,
            confirming_since: None,
            kept_from: None,
        }
    }

    pub(super) fn is_sold(&self) -> bool {
        self.state == SeatState::Sold
    }

    fn is_overdue(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= ms(now))
    }
}

/// A filter for sold seats and for claims that have not expired.
pub(super) fn standing_at(now: Timestamp) -> Document {
    doc! { "$or": [{ "until": Bson::Null }, { "until": { "$gt": ms(now) } }] }
}

/// The claims on these seats. When it finds claims of overdue payments other than the caller's, it expires those
/// payments first.
pub(super) async fn standing_claims(
    conn: &mut Conn,
    screening: ScreeningId,
    seats: &[SeatId],
    mine: PaymentId,
    now: Timestamp,
) -> Result<BTreeMap<SeatId, Claim>, Fault> {
    let found = conn.list_all::<Claim>(SEATS, keys_of(screening, seats)).await?;
    let is_over = |claim: &Claim| claim.payment_id != mine && claim.is_overdue(now);
    let (over, standing): (Vec<_>, Vec<_>) = found.into_iter().partition(is_over);
    expire_all(conn, over, now).await?;
    Ok(standing.into_iter().map(|claim| (claim.key.seat_id, claim)).collect())
}

/// The number of seats that the person's payments in progress claim, except for `mine`.
pub(super) async fn count_of_person(
    conn: &mut Conn,
    person: PersonId,
    mine: PaymentId,
    now: Timestamp,
) -> Result<usize, Fault> {
    let mut claimed = standing_at(now);
    claimed.extend(doc! {
        "person_id": person.to_string(), "state": "CLAIMED", "payment_id": { "$ne": mine.to_string() },
    });
    Ok(conn.list_all::<Document>(SEATS, claimed).await?.len())
}

/// Expires every overdue payment of a screening, and deletes its claims.
pub(super) async fn expire_overdue_at(conn: &mut Conn, screening: ScreeningId, now: Timestamp) -> Result<(), Fault> {
    let overdue = doc! { "_id.screening_id": screening.to_string(), "until": { "$lte": ms(now) } };
    let over = conn.list_all::<Claim>(SEATS, overdue).await?;
    expire_all(conn, over, now).await
}

/// Expires the payments to which these claims belong.
async fn expire_all(conn: &mut Conn, claims: Vec<Claim>, now: Timestamp) -> Result<(), Fault> {
    let over: BTreeSet<PaymentId> = claims.into_iter().map(|claim| claim.payment_id).collect();
    for id in over {
        let payment = payments::find_payment(conn, id).await?;
        let mut payment = payment.ok_or(Fault::Broken("a claim has no payment"))?;
        if !payment.is_overdue(now) {
            return Err(Fault::Broken("a claim expires before its payment"));
        }
        expire(conn, &mut payment, now).await?;
    }
    Ok(())
}

/// Changes a payment from PENDING to EXPIRED, deletes its claims and writes the event.
pub(super) async fn expire(conn: &mut Conn, payment: &mut Payment, now: Timestamp) -> Result<(), Fault> {
    payment.status = PaymentStatus::Expired;
    payments::write_state(conn, payment).await?;
    free(conn, payment).await?;
    outbox::put_events(conn, &[Event::timeout_of(payment, now)]).await
}

/// Claims all seats of a payment until its expiry, in order of seat. The unique key refuses a second claim on a seat,
/// even when the caller's lookup has missed the first.
pub(super) async fn claim(conn: &mut Conn, payment: &Payment) -> Result<(), Fault> {
    let until = Some(ms(payment.expires_at));
    let claims: Vec<_> =
        payment.seats.iter().map(|seat| Claim::of(payment, seat.id, SeatState::Claimed, until)).collect();
    conn.insert_all(SEATS, &claims).await
}

/// Removes the expiry of the payment's claims, because the payment becomes CONFIRMING.
pub(super) async fn keep(conn: &mut Conn, payment: &Payment) -> Result<(), Fault> {
    let kept = doc! {
        "until": Bson::Null,
        "confirming_since": payment.confirming_since.map(ms),
        "kept_from": ms(payment.expires_at),
    };
    conn.update_all(SEATS, claims_of(payment), doc! { "$set": kept }).await?;
    Ok(())
}

/// Copies the times of a payment to its claims, after the clock was set back.
pub(super) async fn move_times(conn: &mut Conn, payment: &Payment) -> Result<(), Fault> {
    let times = match payment.confirming_since {
        None => doc! { "until": ms(payment.expires_at) },
        Some(since) => doc! { "confirming_since": ms(since), "kept_from": ms(payment.expires_at) },
    };
    conn.update_all(SEATS, claims_of(payment), doc! { "$set": times }).await.map(drop)
}

/// Marks the payment's seats as sold: those that it has claimed, and those of `unclaimed`, on which it has no claim any
/// more. Fails when another payment has claimed or bought one of them.
pub(super) async fn sell(conn: &mut Conn, payment: &Payment, unclaimed: &[SeatId]) -> Result<(), Fault> {
    let sold = doc! { "state": "SOLD", "until": Bson::Null, "confirming_since": Bson::Null, "kept_from": Bson::Null };
    let claimed = conn.update_all(SEATS, claims_of(payment), doc! { "$set": sold }).await?;
    let new: Vec<_> = unclaimed.iter().map(|seat| Claim::of(payment, *seat, SeatState::Sold, None)).collect();
    conn.insert_all(SEATS, &new).await?;
    match usize::try_from(claimed).is_ok_and(|claimed| claimed + new.len() == payment.seats.len()) {
        true => Ok(()),
        false => Err(Fault::Broken("a seat of another payment cannot be sold")),
    }
}

/// Deletes the claims of the payment, or the seats that it has bought.
pub(super) async fn free(conn: &mut Conn, payment: &Payment) -> Result<(), Fault> {
    conn.delete(SEATS, claims_of(payment)).await?;
    Ok(())
}

fn claims_of(payment: &Payment) -> Document {
    let mut filter = keys_of(payment.screening_id, &payment.seat_ids());
    filter.insert("payment_id", payment.id.to_string());
    filter
}

fn keys_of(screening: ScreeningId, seats: &[SeatId]) -> Document {
    let key = |seat: &SeatId| doc! { "screening_id": screening.to_string(), "seat_id": seat.to_string() };
    doc! { "_id": { "$in": seats.iter().map(key).collect::<Vec<_>>() } }
}

/// A number of seats of one screening.
#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "_id")]
    screening_id: ScreeningId,
    seats: u32,
}

/// The number of seats that match `seats` of each of these screenings, in the order of the argument.
pub(super) async fn count_seats(
    conn: &mut Conn,
    screenings: &[ScreeningId],
    mut seats: Document,
) -> Result<Vec<u32>, Fault> {
    seats.insert("_id.screening_id", doc! { "$in": texts(screenings) });
    let group = doc! { "_id": "$_id.screening_id", "seats": { "$sum": 1i64 } };
    let counted: Vec<Counted> = conn.aggregate(SEATS, vec![doc! { "$match": seats }, doc! { "$group": group }]).await?;
    let counted: BTreeMap<_, _> = counted.into_iter().map(|of_one| (of_one.screening_id, of_one.seats)).collect();
    Ok(screenings.iter().map(|id| counted.get(id).copied().unwrap_or(0)).collect())
}
