//! The outbox, the event log, and the records of its consumers: mails, audit log, dead letters.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use strum::{AsRefStr, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::{Backend, Page, PageRequest};
use crate::{
    event::Event,
    ids::{BookingId, DeadLetterId, EventId, MailId, PersonId},
    person::Language,
};

/// How long an event stays in the log after it happened, for other readers. Events that a consumer has not acknowledged stay.
pub const LOGGED_AGE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long the store has a sent mail, with its address, before it deletes it. No event is redelivered so late.
pub const SENT_MAIL_AGE_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Events written in the transaction of the change that they report, waiting for the relay. A lease admits one relay at a time.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Appends events that no other write carries. Idempotent: an event that exists already is ignored.
    async fn append_events(&self, events: &[Event]) -> Backend<()>;
    /// Takes or renews the relay's lease until `until`; false while another relay has it.
    async fn take_relay_lease(&self, relay: uuid::Uuid, now: Timestamp, until: Timestamp) -> Backend<bool>;
    /// The relay that has the lease, unless the lease has expired.
    async fn find_relay(&self, now: Timestamp) -> Backend<Option<uuid::Uuid>>;
    /// Unsent events in the order of writing, selected by flag, because ids are not in that order. Empty without the lease.
    async fn list_unsent(&self, relay: uuid::Uuid, limit: u32) -> Backend<Vec<Event>>;
    /// Marks events that are in the event log as sent. Does nothing without the lease.
    async fn mark_sent(&self, relay: uuid::Uuid, ids: &[EventId]) -> Backend<()>;
    /// Whether any event is unsent. Called often, so its cost must not grow with their number.
    async fn has_unsent(&self) -> Backend<bool>;
    /// The number of unsent events.
    async fn count_unsent(&self) -> Backend<u64>;
}

/// A reader of the event log, with an offset of its own. Its name is that of its consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, EnumString, IntoStaticStr, VariantArray)]
pub enum Consumer {
    /// Files confirmation mails.
    #[strum(serialize = "seatkeeper-mail")]
    Mail,
    /// Writes the audit log.
    #[strum(serialize = "seatkeeper-audit")]
    Audit,
}

impl Consumer {
    /// All values.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
}

/// An event and its position in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its position; later events have greater ones.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// The log of all events, `booking_events`.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends events in order. Idempotent: an event that exists already is ignored.
    async fn publish(&self, events: &[Event]) -> Backend<()>;
    /// The next events for a consumer, after the last acknowledged; empty when there are none.
    async fn list_next(&self, consumer: Consumer, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// Acknowledges all events up to this position. The consumer's offset never moves back.
    async fn acknowledge(&self, consumer: Consumer, position: i64) -> Backend<()>;
    /// A page for administrators: events after a position, of one type if given.
    async fn list_events(&self, after: i64, type_name: Option<&str>, limit: u32) -> Backend<Vec<LoggedEvent>>;
    /// How far the consumer is behind, in events.
    async fn lag(&self, consumer: Consumer) -> Backend<u64>;
    /// Publishes, at least once, that an event became a dead letter. Only a log that other programs read has anything to do.
    async fn tell_dead_letter(&self, _letter: &DeadLetter) -> Backend<()> {
        Ok(())
    }
}

/// The state of a mail.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, AsRefStr, EnumString, VariantNames,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum MailStatus {
    /// To be sent or retried.
    Pending,
    /// The mail server accepted it.
    Sent,
    /// Given up; retried only when an administrator asks for it.
    Failed,
}

/// A mail to be filed. Its text is rendered from the booking when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Its id.
    pub id: MailId,
    /// The event that caused it; there is one mail per event.
    pub event_id: EventId,
    /// The booking that it confirms.
    pub booking_id: BookingId,
    /// The booking's code.
    pub booking_code: String,
    /// The address.
    pub to: String,
    /// The customer's name.
    pub name: String,
    /// The language of its text.
    pub language: Language,
    /// When it was filed; the first attempt is due at once.
    pub created_at: Timestamp,
}

/// A filed mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The mail as it was filed.
    pub mail: NewMail,
    /// Its state.
    pub status: MailStatus,
    /// The number of attempts.
    pub attempts: u32,
    /// The mail server's last error.
    pub last_error: Option<String>,
    /// When the next attempt is due, while PENDING.
    pub due_at: Timestamp,
}

/// The result of an attempt to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailAttempt {
    /// The mail server accepted it.
    Sent,
    /// Failed; to be retried.
    Later {
        /// When the next attempt is due.
        due_at: Timestamp,
        /// The mail server's error.
        error: String,
    },
    /// Failed; not to be retried.
    Failed {
        /// The mail server's error.
        error: String,
    },
}

/// Confirmation mails.
#[async_trait]
pub trait MailQueue: Send + Sync {
    /// Files a mail, once per event.
    async fn file_mail(&self, mail: &NewMail) -> Backend<()>;
    /// Takes mails that are due, oldest first, and sets their due time to `lease_until`, so that no other sender takes them
    /// meanwhile.
    async fn take_due_mails(&self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Backend<Vec<Mail>>;
    /// Records and counts an attempt. A SENT mail does not change any more.
    async fn record_attempt(&self, id: MailId, attempt: &MailAttempt) -> Backend<()>;
    /// Finds a mail.
    async fn find_mail(&self, id: MailId) -> Backend<Option<Mail>>;
    /// Newest first.
    async fn list_mails(&self, status: Option<MailStatus>, page: PageRequest) -> Backend<Page<Mail>>;
    /// Makes an unsent mail PENDING and due now. A mail that a sender has taken stays leased, so that it is not sent twice.
    /// False if the mail is SENT or missing.
    async fn retry_mail(&self, id: MailId, now: Timestamp) -> Backend<bool>;
}

/// Selects entries; all conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The type of the event.
    pub type_name: Option<String>,
    /// The person who caused it.
    pub actor: Option<PersonId>,
    /// Happened at or after this time.
    pub from: Option<Timestamp>,
    /// Happened before this time.
    pub before: Option<Timestamp>,
}

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes events. Idempotent: an event that exists already is ignored.
    async fn keep_events(&self, events: &[Event]) -> Backend<()>;
    /// Newest first.
    async fn list_audit(&self, filter: &AuditFilter, page: PageRequest) -> Backend<Page<Event>>;
}

/// An event that a consumer could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// The consumer that failed.
    pub consumer: Consumer,
    /// The event.
    pub event: Event,
    /// The last error.
    pub error: String,
    /// The number of attempts.
    pub tries: u32,
    /// When the consumer gave up.
    pub at: Timestamp,
}

/// Dead letters. They do not block the events after them.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Writes a dead letter, once per consumer and event.
    async fn put_dead_letter(&self, letter: &DeadLetter) -> Backend<()>;
    /// Finds a dead letter.
    async fn find_dead_letter(&self, id: DeadLetterId) -> Backend<Option<DeadLetter>>;
    /// Newest first.
    async fn list_dead_letters(&self, page: PageRequest) -> Backend<Page<DeadLetter>>;
    /// Removes a dead letter whose event was handled after all.
    async fn remove_dead_letter(&self, id: DeadLetterId) -> Backend<()>;
}
