//! Confirmation mails: one per sale event. A mail is leased to one sender at a time.

use async_trait::async_trait;
use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::{Bson, Document, doc};
use seatkeeper_core::{
    ids::{BookingId, EventId, MailId},
    person::Language,
    ports::{Backend, Cursor, Mail, MailAttempt, MailQueue, MailStatus, NewMail, Page, PageRequest, SENT_MAIL_AGE_MAX},
};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    conn::Conn,
    documents::{OnlyId, by_id, ms, texts},
    fault::Fault,
    pages,
    schema::MAILS,
};

/// Limit of the old sent mails that one call of `file_mail` deletes. It exceeds the number that the call adds, so that
/// the collection can shrink.
const FORGOTTEN_AT_ONCE_MAX: u32 = 8;

#[derive(Serialize, Deserialize)]
#[serde(remote = "NewMail")]
struct Fields {
    #[serde(rename = "_id")]
    id: MailId,
    event_id: EventId,
    booking_id: BookingId,
    booking_code: String,
    to: String,
    name: String,
    language: Language,
    #[serde(with = "millisecond::required")]
    created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct MailDocument {
    #[serde(flatten, with = "Fields")]
    mail: NewMail,
    status: MailStatus,
    attempts: u32,
    last_error: Option<String>,
    /// When the next attempt to send is due. While a sender holds the mail's lease, this is the end of the lease.
    #[serde(with = "millisecond::required")]
    due_at: Timestamp,
    /// Whether a sender holds the mail's lease.
    #[serde(default)]
    is_taken: bool,
}

impl From<MailDocument> for Mail {
    fn from(document: MailDocument) -> Self {
        let MailDocument { mail, status, attempts, last_error, due_at, is_taken: _ } = document;
        Self { mail, status, attempts, last_error, due_at }
    }
}

#[async_trait]
impl MailQueue for MongoStore {
    async fn file_mail(&self, mail: &NewMail) -> Backend<()> {
        let due_at = mail.created_at;
        let (mail, status, last_error) = (mail.clone(), MailStatus::Pending, None);
        let document = MailDocument { mail, status, attempts: 0, last_error, due_at, is_taken: false };
        let mut conn = self.conn();
        let file = async {
            conn.insert_new(MAILS, &document).await?;
            forget_sent(&mut conn, due_at).await
        };
        self.call(file).await
    }

    async fn take_due_mails(&self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Backend<Vec<Mail>> {
        self.call(take_due_mails(&mut self.conn(), now, lease_until, limit)).await
    }

    async fn record_attempt(&self, id: MailId, to: &str, attempt: &MailAttempt) -> Backend<()> {
        let (mail, change) = recorded(id, to, attempt);
        self.call(self.conn().update(MAILS, mail, change)).await.map(|_| ())
    }

    async fn find_mail(&self, id: MailId) -> Backend<Option<Mail>> {
        Ok(self.call(self.conn().find::<MailDocument>(MAILS, by_id(id))).await?.map(Mail::from))
    }

    async fn list_mails(&self, status: Option<MailStatus>, page: PageRequest) -> Backend<Page<Mail>> {
        let mut filter = Document::new();
        if let Some(status) = status {
            filter.insert("status", status.as_ref());
        }
        let filter = pages::newest_first(filter, "created_at", page);
        let mut conn = self.conn();
        let (order, limit) = (pages::falling("created_at"), pages::limit(page));
        let listed = async move { conn.list::<MailDocument>(MAILS, filter, order, limit).await };
        let mails = self.admin_call(listed).await?.into_iter().map(Mail::from).collect();
        let key = |mail: &Mail| Cursor { at: ms(mail.mail.created_at), id: mail.mail.id.as_uuid() };
        Ok(Page::cut(mails, page.limit, key))
    }

    async fn retry_mail(&self, id: MailId, to: &str, now: Timestamp) -> Backend<bool> {
        let unsent = doc! { "_id": id.to_string(), "status": { "$ne": "SENT" } };
        let on_its_way = doc! { "is_taken": true, "due_at": { "$gt": ms(now) } };
        let mut idle = unsent.clone();
        idle.insert("$nor", vec![on_its_way]);
        let due = doc! { "$set": { "status": "PENDING", "to": to, "due_at": ms(now), "is_taken": false } };
        let addressed = doc! { "$set": { "to": to } };
        let mut conn = self.conn();
        let retry = async { Ok(conn.update(MAILS, idle, due).await? || conn.update(MAILS, unsent, addressed).await?) };
        self.call(retry).await
    }
}

async fn forget_sent(conn: &mut Conn, now: Timestamp) -> Result<(), Fault> {
    let oldest = ms(now.saturating_sub(SENT_MAIL_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH));
    let old = doc! { "status": "SENT", "created_at": { "$lte": oldest } };
    let old: Vec<OnlyId<MailId>> = conn.list(MAILS, old, pages::rising("created_at"), FORGOTTEN_AT_ONCE_MAX).await?;
    if !old.is_empty() {
        let ids = texts(old.into_iter().map(|old| old.id));
        conn.delete(MAILS, doc! { "_id": { "$in": ids } }).await?;
    }
    Ok(())
}

/// Leases due mails one by one, each with an atomic update, so that no two senders get the same mail.
async fn take_due_mails(
    conn: &mut Conn,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Vec<Mail>, Fault> {
    let due = doc! { "status": "PENDING", "due_at": { "$lte": ms(now) } };
    let lease = doc! { "$set": { "due_at": ms(lease_until), "is_taken": true } };
    let mut taken = Vec::new();
    while taken.len() < limit as usize {
        let order = pages::rising("due_at");
        match conn.change::<MailDocument>(MAILS, due.clone(), order, lease.clone()).await? {
            Some(document) => taken.push(document.into()),
            None => break,
        }
    }
    Ok(taken)
}

/// The filter and the update that record an attempt. A success is always recorded; a failure only when the mail is
/// still PENDING.
fn recorded(id: MailId, to: &str, attempt: &MailAttempt) -> (Document, Document) {
    let any = by_id(id);
    let pending = doc! { "_id": id.to_string(), "status": "PENDING" };
    let (mail, mut fields) = match attempt {
        MailAttempt::Sent => (any, doc! { "status": "SENT", "last_error": Bson::Null }),
        MailAttempt::Later { due_at, error } => (pending, doc! { "due_at": ms(*due_at), "last_error": error }),
        MailAttempt::Failed { error } => (pending, doc! { "status": "FAILED", "last_error": error }),
    };
    fields.extend(doc! { "to": to, "is_taken": false });
    (mail, doc! { "$set": fields, "$inc": { "attempts": 1 } })
}
