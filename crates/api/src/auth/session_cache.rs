//! Cache of sessions, so that a signed-in person's requests need no call to the store.

use std::sync::Arc;

use hashlink::LruCache;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use seatkeeper_core::{
    ids::PersonId,
    person::{Person, SESSION_AGE_MAX, SESSION_IDLE_MAX, Session, SessionHash},
};

/// Maximum number of cached sessions, some 300 bytes each. Requests of sessions that are not cached cost a read from
/// the store.
pub(super) const SESSIONS_CACHED_MAX: usize = 50_000;
/// How often a session in use is refreshed: its use is recorded in the store, and session and person are read again. So
/// `seen_at` in the store is accurate to a minute, and a change of the person on another server is seen after a minute.
pub(super) const REFRESH_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// A cached session that has not expired.
#[derive(Debug, PartialEq)]
pub(super) struct CachedSession {
    /// The session's person.
    pub(super) person: Arc<Person>,
    /// Whether this caller must refresh the session; `true` for one caller per [`REFRESH_AFTER`].
    pub(super) is_refresh_due: bool,
}

/// Version of the cache before a read from the store. The result of the read is cached only if nothing was removed or
/// changed meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheVersion {
    changes: u64,
}

/// The cache; evicts the least recently used session.
#[derive(Debug)]
pub(super) struct SessionCache(Mutex<Cached>);

#[derive(Debug)]
struct Cached {
    by_hash: LruCache<SessionHash, Entry>,
    /// Number of removals and changes so far.
    changes: u64,
}

#[derive(Debug)]
struct Entry {
    person: Arc<Person>,
    created_ms: i64,
    seen_ms: i64,
    refreshed_ms: i64,
}

impl SessionCache {
    pub(super) fn new(sessions_max: usize) -> Self {
        Self(Mutex::new(Cached { by_hash: LruCache::new(sessions_max), changes: 0 }))
    }

    /// Finds a session and records its use. A session that has expired by this cache is not found, so that the caller
    /// reads the store: another server may have recorded a later use.
    pub(super) fn find(&self, hash: &SessionHash, now: Timestamp) -> Option<CachedSession> {
        let mut cached = self.0.lock();
        let found = cached.by_hash.get_mut(hash)?.see(now.as_millisecond());
        if found.is_none() {
            cached.by_hash.remove(hash);
        }
        found
    }

    /// Time when a cached session expires if it is not used again, in milliseconds since 1970. This call does not count
    /// as use.
    pub(super) fn over_at_ms(&self, hash: &SessionHash) -> Option<i64> {
        self.0.lock().by_hash.peek(hash).map(|entry| over_at_ms(entry.created_ms, entry.seen_ms))
    }

    /// Returns the current version of the cache; to be called before a read from the store.
    pub(super) fn version(&self) -> CacheVersion {
        CacheVersion { changes: self.0.lock().changes }
    }

    /// Caches a session that was read from the store, unless a session was removed since `version`, because it may have
    /// been this one.
    pub(super) fn insert(&self, session: &Session, person: &Arc<Person>, version: CacheVersion, now: Timestamp) {
        let mut cached = self.0.lock();
        if cached.changes != version.changes {
            return;
        }
        let entry = Entry {
            person: Arc::clone(person),
            created_ms: session.created_at.as_millisecond(),
            seen_ms: session.seen_at.max(now).as_millisecond(),
            refreshed_ms: now.as_millisecond(),
        };
        cached.by_hash.insert(session.hash, entry);
    }

    /// Removes sessions that have ended.
    pub(super) fn remove<'h>(&self, hashes: impl IntoIterator<Item = &'h SessionHash>) {
        let mut cached = self.0.lock();
        for hash in hashes {
            if cached.by_hash.remove(hash).is_some() {
                cached.changes += 1;
            }
        }
    }

    /// Removes a session that is being ended, and prevents concurrent reads from the store from caching it again, even
    /// if it is not cached now.
    pub(super) fn invalidate(&self, hash: &SessionHash) {
        let mut cached = self.0.lock();
        cached.by_hash.remove(hash);
        cached.changes += 1;
    }

    /// Removes the sessions of people whose role has changed, and prevents concurrent reads from caching the old role.
    pub(super) fn forget_people(&self, people: &[PersonId]) {
        if people.is_empty() {
            return;
        }
        let mut cached = self.0.lock();
        cached.by_hash.retain(|_, entry| !people.contains(&entry.person.id));
        cached.changes += 1;
    }

    /// Invalidates the whole cache.
    pub(super) fn clear(&self) {
        let mut cached = self.0.lock();
        cached.by_hash.clear();
        cached.changes += 1;
    }

    /// Updates a changed person in all cached sessions.
    pub(super) fn update_person(&self, person: &Arc<Person>) {
        let mut cached = self.0.lock();
        for (_, entry) in cached.by_hash.iter_mut().filter(|(_, entry)| entry.person.id == person.id) {
            entry.person = Arc::clone(person);
        }
        cached.changes += 1;
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().by_hash.len()
    }
}

impl Entry {
    fn see(&mut self, now_ms: i64) -> Option<CachedSession> {
        if now_ms >= over_at_ms(self.created_ms, self.seen_ms) {
            return None;
        }
        self.seen_ms = self.seen_ms.max(now_ms);
        let is_refresh_due = i128::from(now_ms.saturating_sub(self.refreshed_ms)) >= REFRESH_AFTER.as_millis();
        if is_refresh_due {
            self.refreshed_ms = now_ms;
        }
        Some(CachedSession { person: Arc::clone(&self.person), is_refresh_due })
    }
}

/// Time when a session expires by age or idleness, whichever comes first, in milliseconds since 1970.
pub(super) fn over_at_ms(created_ms: i64, seen_ms: i64) -> i64 {
    let after =
        |from: i64, time: SignedDuration| from.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    after(seen_ms, SESSION_IDLE_MAX).min(after(created_ms, SESSION_AGE_MAX))
}

#[cfg(test)]
#[path = "session_cache_tests.rs"]
mod tests;
