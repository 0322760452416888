//! Confirmation mails, for the mail consumer and the mail sender.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use strum::{AsRefStr, EnumString, VariantNames};

use super::{Backend, Page, PageRequest};
use crate::{
    ids::{BookingId, EventId, MailId},
    person::Language,
};

/// How long a sent mail, with its address, is stored. No event is redelivered later, so no mail is sent twice.
pub const SENT_MAIL_AGE_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The state of a mail.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, AsRefStr, EnumString, VariantNames,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum MailStatus {
    /// The mail waits for its first attempt or for a retry.
    Pending,
    /// The mail server accepted it.
    Sent,
    /// No more attempts are made, unless an administrator asks for a retry.
    Failed,
}

/// A confirmation mail to be stored. Its text is rendered from the booking when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Id of the mail.
    pub id: MailId,
    /// The event that caused the mail; there is one mail per event.
    pub event_id: EventId,
    /// The booking that the mail confirms.
    pub booking_id: BookingId,
    /// The booking's code.
    pub booking_code: String,
    /// The recipient's e-mail address: that of the newest attempt or requested retry; before the first of these, the
    /// customer's address when the mail was created.
    pub to: String,
    /// The customer's name.
    pub name: String,
    /// The language of the mail's text.
    pub language: Language,
    /// When the mail was stored; the first attempt is due at once.
    pub created_at: Timestamp,
}

/// A stored mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The mail as it was stored at first.
    pub mail: NewMail,
    /// Its state.
    pub status: MailStatus,
    /// The number of attempts to send it.
    pub attempts: u32,
    /// The mail server's last error.
    pub last_error: Option<String>,
    /// When the next attempt is due, while PENDING.
    pub due_at: Timestamp,
}

/// The result of an attempt to send a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailAttempt {
    /// The mail server accepted it.
    Sent,
    /// The attempt failed and is retried later.
    Later {
        /// When the next attempt is due.
        due_at: Timestamp,
        /// The mail server's error.
        error: String,
    },
    /// The attempt failed and is not retried.
    Failed {
        /// The mail server's error.
        error: String,
    },
}

/// Confirmation mails.
#[async_trait]
pub trait MailQueue: Send + Sync {
    /// Stores a mail, once per event.
    async fn file_mail(&self, mail: &NewMail) -> Backend<()>;
    /// Leases mails that are due to one sender, oldest first: sets their due time to `lease_until`, so that no other
    /// sender gets them meanwhile.
    async fn take_due_mails(&self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Backend<Vec<Mail>>;
    /// Records an attempt to send a mail to the address `to`, and counts it. A SENT mail does not change any more.
    async fn record_attempt(&self, id: MailId, to: &str, attempt: &MailAttempt) -> Backend<()>;
    /// Finds a mail.
    async fn find_mail(&self, id: MailId) -> Backend<Option<Mail>>;
    /// Lists mails, newest first, in one state if `status` is given.
    async fn list_mails(&self, status: Option<MailStatus>, page: PageRequest) -> Backend<Page<Mail>>;
    /// Makes an unsent mail PENDING and due now, to the address `to`. A mail that is leased to a sender stays leased, so
    /// that it is not sent twice. False if the mail is SENT or missing.
    async fn retry_mail(&self, id: MailId, to: &str, now: Timestamp) -> Backend<bool>;
}
