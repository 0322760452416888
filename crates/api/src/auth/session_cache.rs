//! Cache of sessions, so that a signed-in person's requests need no call to the store.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

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
pub(super) struct Asked {
    changes: u64,
}

/// A bounded map of sessions with two generations, which approximates LRU: a session that is used moves to the young
/// generation. When the young generation is full it becomes the old one, and the sessions left in the previous old one
/// are dropped.
#[derive(Debug)]
pub(super) struct SessionCache {
    generation_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: Map,
    old: Map,
    /// Number of removals and changes so far; the cache's version.
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
        Self { generation_max: sessions_max.div_ceil(2), generations: Mutex::default() }
    }

    /// Finds a session and records its use. A session that has expired by this cache is not found, so that the caller
    /// reads the store: another server may have recorded a later use.
    pub(super) fn find(&self, hash: &SessionHash, now: Timestamp) -> Option<CachedSession> {
        let now_ms = now.as_millisecond();
        let mut generations = self.generations.lock();
        if let Some(entry) = generations.young.get_mut(hash) {
            let found = entry.see(now_ms);
            if found.is_none() {
                generations.young.remove(hash);
            }
            return found;
        }
        let mut entry = generations.old.remove(hash)?;
        let found = entry.see(now_ms)?;
        generations.keep(*hash, entry, self.generation_max);
        Some(found)
    }

    /// Time when a cached session expires if it is not used again, in milliseconds since 1970. This call does not count
    /// as use.
    pub(super) fn over_at_ms(&self, hash: &SessionHash) -> Option<i64> {
        let generations = self.generations.lock();
        let entry = generations.young.get(hash).or_else(|| generations.old.get(hash))?;
        Some(over_at_ms(entry.created_ms, entry.seen_ms))
    }

    /// Returns the current version of the cache; to be called before a read from the store.
    pub(super) fn before_asking(&self) -> Asked {
        Asked { changes: self.generations.lock().changes }
    }

    /// Caches a session that was read from the store, unless a session was removed since `asked`, because it may have
    /// been this one.
    pub(super) fn keep(&self, session: &Session, person: &Arc<Person>, asked: Asked, now: Timestamp) {
        let mut generations = self.generations.lock();
        if generations.changes != asked.changes {
            return;
        }
        generations.old.remove(&session.hash);
        let entry = Entry {
            person: Arc::clone(person),
            created_ms: session.created_at.as_millisecond(),
            seen_ms: session.seen_at.max(now).as_millisecond(),
            refreshed_ms: now.as_millisecond(),
        };
        generations.keep(session.hash, entry, self.generation_max);
    }

    /// Removes sessions that have ended.
    pub(super) fn forget<'h>(&self, hashes: impl IntoIterator<Item = &'h SessionHash>) {
        let mut generations = self.generations.lock();
        for hash in hashes {
            let was_young = generations.young.remove(hash).is_some();
            let was_old = generations.old.remove(hash).is_some();
            if was_young || was_old {
                generations.changes += 1;
            }
        }
    }

    /// Removes a session that is being ended, and prevents concurrent reads from the store from caching it again, even
    /// if it is not cached now.
    pub(super) fn forget_surely(&self, hash: &SessionHash) {
        let mut generations = self.generations.lock();
        generations.young.remove(hash);
        generations.old.remove(hash);
        generations.changes += 1;
    }

    /// Invalidates the whole cache.
    pub(super) fn clear(&self) {
        let mut generations = self.generations.lock();
        let changes = generations.changes + 1;
        *generations = Generations { changes, ..Generations::default() };
    }

    /// Updates a changed person in all cached sessions.
    pub(super) fn update_person(&self, person: &Arc<Person>) {
        let mut generations = self.generations.lock();
        let Generations { young, old, changes } = &mut *generations;
        for entry in young.values_mut().chain(old.values_mut()).filter(|entry| entry.is_of(person.id)) {
            entry.person = Arc::clone(person);
        }
        *changes += 1;
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let generations = self.generations.lock();
        generations.young.len() + generations.old.len()
    }
}

impl Generations {
    fn keep(&mut self, hash: SessionHash, entry: Entry, generation_max: usize) {
        if self.young.len() >= generation_max && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, entry);
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

    fn is_of(&self, person: PersonId) -> bool {
        self.person.id == person
    }
}

/// Time when a session expires by age or idleness, whichever comes first, in milliseconds since 1970.
pub(super) fn over_at_ms(created_ms: i64, seen_ms: i64) -> i64 {
    let after =
        |from: i64, time: SignedDuration| from.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    after(seen_ms, SESSION_IDLE_MAX).min(after(created_ms, SESSION_AGE_MAX))
}

type Map = HashMap<SessionHash, Entry, BuildHasherDefault<HashOfHash>>;

/// Hasher for keys that are SHA-256 hashes of random secrets already: it uses eight bytes of the key as the hash.
#[derive(Debug, Default)]
pub(super) struct HashOfHash(u64);

impl Hasher for HashOfHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    // Ignore the length prefix: all keys have the same length.
    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
#[path = "session_cache_tests.rs"]
mod tests;
