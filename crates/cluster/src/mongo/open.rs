//! Connecting: durability, whom to read, and how long anything may take.

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

/// How long a call looks for a primary. An election takes a few seconds; those who wait longer are told to try again.
pub const SELECTION_FOR_MAX: Duration = Duration::from_secs(3);
/// How often a server is looked at. One that was taken for no primary by mistake is found again after so long.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a connection may take to come about.
pub const CONNECT_FOR_MAX: Duration = Duration::from_secs(2);
/// How long one call may take, and how long a majority may take to acknowledge a write.
pub const CALL_FOR_MAX: Duration = Duration::from_secs(5);
/// The most connections to one server, unless the URL says otherwise: a transaction has one to itself.
pub const CONNECTIONS_MAX: u32 = 64;

/// Why the store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing says where to keep things.
    #[error("the store's URL names no database: mongodb://host/DATABASE?replicaSet=…")]
    NoDatabase,
    /// A single server keeps no log of its operations, and so has no transactions.
    #[error("the store's server is not a member of a replica set, and without one there are no transactions")]
    NoReplicaSet,
    /// A newer program has changed the store in a way that this one does not understand.
    #[error("the store needs a program of version {needed} or newer of its schema (this one knows {known})")]
    TooNew {
        /// The oldest version that understands the store.
        needed: i64,
        /// The version of this program.
        known: i64,
    },
    /// The server, or the way to it, refused.
    #[error("{}", .0.kind)]
    Driver(#[from] Error),
    /// What the store says of itself cannot be read.
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

/// Whether this is a URL of MongoDB. Asks nobody.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(url: &str) -> Result<(), OpenError> {
    ConnectionString::parse(url)?;
    Ok(())
}

/// What the URL says, and what it does not decide.
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

/// Connects, and makes sure that transactions will work.
pub(super) async fn connect(options: ClientOptions) -> Result<Database, OpenError> {
    let name = options.default_database.clone().ok_or(OpenError::NoDatabase)?;
    let database = Client::with_options(options)?.database(&name);
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    let is_set = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if is_set { Ok(database) } else { Err(OpenError::NoReplicaSet) }
}

/// On the disks of a majority: what an election does not undo.
fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(CALL_FOR_MAX).build()
}

fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// Transactions read one moment of what a majority has, also across shards.
pub(super) fn transaction_options() -> TransactionOptions {
    TransactionOptions::builder()
        .read_concern(ReadConcern::snapshot())
        .write_concern(durable())
        .selection_criteria(primary())
        .build()
}
