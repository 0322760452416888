//! Limits how many films the concurrently built film lists contain, for the server and for each client network. A film
//! with long texts may take a hundred kilobytes of memory while its list is built, before the size of the answer is
//! known and can be charged to the budget of `unsent`.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Maximum number of films in all concurrently built lists of one server: sixteen lists of maximum length.
const LISTED_FILMS_MAX: u32 = 3_200;
/// Maximum number of films in the concurrently built lists of one network (an IPv4 address, an IPv6 /48): one list of
/// maximum length. Further lists of the network wait without delaying other networks. Building a long list takes some
/// 20 MiB, from the store's answer to the JSON text.
const LISTED_FILMS_PER_NETWORK_MAX: u32 = 200;

/// The pool of permits to build lists.
pub(crate) struct ListPermits {
    all: Semaphore,
    /// Number of films in the cinema when all were last listed: a list takes no more permits than that.
    films: AtomicU32,
    /// The permits of each network that has a list being built or waiting.
    by_network: Mutex<HashMap<u128, Arc<Semaphore>>>,
}

/// Permit to build one list, returned on drop.
pub(crate) struct ListPermit<'a> {
    permits: &'a ListPermits,
    network: Option<(u128, Option<OwnedSemaphorePermit>)>,
    _of_server: Option<SemaphorePermit<'a>>,
}

impl Default for ListPermits {
    fn default() -> Self {
        Self {
            all: Semaphore::new(LISTED_FILMS_MAX as usize),
            films: AtomicU32::new(u32::MAX),
            by_network: Mutex::default(),
        }
    }
}

impl ListPermits {
    /// Waits for permits to list `films_max` films, first of the network, then of the server. Without `network` only
    /// the server's limit applies.
    pub(crate) async fn acquire(&self, network: Option<u128>, films_max: u32) -> ListPermit<'_> {
        let films = films_max.min(self.films.load(Ordering::Relaxed)).max(1);
        let mut permit = ListPermit { permits: self, network: None, _of_server: None };
        if let Some(network) = network {
            let of_network = self.of_network(network);
            // From here on the permit's drop removes the entry, even if this future is cancelled while it waits.
            permit.network = Some((network, None));
            let films = films.min(LISTED_FILMS_PER_NETWORK_MAX);
            // The semaphore is never closed, so this cannot fail.
            let held = of_network.acquire_many_owned(films).await.ok();
            permit.network = Some((network, held));
        }
        permit._of_server = self.all.acquire_many(films.min(LISTED_FILMS_MAX)).await.ok();
        permit
    }

    /// Records the length of a list, if it contained all films of the cinema; `films` is `None` when the list was only
    /// a part.
    pub(crate) fn note_listed(&self, films: Option<usize>) {
        let films = films.and_then(|films| u32::try_from(films).ok()).unwrap_or(u32::MAX);
        self.films.store(films, Ordering::Relaxed);
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
        // Only the map owns the semaphore: there are no permits and no waiters left.
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
    async fn list_of_a_network_at_its_limit_waits_without_delaying_other_networks() {
        let permits = ListPermits::default();
        let greedy = [permits.acquire(Some(1), 100).await, permits.acquire(Some(1), 100).await];
        assert!(permits.acquire(Some(1), 200).now_or_never().is_none(), "200 films are being listed");
        assert!(permits.acquire(Some(2), 200).now_or_never().is_some());
        assert!(permits.acquire(None, 200).now_or_never().is_some(), "not counted");
        drop(greedy);
        assert!(permits.acquire(Some(1), 200).now_or_never().is_some());
        assert!(permits.by_network.lock().is_empty(), "no network without a list stays in the map");
    }

    #[tokio::test]
    async fn film_list_takes_no_more_permits_than_the_cinema_has_films_once_their_number_is_known() {
        let permits = ListPermits::default();
        permits.note_listed(Some(12));
        let lists: Vec<_> = (0..16).map(|_| permits.acquire(Some(1), 200).now_or_never()).collect();
        assert!(lists.iter().all(Option::is_some));
        drop(lists);
        permits.note_listed(None);
        let _long = permits.acquire(Some(1), 200).await;
        assert!(permits.acquire(Some(1), 200).now_or_never().is_none(), "the number of films is unknown again");
    }

    #[tokio::test]
    async fn list_waits_while_lists_of_other_networks_reach_the_servers_limit() {
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
