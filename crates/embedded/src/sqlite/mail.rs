//! Confirmation mails: one per event, leased to one sender at a time.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};
use seatkeeper_core::{
    ids::MailId,
    ports::{Backend, Cursor, Mail, MailAttempt, MailQueue, MailStatus, NewMail, Page, PageRequest, SENT_MAIL_AGE_MAX},
};

use super::{
    SqliteStore,
    rows::{Columns, Fault, StoredId, before, find, limit, list, ms, run},
};

/// The most old sent mails that `file_mail` deletes. It exceeds the one mail that the call adds, so that their number
/// shrinks.
const FORGOTTEN_AT_ONCE_MAX: u32 = 8;

/// The mails that are due. `INDEXED BY`, because with the index by status SQLite would scan every pending mail.
pub(super) const DUE: &str =
    "SELECT id FROM mails INDEXED BY mails_due WHERE status = 'PENDING' AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2";

/// Deletes the oldest sent mails that are past their retention time.
pub(super) const FORGET_SENT: &str = "DELETE FROM mails WHERE id IN (SELECT id FROM mails \
     WHERE status = 'SENT' AND created_at <= ?1 ORDER BY created_at, id LIMIT ?2)";

#[async_trait]
impl MailQueue for SqliteStore {
    async fn file_mail(&self, mail: &NewMail) -> Backend<()> {
        let mail = mail.clone();
        self.write(move |tx| file_mail(tx, &mail)).await
    }

    async fn take_due_mails(&self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Backend<Vec<Mail>> {
        self.write(move |tx| {
            let due: Vec<MailId> = list(tx, DUE, (ms(now), limit), |row| row.id("id"))?;
            let lease = "UPDATE mails SET due_at = ?2, is_taken = 1 WHERE id = ?1 RETURNING *";
            let taken = due.iter().map(|id| find(tx, lease, (id.bytes(), ms(lease_until)), read_mail));
            Ok(taken.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })
        .await
    }

    async fn record_attempt(&self, id: MailId, to: &str, attempt: &MailAttempt) -> Backend<()> {
        let (to, attempt) = (to.to_owned(), attempt.clone());
        self.write(move |tx| record_attempt(tx, id, &to, &attempt)).await
    }

    async fn find_mail(&self, id: MailId) -> Backend<Option<Mail>> {
        self.read(move |tx| find(tx, "SELECT * FROM mails WHERE id = ?1", [id.bytes()], read_mail)).await
    }

    async fn list_mails(&self, status: Option<MailStatus>, page: PageRequest) -> Backend<Page<Mail>> {
        let all = "SELECT * FROM mails WHERE (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3";
        let of_status = "SELECT * FROM mails WHERE status = ?4 AND (created_at, id) < (?1, ?2) \
             ORDER BY created_at DESC, id DESC LIMIT ?3";
        self.admin_read(move |tx| {
            let (at, id) = before(page);
            let items = match status {
                Some(status) => list(tx, of_status, (at, id, limit(page), status.as_ref()), read_mail)?,
                None => list(tx, all, (at, id, limit(page)), read_mail)?,
            };
            let key = |mail: &Mail| Cursor { at: ms(mail.mail.created_at), id: mail.mail.id.uuid() };
            Ok(Page::cut(items, page.limit, key))
        })
        .await
    }

    async fn retry_mail(&self, id: MailId, to: &str, now: Timestamp) -> Backend<bool> {
        let to = to.to_owned();
        let sql = "UPDATE mails SET status = 'PENDING', address = ?3, \
             due_at = CASE WHEN is_taken AND due_at > ?2 THEN due_at ELSE ?2 END, \
             is_taken = is_taken AND due_at > ?2 WHERE id = ?1 AND status <> 'SENT'";
        self.write(move |tx| Ok(run(tx, sql, (id.bytes(), ms(now), &to))? == 1)).await
    }
}

fn file_mail(tx: &Transaction<'_>, mail: &NewMail) -> Result<(), Fault> {
    let sql = "INSERT INTO mails (id, event_id, booking_id, booking_code, address, name, language, created_at, status, \
         attempts, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'PENDING', 0, ?8) ON CONFLICT (event_id) DO NOTHING";
    let values = params![
        mail.id.bytes(),
        mail.event_id.bytes(),
        mail.booking_id.bytes(),
        mail.booking_code,
        mail.to,
        mail.name,
        mail.language.as_ref(),
        ms(mail.created_at)
    ];
    run(tx, sql, values)?;
    forget_sent(tx, mail.created_at)
}

fn forget_sent(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let oldest = now.saturating_sub(SENT_MAIL_AGE_MAX).unwrap_or(Timestamp::UNIX_EPOCH);
    run(tx, FORGET_SENT, (ms(oldest), FORGOTTEN_AT_ONCE_MAX))?;
    Ok(())
}

/// Records an attempt to send a mail. A success always applies; a failure changes only a PENDING mail.
fn record_attempt(tx: &Transaction<'_>, id: MailId, to: &str, attempt: &MailAttempt) -> Result<(), Fault> {
    let id = id.bytes();
    match attempt {
        MailAttempt::Sent => {
            let sql = "UPDATE mails SET address = ?2, status = 'SENT', \
                 attempts = attempts + 1, last_error = NULL, is_taken = 0 WHERE id = ?1";
            run(tx, sql, (id, to))?
        }
        MailAttempt::Later { due_at, error } => {
            let sql = "UPDATE mails SET address = ?2, due_at = ?3, last_error = ?4, attempts = attempts + 1, \
                 is_taken = 0 WHERE id = ?1 AND status = 'PENDING'";
            run(tx, sql, (id, to, ms(*due_at), error))?
        }
        MailAttempt::Failed { error } => {
            let sql = "UPDATE mails SET address = ?2, status = 'FAILED', last_error = ?3, attempts = attempts + 1, \
                 is_taken = 0 WHERE id = ?1 AND status = 'PENDING'";
            run(tx, sql, (id, to, error))?
        }
    };
    Ok(())
}

fn read_mail(row: &Row<'_>) -> Result<Mail, Fault> {
    let mail = NewMail {
        id: row.id("id")?,
        event_id: row.id("event_id")?,
        booking_id: row.id("booking_id")?,
        booking_code: row.get("booking_code")?,
        to: row.get("address")?,
        name: row.get("name")?,
        language: row.word("language")?,
        created_at: row.time("created_at")?,
    };
    Ok(Mail {
        mail,
        status: row.word("status")?,
        attempts: row.number("attempts")?,
        last_error: row.get("last_error")?,
        due_at: row.time("due_at")?,
    })
}
