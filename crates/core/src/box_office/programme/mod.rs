//! Changes of the programme (films, halls, screenings). Each one writes an event for the audit log.

mod details;
mod films;
mod halls;
mod screenings;

pub use films::{create_movie, delete_movie, update_movie};
pub use halls::{create_hall, delete_hall, update_hall};
pub use screenings::{
    START_AHEAD_MAX, ScreeningDetails, check_prices, create_screening, delete_screening, update_screening,
};

use serde_json::Value;

use super::{BoxOffice, best_effort::best_effort};
use crate::{
    event::EventKind,
    ids::{PersonId, ScreeningId},
    invalid::Invalid,
    ports::{Backend, ProgrammeChange, ProgrammeOutcome},
};

/// The most attempts of a change that conflicts with concurrent changes of the same record (optimistic locking).
const CHANGE_TRIES_MAX: usize = 5;

/// The result of a change of the programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome<T> {
    /// The change is made. Carries the new state.
    Done(T),
    /// There is no such film, hall or screening.
    NotFound,
    /// These fields have invalid values.
    Invalid(Invalid),
    /// The screening's film does not exist.
    MovieMissing,
    /// The screening's hall does not exist.
    HallMissing,
    /// These price categories of the hall have no price.
    PriceMissing(Vec<String>),
    /// The start of the screening is in the past.
    StartsInPast,
    /// These screenings need the hall at the same time.
    HallBusy(Vec<ScreeningId>),
    /// The screening is cancelled.
    Cancelled,
    /// The film or hall has upcoming screenings.
    HasScreenings,
    /// Seats of the screening are locked, claimed or sold.
    HasBookings,
    /// All attempts conflicted with concurrent changes of the same record.
    Busy,
}

/// Who makes a change and in which request. Written to the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Editor<'a> {
    /// The administrator.
    pub person: PersonId,
    /// The id of the HTTP request.
    pub request_id: Option<&'a str>,
}

impl BoxOffice {
    async fn change<T>(
        &self,
        editor: Editor<'_>,
        action: &str,
        subject: String,
        details: Value,
        change: ProgrammeChange,
        done: T,
    ) -> Backend<Result<T, ProgrammeOutcome>> {
        let kind = EventKind::AuditLog { action: action.to_owned(), subject: Some(subject), details };
        let event = self.event(kind).by(Some(editor.person)).in_request(editor.request_id);
        let outcome = self.stores.programme.change_programme(&change, &event, self.now()).await?;
        if outcome != ProgrammeOutcome::Done {
            return Ok(Err(outcome));
        }
        // The change is committed, so a failure to refresh the cache is only logged: a worker polls the programme's
        // revision every second.
        best_effort(self.follow_programme().await, "the follower polls every second");
        Ok(Ok(done))
    }
}

fn outcome_of<T>(refused: ProgrammeOutcome) -> ChangeOutcome<T> {
    match refused {
        ProgrammeOutcome::HasScreenings => ChangeOutcome::HasScreenings,
        ProgrammeOutcome::HasBookings => ChangeOutcome::HasBookings,
        ProgrammeOutcome::HallBusy(ids) => ChangeOutcome::HallBusy(ids),
        ProgrammeOutcome::Cancelled => ChangeOutcome::Cancelled,
        ProgrammeOutcome::MovieMissing => ChangeOutcome::MovieMissing,
        ProgrammeOutcome::HallMissing => ChangeOutcome::HallMissing,
        ProgrammeOutcome::Changed | ProgrammeOutcome::Done => ChangeOutcome::Busy,
        ProgrammeOutcome::NotFound => ChangeOutcome::NotFound,
    }
}

fn answer<T>(changed: Result<T, ProgrammeOutcome>) -> ChangeOutcome<T> {
    changed.map_or_else(outcome_of, ChangeOutcome::Done)
}
