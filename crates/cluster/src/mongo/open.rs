//! Connects to MongoDB and overrides write concern, read concern, read preference and timeouts.

use std::time::Duration;

use mongodb::{
    Client, Database,
    bson::doc,
    error::Error,
    options::{
        Acknowledgment, ClientOptions, ConnectionString, ReadConcern, ReadPreference, SelectionCriteria,
        TransactionOptions, WriteConcern,
    },
};

use super::fault::Fault;

/// Server selection timeout of the driver. Electing a new primary takes a few seconds; a call that would wait longer
/// fails with a retryable error.
pub const SELECTION_FOR_MAX: Duration = Duration::from_secs(3);
/// Heartbeat interval of the driver. A primary that the driver has wrongly marked as unavailable is used again after
/// this time.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Timeout for opening a connection.
pub const CONNECT_FOR_MAX: Duration = Duration::from_secs(2);
/// Timeout of one call, and of waiting until a majority has acknowledged a write.
pub const CALL_FOR_MAX: Duration = Duration::from_secs(5);
/// Limit of connections to one MongoDB server, unless the URL sets `maxPoolSize`. Each transaction uses one connection
/// exclusively.
pub const CONNECTIONS_MAX: u32 = 64;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no database.
    #[error("the store's URL names no database: mongodb://host/DATABASE?replicaSet=…")]
    NoDatabase,
    /// The server is standalone: MongoDB has transactions in replica sets and sharded clusters only.
    #[error("the store's server is not a member of a replica set, and without one there are no transactions")]
    NoReplicaSet,
    /// A newer version of the program has changed the schema incompatibly.
    #[error("the store needs a program of version {needed} or newer of its schema (this one knows {known})")]
    TooNew {
        /// The schema version of the oldest program that can use the database.
        needed: i64,
        /// The schema version of this program.
        known: i64,
    },
    /// The driver or the server returned an error.
    #[error("{}", .0.kind)]
    Driver(#[from] Error),
    /// A document of the store could not be deserialized.
    #[error("the store: {0}")]
    Unreadable(#[from] mongodb::bson::error::Error),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Driver(error) | Fault::Duplicate(error) => error.into(),
            Fault::Unreadable(error) => error.into(),
            other => Self::Driver(Error::custom(other)),
        }
    }
}

/// Checks the syntax of a MongoDB URL, without I/O.
///
/// # Errors
/// When the URL is malformed.
pub fn check_url(url: &str) -> Result<(), OpenError> {
    ConnectionString::parse(url)?;
    Ok(())
}

/// The options of the URL with defaults added. Durability and timeouts are overridden.
pub(super) async fn options_of(url: &str) -> Result<ClientOptions, OpenError> {
    let mut options = ClientOptions::parse(url).await?;
    options.app_name.get_or_insert_with(|| "seatkeeper".to_owned());
    options.max_pool_size.get_or_insert(CONNECTIONS_MAX);
    options.server_selection_timeout = Some(SELECTION_FOR_MAX);
    options.heartbeat_freq = Some(LOOK_EVERY);
    options.connect_timeout = Some(CONNECT_FOR_MAX);
    options.write_concern = Some(durable());
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(primary());
    Ok(options)
}

/// Connects, and checks that the deployment supports transactions.
pub(super) async fn connect(options: ClientOptions) -> Result<Database, OpenError> {
    let name = options.default_database.clone().ok_or(OpenError::NoDatabase)?;
    let database = Client::with_options(options)?.database(&name);
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    let is_set = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if is_set { Ok(database) } else { Err(OpenError::NoReplicaSet) }
}

/// A write is acknowledged once a majority has it in its journal, so that a failover cannot roll it back.
fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(CALL_FOR_MAX).build()
}

fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// Transactions read a snapshot of data that a majority has committed, also across shards.
pub(super) fn transaction_options() -> TransactionOptions {
    TransactionOptions::builder()
        .read_concern(ReadConcern::snapshot())
        .write_concern(durable())
        .selection_criteria(primary())
        .build()
}
