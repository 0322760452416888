//! The life cycle of the server: opens the parts, creates the demo cinema, listens, runs the workers, and shuts down in
//! order.

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use rand::RngCore;
use seatkeeper_api::{ApiConfig, App, AppParts, Secret, SignInConfig, SiteUrl, router};
use seatkeeper_core::box_office::mend_screening;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{Config, Origin, PromptPayId, RateLimit, SignIn},
    demo,
    listener::{Admission, serve_connections},
    telemetry::{self, RenderMetrics},
    wiring::{self, Address, CLOSING_GRACE, Parts},
    workers::{Mailer, Workers},
};

/// Time limit of the first step of the shutdown, in which requests in flight are finished.
const REQUESTS_GRACE: Duration = Duration::from_secs(5);
/// Time limit of the second step of the shutdown, in which all workers and background tasks stop concurrently.
const WORKERS_GRACE: Duration = Duration::from_secs(3);
// The third step of the shutdown closes the parts within `CLOSING_GRACE`. All steps together take less than 10 s.

/// Pause before the API's background tasks are restarted after a panic.
const BESIDE_PAUSE: Duration = Duration::from_secs(1);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A part cannot be opened, or the listen address cannot be bound.
pub async fn serve(config: Config) -> Result<(), Failure> {
    ignore_signals()?;
    let signals = StopSignals::listen()?;
    let metrics = telemetry::collect_metrics()?;
    let entrance = Entrance::open(&config).await?;
    let _folder = wiring::open_data_folder(&config)?;
    let parts = wiring::open_parts(&config, &entrance.address()).await?;
    let closing = parts.closing.clone();
    let served = serve_parts(&config, entrance, parts, metrics, signals).await;
    let closed = closing.close(CLOSING_GRACE).await;
    tracing::info!(closed, "stopped");
    served
}

/// The bound listener and the addresses of the site.
struct Entrance {
    listener: TcpListener,
    bound: SocketAddr,
    site: Origin,
    callback_secret: Vec<u8>,
}

impl Entrance {
    async fn open(config: &Config) -> Result<Self, Failure> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
        let bound = listener.local_addr()?;
        let site = config.public_url.resolve(bound)?;
        Ok(Self { listener, bound, site, callback_secret: callback_secret(config) })
    }

    fn address(&self) -> Address<'_> {
        Address { site: &self.site, bound: self.bound, callback_secret: &self.callback_secret }
    }
}

/// Removes the files with names and addresses that a killed process has left.
async fn remove_unfinished_mails(mailer: &Mailer) {
    match mailer.transport.remove_unfinished().await {
        Ok(0) => {}
        Ok(files) => tracing::info!(files, "unfinished files of mails removed; their mails are written again"),
        Err(error) => {
            tracing::warn!(%error, "unfinished files of mails could not be removed; the next start tries again")
        }
    }
}

async fn serve_parts(
    config: &Config,
    entrance: Entrance,
    parts: Parts,
    metrics: RenderMetrics,
    signals: StopSignals,
) -> Result<(), Failure> {
    let Entrance { listener, bound, site, callback_secret } = entrance;
    let Parts { office, health, mailer, restored, closing: _ } = parts;
    if config.demo
        && let Some(screenings) = demo::fill_empty_store(&office).await?
    {
        tracing::info!(screenings, "demo cinema filled in");
    }
    office.follow_programme().await?;
    // Before the maps of restored locks are loaded, because claims of the store may end too late after the clock was set back.
    // Otherwise the worker that watches the clock does this.
    if !restored.is_empty()
        && let Err(error) = office.stores.times.limit_times(office.now()).await
    {
        tracing::warn!(%error, "times in the store could not be compared with the clock; a worker repeats it");
    }
    for screening in restored {
        // Until its map is loaded, locked seats of the screening would be reported as available. Requests for the map
        // also load it.
        if let Err(error) = mend_screening(&office, screening).await {
            tracing::warn!(%screening, %error, "loading a seat map failed; the next request for it loads it");
        }
    }
    let api = api_config(config, &site, bound, callback_secret);
    remove_unfinished_mails(&mailer).await;
    let workers = Workers::start(&office, mailer);
    let health = health.into_iter().chain(workers.health()).collect();
    let app = App::new(AppParts { office: Arc::clone(&office), config: api, health, metrics });

    let beside = TaskTracker::new();
    let requests_over = CancellationToken::new();
    beside.spawn({
        let (app, over) = (app.clone(), requests_over.clone());
        async move { run_beside(&app, &over).await }
    });
    if config.sign_in == SignIn::Demo {
        tracing::warn!("demo sign-in lets everybody in as anybody; it must never stand behind a proxy");
    }
    announce(&site);

    let admission = Admission {
        limits_addresses: config.rate_limit == RateLimit::On,
        trusted_proxies: config.trusted_proxies.clone(),
    };
    let stop = CancellationToken::new();
    // Viewers are told to reconnect as soon as the shutdown begins, while requests in flight are finished; `join` waits
    // for both.
    let shutting_down = {
        let (rooms, stop) = (app.rooms.clone(), stop.clone());
        async move {
            signals.received().await;
            stop.cancel();
            rooms.shut_down().await;
        }
    };
    let serving = serve_connections(listener, router(app), admission, stop, REQUESTS_GRACE);
    let (in_time, ()) = tokio::join!(serving, shutting_down);
    tracing::info!(in_time, "requests drained");
    requests_over.cancel();
    beside.close();
    let beside_over = tokio::time::timeout(WORKERS_GRACE, beside.wait());
    let (workers_done, beside_over) = tokio::join!(workers.stop(WORKERS_GRACE), beside_over);
    let beside_done = beside_over.is_ok();
    tracing::info!(workers_done, beside_done, "background work stopped");
    Ok(())
}

/// Runs the API's background tasks until `over` is cancelled, and restarts them after a panic. Without them, sessions
/// that ended on other servers would remain valid on this one.
async fn run_beside(app: &App, over: &CancellationToken) {
    while AssertUnwindSafe(app.run_beside(over.clone())).catch_unwind().await.is_err() {
        tracing::error!("the API's background tasks panicked; restarting them after a pause");
        over.run_until_cancelled(tokio::time::sleep(BESIDE_PAUSE)).await;
    }
}

/// Prints the site's address as the first line of standard output. If that fails the server runs nevertheless.
fn announce(site: &Origin) {
    if !telemetry::print_line(&format!("Seatkeeper is open: {}", site.as_str())) {
        tracing::warn!(site = site.as_str(), "open, but standard output cannot be written");
    }
}

/// Ignores the signals that would end the process by default: SIGHUP (closed terminal), SIGUSR1 and SIGUSR2 (log
/// rotation), SIGXFSZ (file size limit). One registration is sufficient, because tokio never restores the default
/// action.
fn ignore_signals() -> std::io::Result<()> {
    let file_size = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    for kind in [SignalKind::hangup(), SignalKind::user_defined1(), SignalKind::user_defined2(), file_size] {
        drop(signal(kind)?);
    }
    Ok(())
}

/// The signals that stop the server: SIGTERM and SIGINT. A signal counts from [`Self::listen`] on, also while the parts
/// are still being opened.
struct StopSignals {
    term: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the first signal.
    async fn received(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The key of the signatures of the payment provider's callbacks. Without the setting it is random at each start, which
/// is sufficient for the built-in mock provider.
fn callback_secret(config: &Config) -> Vec<u8> {
    config.payment_callback_secret.as_ref().map_or_else(
        || {
            let mut random = vec![0; 32];
            rand::rng().fill_bytes(&mut random);
            random
        },
        |secret| secret.expose().as_bytes().to_vec(),
    )
}

fn api_config(config: &Config, site: &Origin, bound: SocketAddr, callback_secret: Vec<u8>) -> ApiConfig {
    let url = |origin: &Origin| SiteUrl::new(origin.as_str());
    ApiConfig {
        site_name: config.site_name.clone(),
        public_url: url(site),
        allowed_origins: config.allowed_origins.iter().map(url).collect(),
        trusted_proxies: config.trusted_proxies.clone(),
        listen_is_loopback: bound.ip().to_canonical().is_loopback(),
        sign_in: match &config.sign_in {
            SignIn::Demo => SignInConfig::Demo { is_allowed_behind_proxies: config.allow_demo_sign_in },
            SignIn::Google { issuer, client_id, client_secret } => SignInConfig::Google {
                issuer: issuer.to_string(),
                client_id: client_id.clone(),
                client_secret: Secret::new(client_secret.expose()),
            },
        },
        admin_email: config.admin_email.clone(),
        promptpay_id: config.promptpay_id.as_ref().map(|id| match id {
            PromptPayId::Phone(digits) | PromptPayId::Tax(digits) | PromptPayId::Wallet(digits) => digits.clone(),
        }),
        callback_secret: Secret::new(callback_secret),
        rate_limit: config.rate_limit == RateLimit::On,
    }
}
