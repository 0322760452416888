//! Finds the screening that a request names, either by its id or by film and start time.

use jiff::Timestamp;
use seatkeeper_core::{
    box_office::{NamedScreening, ScreeningCheck, ScreeningName},
    catalogue::{OpenScreening, SharedScreening},
    ids::{MovieId, ScreeningId},
    invalid::Rule,
};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    state::App,
    wire::ScreeningDetail,
};

/// The fields with which a request names a screening.
#[derive(Clone, Copy, Debug)]
pub struct ScreeningSelector<'a> {
    /// The screening's id; if given, the other fields are ignored.
    pub screening_id: Option<&'a str>,
    /// The film's id, with `start_time`.
    pub movie_id: Option<&'a str>,
    /// The start time, with `movie_id`.
    pub start_time: Option<Timestamp>,
}

impl ScreeningSelector<'_> {
    /// Finds the named screening.
    ///
    /// # Errors
    /// `invalid` when fields are missing; `screening_not_found`; `ambiguous_screening`, with their ids, when several
    /// screenings of the film start at that time.
    pub async fn find(self, app: &App) -> ApiResult<SharedScreening> {
        let Some(name) = self.name()? else { return Err(ErrorCode::ScreeningNotFound.into()) };
        match app.office.resolve_screening(name).await? {
            NamedScreening::One(screening) => Ok(screening),
            NamedScreening::NotFound => Err(ErrorCode::ScreeningNotFound.into()),
            NamedScreening::Ambiguous(ids) => Err(ApiError::new(ErrorCode::AmbiguousScreening).screenings(ids)),
        }
    }

    /// Finds the named screening, if it is not cancelled and `revision`, the one that the client has seen, is current.
    ///
    /// # Errors
    /// Those of [`Self::find`]; then `screening_cancelled`; `screening_changed`, with the current screening, if
    /// `revision` is not current.
    pub async fn find_as_seen(self, app: &App, revision: Option<u64>) -> ApiResult<SharedScreening> {
        let open = self.find(app).await?;
        match app.office.check_screening(open, revision).await? {
            ScreeningCheck::Current(open) => Ok(open),
            ScreeningCheck::Cancelled => Err(ErrorCode::ScreeningCancelled.into()),
            ScreeningCheck::Changed(open) => Err(changed(app, &open)),
            ScreeningCheck::Gone => Err(ErrorCode::ScreeningNotFound.into()),
        }
    }

    /// `None` for malformed ids, which no screening can have.
    fn name(self) -> ApiResult<Option<ScreeningName>> {
        match (self.screening_id, self.movie_id, self.start_time) {
            (Some(id), _, _) => Ok(ScreeningId::parse(id).map(ScreeningName::Id)),
            (None, Some(movie), Some(start)) => {
                Ok(MovieId::parse(movie).map(|movie| ScreeningName::Show(movie, start)))
            }
            (None, Some(_), None) => Err(ApiError::invalid("start_time", Rule::RequiredWith { other: "movie_id" })),
            (None, None, Some(_)) => Err(ApiError::invalid("movie_id", Rule::RequiredWith { other: "start_time" })),
            (None, None, None) => {
                Err(ApiError::invalid("screening_id", Rule::RequiredOr { others: "movie_id and start_time" }))
            }
        }
    }
}

/// The error 409 `screening_changed`, with the screening as it is now.
pub(crate) fn changed(app: &App, open: &OpenScreening) -> ApiError {
    ApiError::new(ErrorCode::ScreeningChanged).screening(&ScreeningDetail::new(open, app.office.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_are_invalid_and_malformed_ids_not_found() {
        let said = |screening_id, movie_id, start_time| ScreeningSelector { screening_id, movie_id, start_time }.name();
        let start = Some(Timestamp::UNIX_EPOCH);
        let id = Some("00000000-0000-0000-0000-000000000001");
        assert!(matches!(said(id, None, None), Ok(Some(ScreeningName::Id(_)))));
        assert!(matches!(said(id, id, start), Ok(Some(ScreeningName::Id(_)))), "the id is enough");
        assert!(matches!(said(None, id, start), Ok(Some(ScreeningName::Show(..)))));
        assert!(matches!(said(Some("nonsense"), None, None), Ok(None)));
        for (movie, start) in [(None, None), (id, None), (None, start)] {
            assert_eq!(said(None, movie, start).unwrap_err().code(), ErrorCode::Invalid);
        }
    }
}
