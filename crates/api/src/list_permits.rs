//! How many films the lists may have that are made at once, for the server and for each network: a film with long texts may take
//! a hundred kilobytes on its way from the store to the text, before the answer's size is known and can be charged.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Films in the lists that one server makes at once: sixteen of the longest lists.
const LISTED_FILMS_MAX: u32 = 3_200;
/// Those for one network: a network that asks for more waits for itself, and nobody else does.
const LISTED_FILMS_PER_NETWORK_MAX: u32 = 600;

/// Permits to make lists.
pub(crate) struct ListPermits {
    all: Semaphore,
    /// Only of networks with a list under way.
    by_network: Mutex<HashMap<u128, Arc<Semaphore>>>,
}

/// The right to make one list; given back when dropped.
pub(crate) struct ListPermit<'a> {
    permits: &'a ListPermits,
    network: Option<(u128, Option<OwnedSemaphorePermit>)>,
    _of_server: Option<SemaphorePermit<'a>>,
}

impl Default for ListPermits {
    fn default() -> Self {
        Self { all: Semaphore::new(LISTED_FILMS_MAX as usize), by_network: Mutex::default() }
    }
}

impl ListPermits {
    /// Waits for its turn, in its own network first. A network that is not counted waits for the server alone.
    pub(crate) async fn acquire(&self, network: Option<u128>, films: u32) -> ListPermit<'_> {
        let mut permit = ListPermit { permits: self, network: None, _of_server: None };
        if let Some(network) = network {
            let of_network = self.of_network(network);
            // From here on the entry is removed by the permit's drop, also when this future is dropped while it waits.
            permit.network = Some((network, None));
            let films = films.min(LISTED_FILMS_PER_NETWORK_MAX);
            // A semaphore that is never closed always gives a permit.
            let held = of_network.acquire_many_owned(films).await.ok();
            permit.network = Some((network, held));
        }
        permit._of_server = self.all.acquire_many(films.min(LISTED_FILMS_MAX)).await.ok();
        permit
    }

    fn of_network(&self, network: u128) -> Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(LISTED_FILMS_PER_NETWORK_MAX as usize));
        Arc::clone(self.by_network.lock().entry(network).or_insert_with(new))
    }
}

impl Drop for ListPermit<'_> {
    fn drop(&mut self) {
        let Some((network, held)) = self.network.take() else { return };
        let mut by_network = self.permits.by_network.lock();
        drop(held);
        // The map's own is the last: nobody holds a permit or waits for one.
        if by_network.get(&network).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            by_network.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn network_that_asks_for_much_waits_for_itself_and_nobody_else_does() {
        let permits = ListPermits::default();
        let mut greedy = Vec::new();
        for _ in 0..3 {
            greedy.push(permits.acquire(Some(1), 200).await);
        }
        assert!(permits.acquire(Some(1), 200).now_or_never().is_none(), "600 films are under way");
        assert!(permits.acquire(Some(2), 200).now_or_never().is_some());
        assert!(permits.acquire(None, 200).now_or_never().is_some(), "not counted");
        greedy.pop();
        assert!(permits.acquire(Some(1), 200).now_or_never().is_some());
        drop(greedy);
        assert!(permits.by_network.lock().is_empty(), "nothing is kept of networks without a list under way");
    }

    #[tokio::test]
    async fn lists_of_all_networks_are_limited() {
        let permits = ListPermits::default();
        let mut all = Vec::new();
        for network in 0..16 {
            all.push(permits.acquire(Some(network), 200).await);
        }
        assert!(permits.acquire(Some(99), 1).now_or_never().is_none());
        drop(all);
        assert!(permits.acquire(Some(99), 1).now_or_never().is_some());
        assert!(permits.by_network.lock().is_empty());
    }
}
