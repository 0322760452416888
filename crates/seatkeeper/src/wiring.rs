//! The one file that knows which technologies are in use: it turns settings into ports.

use std::{fs::DirBuilder, net::SocketAddr, os::unix::fs::DirBuilderExt, path::Path, sync::Arc, time::Duration};

#[cfg(feature = "cluster")]
use futures_util::future::OptionFuture;
use jiff::SignedDuration;
#[cfg(feature = "cluster")]
use seatkeeper_cluster::{
    kafka::KafkaLog,
    mongo::{self, MongoStore},
    redis::{RedisLocks, RedisUrl},
};
use seatkeeper_core::{
    box_office::{BoxOffice, ScreeningCache, Settings},
    ids::ScreeningId,
    ports::{
        AuditLog, BackendError, Clock, DeadLetters, Entropy, EventLog, Health, Ledger, LiveChanges, MailQueue,
        MockBook, Outbox, People, Posters, Programme, Reservations, Sales, SeatLocks, Sessions,
    },
};
use seatkeeper_embedded::{
    locks::MemoryLocks,
    mock_provider::{CallbackPlan, FaultSwitch, MockFaults, MockProvider},
    sqlite::{OpenError, SqliteStore},
};

#[cfg(feature = "cluster")]
use crate::config::EventsUrl;
use crate::{
    config::{Config, LocksUrl, MailUrl, MockCallback, MockPaymentFaults, Origin, StoreUrl},
    mail::{MailTransport, TransportUrlError},
    mock_callbacks::MockCallbacks,
    patience::PatientProvider,
    system::{SystemClock, SystemEntropy},
    workers::Mailer,
};

/// The lock log's name in the data folder.
const LOCK_LOG: &str = "locks.log";
/// What a folder that is made here allows: everything to its owner, nothing to others.
const DATA_DIR_MODE: u32 = 0o700;

/// Why the parts do not fit together or do not open.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The lock log in the data folder.
    #[error(transparent)]
    Locks(#[from] BackendError),
    /// A service that a setting names, and which is not there or is not as it must be.
    #[error("{setting} = {url}: {why}")]
    Service {
        /// The setting.
        setting: &'static str,
        /// What it says, without password and options.
        url: String,
        /// What is wrong.
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data folder.
    #[error("the data folder {path}: {source}")]
    DataDir {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The HTTP client of the mock payment provider.
    #[error("mock payments: {0}")]
    MockPayments(#[from] reqwest::Error),
    /// The mail URL.
    #[error("mail_url: {0}")]
    Mail(#[from] TransportUrlError),
    /// An adapter that this program does not have.
    #[error("{0} needs a program built with the cluster feature")]
    NoAdapter(&'static str),
}

/// Where this server is.
pub struct Address<'a> {
    /// As people type it.
    pub site: &'a Origin,
    /// As the system knows it.
    pub bound: SocketAddr,
    /// What messages of the payment provider are signed with.
    pub callback_secret: &'a [u8],
}

/// Everything that runs.
pub struct Parts {
    /// The use cases over their ports.
    pub office: Arc<BoxOffice>,
    /// Those of the ports that can be asked whether they work.
    pub health: Vec<Arc<dyn Health>>,
    /// The way out for mails.
    pub mailer: Mailer,
    /// Screenings whose locks came back with the start.
    pub restored: Vec<ScreeningId>,
    /// What is let go of at the end.
    pub closing: Closing,
}

/// Reads the addresses as those read them who go there, so that a wrong one is told before anything is opened.
///
/// # Errors
/// The first that nobody could go to.
pub fn check_addresses(config: &Config) -> Result<(), WiringError> {
    transport(&config.mail)?;
    #[cfg(feature = "cluster")]
    {
        if let StoreUrl::Mongo { url } = &config.store {
            mongo::check_url(url.expose()).map_err(|why| refused("store_url", url, why))?;
        }
        if let LocksUrl::Redis { url } = &config.locks {
            RedisUrl::parse(url.expose()).map_err(|why| refused("locks_url", url, why))?;
        }
    }
    Ok(())
}

/// Opens what the settings name.
///
/// # Errors
/// The first part that does not open, in a sentence for the operator.
pub async fn open_parts(config: &Config, address: &Address<'_>) -> Result<Parts, WiringError> {
    make_folder(&config.data_dir)?;
    let stored = open_store(config).await?;
    let closing = stored.closing.clone();
    match open_others(config, address, stored).await {
        Ok(parts) => Ok(parts),
        Err(error) => {
            closing.close(CLOSING_GRACE).await;
            Err(error)
        }
    }
}

async fn open_others(config: &Config, address: &Address<'_>, stored: Stored) -> Result<Parts, WiringError> {
    let site = address.site;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let clock = stored.clock;
    let locked = open_locks(config, &clock).await?;
    let secret = address.callback_secret.to_vec();
    let callbacks = MockCallbacks::new(address.bound, site.host(), secret, Arc::clone(&clock))?;
    let provider = MockProvider::new(
        stored.mock_book,
        Arc::clone(&clock),
        Arc::clone(&entropy),
        Arc::new(FaultSwitch::new(faults(&config.mock_payment))),
        Some(Arc::new(callbacks)),
    );
    let office = BoxOffice {
        programme: stored.programme,
        posters: stored.posters,
        ledger: stored.ledger,
        reservations: stored.reservations,
        sales: stored.sales,
        people: stored.people,
        sessions: stored.sessions,
        outbox: stored.outbox,
        events: stored.events,
        mails: stored.mails,
        audit: stored.audit,
        dead_letters: stored.dead_letters,
        locks: locked.locks,
        live: locked.live,
        provider: Arc::new(PatientProvider::new(provider)),
        clock,
        entropy,
        settings: settings(config),
        screenings: ScreeningCache::default(),
    };
    let mailer = Mailer {
        transport: transport(&config.mail)?,
        cinema_name: config.site_name.clone(),
        public_url: site.as_str().trim_end_matches('/').to_owned(),
        host: host_name(site.host()).to_owned(),
    };
    // The log is none of them: without it seats are sold as ever, and events arrive afterwards.
    let health = vec![stored.health, locked.health];
    let (restored, closing) = (locked.restored, stored.closing);
    Ok(Parts { office: Arc::new(office), health, mailer, restored, closing })
}

/// The ports of a store, and the event log that goes with it.
struct Stored {
    programme: Arc<dyn Programme>,
    posters: Arc<dyn Posters>,
    ledger: Arc<dyn Ledger>,
    reservations: Arc<dyn Reservations>,
    sales: Arc<dyn Sales>,
    people: Arc<dyn People>,
    sessions: Arc<dyn Sessions>,
    outbox: Arc<dyn Outbox>,
    events: Arc<dyn EventLog>,
    mails: Arc<dyn MailQueue>,
    audit: Arc<dyn AuditLog>,
    dead_letters: Arc<dyn DeadLetters>,
    mock_book: Arc<dyn MockBook>,
    health: Arc<dyn Health>,
    /// By which everything goes: that of the store, where several servers share one.
    clock: Arc<dyn Clock>,
    closing: Closing,
}

/// What is let go of at the end takes so long, all of it at once.
pub const CLOSING_GRACE: Duration = Duration::from_millis(1_500);

/// What is let go of at the end, when nothing reads or writes any more.
#[derive(Clone, Default)]
pub struct Closing {
    #[cfg(feature = "cluster")]
    log: Option<Arc<KafkaLog>>,
    #[cfg(feature = "cluster")]
    store: Option<Arc<MongoStore>>,
}

impl Closing {
    /// Leaves the groups of readers, so that other servers take over at once, and ends the sessions of the store. Answers false
    /// when either took longer than `within`.
    #[cfg(feature = "cluster")]
    pub async fn close(self, within: Duration) -> bool {
        let log_closed = OptionFuture::from(self.log.as_ref().map(|log| log.close(within)));
        let store_closed = OptionFuture::from(self.store.as_ref().map(|store| store.close(within)));
        let (log_closed, store_closed) = tokio::join!(log_closed, store_closed);
        log_closed.unwrap_or(true) && store_closed.unwrap_or(true)
    }

    /// There is nothing to let go of.
    #[cfg(not(feature = "cluster"))]
    pub async fn close(self, _within: Duration) -> bool {
        true
    }
}

macro_rules! ports_of {
    ($store:expr, $events:expr, $clock:expr) => {
        Stored {
            programme: Arc::clone(&$store) as _,
            posters: Arc::clone(&$store) as _,
            ledger: Arc::clone(&$store) as _,
            reservations: Arc::clone(&$store) as _,
            sales: Arc::clone(&$store) as _,
            people: Arc::clone(&$store) as _,
            sessions: Arc::clone(&$store) as _,
            outbox: Arc::clone(&$store) as _,
            events: $events,
            mails: Arc::clone(&$store) as _,
            audit: Arc::clone(&$store) as _,
            dead_letters: Arc::clone(&$store) as _,
            mock_book: Arc::clone(&$store) as _,
            health: Arc::clone(&$store) as _,
            clock: $clock,
            closing: Closing::default(),
        }
    };
}

async fn open_store(config: &Config) -> Result<Stored, WiringError> {
    match &config.store {
        StoreUrl::Sqlite { path } => {
            path.parent().map_or(Ok(()), make_folder)?;
            let store = Arc::new(SqliteStore::open(path)?);
            let events = Arc::clone(&store) as _;
            Ok(ports_of!(store, events, Arc::new(SystemClock)))
        }
        #[cfg(feature = "cluster")]
        StoreUrl::Mongo { url } => {
            let store = Arc::new(MongoStore::open(url.expose()).await.map_err(|why| refused("store_url", url, why))?);
            let mut closing = Closing { log: None, store: Some(Arc::clone(&store)) };
            let events: Arc<dyn EventLog> = match &config.events {
                EventsUrl::Embedded => Arc::clone(&store) as _,
                EventsUrl::Kafka { brokers, prefix } => {
                    let log = KafkaLog::open(brokers, prefix, Arc::clone(&store) as _)
                        .map_err(|why| refused("events_url", &brokers.join(","), why))?;
                    let log = Arc::new(log);
                    closing.log = Some(Arc::clone(&log));
                    log
                }
            };
            Ok(Stored { closing, ..ports_of!(store, events, store.clock()) })
        }
        #[cfg(not(feature = "cluster"))]
        StoreUrl::Mongo { .. } => Err(WiringError::NoAdapter("mongodb://")),
    }
}

/// The lock store.
struct Locked {
    locks: Arc<dyn SeatLocks>,
    live: Arc<dyn LiveChanges>,
    health: Arc<dyn Health>,
    restored: Vec<ScreeningId>,
}

impl Locked {
    fn of(store: Arc<impl SeatLocks + LiveChanges + Health + 'static>) -> Self {
        Self { locks: Arc::clone(&store) as _, live: Arc::clone(&store) as _, health: store, restored: Vec::new() }
    }
}

async fn open_locks(config: &Config, clock: &Arc<dyn Clock>) -> Result<Locked, WiringError> {
    match &config.locks {
        LocksUrl::Memory => {
            let locks = Arc::new(MemoryLocks::open(&config.data_dir.join(LOCK_LOG), Arc::clone(clock))?);
            Ok(Locked { restored: locks.list_restored(), ..Locked::of(locks) })
        }
        #[cfg(feature = "cluster")]
        LocksUrl::Redis { url } => {
            let address = RedisUrl::parse(url.expose()).map_err(|why| refused("locks_url", url, why))?;
            let locks = RedisLocks::open(address).await.map_err(|why| refused("locks_url", url, why))?;
            Ok(Locked::of(Arc::new(locks)))
        }
        #[cfg(not(feature = "cluster"))]
        LocksUrl::Redis { .. } => Err(WiringError::NoAdapter("redis://")),
    }
}

#[cfg(feature = "cluster")]
fn refused(
    setting: &'static str,
    url: &impl ToString,
    why: impl std::error::Error + Send + Sync + 'static,
) -> WiringError {
    // Options may be secrets too.
    let url = url.to_string().split('?').next().unwrap_or_default().to_owned();
    WiringError::Service { setting, url, why: why.into() }
}

fn settings(config: &Config) -> Settings {
    Settings {
        lock_ttl: signed(config.lock_ttl),
        payment_ttl: signed(config.payment_ttl),
        seats_per_person: config.seats_per_person as usize,
        sales_close: signed(config.sales_close),
        cleaning_minutes: u32::try_from(config.cleaning.as_secs() / 60).unwrap_or(u32::MAX),
        time_zone: config.time_zone.clone(),
    }
}

fn faults(settings: &MockPaymentFaults) -> MockFaults {
    let callbacks = match settings.callback {
        MockCallback::OnTime => CallbackPlan::OnTime,
        MockCallback::Late { by } => CallbackPlan::Late(by),
        MockCallback::Twice => CallbackPlan::Twice,
        MockCallback::Never => CallbackPlan::Never,
    };
    let (answer_delay, lose_answer) = (settings.answer_delay, settings.lose_answer);
    MockFaults { answer_delay, lose_answer, callbacks, ..MockFaults::default() }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn transport(mail: &MailUrl) -> Result<MailTransport, TransportUrlError> {
    match mail {
        MailUrl::File { dir } => Ok(MailTransport::File { dir: dir.clone() }),
        MailUrl::Smtp { url } => MailTransport::from_url(url.expose(), Path::new("")),
    }
}

fn make_folder(path: &Path) -> Result<(), WiringError> {
    let refused = |source| WiringError::DataDir { path: path.display().to_string(), source };
    // Names, addresses and sessions are in there: nobody else's business.
    DirBuilder::new().recursive(true).mode(DATA_DIR_MODE).create(path).map_err(refused)
}

/// The host without its port; a mail's id and sender have none.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}
