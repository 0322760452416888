//! Test fixtures: servers over an empty SQLite store, and browsers with cookie jars.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::FromRequestParts,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use seatkeeper_core::{
    box_office::BoxOffice,
    event::{Event, EventKind},
    person::{Person, Session, SessionHash, SignInAttempt},
    ports::{Backend, BackendError, Entropy, Outbox, Sessions},
};
use seatkeeper_embedded::{locks::MemoryLocks, mock_provider::MockProvider, sqlite::SqliteStore};
use seatkeeper_testing::{ManualClock, office_over};
use tokio::sync::Semaphore;
use tower::ServiceExt;
use url::Url;
use uuid::Uuid;

use crate::{
    config::{ApiConfig, SignInConfig, tests::config},
    error::ApiError,
    request_id::RequestId,
    router,
    state::{App, AppParts},
};

/// The public URL of the servers in these tests.
pub(crate) const SITE: &str = "http://127.0.0.1:8080";

/// Real randomness, so that two servers of a test do not generate the same secrets.
pub(crate) struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// The backends shared by the servers of a test.
pub(crate) struct World {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) sessions: Arc<Line>,
    pub(crate) clock: Arc<ManualClock>,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Wraps access to the sessions in the store: counts calls, and can simulate an outage.
pub(crate) struct Line {
    store: Arc<SqliteStore>,
    is_cut: AtomicBool,
    calls: AtomicU64,
    /// Number of session lookups in the store so far; their answers may still be blocked.
    looked_up: AtomicU64,
    touched: AtomicU64,
    /// `find_session` needs a permit of this semaphore to return. A test removes the permits to delay it.
    pub(crate) answers: Semaphore,
}

impl Line {
    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    /// Number of calls to the store so far, without polls for ended sessions.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Number of session lookups in the store so far.
    pub(crate) fn looked_up(&self) -> u64 {
        self.looked_up.load(Ordering::SeqCst)
    }

    /// Number of recorded uses of a session so far.
    pub(crate) fn touched(&self) -> u64 {
        self.touched.load(Ordering::SeqCst)
    }

    fn store(&self) -> Backend<&SqliteStore> {
        if self.is_cut.load(Ordering::SeqCst) { Err(BackendError::retryable("store", "cut")) } else { Ok(&self.store) }
    }

    fn counted(&self) -> Backend<&SqliteStore> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.store()
    }
}

#[async_trait]
impl Sessions for Line {
    async fn begin_sign_in(&self, attempt: &SignInAttempt) -> Backend<()> {
        self.counted()?.begin_sign_in(attempt).await
    }
    async fn take_sign_in(&self, state: &str) -> Backend<Option<SignInAttempt>> {
        self.counted()?.take_sign_in(state).await
    }
    async fn create_session(&self, session: &Session, event: &Event) -> Backend<()> {
        self.counted()?.create_session(session, event).await
    }
    async fn find_session(&self, hash: &SessionHash) -> Backend<Option<(Session, Person)>> {
        let found = self.counted()?.find_session(hash).await;
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.unwrap().forget();
        found
    }
    async fn touch_session(&self, hash: &SessionHash, seen_at: Timestamp) -> Backend<()> {
        let touched = self.counted()?.touch_session(hash, seen_at).await;
        self.touched.fetch_add(1, Ordering::SeqCst);
        touched
    }
    async fn end_session(&self, hash: &SessionHash, now: Timestamp, event: &Event) -> Backend<()> {
        self.counted()?.end_session(hash, now, event).await
    }
    async fn list_ended_since(&self, since: Timestamp, limit: u32) -> Backend<Vec<SessionHash>> {
        self.store()?.list_ended_since(since, limit).await
    }
    async fn purge_sessions(&self, now: Timestamp) -> Backend<u64> {
        self.counted()?.purge_sessions(now).await
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("seatkeeper-sign-in-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = Arc::new(SqliteStore::open(&folder.join("store.db")).unwrap());
        let sessions = Line {
            store: Arc::clone(&store),
            is_cut: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            looked_up: AtomicU64::new(0),
            touched: AtomicU64::default(),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
        };
        Self { store, sessions: Arc::new(sessions), clock: Arc::new(ManualClock::default()), folder }
    }

    /// Another server over the same backends.
    pub(crate) fn server(&self, change: impl FnOnce(&mut ApiConfig)) -> Server {
        let mut config = ApiConfig { rate_limit: false, ..config() };
        change(&mut config);
        let app = App::new(AppParts {
            office: Arc::new(self.office()),
            config,
            health: Vec::new(),
            metrics: Arc::new(String::new),
        });
        Server { router: router(app.clone()), app }
    }

    fn office(&self) -> BoxOffice {
        let (store, entropy) = (&self.store, Arc::new(Random));
        let locks = Arc::new(MemoryLocks::unlogged(self.clock.clone()));
        let provider = MockProvider::new(store.clone(), self.clock.clone(), entropy.clone(), Arc::default(), None);
        let mut office = office_over(store, &locks, Arc::new(provider), self.clock.clone(), entropy);
        office.stores.sessions = self.sessions.clone();
        office
    }

    /// The events in the audit log so far, each formatted as `action details`.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let (relay, now) = (Uuid::from_u128(1), Timestamp::from_second(0).unwrap());
        assert!(self.store.take_relay_lease(relay, now, now + SignedDuration::from_hours(1)).await.unwrap());
        let events = self.store.list_unsent(relay, 1_000).await.unwrap();
        let told = events.into_iter().map(|event| match event.kind {
            EventKind::AuditLog { action, subject, details } => {
                assert!(action == "admin_refused" || event.actor.is_some(), "{action} of nobody");
                assert!(event.request_id.is_some(), "{action} of no request");
                format!("{action} {} {details}", subject.unwrap_or_default())
            }
            other => panic!("{other:?}"),
        });
        told.collect()
    }
}

/// One server over the backends of a [`World`].
pub(crate) struct Server {
    pub(crate) app: App,
    router: Router,
}

impl Server {
    pub(crate) fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), jar: Mutex::default(), headers: HeaderMap::new() }
    }

    /// The request head that this browser sends with `GET` of `path`.
    pub(crate) fn parts_of(&self, browser: &Browser, path: &str) -> axum::http::request::Parts {
        let request = Request::builder().uri(path).header(header::COOKIE, browser.cookies_for(path)).body(()).unwrap();
        request.into_parts().0
    }

    /// Runs the extractor `T` on this browser's `GET` of `path`; fails with status and error code of the refusal.
    pub(crate) async fn extract<T>(&self, browser: &Browser, path: &str) -> Result<T, (u16, String)>
    where
        T: FromRequestParts<App, Rejection = ApiError>,
    {
        let mut parts = self.parts_of(browser, path);
        let extracted = RequestId::next().scope(T::from_request_parts(&mut parts, &self.app)).await;
        extracted.map_err(|refusal| (refusal.code().status().as_u16(), refusal.code().as_str().to_owned()))
    }
}

/// A browser that stores cookies by name and path, and does not follow redirects.
pub(crate) struct Browser {
    pub(crate) router: Router,
    pub(crate) jar: Mutex<HashMap<String, (String, String)>>,
    /// Headers that the browser sends with every request.
    pub(crate) headers: HeaderMap,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::FOUND, "{self:?}");
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Status and error code of an error answer.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
    }
}

impl Browser {
    pub(crate) async fn get(&self, address: &str) -> Answer {
        self.send(Method::GET, address, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, address: &str) -> Answer {
        self.send(Method::POST, address, &[], Body::empty()).await
    }

    pub(crate) async fn send(&self, method: Method, address: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let path = address.strip_prefix(SITE).unwrap_or(address);
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies = self.cookies_for(path);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        let mut request = request.body(body).unwrap();
        request.headers_mut().extend(self.headers.clone());
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        self.store_cookies(&answer);
        answer
    }

    fn cookies_for(&self, path: &str) -> String {
        let jar = self.jar.lock();
        let sent = jar.iter().filter(|(_, (_, below))| path.starts_with(below.as_str()));
        sent.map(|(name, (value, _))| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn store_cookies(&self, answer: &Answer) {
        let mut jar = self.jar.lock();
        for line in answer.cookies() {
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: HashMap<&str, &str> = parts.filter_map(|part| part.split_once('=')).collect();
            if attributes["Max-Age"] == "0" {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), (value.to_owned(), attributes["Path"].to_owned()));
            }
        }
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.jar.lock().get(name).map(|(value, _)| value.clone())
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.jar.lock().insert(name.to_owned(), (value.to_owned(), "/".to_owned()));
    }

    /// Signs in up to the identity provider's redirect; returns the callback URL without opening it.
    pub(crate) async fn sign_in_up_to_callback(&self, email: &str) -> Url {
        let there = self.get(&format!("/api/auth/google/login?return_to=/here&login_hint={email}")).await.location();
        Url::parse(&self.get(&there).await.location()).unwrap()
    }

    /// Signs in completely with the demo provider; returns the answer to the callback.
    pub(crate) async fn sign_in(&self, email: &str) -> Answer {
        let back = self.sign_in_up_to_callback(email).await;
        self.get(back.as_str()).await
    }

    pub(crate) async fn me(&self) -> Answer {
        self.get("/api/auth/me").await
    }
}

/// Settings that select a real identity provider.
pub(crate) fn with_provider(issuer: &str, client_id: &str, secret: &str) -> SignInConfig {
    SignInConfig::Google {
        issuer: issuer.to_owned(),
        client_id: client_id.to_owned(),
        client_secret: crate::config::Secret::new(secret),
    }
}

/// Returns the query parameter `name` of a URL.
pub(crate) fn query_of(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
