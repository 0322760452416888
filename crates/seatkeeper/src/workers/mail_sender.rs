//! Sends queued mails. A mail is rendered from its booking when it is sent. Mails are sent concurrently within a limit,
//! so that a slow one does not delay the mails after it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::SignedDuration;
use seatkeeper_core::{
    booking::{Booking, BookingStatus},
    box_office::{BoxOffice, next_mail_attempt},
    person::Language,
    ports::{Backend, Mail, MailAttempt, NewMail},
};
use tokio::task::{JoinError, JoinSet};

use super::job::{Job, Next};
use crate::mail::{
    ConfirmationMail, MailTransport, OutgoingMail, SendError, Sender, booking_message_id, render_confirmation,
};

/// Limit of the mails that are sent concurrently.
const MAILS_AT_ONCE_MAX: usize = 8;
/// Lease of a mail: if the server that is sending it dies, another one may send it after this time. Longer than sending
/// may take.
const MAIL_LEASE: SignedDuration = SignedDuration::from_mins(2);
/// Polling interval of the queue.
const MAIL_PERIOD: Duration = Duration::from_millis(250);

/// Why a confirmation is FAILED without an attempt to send it, as administrators see it in the list of mails.
const BOOKING_REFUNDED: &str = "the booking was refunded before this mail was sent";

/// How mails are sent, and what they say about the cinema.
pub struct Mailer {
    /// The transport.
    pub transport: MailTransport,
    /// The cinema's name.
    pub cinema_name: String,
    /// The origin of the site without a path, such as `https://example.test`.
    pub public_url: String,
    /// The host of that origin.
    pub host: String,
}

pub(super) struct MailSender {
    desk: Arc<Desk>,
    /// The tasks that are sending mails: at most [`MAILS_AT_ONCE_MAX`].
    on_the_way: JoinSet<Backend<()>>,
}

/// What each task that sends a mail needs.
struct Desk {
    office: Arc<BoxOffice>,
    mailer: Mailer,
}

impl MailSender {
    pub(super) fn new(office: Arc<BoxOffice>, mailer: Mailer) -> Self {
        Self { desk: Arc::new(Desk { office, mailer }), on_the_way: JoinSet::new() }
    }

    /// Takes mails from the queue and starts to send them, as many as [`MAILS_AT_ONCE_MAX`] still allows.
    async fn send_off(&mut self) -> Backend<()> {
        let places = u32::try_from(MAILS_AT_ONCE_MAX.saturating_sub(self.on_the_way.len())).unwrap_or(0);
        if places == 0 {
            return Ok(());
        }
        let now = self.desk.office.now();
        let lease_until = now.saturating_add(MAIL_LEASE).unwrap_or(now);
        for mail in self.desk.office.stores.mails.take_due_mails(now, lease_until, places).await? {
            let desk = Arc::clone(&self.desk);
            self.on_the_way.spawn(async move { desk.send_or_fail(&mail).await });
        }
        Ok(())
    }
}

/// The result of a task. A task that panicked or was aborted has recorded no result, so its mail is leased again after
/// the lease has expired.
fn outcome_of(sent: Result<Backend<()>, JoinError>) -> Backend<()> {
    sent.unwrap_or_else(|error| {
        tracing::error!(%error, "a mail task ended early; the mail is retried after its lease");
        Ok(())
    })
}

impl Desk {
    /// Sends a mail. If it fails because of an error in this program, it is marked as FAILED, so that an administrator
    /// sees it and the other mails are sent.
    async fn send_or_fail(&self, mail: &Mail) -> Backend<()> {
        match AssertUnwindSafe(self.send(mail)).catch_unwind().await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if error.retryable => return Err(error),
            Ok(Err(error)) => tracing::error!(mail = %mail.mail.id, %error, "a mail has failed for good"),
            Err(_panic) => tracing::error!(mail = %mail.mail.id, "sending a mail panicked; it has failed for good"),
        }
        self.fail(mail, "the program stumbled over this mail").await
    }

    /// Marks a mail as FAILED without an attempt to send it.
    async fn fail(&self, mail: &Mail, why: &str) -> Backend<()> {
        let attempt = MailAttempt::Failed { error: why.to_owned() };
        self.office.stores.mails.record_attempt(mail.mail.id, &mail.mail.to, &attempt).await
    }

    async fn send(&self, mail: &Mail) -> Backend<()> {
        let Some(booking) = self.office.stores.sales.find_booking(mail.mail.booking_id).await? else {
            return self.fail(mail, "the booking is missing").await;
        };
        // This is checked as late as possible: a refunded booking gets no confirmation, even when an administrator
        // requests a retry.
        if booking.status == BookingStatus::Refunded {
            tracing::info!(mail = %mail.mail.id, "not sent: its booking was refunded");
            return self.fail(mail, BOOKING_REFUNDED).await;
        }
        let recipient = self.addressed(mail, &booking).await?;
        let title = self.title_of(&booking, recipient.language).await?;
        let sent = match self.render(&recipient, &booking, title) {
            Ok(outgoing) => self.mailer.transport.send(&outgoing).await,
            Err(error) => Err(SendError::Permanent(error)),
        };
        let next = |is_permanent, error: String| {
            tracing::warn!(mail = %mail.mail.id, is_permanent, "mail not sent");
            next_mail_attempt(mail.mail.created_at, mail.attempts, self.office.now(), is_permanent, error)
        };
        let attempt = match sent {
            Ok(()) => MailAttempt::Sent,
            Err(SendError::Temporary(error)) => next(false, error),
            Err(SendError::Permanent(error)) => next(true, error),
        };
        let outcome = if attempt == MailAttempt::Sent { "sent" } else { "not_sent" };
        metrics::counter!("seatkeeper_mails_total", "outcome" => outcome).increment(1);
        self.office.stores.mails.record_attempt(mail.mail.id, &recipient.to, &attempt).await
    }

    /// Returns the mail with the customer's present name and address: the stored address may be the reason why previous
    /// attempts have failed.
    async fn addressed(&self, mail: &Mail, booking: &Booking) -> Backend<NewMail> {
        let mut addressed = mail.mail.clone();
        if let Some(person) = self.office.stores.people.find_person(booking.person_id).await? {
            (addressed.to, addressed.name) = (person.email, person.name);
        }
        Ok(addressed)
    }

    /// The film's title when the seats were sold, in the language of the mail. A booking that an earlier version of the
    /// program made has no Thai title, and its mail may still wait or be requested again: it gets the film's current one.
    async fn title_of(&self, booking: &Booking, language: Language) -> Backend<String> {
        let thai = match (language, &booking.movie_title_th) {
            (Language::En, _) => None,
            (Language::Th, Some(stored)) => Some(stored.clone()),
            (Language::Th, None) => {
                let movie = self.office.stores.programme.find_movie(booking.movie_id).await?;
                movie.and_then(|(movie, _)| movie.details.title_th)
            }
        };
        Ok(thai.unwrap_or_else(|| booking.movie_title.clone()))
    }

    fn render(&self, mail: &NewMail, booking: &Booking, movie_title: String) -> Result<OutgoingMail, String> {
        let confirmation = ConfirmationMail {
            code: booking.code.clone(),
            movie_title,
            hall_name: hall_name_in(booking, mail.language),
            start_time: booking.start_time,
            time_zone: self.office.settings.time_zone.clone(),
            seats: booking.seats.iter().map(|seat| (seat.id.to_string(), seat.kind.as_ref().to_owned())).collect(),
            total_minor: booking.total.amount,
            customer_name: mail.name.clone(),
            cinema_name: self.mailer.cinema_name.clone(),
            booking_url: format!("{}/bookings/{}", self.mailer.public_url, booking.id),
        };
        let rendered = render_confirmation(&confirmation, mail.language).map_err(|error| error.to_string())?;
        Ok(OutgoingMail {
            sender: Sender::of_site(&self.mailer.cinema_name, &self.mailer.host),
            to: mail.to.clone(),
            name: mail.name.clone(),
            subject: rendered.subject,
            html: rendered.html,
            text: rendered.text,
            message_id: booking_message_id(&booking.id.to_string(), &self.mailer.host),
            date: mail.created_at,
        })
    }
}

/// The hall's name when the seats were sold: in Thai its Thai name if it had one.
fn hall_name_in(booking: &Booking, language: Language) -> String {
    let thai = match language {
        Language::Th => booking.hall_name_th.clone(),
        Language::En => None,
    };
    thai.unwrap_or_else(|| booking.hall_name.clone())
}

#[async_trait]
impl Job for MailSender {
    fn name(&self) -> &'static str {
        "mail sender"
    }

    fn period(&self) -> Duration {
        MAIL_PERIOD
    }

    async fn run(&mut self) -> Backend<Next> {
        self.send_off().await?;
        // Waits until one of the mails was sent: the next mail can be started then, without waiting for slow ones.
        let Ok(arrived) = tokio::time::timeout(MAIL_PERIOD, self.on_the_way.join_next()).await else {
            return Ok(Next::AtOnce);
        };
        let Some(arrived) = arrived else { return Ok(Next::AfterPause) };
        let mut outcome = outcome_of(arrived);
        while let Some(arrived) = self.on_the_way.try_join_next() {
            outcome = outcome.and(outcome_of(arrived));
        }
        outcome.map(|()| Next::AtOnce)
    }

    async fn finish(&mut self) {
        while let Some(arrived) = self.on_the_way.join_next().await {
            if let Err(error) = outcome_of(arrived) {
                tracing::warn!(%error, "the outcome of a mail could not be stored; it is sent again after its lease");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use seatkeeper_core::{
        ids::{BookingId, MovieId, PaymentId, PersonId, ScreeningId},
        money::Money,
    };
    use uuid::Uuid;

    use super::*;

    fn booking_in(hall_name_th: Option<&str>) -> Booking {
        Booking {
            id: BookingId::from_uuid(Uuid::nil()),
            code: "K7QX2M9P".to_owned(),
            status: BookingStatus::Confirmed,
            person_id: PersonId::from_uuid(Uuid::nil()),
            payment_id: PaymentId::from_uuid(Uuid::nil()),
            screening_id: ScreeningId::from_uuid(Uuid::nil()),
            movie_id: MovieId::from_uuid(Uuid::nil()),
            movie_title: "Film".to_owned(),
            movie_title_th: None,
            hall_name: "Hall 1".to_owned(),
            hall_name_th: hall_name_th.map(str::to_owned),
            start_time: Timestamp::UNIX_EPOCH,
            seats: Vec::new(),
            total: Money::satang(0),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn thai_mail_has_the_thai_name_of_the_hall_if_the_booking_has_one() {
        for (language, hall_name_th, shown) in [
            (Language::Th, Some("โรง 1"), "โรง 1"),
            (Language::En, Some("โรง 1"), "Hall 1"),
            (Language::Th, None, "Hall 1"),
        ] {
            assert_eq!(hall_name_in(&booking_in(hall_name_th), language), shown, "{language:?}");
        }
    }
}
