//! Limits the number of open WebSockets of this server and of each client.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    client_address::ClientKeys,
    client_shares::{ClientShares, ShareLimits},
};

/// Counts the open WebSockets, in total and per client.
#[derive(Default)]
pub(super) struct Admission {
    sockets: AtomicUsize,
    by_client: Mutex<ClientShares>,
}

/// Permit for one open WebSocket. Dropping it decrements the counters.
pub(super) struct SocketPermit {
    admission: Arc<Admission>,
    client: Option<ClientKeys>,
    /// Makes the server's shutdown wait until this socket is closed.
    _token: TaskTrackerToken,
}

impl Admission {
    /// Takes a permit; `None` when the server or the client has reached its limit. Without `client` only the server's
    /// limit applies.
    pub(super) fn admit(
        self: &Arc<Self>,
        client: Option<ClientKeys>,
        sockets_max: usize,
        per_client: ShareLimits,
        token: TaskTrackerToken,
    ) -> Option<SocketPermit> {
        let mut by_client = self.by_client.lock();
        if self.sockets.load(Ordering::Relaxed) >= sockets_max {
            return None;
        }
        if client.is_some_and(|client| !by_client.take(client, 1, per_client)) {
            return None;
        }
        // The counter changes only while the mutex is locked, so no other socket can pass the limit check above at the
        // same time.
        self.sockets.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("seatkeeper_live_viewers").increment(1);
        Some(SocketPermit { admission: Arc::clone(self), client, _token: token })
    }

    pub(super) fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut by_client = self.admission.by_client.lock();
        self.admission.sockets.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("seatkeeper_live_viewers").decrement(1);
        if let Some(client) = self.client {
            by_client.give_back(client, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;

    #[test]
    fn number_of_sockets_is_limited_per_server_and_client_and_closed_sockets_do_not_count() {
        let (admission, tracker) = (Arc::new(Admission::default()), TaskTracker::new());
        let limits = ShareLimits { per_address_max: 2, per_network_max: 3 };
        let admit = |address: &str| {
            let client = ClientKeys::of(address.parse().unwrap());
            admission.admit(Some(client), 5, limits, tracker.token())
        };
        let (first, second) = (admit("2001:db8:7::1"), admit("2001:db8:7::2"));
        assert!(first.is_some() && second.is_some());
        assert!(admit("2001:db8:7::1").is_none(), "limit of the /64");
        let third = admit("2001:db8:7:1::1");
        assert!(third.is_some());
        assert!(admit("2001:db8:7:2::1").is_none(), "limit of the /48");
        let others = [admit("203.0.113.9"), admission.admit(None, 5, limits, tracker.token())];
        assert!(others.iter().all(Option::is_some));
        assert!(admit("203.0.113.10").is_none(), "limit of the server");
        drop(first);
        assert!(admit("203.0.113.10").is_some());
        drop((second, third, others));
        assert_eq!(admission.sockets(), 0);
        assert!(admission.by_client.lock().is_empty(), "no client stays in the map");
    }
}
