//! Maps the outcomes of administrators' changes of films, halls and screenings to HTTP.

use seatkeeper_core::{
    box_office::{ChangeOutcome, Editor},
    invalid::{Invalid, Rule},
    person::Person,
};
use serde::{Deserialize, Deserializer};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    request_id::RequestId,
};

/// Names the administrator and the request that make a change, for the audit log.
pub(super) fn editor<'a>(person: &Person, request: &'a Option<RequestId>) -> Editor<'a> {
    Editor { person: person.id, request_id: request.as_ref().map(RequestId::as_str) }
}

/// Returns the changed object, or the error for a refused change; `missing` is the error code for an object that does
/// not exist.
pub(super) fn changed<T>(outcome: ChangeOutcome<T>, missing: ErrorCode) -> ApiResult<T> {
    match outcome {
        ChangeOutcome::Done(thing) => Ok(thing),
        ChangeOutcome::NotFound => Err(missing.into()),
        ChangeOutcome::Invalid(invalid) => Err(invalid.into()),
        ChangeOutcome::MovieMissing => Err(ErrorCode::MovieNotFound.into()),
        ChangeOutcome::HallMissing => Err(ErrorCode::HallNotFound.into()),
        ChangeOutcome::PriceMissing(categories) => {
            let mut invalid = Invalid::default();
            for category in categories {
                invalid.add(format!("prices.{category}"), Rule::PriceMissing {});
            }
            Err(ApiError::new(ErrorCode::PriceMissing).errors(invalid))
        }
        ChangeOutcome::StartsInPast => Err(ErrorCode::StartsInPast.into()),
        ChangeOutcome::HallBusy(ids) => Err(ApiError::new(ErrorCode::HallBusy).screenings(ids)),
        ChangeOutcome::Cancelled => Err(ErrorCode::ScreeningCancelled.into()),
        ChangeOutcome::HasScreenings => Err(ErrorCode::HasScreenings.into()),
        ChangeOutcome::HasBookings => Err(ErrorCode::HasBookings.into()),
        ChangeOutcome::Busy => Err(ErrorCode::TryAgain.into()),
    }
}

/// Deserializes a field that a `PATCH` body may omit (unchanged, with serde's default) or set to `null` (cleared).
pub(super) fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
