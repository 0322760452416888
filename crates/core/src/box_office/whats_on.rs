//! The public programme: films with their upcoming screenings.

use std::collections::HashMap;

use jiff::Timestamp;

use super::BoxOffice;
use crate::{
    catalogue::{Movie, SharedScreening},
    ids::MovieId,
    ports::{Backend, Page, PageRequest, ScreeningFilter},
};

/// The most upcoming screenings in one response, over all of its films.
const SCREENINGS_LISTED_MAX: usize = 5_000;

/// A film with its upcoming screenings.
#[derive(Clone, Debug)]
pub struct MovieOnShow {
    /// The film.
    pub movie: Movie,
    /// The screenings, sorted by start.
    pub screenings: Vec<SharedScreening>,
}

/// A page of films, each with its screenings that have not started.
///
/// # Errors
/// A call to the store failed.
pub async fn list_movies_on_show(office: &BoxOffice, page: PageRequest) -> Backend<Page<MovieOnShow>> {
    let movies = office.stores.programme.list_movies(page).await?;
    let ids: Vec<MovieId> = movies.items.iter().map(|movie| movie.id).collect();
    let mut by_movie: HashMap<MovieId, Vec<SharedScreening>> = HashMap::new();
    for screening in upcoming_of(office, ids).await? {
        by_movie.entry(screening.screening.movie_id).or_default().push(screening);
    }
    Ok(movies.map(|movie| {
        let screenings = by_movie.remove(&movie.id).unwrap_or_default();
        MovieOnShow { movie, screenings }
    }))
}

/// A film with its screenings that have not started.
///
/// # Errors
/// A call to the store failed.
pub async fn movie_on_show(office: &BoxOffice, id: MovieId) -> Backend<Option<MovieOnShow>> {
    let Some((movie, _)) = office.stores.programme.find_movie(id).await? else { return Ok(None) };
    let screenings = upcoming_of(office, vec![id]).await?;
    Ok(Some(MovieOnShow { movie, screenings }))
}

/// A page of screenings that match `filter`, have not started and are not cancelled, sorted by start.
///
/// # Errors
/// A call to the store failed.
pub async fn list_upcoming(
    office: &BoxOffice,
    filter: ScreeningFilter,
    page: PageRequest,
) -> Backend<Page<SharedScreening>> {
    let from = not_started(office.now()).max(filter.from.unwrap_or(Timestamp::MIN));
    let filter = ScreeningFilter { from: Some(from), without_cancelled: true, ..filter };
    let found = office.stores.programme.list_screening_ids(&filter, page).await?;
    Ok(Page { items: office.find_screenings(&found.items).await?, next: found.next })
}

async fn upcoming_of(office: &BoxOffice, movies: Vec<MovieId>) -> Backend<Vec<SharedScreening>> {
    let filter = ScreeningFilter { movies: Some(movies), ..ScreeningFilter::default() };
    let mut page = PageRequest::FIRST;
    let mut all = Vec::new();
    loop {
        let mut found = list_upcoming(office, filter.clone(), page).await?;
        all.append(&mut found.items);
        match found.next {
            Some(next) if all.len() < SCREENINGS_LISTED_MAX => page.after = Some(next),
            _ => return Ok(all),
        }
    }
}

/// The earliest start of an upcoming screening. A screening that starts exactly `now` has started.
fn not_started(now: Timestamp) -> Timestamp {
    now.saturating_add(jiff::SignedDuration::from_millis(1)).unwrap_or(now)
}
