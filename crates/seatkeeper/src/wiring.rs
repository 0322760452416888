//! The one file that knows which technologies are in use: it turns settings into ports.

use std::{fs::DirBuilder, net::SocketAddr, os::unix::fs::DirBuilderExt, path::Path, sync::Arc, time::Duration};

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::{BoxOffice, ScreeningCache, Settings},
    ids::ScreeningId,
    ports::{BackendError, Clock, Entropy, Health},
};
use seatkeeper_embedded::{
    locks::MemoryLocks,
    mock_provider::{CallbackPlan, FaultSwitch, MockFaults, MockProvider},
    sqlite::{OpenError, SqliteStore},
};

use crate::{
    config::{Config, EventsUrl, LocksUrl, MailUrl, MockCallback, MockPaymentFaults, Origin, StoreUrl},
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
    /// The lock store.
    #[error(transparent)]
    Locks(#[from] BackendError),
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
    #[error("mail: {0}")]
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
}

/// Opens what the settings name.
///
/// # Errors
/// The first part that does not open, in a sentence for the operator.
pub fn open_parts(config: &Config, address: &Address<'_>) -> Result<Parts, WiringError> {
    let site = address.site;
    make_folder(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let store = match &config.store {
        StoreUrl::Sqlite { path } => {
            path.parent().map_or(Ok(()), make_folder)?;
            Arc::new(SqliteStore::open(path)?)
        }
        StoreUrl::Mongo { .. } => return Err(WiringError::NoAdapter("mongodb://")),
    };
    let locks = match &config.locks {
        LocksUrl::Memory => Arc::new(MemoryLocks::open(&config.data_dir.join(LOCK_LOG), Arc::clone(&clock))?),
        LocksUrl::Redis { .. } | LocksUrl::RedisCluster { .. } => return Err(WiringError::NoAdapter("redis://")),
    };
    if let EventsUrl::Kafka { .. } = &config.events {
        return Err(WiringError::NoAdapter("kafka://"));
    }
    let secret = address.callback_secret.to_vec();
    let callbacks = MockCallbacks::new(address.bound, site.host(), secret, Arc::clone(&clock))?;
    let provider = MockProvider::new(
        Arc::clone(&store) as _,
        Arc::clone(&clock),
        Arc::clone(&entropy),
        Arc::new(FaultSwitch::new(faults(&config.mock_payment))),
        Some(Arc::new(callbacks)),
    );
    let office = BoxOffice {
        programme: Arc::clone(&store) as _,
        posters: Arc::clone(&store) as _,
        ledger: Arc::clone(&store) as _,
        reservations: Arc::clone(&store) as _,
        sales: Arc::clone(&store) as _,
        people: Arc::clone(&store) as _,
        sessions: Arc::clone(&store) as _,
        outbox: Arc::clone(&store) as _,
        events: Arc::clone(&store) as _,
        mails: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        dead_letters: Arc::clone(&store) as _,
        locks: Arc::clone(&locks) as _,
        live: Arc::clone(&locks) as _,
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
    let restored = locks.list_restored();
    Ok(Parts { office: Arc::new(office), health: vec![store, locks], mailer, restored })
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
