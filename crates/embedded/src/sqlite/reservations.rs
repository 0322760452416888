//! Idempotency keys.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Row, Transaction, params};
use seatkeeper_core::ports::{Backend, IdempotencyKey, Reservation, Reservations, StoredAnswer};
use uuid::Uuid;

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, find, ms, run},
};

/// How long an idempotency key is stored.
const KEY_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The most old keys that one call deletes, so that no call has to delete the keys of a whole day.
const FORGOTTEN_AT_ONCE_MAX: u32 = 32;

struct ReservationRow {
    body_hash: [u8; 32],
    subject: Uuid,
    lease_until: Option<Timestamp>,
    answer: Option<StoredAnswer>,
}

#[async_trait]
impl Reservations for SqliteStore {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        body_hash: [u8; 32],
        subject: Uuid,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Backend<Reservation> {
        let key = key.clone();
        self.write(move |tx| {
            forget_old(tx, &key, now)?;
            let sql = "INSERT INTO reservations (person_id, call, key, body_hash, subject, created_at, lease_until) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (person_id, call, key) DO NOTHING";
            let (person, until) = (key.person_id.bytes(), ms(lease_until));
            let new = params![person, key.call, key.key, body_hash, subject.bytes(), ms(now), until];
            if run(tx, sql, new)? == 1 {
                return Ok(Reservation::Run { subject });
            }
            let row = find_row(tx, &key)?.ok_or(Fault::Broken("a reservation conflicts but cannot be found"))?;
            if row.body_hash != body_hash {
                return Ok(Reservation::OtherBody);
            }
            if let Some(answer) = row.answer {
                return Ok(Reservation::Done(answer));
            }
            if row.lease_until.is_some_and(|lease| ms(lease) > ms(now)) {
                return Ok(Reservation::Running);
            }
            let sql = "UPDATE reservations SET lease_until = ?4 WHERE person_id = ?1 AND call = ?2 AND key = ?3";
            run(tx, sql, (person, &key.call, &key.key, until))?;
            Ok(Reservation::Run { subject: row.subject })
        })
        .await
    }

    async fn store_answer(&self, key: &IdempotencyKey, answer: &StoredAnswer) -> Backend<()> {
        let (key, answer) = (key.clone(), answer.clone());
        let sql = "UPDATE reservations SET lease_until = NULL, status = ?4, content_type = ?5, body = ?6 \
             WHERE person_id = ?1 AND call = ?2 AND key = ?3 AND status IS NULL";
        self.write(move |tx| {
            let StoredAnswer { status, body, content_type } = answer;
            let values = params![key.person_id.bytes(), key.call, key.key, status, content_type, &body[..]];
            run(tx, sql, values).map(|_| ())
        })
        .await
    }

    async fn let_go(&self, key: &IdempotencyKey, lease_until: Timestamp) -> Backend<()> {
        let (key, until) = (key.clone(), ms(lease_until));
        let sql = "UPDATE reservations SET lease_until = NULL \
             WHERE person_id = ?1 AND call = ?2 AND key = ?3 AND lease_until = ?4";
        self.write(move |tx| run(tx, sql, (key.person_id.bytes(), &key.call, &key.key, until)).map(|_| ())).await
    }

    async fn forget_key(&self, key: &IdempotencyKey, lease_until: Timestamp) -> Backend<()> {
        let (key, until) = (key.clone(), ms(lease_until));
        let sql = "DELETE FROM reservations \
             WHERE person_id = ?1 AND call = ?2 AND key = ?3 AND lease_until = ?4 AND status IS NULL";
        self.write(move |tx| run(tx, sql, (key.person_id.bytes(), &key.call, &key.key, until)).map(|_| ())).await
    }
}

fn forget_old(tx: &Transaction<'_>, key: &IdempotencyKey, now: Timestamp) -> Result<(), Fault> {
    let oldest = ms(now.saturating_sub(KEY_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH));
    let own = "DELETE FROM reservations WHERE person_id = ?1 AND call = ?2 AND key = ?3 AND created_at <= ?4";
    run(tx, own, (key.person_id.bytes(), &key.call, &key.key, oldest))?;
    let others = "DELETE FROM reservations WHERE rowid IN \
         (SELECT rowid FROM reservations WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)";
    run(tx, others, (oldest, FORGOTTEN_AT_ONCE_MAX))?;
    Ok(())
}

fn find_row(tx: &Transaction<'_>, key: &IdempotencyKey) -> Result<Option<ReservationRow>, Fault> {
    let sql = "SELECT body_hash, subject, lease_until, status, content_type, body FROM reservations \
         WHERE person_id = ?1 AND call = ?2 AND key = ?3";
    let read = |row: &Row<'_>| {
        let status: Option<u16> = row.get("status")?;
        let answer = match status {
            Some(status) => {
                let body: Vec<u8> = row.get("body")?;
                Some(StoredAnswer { status, body: Bytes::from(body), content_type: row.get("content_type")? })
            }
            None => None,
        };
        let (subject, lease_until) = (row.id("subject")?, row.maybe_time("lease_until")?);
        Ok(ReservationRow { body_hash: row.get("body_hash")?, subject, lease_until, answer })
    };
    find(tx, sql, (key.person_id.bytes(), &key.call, &key.key), read)
}
