//! What every handler can reach.

use std::{ops::Deref, sync::Arc, time::Instant};

use seatkeeper_core::{box_office::BoxOffice, person::Person, ports::Health};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::Auth,
    config::ApiConfig,
    error::ApiError,
    list_permits::ListPermits,
    live::Rooms,
    origin,
    permits::Permits,
    poster_cache::PosterCache,
    rate_limit::{PERSON, RateLimits},
    system_errors::SystemErrors,
    unsent::Unsent,
};

/// What the binary builds the application from.
pub struct AppParts {
    /// The use cases.
    pub office: Arc<BoxOffice>,
    /// The settings.
    pub config: ApiConfig,
    /// The parts that `GET /readyz` asks.
    pub health: Vec<Arc<dyn Health>>,
    /// Renders `GET /metrics` in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The application: cheap to clone, shared by all requests.
#[derive(Clone)]
pub struct App(Arc<AppState>);

/// What is inside.
pub struct AppState {
    /// The use cases.
    pub office: Arc<BoxOffice>,
    /// Who is asking.
    pub auth: Auth,
    /// Who is watching.
    pub rooms: Rooms,
    /// The settings.
    pub config: ApiConfig,
    /// The parts that `GET /readyz` asks.
    pub health: Vec<Arc<dyn Health>>,
    /// Renders `GET /metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) limits: RateLimits,
    pub(crate) permits: Permits,
    pub(crate) posters: PosterCache,
    pub(crate) list_permits: ListPermits,
    pub(crate) unsent: Arc<Unsent>,
    pub(crate) system_errors: SystemErrors,
    started: Instant,
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        let auth = Auth::new(&parts.office, &parts.config);
        let rooms = Rooms::new(&parts.office);
        Self(Arc::new(AppState {
            office: parts.office,
            auth,
            rooms,
            config: parts.config,
            health: parts.health,
            metrics: parts.metrics,
            limits: RateLimits::new(),
            permits: Permits::default(),
            posters: PosterCache::default(),
            list_permits: ListPermits::default(),
            unsent: Arc::default(),
            system_errors: SystemErrors::default(),
            started: Instant::now(),
        }))
    }

    /// Lets a signed-in person's request in: 429 when they ask too often, then 403 when another site's page asks for a
    /// change. The extractors of `auth` call it between 401 and 403 `forbidden`.
    ///
    /// # Errors
    /// `rate_limited`, `bad_origin`.
    pub fn admit(&self, request: &axum::http::request::Parts, person: &Person) -> Result<(), ApiError> {
        if self.config.rate_limit {
            self.limits.take(&PERSON, person.id.as_uuid().as_u128(), self.uptime_us())?;
        }
        origin::check(request, &self.config)
    }

    /// What runs beside the requests: telling the event log of answers of 500, hearing which sessions have ended on other
    /// servers, and telling viewers what has changed of their screenings. Returns when `stop` is cancelled and all is told.
    pub async fn run_beside(&self, stop: CancellationToken) {
        tokio::join!(
            self.system_errors.tell(&self.office, stop.clone()),
            self.auth.follow_store(stop.clone()),
            self.rooms.follow_programme(&self.office, stop),
        );
    }

    /// Microseconds since the start, by a clock that never steps.
    pub(crate) fn uptime_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
