//! The retry of a confirmation mail on request.

use super::BoxOffice;
use crate::{
    ids::MailId,
    ports::{Backend, Mail},
};

/// The outcome of a request to send a mail again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailRetry {
    /// The mail is due.
    Due(Mail),
    /// The mail has been sent, and is not sent again.
    AlreadySent,
    /// There is no such mail.
    Missing,
}

/// Makes an unsent mail due now, to the customer's present address.
///
/// # Errors
/// The store did not answer.
pub async fn retry_mail(office: &BoxOffice, id: MailId) -> Backend<MailRetry> {
    let mails = &office.stores.mails;
    let Some(mail) = mails.find_mail(id).await? else { return Ok(MailRetry::Missing) };
    // The stored address may be the reason why the attempts before have failed.
    let customer = match office.stores.sales.find_booking(mail.mail.booking_id).await? {
        Some(booking) => office.stores.people.find_person(booking.person_id).await?,
        None => None,
    };
    let to = customer.map_or(mail.mail.to, |customer| customer.email);
    let is_due = mails.retry_mail(id, &to, office.now()).await?;
    let Some(mail) = mails.find_mail(id).await? else { return Ok(MailRetry::Missing) };
    Ok(if is_due { MailRetry::Due(mail) } else { MailRetry::AlreadySent })
}
