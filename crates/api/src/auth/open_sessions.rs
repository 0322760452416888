//! Sessions that have open WebSockets, so that the sockets are notified when their session ends.
//!
//! Every HTTP request looks up its session, but a socket stays open for hours after its one request. So each socket
//! owns a [`SessionTie`], which notifies it when the session ends on any server; this is called cutting the tie.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;
use seatkeeper_core::person::SessionHash;
use tokio_util::sync::CancellationToken;

use crate::live::LIVE_SOCKETS_MAX;

/// Maximum number of sessions with open sockets: the number of sockets of a server. A socket beyond the limit is
/// anonymous.
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
    /// Time when the session must be looked up in the store again, in milliseconds since 1970.
    good_until_ms: i64,
}

/// Owned by a socket; notifies it of the end of the session that it was opened with.
#[derive(Debug)]
pub(crate) struct SessionTie {
    sessions: Arc<OpenSessions>,
    hash: SessionHash,
    ended: Arc<CancellationToken>,
}

impl OpenSessions {
    /// Ties a socket to a session; `None` at the limit. Callers must tie first and then look up the session: if the
    /// session ends between the two, the tie is cut.
    pub(crate) fn tie(self: &Arc<Self>, hash: SessionHash) -> Option<SessionTie> {
        let mut by_hash = self.by_hash.lock();
        if by_hash.len() >= OPEN_SESSIONS_MAX && !by_hash.contains_key(&hash) {
            return None;
        }
        let open = by_hash.entry(hash).or_insert_with(|| Open {
            ended: Arc::default(),
            sockets: 0,
            // The session's expiry is not known here; the next check reads it.
            good_until_ms: i64::MIN,
        });
        open.sockets += 1;
        let ended = Arc::clone(&open.ended);
        Some(SessionTie { sessions: Arc::clone(self), hash, ended })
    }

    /// Cuts the ties of these sessions, which have ended, so that their sockets are notified.
    pub(crate) fn end<'h>(&self, hashes: impl IntoIterator<Item = &'h SessionHash>) {
        let ended: Vec<Open> = {
            let mut by_hash = self.by_hash.lock();
            hashes.into_iter().filter_map(|hash| by_hash.remove(hash)).collect()
        };
        for open in ended {
            open.ended.cancel();
        }
    }

    /// Marks all sessions to be checked with the store, because the end of any of them may have been missed.
    pub(super) fn mark_all_unread(&self) {
        for open in self.by_hash.lock().values_mut() {
            open.good_until_ms = i64::MIN;
        }
    }

    /// Lists at most `limit` sessions that must be checked with the store now.
    pub(super) fn list_due(&self, now_ms: i64, limit: usize) -> Vec<SessionHash> {
        let by_hash = self.by_hash.lock();
        by_hash.iter().filter(|(_, open)| open.good_until_ms <= now_ms).map(|(hash, _)| *hash).take(limit).collect()
    }

    /// Records that the session was checked and must be checked again at `until_ms`.
    pub(super) fn set_expiry(&self, hash: &SessionHash, until_ms: i64) {
        if let Some(open) = self.by_hash.lock().get_mut(hash) {
            open.good_until_ms = until_ms;
        }
    }
}

impl SessionTie {
    /// Whether the session of this tie has ended.
    #[cfg(test)]
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the session of this tie has ended.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for SessionTie {
    fn drop(&mut self) {
        let mut by_hash = self.sessions.by_hash.lock();
        // A tie that was created after the session's end may have created a new entry, which does not count this tie.
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
    fn end_of_a_session_notifies_all_its_sockets_and_no_others() {
        let sessions = Arc::new(OpenSessions::default());
        let tie = |number| sessions.tie(hash(number)).unwrap();
        let (one, two, other) = (tie(1), tie(1), tie(2));
        sessions.end([&hash(1), &hash(3)]);
        assert!(one.has_ended() && two.has_ended() && !other.has_ended());
    }

    #[test]
    fn session_is_removed_when_its_last_socket_closes() {
        let sessions = Arc::new(OpenSessions::default());
        let (one, two) = (sessions.tie(hash(1)).unwrap(), sessions.tie(hash(1)).unwrap());
        drop(one);
        assert_eq!(sessions.by_hash.lock().len(), 1);
        drop(two);
        assert!(sessions.by_hash.lock().is_empty());
        // A tie from before the session's end is not counted by an entry that was created after that end.
        let before = sessions.tie(hash(1)).unwrap();
        sessions.end([&hash(1)]);
        let after = sessions.tie(hash(1)).unwrap();
        drop(before);
        assert!(!after.has_ended());
        assert_eq!(sessions.by_hash.lock()[&hash(1)].sockets, 1);
    }

    #[test]
    fn session_is_due_for_a_check_until_checked_and_again_after_expiry_or_invalidation() {
        let sessions = Arc::new(OpenSessions::default());
        let _ties = (sessions.tie(hash(1)).unwrap(), sessions.tie(hash(2)).unwrap());
        let due = |now| {
            let mut due = sessions.list_due(now, 10);
            due.sort_unstable();
            due
        };
        assert_eq!(due(0), [hash(1), hash(2)]);
        assert_eq!(sessions.list_due(0, 1).len(), 1, "at most the limit");
        sessions.set_expiry(&hash(1), 100);
        assert_eq!(due(99), [hash(2)]);
        assert_eq!(due(100), [hash(1), hash(2)]);
        sessions.set_expiry(&hash(2), 200);
        sessions.mark_all_unread();
        assert_eq!(due(0), [hash(1), hash(2)]);
    }

    #[test]
    fn number_of_sessions_with_open_sockets_is_limited() {
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
