//! Limits the number of open WebSockets of this server and of each client address.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Counts the open WebSockets, in total and per client address.
#[derive(Default)]
pub(super) struct Admission {
    sockets: AtomicUsize,
    by_address: Mutex<HashMap<u128, u32>>,
}

/// Permit for one open WebSocket. Dropping it decrements the counters.
pub(super) struct SocketPermit {
    admission: Arc<Admission>,
    address: u128,
    /// Makes the server's shutdown wait until this socket is closed.
    _token: TaskTrackerToken,
}

impl Admission {
    /// Takes a permit; `None` when the server or the address has reached its limit.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: u128,
        sockets_max: usize,
        per_address_max: u32,
        token: TaskTrackerToken,
    ) -> Option<SocketPermit> {
        let mut by_address = self.by_address.lock();
        let count = by_address.entry(address).or_insert(0);
        if *count >= per_address_max || self.sockets.load(Ordering::Relaxed) >= sockets_max {
            if *count == 0 {
                by_address.remove(&address);
            }
            return None;
        }
        *count += 1;
        // The counter changes only while the mutex is locked, so no other socket can pass the limit check above at the
        // same time.
        self.sockets.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("seatkeeper_live_viewers").increment(1);
        Some(SocketPermit { admission: Arc::clone(self), address, _token: token })
    }

    pub(super) fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut by_address = self.admission.by_address.lock();
        self.admission.sockets.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("seatkeeper_live_viewers").decrement(1);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;

    #[test]
    fn number_of_sockets_is_limited_per_server_and_address_and_closed_sockets_do_not_count() {
        let (admission, tracker) = (Arc::new(Admission::default()), TaskTracker::new());
        let admit = |address| admission.admit(address, 3, 2, tracker.token());
        let (first, second) = (admit(1), admit(1));
        assert!(first.is_some() && second.is_some());
        assert!(admit(1).is_none(), "limit of the address");
        let third = admit(2);
        assert!(third.is_some());
        assert!(admit(3).is_none(), "limit of the server");
        drop(first);
        assert!(admit(3).is_some());
        drop((second, third));
        assert_eq!(admission.sockets(), 0);
        assert!(admission.by_address.lock().is_empty(), "no address stays in the map");
    }
}
