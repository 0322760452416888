//! The application state that all handlers share.

use std::{
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use seatkeeper_core::{box_office::BoxOffice, person::Person, ports::Health};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

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
    request_id,
    system_errors::SystemErrors,
    unsent::Unsent,
};

/// The parts from which the binary builds the application.
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

/// The shared state of the application.
pub struct AppState {
    /// The use cases.
    pub office: Arc<BoxOffice>,
    /// Sign-in and sessions.
    pub auth: Auth,
    /// The rooms that serve live seat maps.
    pub rooms: Rooms,
    /// The settings.
    pub config: ApiConfig,
    /// The parts that `GET /readyz` asks.
    pub health: Vec<Arc<dyn Health>>,
    /// Renders `GET /metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) limits: RateLimits,
    pub(crate) permits: Arc<Permits>,
    pub(crate) posters: PosterCache,
    pub(crate) list_permits: ListPermits,
    pub(crate) unsent: Arc<Unsent>,
    pub(crate) system_errors: SystemErrors,
    /// Tracks the calls that continue when their client disconnects, so that the shutdown can wait for them.
    calls: TaskTracker,
    started: Instant,
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl App {
    /// Builds the application from its parts.
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
            permits: Permits::new(),
            posters: PosterCache::default(),
            list_permits: ListPermits::default(),
            unsent: Arc::default(),
            system_errors: SystemErrors::default(),
            calls: TaskTracker::new(),
            started: Instant::now(),
        }))
    }

    /// Checks a signed-in person's request against the rate limit (429), then refuses a change from another site's page
    /// (403 `bad_origin`). The extractors of `auth` call it after the check for 401 and before the check for 403
    /// `forbidden`.
    ///
    /// # Errors
    /// `rate_limited`, `bad_origin`.
    pub fn admit(&self, request: &axum::http::request::Parts, person: &Person) -> Result<(), ApiError> {
        if self.config.rate_limit {
            self.limits.take(&PERSON, person.id.as_uuid().as_u128(), self.uptime_us())?;
        }
        Ok(origin::check(request, &self.config)?)
    }

    /// Runs a call in its own task, which continues when the client disconnects and which [`Self::run_beside`] waits for.
    pub(crate) fn spawn_call<F>(&self, call: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.calls.spawn(request_id::with_current(call))
    }

    /// Runs a call in its request, and in a task of its own when the client disconnects. Unlike [`Self::spawn_call`] it costs
    /// no task otherwise.
    pub(crate) fn run_to_end<F>(&self, call: F) -> RunToEnd<F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        RunToEnd { app: self.clone(), call: Some(Box::pin(call)) }
    }

    /// Runs the background tasks: writing events about internal errors (status 500), polling for sessions that ended on
    /// other servers, and sending viewers the changes of their screenings. Returns when `stop` is cancelled, pending
    /// writes are flushed and all calls have ended.
    pub async fn run_beside(&self, stop: CancellationToken) {
        tokio::join!(
            self.system_errors.publish(&self.office, stop.clone()),
            self.auth.follow_store(stop.clone()),
            self.rooms.follow_programme(&self.office, stop),
        );
        self.calls.close();
        self.calls.wait().await;
    }

    /// Microseconds since the program's start, by the monotonic clock.
    pub(crate) fn uptime_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A call that ends even if the future that waits for it is dropped. Never poll it again after its end.
pub(crate) struct RunToEnd<F: Future<Output: Send> + Send + 'static> {
    app: App,
    call: Option<Pin<Box<F>>>,
}

impl<F: Future<Output: Send> + Send + 'static> Future for RunToEnd<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(call) = self.call.as_mut() else { return Poll::Pending };
        let output = ready!(call.as_mut().poll(context));
        self.call = None;
        Poll::Ready(output)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for RunToEnd<F> {
    fn drop(&mut self) {
        // A call that has panicked must not be polled again.
        if let Some(call) = self.call.take().filter(|_| !std::thread::panicking()) {
            drop(self.app.spawn_call(call));
        }
    }
}
