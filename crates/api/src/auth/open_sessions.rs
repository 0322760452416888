//! Sessions with open sockets, so that the end of a session reaches its sockets.
//!
//! A request looks up its session, but a socket may live for hours after its one request. So each socket owns a
//! [`SessionTie`], which is cut when the session ends on any server.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;
use seatkeeper_core::person::SessionHash;
use tokio_util::sync::CancellationToken;

use crate::live::LIVE_SOCKETS_MAX;

/// Sessions with open sockets: as many as a server has sockets. A socket beyond the limit is anonymous.
const OPEN_SESSIONS_MAX: usize = LIVE_SOCKETS_MAX;

/// The sessions of open sockets. An entry lasts until its last tie is dropped or its session ends.
#[derive(Debug, Default)]
pub(crate) struct OpenSessions {
    by_hash: Mutex<HashMap<SessionHash, Open>>,
}

#[derive(Debug)]
struct Open {
    ended: Arc<CancellationToken>,
    sockets: usize,
    /// When the session must be checked with the store again, in milliseconds since 1970.
    good_until_ms: i64,
}

/// A socket's tie to its session; reports the session's end.
#[derive(Debug)]
pub(crate) struct SessionTie {
    sessions: Arc<OpenSessions>,
    hash: SessionHash,
    ended: Arc<CancellationToken>,
}

impl OpenSessions {
    /// Ties a socket to a session. Callers must tie first and then look up the session, so that an end in between cuts the
    /// tie. `None` at the limit.
    pub(crate) fn tie(self: &Arc<Self>, hash: SessionHash) -> Option<SessionTie> {
        let mut by_hash = self.by_hash.lock();
        if by_hash.len() >= OPEN_SESSIONS_MAX && !by_hash.contains_key(&hash) {
            return None;
        }
        let open = by_hash.entry(hash).or_insert_with(|| Open {
            ended: Arc::default(),
            sockets: 0,
            // Unknown: the next check finds out.
            good_until_ms: i64::MIN,
        });
        open.sockets += 1;
        let ended = Arc::clone(&open.ended);
        Some(SessionTie { sessions: Arc::clone(self), hash, ended })
    }

    /// Cuts all ties of these sessions, which have ended.
    pub(crate) fn end<'h>(&self, hashes: impl IntoIterator<Item = &'h SessionHash>) {
        let ended: Vec<Open> = {
            let mut by_hash = self.by_hash.lock();
            hashes.into_iter().filter_map(|hash| by_hash.remove(hash)).collect()
        };
        for open in ended {
            open.ended.cancel();
        }
    }

    /// Makes all sessions due for a check, because an end may have been missed.
    pub(super) fn mark_all_unread(&self) {
        for open in self.by_hash.lock().values_mut() {
            open.good_until_ms = i64::MIN;
        }
    }

    /// Sessions that are due for a check, at most `limit`.
    pub(super) fn list_due(&self, now_ms: i64, limit: usize) -> Vec<SessionHash> {
        let by_hash = self.by_hash.lock();
        by_hash.iter().filter(|(_, open)| open.good_until_ms <= now_ms).map(|(hash, _)| *hash).take(limit).collect()
    }

    /// Records a check: the session is due again at `until_ms`.
    pub(super) fn keep_until(&self, hash: &SessionHash, until_ms: i64) {
        if let Some(open) = self.by_hash.lock().get_mut(hash) {
            open.good_until_ms = until_ms;
        }
    }
}

impl SessionTie {
    /// Whether the session has ended.
    #[cfg(test)]
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the session has ended.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for SessionTie {
    fn drop(&mut self) {
        let mut by_hash = self.sessions.by_hash.lock();
        // After the session's end a later tie may have created a new entry, which does not count this tie.
        if let Entry::Occupied(mut entry) = by_hash.entry(self.hash)
            && Arc::ptr_eq(&entry.get().ended, &self.ended)
        {
            entry.get_mut().sockets -= 1;
            if entry.get().sockets == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> SessionHash {
        [number; 32]
    }

    #[test]
    fn end_of_a_session_cuts_all_its_ties_and_no_other() {
        let sessions = Arc::new(OpenSessions::default());
        let tie = |number| sessions.tie(hash(number)).unwrap();
        let (one, two, other) = (tie(1), tie(1), tie(2));
        sessions.end([&hash(1), &hash(3)]);
        assert!(one.has_ended() && two.has_ended() && !other.has_ended());
    }

    #[test]
    fn entry_is_removed_with_its_last_tie() {
        let sessions = Arc::new(OpenSessions::default());
        let (one, two) = (sessions.tie(hash(1)).unwrap(), sessions.tie(hash(1)).unwrap());
        drop(one);
        assert_eq!(sessions.by_hash.lock().len(), 1);
        drop(two);
        assert!(sessions.by_hash.lock().is_empty());
        // A tie from before the session's end does not count for an entry created after it.
        let before = sessions.tie(hash(1)).unwrap();
        sessions.end([&hash(1)]);
        let after = sessions.tie(hash(1)).unwrap();
        drop(before);
        assert!(!after.has_ended());
        assert_eq!(sessions.by_hash.lock()[&hash(1)].sockets, 1);
    }

    #[test]
    fn sessions_are_due_until_checked_and_again_after_expiry_or_invalidation() {
        let sessions = Arc::new(OpenSessions::default());
        let _ties = (sessions.tie(hash(1)).unwrap(), sessions.tie(hash(2)).unwrap());
        let due = |now| {
            let mut due = sessions.list_due(now, 10);
            due.sort_unstable();
            due
        };
        assert_eq!(due(0), [hash(1), hash(2)]);
        assert_eq!(sessions.list_due(0, 1).len(), 1, "at most the limit");
        sessions.keep_until(&hash(1), 100);
        assert_eq!(due(99), [hash(2)]);
        assert_eq!(due(100), [hash(1), hash(2)]);
        sessions.keep_until(&hash(2), 200);
        sessions.mark_all_unread();
        assert_eq!(due(0), [hash(1), hash(2)]);
    }

    #[test]
    fn number_of_sessions_with_ties_is_limited() {
        let sessions = Arc::new(OpenSessions::default());
        let numbered = |number: usize| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            hash
        };
        let ties: Vec<_> = (0..OPEN_SESSIONS_MAX).map(|number| sessions.tie(numbered(number)).unwrap()).collect();
        assert!(sessions.tie(numbered(OPEN_SESSIONS_MAX)).is_none());
        assert!(sessions.tie(numbered(0)).is_some(), "one more socket of a known session");
        drop(ties);
        assert!(sessions.by_hash.lock().is_empty());
    }
}
