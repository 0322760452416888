//! The outbox, the event log, and what its consumers keep.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{Backend, Page, PageRequest};
use crate::{
    event::Event,
    ids::{BookingId, DeadLetterId, EventId, MailId, PersonId},
    person::Language,
};

/// How long an event stays in the log after it happened, for whoever looks on, once all consumers have done it.
pub const LOGGED_AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a store keeps a mail that was sent, with the address in it. No event is handled again so late.
pub const SENT_MAIL_AGE_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Events written in the transaction of the change that they tell of, waiting for the relay. One relay at a time.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds events that no other write carries (an event that is there already is left alone).
    async fn append_events(&self, events: &[Event]) -> Backend<()>;
    /// Takes or renews the relay's lease until `until`; false while another has it.
    async fn take_relay_lease(&self, relay: uuid::Uuid, now: Timestamp, until: Timestamp) -> Backend<bool>;
    /// Whose lease it is, while it has not run out.
    async fn find_relay(&self, now: Timestamp) -> Backend<Option<uuid::Uuid>>;
    /// Unsent events in the order they were written, by flag, never "greater than the last id". Empty without the lease.
    async fn list_unsent(&self, relay: uuid::Uuid, limit: u32) -> Backend<Vec<Event>>;
    /// These are in the log.
    async fn mark_sent(&self, relay: uuid::Uuid, ids: &[EventId]) -> Backend<()>;
    /// Whether any wait: asked often, so it must cost nothing however many there are.
    async fn has_unsent(&self) -> Backend<bool>;
    /// How many wait.
    async fn count_unsent(&self) -> Backend<u64>;
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consumer {
    /// Files confirmation mails.
    Mail,
    /// Keeps the audit log.
    Audit,
}

impl Consumer {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mail, Self::Audit];

    /// Its name: a consumer group.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "seatkeeper-mail",
            Self::Audit => "seatkeeper-audit",
        }
    }
}

/// An event at its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its place; grows.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// The log of all events, `booking_events`.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends, in order; an event that is there already is left alone.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// The next events for a consumer, after the last acknowledged; empty when there are none.
    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// The consumer has done everything up to this place.
    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()>;
    /// A page for people: events after a place, of one type if given.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// How far the consumer is behind, in events.
    async fn lag(&self, consumer: Consumer) -> Backend<u64>;
    /// An event was put aside, in the store. A log that other programs read as well tells them, once or more; one that nobody
    /// else sees has nothing to do.
    async fn tell_dead_letter(&self, _letter: &DeadLetter) -> Backend<()> {
        Ok(())
    }
}

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MailStatus {
    /// To be sent, or sent again.
    Pending,
    /// The server took it.
    Sent,
    /// It will not be tried again unless somebody asks.
    Failed,
}

impl MailStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Sent, Self::Failed];

    /// Its name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Sent => "SENT",
            Self::Failed => "FAILED",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A mail to be filed. The text is made when it is sent, from the booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Its id.
    pub id: MailId,
    /// The event that caused it: one mail each.
    pub event_id: EventId,
    /// What it confirms.
    pub booking_id: BookingId,
    /// The booking's code.
    pub booking_code: String,
    /// The address.
    pub to: String,
    /// The customer's name.
    pub name: String,
    /// In which language.
    pub language: Language,
    /// When it was filed; the first try is due at once.
    pub created_at: Timestamp,
}

/// A filed mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// What and to whom.
    pub mail: NewMail,
    /// Where it stands.
    pub status: MailStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// What the server last said.
    pub last_error: Option<String>,
    /// When it is next due, while PENDING.
    pub due_at: Timestamp,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailAttempt {
    /// The server took it.
    Sent,
    /// Try again then.
    Later {
        /// When.
        due_at: Timestamp,
        /// What the server said.
        error: String,
    },
    /// Not again.
    Failed {
        /// What the server said.
        error: String,
    },
}

/// Confirmation mails.
#[async_trait]
pub trait MailQueue: Send + Sync {
    /// Files a mail, once per event.
    async fn file_mail(&self, mail: &NewMail) -> Backend<()>;
    /// Takes mails that are due, oldest first, and puts their due time to `lease_until` so that no other sender takes
    /// them meanwhile.
    async fn take_due_mails(&self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Backend<Vec<Mail>>;
    /// Records how a try ended, and counts it.
    async fn record_attempt(&self, id: MailId, attempt: &MailAttempt) -> Backend<()>;
    /// A mail.
    async fn find_mail(&self, id: MailId) -> Backend<Option<Mail>>;
    /// Newest first.
    async fn list_mails(&self, status: Option<MailStatus>, page: PageRequest) -> Backend<Page<Mail>>;
    /// Makes an unsent mail PENDING and due now, unless a sender has it just now: that would send it twice. False when it is
    /// SENT or not there.
    async fn retry_mail(&self, id: MailId, now: Timestamp) -> Backend<bool>;
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The event.
    pub event: Event,
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this type.
    pub type_name: Option<String>,
    /// By this person.
    pub actor: Option<PersonId>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
}

/// The history of everything.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Keeps events, each once; those that are there already are left alone.
    async fn keep_events(&self, events: &[Event]) -> Backend<()>;
    /// Newest first.
    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<AuditEntry>>;
}

/// An event that a consumer could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// Who could not.
    pub consumer: Consumer,
    /// The event.
    pub event: Event,
    /// What went wrong.
    pub error: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was given up.
    pub at: Timestamp,
}

/// Events that could not be handled. They stop nothing else.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Puts one aside, once per consumer and event.
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()>;
    /// One of them.
    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>>;
    /// Newest first.
    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>>;
    /// It was handled after all.
    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()>;
}
