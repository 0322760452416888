//! Tests of the cache with a provider that hangs: it accepts connections and never answers.

use std::net::{TcpListener, TcpStream};

use seatkeeper_testing::ManualClock;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use super::*;

/// The clock of tokio, which these tests pause and advance.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

/// A provider that never answers. The kernel accepts its connections.
struct Hanging {
    listener: TcpListener,
    accepted: Vec<TcpStream>,
}

impl Hanging {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, accepted: Vec::new() }
    }

    fn cache(&self) -> Provider {
        let issuer = format!("http://{}", self.listener.local_addr().unwrap());
        Provider::new(issuer, Arc::new(BackChannel::https()), Arc::new(TokioClock(Instant::now())))
    }

    /// Number of connections so far. They stay open.
    fn count_connections(&mut self) -> usize {
        while let Ok((connection, _)) = self.listener.accept() {
            self.accepted.push(connection);
        }
        self.accepted.len()
    }
}

/// Lets all tasks go on until each waits for time or for the network.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn is_unavailable(answer: &Result<Arc<Metadata>, OidcError>) -> bool {
    matches!(answer, Err(OidcError::Unavailable(_)))
}

#[tokio::test(start_paused = true)]
async fn sign_ins_at_a_provider_that_never_answers_all_fail_within_one_timeout() {
    let mut hanging = Hanging::start();
    let (cache, began) = (Arc::new(hanging.cache()), Instant::now());
    let mut sign_ins = Vec::new();
    // They begin one after the other, so that a fetch for each would end one after the other, too.
    for _ in 0..3 {
        let cache = Arc::clone(&cache);
        sign_ins.push(tokio::spawn(async move { cache.metadata().await }));
        settle().await;
        tokio::time::advance(Duration::from_millis(2_500)).await;
    }
    for sign_in in sign_ins {
        assert!(is_unavailable(&sign_in.await.unwrap()));
    }
    assert!(began.elapsed() < FETCH_FOR_MAX + Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(cache.metadata().now_or_never().is_some_and(|answer| is_unavailable(&answer)), "the failure is cached");
    assert_eq!(hanging.count_connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn fetch_goes_on_and_its_failure_is_cached_when_the_sign_in_is_cancelled() {
    let mut hanging = Hanging::start();
    let cache = hanging.cache();
    assert!(cache.metadata().now_or_never().is_none(), "waits, and is dropped");
    settle().await;
    tokio::time::advance(FETCH_FOR_MAX + Duration::from_secs(1)).await;
    settle().await;
    assert!(cache.metadata().now_or_never().is_some_and(|answer| is_unavailable(&answer)));
    assert_eq!(hanging.count_connections(), 1);
}

#[tokio::test]
async fn cached_keys_of_a_day_are_used_at_once_while_the_provider_hangs() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
    });
    let clock = Arc::new(ManualClock::default());
    let cache = Provider::new(issuer, Arc::new(BackChannel::https()), clock.clone());
    let answer_two_requests = async {
        for body in [document.to_string(), json!({ "keys": [] }).to_string()] {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    };
    let (first, ()) = tokio::join!(cache.metadata(), answer_two_requests);
    let first = first.unwrap();
    clock.advance(STALE_FOR_MAX - SignedDuration::from_secs(1));
    for _ in 0..3 {
        let answer = cache.metadata().now_or_never().expect("does not wait");
        assert!(Arc::ptr_eq(&answer.unwrap(), &first));
    }
    clock.advance(SignedDuration::from_secs(1));
    assert!(cache.metadata().now_or_never().is_none(), "too old, so that the running fetch is waited for");
}
