//! Opens the parts that the settings name (store, locks, events, payments, mail) and connects them to the ports of the
//! core. Only this file knows which technologies are in use.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

#[cfg(feature = "cluster")]
use futures_util::future::OptionFuture;
use jiff::SignedDuration;
#[cfg(feature = "cluster")]
use seatkeeper_cluster::{
    kafka::{KafkaLog, PublishedDeadLetters},
    mongo::{self, MongoStore},
    redis::{RedisLocks, RedisUrl},
};
use seatkeeper_core::{
    box_office::{BoxOffice, HoldLimits, ScreeningCache, Settings},
    ids::{PersonId, ScreeningId},
    locks::{Hold, LongestTimes},
    ports::{BackendError, Clock, Entropy, EventLog, Health, LiveChanges, LockStore, MockBook, People, Store, Stores},
};
use seatkeeper_embedded::{
    locks::MemoryLocks,
    mock_provider::{CallbackPlan, FaultSwitch, MockFaults, MockProvider},
    sqlite::{OpenError, SqliteStore},
};

#[cfg(feature = "cluster")]
use crate::config::{EventsUrl, ServiceUrl};
use crate::{
    config::{Config, LocksUrl, MailUrl, MockCallback, MockPaymentFaults, Origin, StoreConfig, StoreUrl},
    data_folder::{self, FolderError, FolderLock, LOCK_LOG},
    mail::{MailTransport, TransportUrlError},
    mock_callbacks::MockCallbacks,
    patience::PatientProvider,
    system::{SystemClock, SystemEntropy},
    workers::Mailer,
};

/// Why a part could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The lock log cannot be opened.
    #[error(transparent)]
    Locks(#[from] BackendError),
    /// The service that a setting names cannot be reached or is unsuitable.
    #[error("{setting} = {url}: {why}")]
    Service {
        /// The setting.
        setting: &'static str,
        /// The setting's value, without its password and query options.
        url: String,
        /// The problem.
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data folder, or the database's folder, cannot be used.
    #[error(transparent)]
    DataDir(#[from] FolderError),
    /// The HTTP client of the mock payment provider cannot be created.
    #[error("mock payments: {0}")]
    MockPayments(#[from] reqwest::Error),
    /// The mail URL is invalid.
    #[error("mail_url: {0}")]
    Mail(#[from] TransportUrlError),
    /// The program was built without the adapter for a setting's URL.
    #[error("{0} needs a program built with the cluster feature")]
    NoAdapter(&'static str),
}

/// The addresses of this server.
pub struct Address<'a> {
    /// The origin of the site, as visitors type it.
    pub site: &'a Origin,
    /// The address that the listener is bound to.
    pub bound: SocketAddr,
    /// Key of the signatures of the payment provider's callbacks.
    pub callback_secret: &'a [u8],
}

/// The opened parts of the program.
pub struct Parts {
    /// The use cases, with all ports connected.
    pub office: Arc<BoxOffice>,
    /// The parts that have a health check.
    pub health: Vec<Arc<dyn Health>>,
    /// Sends mails.
    pub mailer: Mailer,
    /// The screenings whose locks were restored from the lock log.
    pub restored: Vec<ScreeningId>,
    /// What to close at shutdown.
    pub closing: Closing,
}

/// Parses the URL of each service with the parser of its driver, so that a malformed URL is reported before anything is
/// opened.
///
/// # Errors
/// The first URL that its driver refuses.
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

/// Creates the data folder, and locks it for this server if the lock log will be in it. The lock must be kept until the
/// parts are closed.
///
/// # Errors
/// The folder cannot be used, or another server uses it.
pub fn open_data_folder(config: &Config) -> Result<Option<FolderLock>, WiringError> {
    data_folder::make_private(&config.data_dir)?;
    match &config.locks {
        LocksUrl::Memory => Ok(Some(FolderLock::take(&config.data_dir)?)),
        // Servers of a cluster write only mails there, so they may share the folder.
        LocksUrl::Redis { .. } => Ok(None),
    }
}

/// Opens the parts that the settings name.
///
/// # Errors
/// The first part that cannot be opened, as a sentence for the operator.
pub async fn open_parts(config: &Config, address: &Address<'_>) -> Result<Parts, WiringError> {
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
        stores: stored.stores,
        locks: locked.locks,
        live: locked.live,
        provider: Arc::new(PatientProvider::new(provider)),
        clock,
        entropy,
        settings: settings(config),
        screenings: ScreeningCache::default(),
        hold_limits: HoldLimits::default(),
    };
    let now = office.clock.now().as_millisecond();
    for (screening, person, hold) in &locked.restored_holds {
        office.hold_limits.restore(&office.settings.hold_rules(), *person, *screening, hold, now);
    }
    let mailer = Mailer {
        transport: transport(&config.mail)?,
        cinema_name: config.site_name.clone(),
        public_url: site.as_str().trim_end_matches('/').to_owned(),
        host: host_name(site.host()).to_owned(),
    };
    // The event log has no health check: while it is unavailable the server still sells, and events are relayed later.
    let health = vec![stored.health, locked.health];
    let (restored, closing) = (locked.restored, stored.closing);
    Ok(Parts { office: Arc::new(office), health, mailer, restored, closing })
}

/// The ports of a store, and the event log that belongs to it.
struct Stored {
    stores: Stores,
    mock_book: Arc<dyn MockBook>,
    health: Arc<dyn Health>,
    /// The clock that the program uses: that of the store if several servers share the store.
    clock: Arc<dyn Clock>,
    closing: Closing,
}

/// Time limit of closing the parts, which are all closed concurrently.
pub const CLOSING_GRACE: Duration = Duration::from_millis(1_500);

/// The parts to close at shutdown, after the last read or write.
#[derive(Clone, Default)]
pub struct Closing {
    #[cfg(feature = "cluster")]
    log: Option<Arc<KafkaLog>>,
    #[cfg(feature = "cluster")]
    store: Option<Arc<MongoStore>>,
}

impl Closing {
    /// Leaves the consumer groups of Kafka, so that other servers take over immediately, and ends the sessions of the
    /// store. Returns false when either took longer than `within`.
    #[cfg(feature = "cluster")]
    pub async fn close(self, within: Duration) -> bool {
        let log_closed = OptionFuture::from(self.log.as_ref().map(|log| log.close(within)));
        let store_closed = OptionFuture::from(self.store.as_ref().map(|store| store.close(within)));
        let (log_closed, store_closed) = tokio::join!(log_closed, store_closed);
        log_closed.unwrap_or(true) && store_closed.unwrap_or(true)
    }

    /// Does nothing, because the embedded parts need not be closed.
    #[cfg(not(feature = "cluster"))]
    pub async fn close(self, _within: Duration) -> bool {
        true
    }
}

impl Stored {
    /// A store that is also the event log.
    fn of(store: &Arc<impl Store + EventLog>, clock: Arc<dyn Clock>, closing: Closing) -> Self {
        let (mock_book, health) = (Arc::clone(store) as _, Arc::clone(store) as _);
        Self { stores: Stores::of(store), mock_book, health, clock, closing }
    }
}

async fn open_store(config: &Config) -> Result<Stored, WiringError> {
    match &config.store {
        StoreUrl::Sqlite { path } => {
            data_folder::create_for(&config.store)?;
            let trace = data_folder::find_trace(&config.data_dir, &config.mail);
            let store = Arc::new(SqliteStore::open_after(path, trace.as_deref())?);
            Ok(Stored::of(&store, Arc::new(SystemClock), Closing::default()))
        }
        #[cfg(feature = "cluster")]
        StoreUrl::Mongo { url } => {
            let (store, closing) = open_mongo(url).await?;
            let stored = Stored::of(&store, store.clock(), closing);
            match &config.events {
                EventsUrl::Embedded => Ok(stored),
                EventsUrl::Kafka { brokers, prefix } => {
                    let log = KafkaLog::open(brokers, prefix, store)
                        .map_err(|why| refused("events_url", &brokers.join(","), why))?;
                    Ok(stored.with_log(&Arc::new(log)))
                }
            }
        }
        #[cfg(not(feature = "cluster"))]
        StoreUrl::Mongo { .. } => Err(WiringError::NoAdapter("mongodb://")),
    }
}

#[cfg(feature = "cluster")]
async fn open_mongo(url: &ServiceUrl) -> Result<(Arc<MongoStore>, Closing), WiringError> {
    let opened = MongoStore::open(url.expose()).await.map_err(|why| refused("store_url", url, why))?;
    let store = Arc::new(opened);
    Ok((Arc::clone(&store), Closing { log: None, store: Some(store) }))
}

/// The store as a command opens it, beside the servers that use it.
pub struct StoreBeside {
    /// The people in the store.
    pub people: Arc<dyn People>,
    /// The clock of the servers of this store.
    pub clock: Arc<dyn Clock>,
    closing: Closing,
}

impl StoreBeside {
    /// Opens the store. A file that is missing is not created: its path may be mistyped.
    ///
    /// # Errors
    /// The store cannot be opened, as a sentence for the operator.
    pub async fn open(config: &StoreConfig) -> Result<Self, WiringError> {
        match &config.store {
            StoreUrl::Sqlite { path } => {
                let people = Arc::new(SqliteStore::open_beside(path)?);
                Ok(Self { people, clock: Arc::new(SystemClock), closing: Closing::default() })
            }
            #[cfg(feature = "cluster")]
            StoreUrl::Mongo { url } => {
                let (store, closing) = open_mongo(url).await?;
                Ok(Self { clock: store.clock(), people: store, closing })
            }
            #[cfg(not(feature = "cluster"))]
            StoreUrl::Mongo { .. } => Err(WiringError::NoAdapter("mongodb://")),
        }
    }

    /// Closes the store. What was written is committed already, so a time-out does no harm.
    pub async fn close(self) {
        self.closing.close(CLOSING_GRACE).await;
    }
}

#[cfg(feature = "cluster")]
impl Stored {
    /// Replaces the store's own event log with the one in Kafka.
    fn with_log(mut self, log: &Arc<KafkaLog>) -> Self {
        self.stores.events = Arc::clone(log) as _;
        self.stores.dead_letters = Arc::new(PublishedDeadLetters::new(self.stores.dead_letters, Arc::clone(log)));
        self.closing.log = Some(Arc::clone(log));
        self
    }
}

/// The lock store and what belongs to it.
struct Locked {
    locks: Arc<dyn LockStore>,
    live: Arc<dyn LiveChanges>,
    health: Arc<dyn Health>,
    restored: Vec<ScreeningId>,
    restored_holds: Vec<(ScreeningId, PersonId, Hold)>,
}

impl Locked {
    fn of(store: Arc<impl LockStore + LiveChanges + Health + 'static>) -> Self {
        Self {
            locks: Arc::clone(&store) as _,
            live: Arc::clone(&store) as _,
            health: store,
            restored: Vec::new(),
            restored_holds: Vec::new(),
        }
    }
}

async fn open_locks(config: &Config, clock: &Arc<dyn Clock>) -> Result<Locked, WiringError> {
    let longest = LongestTimes::of(signed(config.lock_ttl), signed(config.payment_ttl));
    match &config.locks {
        LocksUrl::Memory => {
            let locks = Arc::new(MemoryLocks::open(&config.data_dir.join(LOCK_LOG), Arc::clone(clock), longest)?);
            Ok(Locked { restored: locks.list_restored(), restored_holds: locks.list_holds(), ..Locked::of(locks) })
        }
        #[cfg(feature = "cluster")]
        LocksUrl::Redis { url } => {
            let address = RedisUrl::parse(url.expose()).map_err(|why| refused("locks_url", url, why))?;
            let locks = RedisLocks::open(address, longest).await.map_err(|why| refused("locks_url", url, why))?;
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
    // Query options are removed too, because they may contain secrets.
    let url = url.to_string().split('?').next().unwrap_or_default().to_owned();
    WiringError::Service { setting, url, why: why.into() }
}

fn settings(config: &Config) -> Settings {
    Settings {
        lock_ttl: signed(config.lock_ttl),
        payment_ttl: signed(config.payment_ttl),
        seats_per_person: config.seats_per_person as usize,
        seats_per_person_everywhere: config.seats_per_person_everywhere as usize,
        holders_per_network: config.holders_per_address as usize,
        let_go_max: config.let_go_max,
        sales_close: signed(config.sales_close),
        cleaning_minutes: u32::try_from(config.cleaning.as_secs() / 60).unwrap_or(u32::MAX),
        time_zone: config.time_zone.clone(),
        keep_released: signed(config.keep_released),
        keep_refused: signed(config.keep_refused),
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

/// The host without its port, for Message-IDs and sender addresses.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}
