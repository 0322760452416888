//! Retrying events that a consumer could not handle.

use std::slice;

use super::{BoxOffice, consuming::handle_events};
use crate::{
    ids::DeadLetterId,
    ports::{Backend, DeadLetter},
};

/// Handles the event of a dead letter again. `Ok(None)`: no dead letter has this id. `Ok(Some(Err))`: the event failed
/// again and the dead letter stays.
///
/// # Errors
/// A call to the store failed with a retryable error.
pub async fn replay_dead_letter(office: &BoxOffice, id: DeadLetterId) -> Backend<Option<Result<DeadLetter, String>>> {
    let Some(letter) = office.stores.dead_letters.find_dead_letter(id).await? else { return Ok(None) };
    match handle_events(office, letter.consumer, slice::from_ref(&letter.event)).await {
        Ok(()) => {
            office.stores.dead_letters.remove_dead_letter(id).await?;
            Ok(Some(Ok(letter)))
        }
        Err(error) if error.retryable => Err(error),
        Err(error) => Ok(Some(Err(error.source.to_string()))),
    }
}
