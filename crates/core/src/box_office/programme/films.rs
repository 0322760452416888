//! Adding, changing and deleting films.

use super::{CHANGE_TRIES_MAX, ChangeOutcome, Editor, answer, details::of_movie};
use crate::{
    box_office::BoxOffice,
    catalogue::{Movie, MovieDetails},
    ids::MovieId,
    ports::{Backend, ProgrammeChange, ProgrammeOutcome},
};

/// Adds a film.
///
/// # Errors
/// A call to the store failed.
pub async fn create_movie(
    office: &BoxOffice,
    editor: Editor<'_>,
    id: MovieId,
    details: MovieDetails,
) -> Backend<ChangeOutcome<Movie>> {
    if let Err(invalid) = details.check() {
        return Ok(ChangeOutcome::Invalid(invalid));
    }
    let logged = of_movie(None, Some(&details));
    let movie = Movie { id, details };
    let change = ProgrammeChange::PutMovie(movie.clone(), 0);
    Ok(answer(office.change(editor, "movie_created", id.to_string(), logged, change, movie).await?))
}

/// Changes a film; `edit` makes the new fields from the old ones. A new length also moves the ends of the film's
/// upcoming screenings, and is refused if two screenings would then overlap.
///
/// # Errors
/// A call to the store failed.
pub async fn update_movie(
    office: &BoxOffice,
    editor: Editor<'_>,
    id: MovieId,
    edit: impl Fn(MovieDetails) -> MovieDetails + Send + Sync,
) -> Backend<ChangeOutcome<Movie>> {
    for _ in 0..CHANGE_TRIES_MAX {
        let Some((movie, revision)) = office.stores.programme.find_movie(id).await? else {
            return Ok(ChangeOutcome::NotFound);
        };
        let old = movie.details;
        let movie = Movie { id, details: edit(old.clone()) };
        if let Err(invalid) = movie.details.check() {
            return Ok(ChangeOutcome::Invalid(invalid));
        }
        let logged = of_movie(Some(&old), Some(&movie.details));
        let change = ProgrammeChange::PutMovie(movie.clone(), revision);
        match office.change(editor, "movie_changed", id.to_string(), logged, change, movie).await? {
            Err(ProgrammeOutcome::Changed) => {}
            changed => return Ok(answer(changed)),
        }
    }
    Ok(ChangeOutcome::Busy)
}

/// Deletes a film without upcoming screenings.
///
/// # Errors
/// A call to the store failed.
pub async fn delete_movie(office: &BoxOffice, editor: Editor<'_>, id: MovieId) -> Backend<ChangeOutcome<()>> {
    let Some((movie, _)) = office.stores.programme.find_movie(id).await? else {
        return Ok(ChangeOutcome::NotFound);
    };
    let logged = of_movie(Some(&movie.details), None);
    let change = ProgrammeChange::DeleteMovie(id);
    Ok(answer(office.change(editor, "movie_deleted", id.to_string(), logged, change, ()).await?))
}
