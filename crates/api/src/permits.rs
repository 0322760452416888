//! Limits the number of concurrent requests, for the server and for each client. Each request may occupy 64 KiB for its
//! body and wait for the store, so many slow requests of one client must not starve others.
//!
//! A request holds no permit while it waits for its body. Otherwise a client that sends bodies slowly would use up the
//! permits of everybody behind its address. Such a request costs what an idle connection costs, and the bytes that have
//! arrived so far. Both have limits for each client here, because the limits of connections do not count clients behind
//! a trusted proxy: there one client could keep as many requests waiting as its request rate allows, and two or three
//! clients would use up the connections of the server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

use crate::{
    client_address::ClientKeys,
    client_shares::{ClientShares, ShareLimits},
    error::{ApiError, ErrorCode},
};

/// Maximum number of concurrent requests of the server; further ones are refused with `try_again`.
pub(crate) const REQUESTS_AT_ONCE_MAX: usize = 4_096;
/// Maximum number of concurrent requests of one address (for IPv6, of one /64): a sixteenth of the server's limit. Many
/// customers of one mobile network share an address, but an answer takes milliseconds, so this allows thousands of
/// requests per second.
pub(crate) const REQUESTS_AT_ONCE_PER_ADDRESS_MAX: usize = 256;
/// Maximum number of concurrent requests of one IPv6 /48: a quarter of the server's limit.
const REQUESTS_AT_ONCE_PER_NETWORK_MAX: usize = 1_024;
/// Maximum number of requests of one address (for IPv6, of one /64) that wait for their body. A body of an honest
/// client is complete in less than a second, and its address may send 200 requests a second. It is a twentieth of the
/// server's connections.
pub(crate) const AWAITED_REQUESTS_PER_ADDRESS_MAX: usize = 1_000;
/// Maximum number of requests of one IPv6 /48 that wait for their body: a fifth of the server's connections.
const AWAITED_REQUESTS_PER_NETWORK_MAX: usize = 4_000;
/// Bytes of partly received bodies up to which one body is not charged to the budget below, so that ordinary calls
/// still work for a client whose budget is used up. Nearly every body is smaller. The limits of connections, and of
/// requests that wait, bound their memory.
const UNCHARGED_BODY_BYTES_MAX: usize = 4 * 1024;
/// Budget of the bytes of partly received bodies of one server.
const AWAITED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Budget of the bytes of partly received bodies of one address (for IPv6, of one /64): three posters at once.
const AWAITED_BYTES_PER_ADDRESS_MAX: usize = 16 * 1024 * 1024;
/// Budget of the bytes of partly received bodies of one IPv6 /48.
const AWAITED_BYTES_PER_NETWORK_MAX: usize = 32 * 1024 * 1024;
/// `Retry-After` when too many requests are running, in seconds.
const BUSY_RETRY_AFTER_S: u32 = 2;

const REQUESTS: ShareLimits = ShareLimits {
    per_address_max: REQUESTS_AT_ONCE_PER_ADDRESS_MAX,
    per_network_max: REQUESTS_AT_ONCE_PER_NETWORK_MAX,
};
const AWAITED_REQUESTS: ShareLimits = ShareLimits {
    per_address_max: AWAITED_REQUESTS_PER_ADDRESS_MAX,
    per_network_max: AWAITED_REQUESTS_PER_NETWORK_MAX,
};
const AWAITED_BYTES: ShareLimits =
    ShareLimits { per_address_max: AWAITED_BYTES_PER_ADDRESS_MAX, per_network_max: AWAITED_BYTES_PER_NETWORK_MAX };

/// The pool of request permits, the requests that wait for their body, and the budget of partly received bodies.
pub(crate) struct Permits {
    requests: Mutex<Given>,
    /// Limited only for each client: the limit of the server's connections also limits these requests.
    awaited_requests: Mutex<ClientShares>,
    awaited_bytes: Mutex<Given>,
}

/// The amounts taken from a limited resource, in total and by each client.
#[derive(Default)]
struct Given {
    all: usize,
    shares: ClientShares,
}

impl Given {
    fn take(&mut self, client: Option<ClientKeys>, amount: usize, all_max: usize, limits: ShareLimits) -> bool {
        if self.all.saturating_add(amount) > all_max {
            return false;
        }
        if client.is_some_and(|client| !self.shares.take(client, amount, limits)) {
            return false;
        }
        self.all += amount;
        true
    }

    fn give_back(&mut self, client: Option<ClientKeys>, amount: usize) {
        self.all -= amount;
        if let Some(client) = client {
            self.shares.give_back(client, amount);
        }
    }
}

/// Permit for one request. Dropping it returns the permit, even if clones of its [`RequestPermit`] still exist.
pub(crate) struct Permit(RequestPermit);

/// Handle of a request's permit. Reading the body returns the permit while it waits, and takes it again afterwards.
#[derive(Clone)]
pub(crate) struct RequestPermit(Arc<Slot>);

struct Slot {
    permits: Arc<Permits>,
    client: Option<ClientKeys>,
    is_held: AtomicBool,
}

impl Permits {
    /// Creates a pool from which nothing is taken.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            requests: Mutex::default(),
            awaited_requests: Mutex::default(),
            awaited_bytes: Mutex::default(),
        })
    }

    /// Takes a permit; `None` when the limit of the server or of the client is reached. Without `client` only the
    /// server's limit applies.
    pub(crate) fn take(self: &Arc<Self>, client: Option<ClientKeys>) -> Option<Permit> {
        let slot = Slot { permits: Arc::clone(self), client, is_held: AtomicBool::new(false) };
        let permit = RequestPermit(Arc::new(slot));
        permit.resume().then(|| Permit(permit))
    }

    /// The number of permits that are taken.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.requests.lock().all
    }
}

impl Permit {
    /// The handle with which the request's body is read.
    pub(crate) fn handle(&self) -> RequestPermit {
        self.0.clone()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.pause();
    }
}

impl RequestPermit {
    /// The client of the request; `None` when the limits of clients are switched off.
    pub(crate) fn client(&self) -> Option<ClientKeys> {
        self.0.client
    }

    /// Returns the permit until [`Self::resume`].
    pub(crate) fn pause(&self) {
        if self.0.is_held.swap(false, Ordering::Relaxed) {
            self.0.permits.requests.lock().give_back(self.0.client, 1);
        }
    }

    /// Takes the permit again. Returns false when a limit is reached meanwhile.
    pub(crate) fn resume(&self) -> bool {
        let slot = &self.0;
        if slot.is_held.load(Ordering::Relaxed) {
            return true;
        }
        let is_held = slot.permits.requests.lock().take(slot.client, 1, REQUESTS_AT_ONCE_MAX, REQUESTS);
        slot.is_held.store(is_held, Ordering::Relaxed);
        is_held
    }

    /// Counts this request as one that waits for its body, of which no bytes are charged yet. `None` when the limit of
    /// the client is reached.
    pub(crate) fn await_body(&self) -> Option<AwaitedBody> {
        let slot = &self.0;
        let is_counted =
            slot.client.is_none_or(|client| slot.permits.awaited_requests.lock().take(client, 1, AWAITED_REQUESTS));
        is_counted.then(|| AwaitedBody { permit: self.clone(), bytes: 0 })
    }
}

/// A request that waits for its body, and the bytes of it that are charged to the budget, until this is dropped.
pub(crate) struct AwaitedBody {
    permit: RequestPermit,
    bytes: usize,
}

impl AwaitedBody {
    /// Charges a body of which `received` bytes have arrived. Returns false when the budget of the server or of the
    /// client is used up.
    pub(crate) fn cover(&mut self, received: usize) -> bool {
        if received <= UNCHARGED_BODY_BYTES_MAX.max(self.bytes) {
            return true;
        }
        let (slot, more) = (&self.permit.0, received - self.bytes);
        let is_covered = slot.permits.awaited_bytes.lock().take(slot.client, more, AWAITED_BYTES_MAX, AWAITED_BYTES);
        if is_covered {
            self.bytes = received;
        }
        is_covered
    }
}

impl Drop for AwaitedBody {
    fn drop(&mut self) {
        let slot = &self.permit.0;
        if let Some(client) = slot.client {
            slot.permits.awaited_requests.lock().give_back(client, 1);
        }
        if self.bytes > 0 {
            slot.permits.awaited_bytes.lock().give_back(slot.client, self.bytes);
        }
    }
}

/// The refusal when too many requests are running, or too many bodies are awaited.
pub(crate) fn busy() -> ApiError {
    ApiError::new(ErrorCode::TryAgain).retry_after(BUSY_RETRY_AFTER_S).detail("too many requests at once")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<ClientKeys> {
        Some(ClientKeys::of(text.parse().unwrap()))
    }

    fn take(permits: &Arc<Permits>, client: Option<ClientKeys>, times: usize) -> Vec<Permit> {
        (0..times).filter_map(|_| permits.take(client)).collect()
    }

    fn is_untouched(permits: &Permits) -> bool {
        let is_unused = |given: &Mutex<Given>| given.lock().all == 0 && given.lock().shares.is_empty();
        is_unused(&permits.requests) && is_unused(&permits.awaited_bytes) && permits.awaited_requests.lock().is_empty()
    }

    #[test]
    fn one_client_cannot_take_all_request_permits() {
        let permits = Permits::new();
        let greedy = take(&permits, client("203.0.113.9"), 9_999);
        assert_eq!(greedy.len(), REQUESTS_AT_ONCE_PER_ADDRESS_MAX);
        let rotating: Vec<Permit> =
            (0..9_999).filter_map(|n| permits.take(client(&format!("2001:db8:7:{n:x}::1")))).collect();
        assert_eq!(rotating.len(), REQUESTS_AT_ONCE_PER_NETWORK_MAX, "another /64 for each request");
        let other = permits.take(client("203.0.113.10"));
        assert!(other.is_some(), "other clients are not affected");
        drop((greedy, rotating, other));
        assert!(is_untouched(&permits), "no client is left");
        assert!(permits.take(client("203.0.113.9")).is_some(), "permits are given back");
    }

    #[test]
    fn number_of_concurrent_requests_is_limited() {
        let permits = Permits::new();
        let all = take(&permits, None, REQUESTS_AT_ONCE_MAX);
        assert_eq!(all.len(), REQUESTS_AT_ONCE_MAX, "without a client only the server's limit counts");
        assert!(permits.take(client("203.0.113.9")).is_none() && permits.take(None).is_none());
        drop(all);
        assert!(is_untouched(&permits), "refused requests leave no entry either");
    }

    #[test]
    fn paused_permit_is_free_for_others_and_is_taken_again_only_within_the_limit() {
        let permits = Permits::new();
        let mine = permits.take(client("203.0.113.9")).unwrap();
        let handle = mine.handle();
        handle.pause();
        handle.pause();
        assert!(is_untouched(&permits));
        let others = take(&permits, client("203.0.113.9"), 9_999);
        assert_eq!(others.len(), REQUESTS_AT_ONCE_PER_ADDRESS_MAX);
        assert!(!handle.resume());
        drop(others);
        assert!(handle.resume() && handle.resume());
        assert_eq!(permits.requests.lock().all, 1);
        drop(mine);
        assert!(is_untouched(&permits), "a handle that outlives its request holds nothing");
    }

    #[test]
    fn requests_of_one_client_that_wait_for_their_body_are_limited() {
        let permits = Permits::new();
        let wait = |text: &str| {
            let permit = permits.take(client(text))?;
            let handle = permit.handle();
            handle.pause();
            handle.await_body().map(|body| (permit, body))
        };
        let greedy: Vec<_> = (0..9_999).filter_map(|_| wait("203.0.113.9")).collect();
        assert_eq!(greedy.len(), AWAITED_REQUESTS_PER_ADDRESS_MAX);
        let rotating: Vec<_> = (0..9_999).filter_map(|n| wait(&format!("2001:db8:7:{n:x}::1"))).collect();
        assert_eq!(rotating.len(), AWAITED_REQUESTS_PER_NETWORK_MAX, "another /64 for each request");
        let other = wait("203.0.113.10");
        assert!(other.is_some(), "other clients are not affected");
        drop((greedy, rotating, other));
        assert!(is_untouched(&permits), "no client is left");
        assert!(wait("203.0.113.9").is_some(), "the places are given back");
    }

    #[test]
    fn bytes_of_awaited_bodies_are_limited_except_for_small_bodies() {
        let permits = Permits::new();
        let of = |text: &str| permits.take(client(text)).unwrap().handle().await_body().unwrap();
        let (mut first, mut second) = (of("203.0.113.9"), of("203.0.113.9"));
        assert!(first.cover(UNCHARGED_BODY_BYTES_MAX));
        assert_eq!(permits.awaited_bytes.lock().all, 0);
        assert!(first.cover(60_000) && first.cover(AWAITED_BYTES_PER_ADDRESS_MAX));
        assert_eq!(permits.awaited_bytes.lock().all, AWAITED_BYTES_PER_ADDRESS_MAX);
        assert!(second.cover(UNCHARGED_BODY_BYTES_MAX) && !second.cover(UNCHARGED_BODY_BYTES_MAX + 1));
        assert!(of("203.0.113.10").cover(60_000), "other clients are not affected");
        let mut rotating: Vec<_> = (0..9).map(|n| of(&format!("2001:db8:7:{n:x}::1"))).collect();
        let covered = rotating.iter_mut().filter_map(|charge| charge.cover(8 * 1024 * 1024).then_some(())).count();
        assert_eq!(covered, 4, "32 MiB for a /48");
        drop((first, second, rotating));
        assert!(is_untouched(&permits));
    }
}
