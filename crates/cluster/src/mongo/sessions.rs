//! Sessions, identified by the hash of their token, and sign-ins in progress.

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::{Binary, Document, doc};
use seatkeeper_core::{
    event::Event,
    ids::PersonId,
    person::{Person, SESSION_AGE_MAX, SESSION_IDLE_MAX, SIGN_IN_FOR_MAX, Session, SessionHash, SignInAttempt},
    ports::{Backend, Sessions},
};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    conn::Conn,
    documents::{OnlyId, binary, hash_of, ms},
    fault::Fault,
    outbox, person_documents,
    schema::{ENDED_SESSIONS, SESSIONS, SIGN_INS},
};

/// How long an ended session is listed, so that other servers, which poll the list every second, remove it from their
/// caches.
const ENDING_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Limit of the expired sessions, and of the records of ended sessions, that one purge deletes.
const PURGED_AT_ONCE_MAX: u32 = 1_000;

#[derive(Serialize, Deserialize)]
struct StoredSession {
    #[serde(rename = "_id")]
    hash: Binary,
    person_id: PersonId,
    #[serde(with = "millisecond::required")]
    created_at: Timestamp,
    #[serde(with = "millisecond::required")]
    seen_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct StoredAttempt {
    #[serde(rename = "_id")]
    state: String,
    browser_hash: Binary,
    nonce: String,
    pkce_verifier: String,
    return_to: String,
    #[serde(with = "millisecond::required")]
    created_at: Timestamp,
}

#[async_trait]
impl Sessions for MongoStore {
    async fn begin_sign_in(&self, attempt: &SignInAttempt) -> Backend<()> {
        let stored = StoredAttempt {
            state: attempt.state.clone(),
            browser_hash: binary(&attempt.browser_hash),
            nonce: attempt.nonce.clone(),
            pkce_verifier: attempt.pkce_verifier.clone(),
            return_to: attempt.return_to.clone(),
            created_at: attempt.created_at,
        };
        let too_old = doc! { "created_at": { "$lte": ms_before(attempt.created_at, SIGN_IN_FOR_MAX) } };
        let mut conn = self.conn();
        let begin = async {
            conn.delete(SIGN_INS, too_old).await?;
            conn.insert(SIGN_INS, &stored).await
        };
        self.call(begin).await
    }

    async fn take_sign_in(&self, state: &str) -> Backend<Option<SignInAttempt>> {
        let mut conn = self.conn();
        let take =
            async { conn.take::<StoredAttempt>(SIGN_INS, doc! { "_id": state }).await?.map(read_attempt).transpose() };
        self.call(take).await
    }

    async fn create_session(&self, session: &Session, event: &Event) -> Backend<()> {
        let Session { hash, person_id, created_at, seen_at } = session.clone();
        let stored = StoredSession { hash: binary(&hash), person_id, created_at, seen_at };
        self.transact((stored, event), |conn, (stored, event)| create_session(conn, stored, event).boxed()).await
    }

    async fn find_session(&self, hash: &SessionHash) -> Backend<Option<(Session, Person)>> {
        let mut conn = self.conn();
        self.call(find_session(&mut conn, hash)).await
    }

    async fn touch_session(&self, hash: &SessionHash, seen_at: Timestamp) -> Backend<()> {
        let mut earlier = of_hash(hash);
        earlier.insert("seen_at", doc! { "$lt": ms(seen_at) });
        let seen = doc! { "$set": { "seen_at": ms(seen_at) } };
        self.call(self.conn().update(SESSIONS, earlier, seen)).await.map(|_| ())
    }

    async fn end_session(&self, hash: &SessionHash, now: Timestamp, event: &Event) -> Backend<()> {
        self.transact((hash, event), move |conn, (hash, event)| end_session(conn, hash, now, event).boxed()).await
    }

    async fn list_ended_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<SessionHash>> {
        let (since, order) = (doc! { "ended_at": { "$gte": ms(since) } }, doc! { "ended_at": 1, "_id": 1 });
        let mut conn = self.conn();
        let list = async {
            let ended: Vec<OnlyId<Binary>> = conn.list(ENDED_SESSIONS, since, order, limit).await?;
            ended.iter().map(|ended| hash_of(&ended.id)).collect()
        };
        self.call(list).await
    }

    async fn purge_sessions(&self, now: Timestamp) -> Backend<u64> {
        let idle = doc! { "seen_at": { "$lte": ms_before(now, SESSION_IDLE_MAX) } };
        let aged = doc! { "created_at": { "$lte": ms_before(now, SESSION_AGE_MAX) } };
        let old = doc! { "ended_at": { "$lte": ms_before(now, ENDING_AGE_MAX) } };
        let mut conn = self.conn();
        let purge = async {
            let purged = purge(&mut conn, SESSIONS, doc! { "$or": [idle, aged] }).await?;
            purge(&mut conn, ENDED_SESSIONS, old).await?;
            Ok(purged)
        };
        self.call(purge).await
    }
}

async fn create_session(conn: &mut Conn, session: &StoredSession, event: &Event) -> Result<(), Fault> {
    outbox::put_events(conn, std::slice::from_ref(event)).await?;
    conn.insert(SESSIONS, session).await
}

async fn end_session(conn: &mut Conn, hash: &SessionHash, now: Timestamp, event: &Event) -> Result<(), Fault> {
    if conn.delete(SESSIONS, of_hash(hash)).await? == 0 {
        return Ok(());
    }
    conn.upsert(ENDED_SESSIONS, of_hash(hash), doc! { "$setOnInsert": { "ended_at": ms(now) } }).await?;
    outbox::put_events(conn, std::slice::from_ref(event)).await
}

/// Deletes a batch of the documents that match `over`. A session that is used between the query and the deletion no
/// longer matches and is not deleted.
async fn purge(conn: &mut Conn, name: &str, over: Document) -> Result<u64, Fault> {
    let some: Vec<OnlyId<Binary>> = conn.list(name, over.clone(), Document::new(), PURGED_AT_ONCE_MAX).await?;
    if some.is_empty() {
        return Ok(0);
    }
    let mut still = over;
    still.insert("_id", doc! { "$in": some.into_iter().map(|one| one.id).collect::<Vec<_>>() });
    conn.delete(name, still).await
}

async fn find_session(conn: &mut Conn, hash: &SessionHash) -> Result<Option<(Session, Person)>, Fault> {
    let Some(stored) = conn.find::<StoredSession>(SESSIONS, of_hash(hash)).await? else { return Ok(None) };
    let StoredSession { person_id, created_at, seen_at, .. } = stored;
    let person = person_documents::find_person(conn, person_id).await?;
    Ok(person.map(|person| (Session { hash: *hash, person_id, created_at, seen_at }, person)))
}

fn of_hash(hash: &SessionHash) -> Document {
    doc! { "_id": binary(hash) }
}

fn ms_before(now: Timestamp, by: SignedDuration) -> i64 {
    ms(now.saturating_sub(by).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn read_attempt(stored: StoredAttempt) -> Result<SignInAttempt, Fault> {
    Ok(SignInAttempt {
        browser_hash: hash_of(&stored.browser_hash)?,
        state: stored.state,
        nonce: stored.nonce,
        pkce_verifier: stored.pkce_verifier,
        return_to: stored.return_to,
        created_at: stored.created_at,
    })
}
