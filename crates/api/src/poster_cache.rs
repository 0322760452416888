//! Cache of uploaded film posters. All connections that send a poster share its bytes: a copy of 5 MiB for each of a
//! thousand connections would take 5 GiB.

use std::sync::Arc;

use bytes::Bytes;
use hashlink::LruCache;
use parking_lot::Mutex;
use seatkeeper_core::{
    ids::PosterId,
    ports::{Backend, Poster, Posters},
};

/// Maximum size of all cached pictures, in bytes: a dozen of the largest, or all pictures of most cinemas.
const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Maximum number of cached pictures.
const CACHE_POSTERS_MAX: usize = 1_000;
/// Maximum number of concurrent reads of pictures from the store. Concurrent requests for the same picture share one
/// read.
const READS_AT_ONCE_MAX: usize = 8;

/// The picture cache. When full, it evicts the least recently used picture that is not being sent.
#[derive(Default)]
pub(crate) struct PosterCache {
    cached: Mutex<Cached>,
    reads: [tokio::sync::Mutex<()>; READS_AT_ONCE_MAX],
}

struct Cached {
    by_id: LruCache<PosterId, Arc<Poster>>,
    bytes: usize,
}

impl Default for Cached {
    fn default() -> Self {
        Self { by_id: LruCache::new(CACHE_POSTERS_MAX), bytes: 0 }
    }
}

/// A picture to send.
pub(crate) enum PosterToSend {
    /// The picture is in the cache and its bytes are shared.
    Shared(Arc<Poster>),
    /// The picture is not cached, because the cache is full of pictures that are being sent.
    Own(Poster),
}

impl PosterToSend {
    pub(crate) fn content_type(&self) -> &str {
        match self {
            Self::Shared(poster) => &poster.content_type,
            Self::Own(poster) => &poster.content_type,
        }
    }
}

/// Prevents the eviction of a picture while it is being sent.
struct Pinned(Arc<Poster>);

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// Returns the bytes of a cached picture. The picture is not evicted until the last of the returned bytes is sent.
pub(crate) fn pin(poster: Arc<Poster>) -> Bytes {
    Bytes::from_owner(Pinned(poster))
}

impl PosterCache {
    /// Finds a picture in the cache or in the store.
    pub(crate) async fn find(&self, posters: &dyn Posters, id: PosterId) -> Backend<Option<PosterToSend>> {
        if let Some(poster) = self.cached.lock().get(id) {
            return Ok(Some(PosterToSend::Shared(poster)));
        }
        let slot = (id.as_uuid().as_u128() % READS_AT_ONCE_MAX as u128) as usize;
        let _guard = self.reads[slot].lock().await;
        if let Some(poster) = self.cached.lock().get(id) {
            return Ok(Some(PosterToSend::Shared(poster)));
        }
        let poster = posters.find_poster(id).await?;
        Ok(poster.map(|poster| self.cached.lock().insert(poster)))
    }
}

impl Cached {
    fn get(&mut self, id: PosterId) -> Option<Arc<Poster>> {
        self.by_id.get(&id).cloned()
    }

    fn insert(&mut self, poster: Poster) -> PosterToSend {
        while self.bytes + poster.bytes.len() > CACHE_BYTES_MAX || self.by_id.len() >= CACHE_POSTERS_MAX {
            // Evict only idle pictures: one that is being sent would stay in memory without being counted.
            let mut oldest_first = self.by_id.iter();
            let idle = oldest_first.find(|(_, poster)| Arc::strong_count(poster) == 1);
            let Some(oldest) = idle.map(|(id, _)| *id) else { return PosterToSend::Own(poster) };
            if let Some(evicted) = self.by_id.remove(&oldest) {
                self.bytes -= evicted.bytes.len();
            }
        }
        self.bytes += poster.bytes.len();
        let poster = Arc::new(poster);
        self.by_id.insert(poster.id, Arc::clone(&poster));
        PosterToSend::Shared(poster)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;

    const MIB: usize = 1024 * 1024;

    /// A test store that has a picture of 1 MiB for each even id, and counts its reads.
    #[derive(Default)]
    struct Store(AtomicUsize);

    #[async_trait]
    impl Posters for Store {
        async fn put_poster(&self, _: &Poster) -> Backend<()> {
            Ok(())
        }

        async fn find_poster(&self, id: PosterId) -> Backend<Option<Poster>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let is_there = id.as_uuid().as_u128().is_multiple_of(2);
            let poster = Poster { id, content_type: "image/png".to_owned(), bytes: Bytes::from(vec![0; MIB]) };
            Ok(is_there.then_some(poster))
        }
    }

    fn poster(number: u128) -> PosterId {
        PosterId::from_uuid(Uuid::from_u128(number * 2))
    }

    async fn shared(cache: &PosterCache, store: &Store, number: u128) -> Arc<Poster> {
        match cache.find(store, poster(number)).await.unwrap().unwrap() {
            PosterToSend::Shared(poster) => poster,
            PosterToSend::Own(_) => panic!("the cache has room"),
        }
    }

    #[tokio::test]
    async fn concurrent_requests_for_a_picture_share_one_read_and_its_bytes() {
        let (cache, store) = (PosterCache::default(), Store::default());
        let all = join_all((0..100).map(|_| shared(&cache, &store, 1))).await;
        assert_eq!(store.0.load(Ordering::SeqCst), 1);
        assert!(all.iter().all(|poster| poster.bytes.as_ptr() == all[0].bytes.as_ptr()));
        assert!(cache.find(&store, PosterId::from_uuid(Uuid::from_u128(1))).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn least_recently_used_picture_is_evicted() {
        let (cache, store) = (PosterCache::default(), Store::default());
        let fitting = (CACHE_BYTES_MAX / MIB) as u128;
        for number in 0..fitting {
            shared(&cache, &store, number).await;
        }
        shared(&cache, &store, 0).await;
        shared(&cache, &store, fitting).await;
        assert_eq!(cache.cached.lock().bytes, CACHE_BYTES_MAX);
        assert!(cache.cached.lock().get(poster(0)).is_some() && cache.cached.lock().get(poster(1)).is_none());
    }

    #[tokio::test]
    async fn pictures_being_sent_are_not_evicted_and_others_are_not_cached() {
        let (cache, store) = (PosterCache::default(), Store::default());
        let fitting = (CACHE_BYTES_MAX / MIB) as u128;
        let mut sending = Vec::new();
        for number in 0..fitting {
            sending.push(pin(shared(&cache, &store, number).await));
        }
        let more = cache.find(&store, poster(fitting)).await.unwrap().unwrap();
        assert!(matches!(more, PosterToSend::Own(_)), "charged to the client's network");
        drop(sending.pop());
        shared(&cache, &store, fitting).await;
        assert_eq!(cache.cached.lock().bytes, CACHE_BYTES_MAX);
    }
}
