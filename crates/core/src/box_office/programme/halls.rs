//! Adding, changing and deleting halls.

use super::{CHANGE_TRIES_MAX, ChangeOutcome, Editor, answer, details::of_hall};
use crate::{
    box_office::BoxOffice,
    catalogue::Hall,
    ids::HallId,
    ports::{Backend, ProgrammeChange, ProgrammeOutcome},
};

/// Adds a hall.
///
/// # Errors
/// A call to the store failed.
pub async fn create_hall(office: &BoxOffice, editor: Editor<'_>, hall: Hall) -> Backend<ChangeOutcome<Hall>> {
    if let Err(invalid) = Hall::check_names(Some(&hall.name), hall.name_th.as_deref()) {
        return Ok(ChangeOutcome::Invalid(invalid));
    }
    let logged = of_hall(None, Some(&hall));
    let change = ProgrammeChange::PutHall(hall.clone(), 0);
    Ok(answer(office.change(editor, "hall_created", hall.id.to_string(), logged, change, hall).await?))
}

/// Changes a hall. Existing screenings keep the layout with which they were created, and show the new names.
///
/// # Errors
/// A call to the store failed.
pub async fn update_hall(
    office: &BoxOffice,
    editor: Editor<'_>,
    id: HallId,
    edit: impl Fn(Hall) -> Hall + Send + Sync,
) -> Backend<ChangeOutcome<Hall>> {
    for _ in 0..CHANGE_TRIES_MAX {
        let Some((old, revision)) = office.stores.programme.find_hall(id).await? else {
            return Ok(ChangeOutcome::NotFound);
        };
        let hall = Hall { id, ..edit(old.clone()) };
        if let Err(invalid) = Hall::check_names(Some(&hall.name), hall.name_th.as_deref()) {
            return Ok(ChangeOutcome::Invalid(invalid));
        }
        let logged = of_hall(Some(&old), Some(&hall));
        let change = ProgrammeChange::PutHall(hall.clone(), revision);
        match office.change(editor, "hall_changed", id.to_string(), logged, change, hall).await? {
            Err(ProgrammeOutcome::Changed) => {}
            changed => return Ok(answer(changed)),
        }
    }
    Ok(ChangeOutcome::Busy)
}

/// Deletes a hall without upcoming screenings.
///
/// # Errors
/// A call to the store failed.
pub async fn delete_hall(office: &BoxOffice, editor: Editor<'_>, id: HallId) -> Backend<ChangeOutcome<()>> {
    let Some((hall, _)) = office.stores.programme.find_hall(id).await? else {
        return Ok(ChangeOutcome::NotFound);
    };
    let logged = of_hall(Some(&hall), None);
    let change = ProgrammeChange::DeleteHall(id);
    Ok(answer(office.change(editor, "hall_deleted", id.to_string(), logged, change, ()).await?))
}
