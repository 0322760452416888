//! Idempotency keys of calls. Each step writes one document.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Binary, Bson, Document, doc};
use seatkeeper_core::{
    ids::PersonId,
    ports::{Backend, IdempotencyKey, Reservation, Reservations, StoredAnswer},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    MongoStore,
    conn::Conn,
    documents::{binary, hash_of, ms},
    fault::Fault,
    schema::RESERVATIONS,
};

/// An idempotency key is deleted after this time.
const KEY_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Limit of the old keys that one call deletes, so that no call has to delete the keys of a whole day.
const FORGOTTEN_AT_ONCE_MAX: u32 = 32;

/// An idempotency key as stored. Times are in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct ReservationDocument {
    #[serde(rename = "_id")]
    key: Key,
    body_hash: Binary,
    subject: Uuid,
    created_at: i64,
    lease_until: Option<i64>,
    answer: Option<Answer>,
}

/// The fields must always be written in this order: MongoDB compares embedded documents in `_id` including the order of
/// fields.
#[derive(Clone, Serialize, Deserialize)]
struct Key {
    person_id: PersonId,
    call: String,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    content_type: String,
    body: Binary,
}

#[async_trait]
impl Reservations for MongoStore {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        body_hash: [u8; 32],
        subject: Uuid,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Backend<Reservation> {
        let new = ReservationDocument {
            key: Key { person_id: key.person_id, call: key.call.clone(), key: key.key.clone() },
            body_hash: binary(&body_hash),
            subject,
            created_at: ms(now),
            lease_until: Some(ms(lease_until)),
            answer: None,
        };
        self.call(reserve(&mut self.conn(), key, new, body_hash)).await
    }

    async fn store_answer(&self, key: &IdempotencyKey, answer: &StoredAnswer) -> Backend<()> {
        let mut unanswered = of_key(key);
        unanswered.insert("answer", Bson::Null);
        let answer = doc! {
            "status": i32::from(answer.status),
            "content_type": &answer.content_type,
            "body": binary(&answer.body),
        };
        let change = doc! { "$set": { "lease_until": Bson::Null, "answer": answer } };
        self.call_at_once(self.conn().update(RESERVATIONS, unanswered, change)).await.map(|_| ())
    }

    async fn let_go(&self, key: &IdempotencyKey, lease_until: Timestamp) -> Backend<()> {
        let free = doc! { "$set": { "lease_until": Bson::Null } };
        self.call_at_once(self.conn().update(RESERVATIONS, of_run(key, lease_until), free)).await.map(|_| ())
    }

    async fn forget_key(&self, key: &IdempotencyKey, lease_until: Timestamp) -> Backend<()> {
        let mut unanswered = of_run(key, lease_until);
        unanswered.insert("answer", Bson::Null);
        self.call_at_once(self.conn().delete(RESERVATIONS, unanswered)).await.map(|_| ())
    }
}

async fn reserve(
    conn: &mut Conn,
    key: &IdempotencyKey,
    new: ReservationDocument,
    body_hash: [u8; 32],
) -> Result<Reservation, Fault> {
    forget_old(conn, key, new.created_at).await?;
    if conn.insert_new(RESERVATIONS, &new).await? {
        return Ok(Reservation::Run { subject: new.subject });
    }
    let Some(old) = conn.find::<ReservationDocument>(RESERVATIONS, of_key(key)).await? else {
        // Between the insert and the lookup here another call has deleted the key for its age, or because its own run
        // was refused. The caller reserves again.
        return Ok(Reservation::Running);
    };
    if hash_of(&old.body_hash)? != body_hash {
        return Ok(Reservation::OtherBody);
    }
    if let Some(answer) = old.answer {
        let Answer { status, content_type, body } = answer;
        return Ok(Reservation::Done(StoredAnswer { status, body: Bytes::from(body.bytes), content_type }));
    }
    if old.lease_until.is_some_and(|until| until > new.created_at) {
        return Ok(Reservation::Running);
    }
    // When several requests find the lease expired, the first one whose conditional update matches takes it over.
    let mut as_found = of_key(key);
    as_found.insert("lease_until", old.lease_until);
    as_found.insert("answer", Bson::Null);
    let taken = doc! { "$set": { "lease_until": new.lease_until } };
    match conn.update(RESERVATIONS, as_found, taken).await? {
        true => Ok(Reservation::Run { subject: old.subject }),
        false => Ok(Reservation::Running),
    }
}

fn of_key(key: &IdempotencyKey) -> Document {
    doc! { "_id": { "person_id": key.person_id.to_string(), "call": &key.call, "key": &key.key } }
}

/// Selects the key while it is leased to the run that reserved it until `lease_until`.
fn of_run(key: &IdempotencyKey, lease_until: Timestamp) -> Document {
    let mut own = of_key(key);
    own.insert("lease_until", ms(lease_until));
    own
}

async fn forget_old(conn: &mut Conn, key: &IdempotencyKey, now_ms: i64) -> Result<(), Fault> {
    let age_max = i64::try_from(KEY_AGE_MAX.as_millis()).unwrap_or(i64::MAX);
    let is_old = doc! { "$lte": now_ms.saturating_sub(age_max) };
    let old = doc! { "created_at": is_old.clone() };
    let mut some: Vec<Bson> = Vec::new();
    for found in conn.list::<Document>(RESERVATIONS, old, doc! { "created_at": 1 }, FORGOTTEN_AT_ONCE_MAX).await? {
        some.extend(found.get("_id").cloned());
    }
    let mut own = of_key(key);
    own.insert("created_at", is_old.clone());
    conn.delete(RESERVATIONS, own).await?;
    if !some.is_empty() {
        conn.delete(RESERVATIONS, doc! { "_id": { "$in": some }, "created_at": is_old }).await?;
    }
    Ok(())
}
