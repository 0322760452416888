//! Sessions, stored by the hash of their token, and sign-in attempts in progress.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Row, params};
use seatkeeper_core::{
    event::Event,
    person::{Person, SESSION_AGE_MAX, SESSION_IDLE_MAX, SIGN_IN_FOR_MAX, Session, SessionHash, SignInAttempt},
    ports::{Backend, Sessions},
};

use super::{
    SqliteStore, event_rows, person_rows,
    rows::{Columns, Fault, StoredId, find, list, ms, run},
};

/// How long an ended session is listed for other servers, which poll the list every second.
const ENDING_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The most expired sessions, and the most records of ended sessions, that one purge deletes; and the most expired
/// sign-in attempts that a new one deletes, so that none has to delete the attempts of a whole attack.
const PURGED_AT_ONCE_MAX: u32 = 1_000;

#[async_trait]
impl Sessions for SqliteStore {
    async fn begin_sign_in(&self, attempt: &SignInAttempt) -> Backend<()> {
        let attempt = attempt.clone();
        let sql = "INSERT INTO sign_ins (state, browser_hash, nonce, pkce_verifier, return_to, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.write(move |tx| {
            let oldest = ms_before(attempt.created_at, SIGN_IN_FOR_MAX);
            let old = "DELETE FROM sign_ins WHERE state IN \
                 (SELECT state FROM sign_ins WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)";
            run(tx, old, (oldest, PURGED_AT_ONCE_MAX))?;
            let SignInAttempt { state, browser_hash, nonce, pkce_verifier, return_to, created_at } = &attempt;
            run(tx, sql, params![state, browser_hash, nonce, pkce_verifier, return_to, ms(*created_at)]).map(|_| ())
        })
        .await
    }

    async fn take_sign_in(&self, state: &str) -> Backend<Option<SignInAttempt>> {
        let state = state.to_owned();
        let sql = "DELETE FROM sign_ins WHERE state = ?1 RETURNING *";
        self.write(move |tx| find(tx, sql, [&state], read_attempt)).await
    }

    async fn create_session(&self, session: &Session, event: &Event) -> Backend<()> {
        let (session, event) = (session.clone(), event.clone());
        let sql = "INSERT INTO sessions (hash, person_id, created_at, seen_at) VALUES (?1, ?2, ?3, ?4)";
        self.write(move |tx| {
            let Session { hash, person_id, created_at, seen_at } = &session;
            run(tx, sql, (hash, person_id.bytes(), ms(*created_at), ms(*seen_at)))?;
            event_rows::put_events(tx, &[event])
        })
        .await
    }

    async fn find_session(&self, hash: &SessionHash) -> Backend<Option<(Session, Person)>> {
        let hash = *hash;
        let sql = "SELECT s.person_id, s.created_at AS began_at, s.seen_at, p.* \
             FROM sessions s JOIN people p ON p.id = s.person_id WHERE s.hash = ?1";
        let read = move |row: &Row<'_>| {
            let (created_at, seen_at) = (row.time("began_at")?, row.time("seen_at")?);
            let session = Session { hash, person_id: row.id("person_id")?, created_at, seen_at };
            Ok((session, person_rows::read_person(row)?))
        };
        self.read(move |tx| find(tx, sql, [hash], read)).await
    }

    async fn touch_session(&self, hash: &SessionHash, seen_at: Timestamp) -> Backend<()> {
        let hash = *hash;
        let sql = "UPDATE sessions SET seen_at = ?2 WHERE hash = ?1 AND seen_at < ?2";
        self.write(move |tx| run(tx, sql, (hash, ms(seen_at))).map(|_| ())).await
    }

    async fn end_session(&self, hash: &SessionHash, now: Timestamp, event: &Event) -> Backend<()> {
        let (hash, event) = (*hash, event.clone());
        self.write(move |tx| {
            if run(tx, "DELETE FROM sessions WHERE hash = ?1", [hash])? == 0 {
                return Ok(());
            }
            let sql = "INSERT INTO ended_sessions (hash, ended_at) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
            run(tx, sql, (hash, ms(now)))?;
            event_rows::put_events(tx, &[event])
        })
        .await
    }

    async fn list_ended_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<SessionHash>> {
        let sql = "SELECT hash FROM ended_sessions WHERE ended_at >= ?1 ORDER BY ended_at, hash LIMIT ?2";
        self.read(move |tx| list(tx, sql, (ms(since), limit), |row| Ok(row.get("hash")?))).await
    }

    async fn purge_sessions(&self, now: Timestamp) -> Backend<u64> {
        let over = "DELETE FROM sessions WHERE hash IN \
             (SELECT hash FROM sessions WHERE seen_at <= ?1 OR created_at <= ?2 LIMIT ?3)";
        let endings = "DELETE FROM ended_sessions WHERE hash IN \
             (SELECT hash FROM ended_sessions WHERE ended_at <= ?1 LIMIT ?2)";
        self.write(move |tx| {
            let (idle, aged) = (ms_before(now, SESSION_IDLE_MAX), ms_before(now, SESSION_AGE_MAX));
            let purged = run(tx, over, (idle, aged, PURGED_AT_ONCE_MAX))?;
            run(tx, endings, (ms_before(now, ENDING_AGE_MAX), PURGED_AT_ONCE_MAX))?;
            Ok(u64::try_from(purged).unwrap_or(u64::MAX))
        })
        .await
    }
}

fn ms_before(now: Timestamp, by: SignedDuration) -> i64 {
    ms(now.saturating_sub(by).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn read_attempt(row: &Row<'_>) -> Result<SignInAttempt, Fault> {
    Ok(SignInAttempt {
        state: row.get("state")?,
        browser_hash: row.get("browser_hash")?,
        nonce: row.get("nonce")?,
        pkce_verifier: row.get("pkce_verifier")?,
        return_to: row.get("return_to")?,
        created_at: row.time("created_at")?,
    })
}
