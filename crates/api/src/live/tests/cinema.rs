//! Test fixture: servers with the real router, a SQLite store, locks in memory and a manual clock.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, header},
};
use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::BoxOffice,
    ids::{HallId, MovieId, PersonId, ScreeningId},
    ports::{ProgrammeChange, ProgrammeOutcome},
};
use seatkeeper_embedded::{locks::MemoryLocks, mock_provider::MockProvider, sqlite::SqliteStore};
use seatkeeper_testing::{ManualClock, SeededEntropy, hall_of, movie_of, office_over, sample_now, screening_of};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    config::{ApiConfig, SiteUrl, tests::config},
    router,
    state::{App, AppParts},
};

/// Maximum size of an HTTP answer that these tests read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// One server of the cinema, called through its router.
pub(super) struct Cinema {
    pub(super) app: App,
    pub(super) address: SocketAddr,
    router: Router,
    task: tokio::task::JoinHandle<()>,
    parts: Arc<Parts>,
}

/// The backends that all servers of a cinema share.
pub(super) struct Parts {
    store: Arc<SqliteStore>,
    locks: Arc<MemoryLocks>,
    pub(super) clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl Drop for Cinema {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An HTTP answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and error code of a refusal: `404 screening_not_found`.
    pub(super) fn refusal(&self) -> String {
        format!("{} {}", self.status, self.json()["code"].as_str().unwrap())
    }
}

impl Cinema {
    /// Opens a cinema with one film and halls 1 and 2. Screenings 1 and 2 are in hall 1; screening 3 is in hall 2, at
    /// the time of screening 2.
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("store.db")).unwrap());
        let clock = Arc::new(ManualClock::default());
        let locks = Arc::new(MemoryLocks::unlogged(clock.clone()));
        let parts = Arc::new(Parts { store, locks, clock, _folder: folder });
        fill(&parts.office(1)).await;
        Self::over(parts, 1).await
    }

    /// Starts another server of the same cinema.
    pub(super) async fn other_server(&self) -> Self {
        Self::over(Arc::clone(&self.parts), 2).await
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    async fn over(parts: Arc<Parts>, seed: u64) -> Self {
        let office = Arc::new(parts.office(seed));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = ApiConfig { public_url: SiteUrl::new(&format!("http://{address}")), ..config() };
        let app = App::new(AppParts { office, config, health: vec![], metrics: Arc::new(String::new) });
        let router = router(app.clone());
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { app, address, router, task, parts }
    }

    /// Signs a person in; returns the session cookie.
    pub(super) async fn sign_in(&self, name: &str) -> String {
        let mut path = format!("/api/auth/google/login?return_to=/&login_hint={name}@example.test");
        let mut cookies = String::new();
        // Follow the redirects: the login call, the identity provider, the callback.
        for _ in 0..3 {
            let answer = self.get(&path, &[("cookie", &cookies)]).await;
            assert_eq!(answer.status, 302, "{path}");
            let mut set = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
            cookies = set.next_back().map_or(cookies, |cookie| cookie.split(';').next().unwrap().to_owned());
            let location = answer.headers["location"].to_str().unwrap();
            path = location.replace(&format!("http://{}", self.address), "");
        }
        assert!(cookies.starts_with("seatkeeper_session="), "{cookies}");
        cookies
    }

    pub(super) async fn post(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::post(path).header(header::HOST, self.address.to_string()).header("cookie", cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a `GET` request with these headers.
    pub(super) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path).header(header::HOST, self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

pub(super) fn screening_id(number: u128) -> ScreeningId {
    ScreeningId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn movie_id() -> MovieId {
    MovieId::from_uuid(Uuid::from_u128(1))
}

async fn fill(office: &BoxOffice) {
    let movie = movie_of(movie_id(), "Film");
    let halls = [1, 2].map(|n| hall_of(HallId::from_uuid(Uuid::from_u128(n)), &format!("Hall {n}"), "ssx/p:pp"));
    let screening = |number, hall, hours| {
        screening_of(screening_id(number), &movie, hall, sample_now() + SignedDuration::from_hours(hours))
    };
    let screenings = [screening(1, &halls[0], 10), screening(2, &halls[0], 20), screening(3, &halls[1], 20)];
    let changes = std::iter::once(ProgrammeChange::PutMovie(movie.clone(), 0))
        .chain(halls.into_iter().map(|hall| ProgrammeChange::PutHall(hall, 0)))
        .chain(screenings.into_iter().map(|screening| ProgrammeChange::PutScreening(screening, 0)));
    for change in changes {
        let event = office.audit_event("test", None, PersonId::from_uuid(Uuid::nil()), None);
        let outcome = office.stores.programme.change_programme(&change, &event, office.now()).await.unwrap();
        assert_eq!(outcome, ProgrammeOutcome::Done);
    }
}

impl Parts {
    fn office(&self, seed: u64) -> BoxOffice {
        let (clock, entropy) = (self.clock.clone(), Arc::new(SeededEntropy::new(seed)));
        let provider = MockProvider::new(self.store.clone(), clock.clone(), entropy.clone(), Arc::default(), None);
        office_over(&self.store, &self.locks, Arc::new(provider), clock, entropy)
    }
}
