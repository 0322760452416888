//! Changes of the programme while the store fails, and long after a screening.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    box_office::{self, ChangeOutcome, Editor, ScreeningDetails},
    catalogue::{Hall, Movie, Screening},
    event::Event,
    ids::{HallId, MovieId, PersonId, ScreeningId},
    money::Money,
    ports::{Backend, BackendError, Page, PageRequest, Programme, ProgrammeChange, ProgrammeOutcome, ScreeningFilter},
};
use seatkeeper_testing::movie_of;

use crate::office::TestOffice;

/// A store that fails when the programme's revision is read after a change.
struct GoneAfterwards(Arc<dyn Programme>);

#[async_trait]
impl Programme for GoneAfterwards {
    async fn revision(&self) -> Backend<u64> {
        Err(BackendError::retryable("store", "away"))
    }
    async fn find_movie(&self, id: MovieId) -> Backend<Option<(Movie, u64)>> {
        self.0.find_movie(id).await
    }
    async fn list_movies(&self, page: PageRequest) -> Backend<Page<Movie>> {
        self.0.list_movies(page).await
    }
    async fn find_hall(&self, id: HallId) -> Backend<Option<(Hall, u64)>> {
        self.0.find_hall(id).await
    }
    async fn list_halls(&self, page: PageRequest) -> Backend<Page<Hall>> {
        self.0.list_halls(page).await
    }
    async fn find_screening(&self, id: ScreeningId) -> Backend<Option<(Screening, u64)>> {
        self.0.find_screening(id).await
    }
    async fn list_screenings(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<(Screening, u64)>> {
        self.0.list_screenings(filter, page).await
    }
    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>> {
        self.0.list_screening_ids(filter, page).await
    }
    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>> {
        self.0.find_screenings(ids).await
    }
    async fn change_programme(
        &self,
        change: &ProgrammeChange,
        event: &Event,
        now: Timestamp,
    ) -> Backend<ProgrammeOutcome> {
        self.0.change_programme(change, event, now).await
    }
}

fn editor(person: PersonId) -> Editor<'static> {
    Editor { person, request_id: None }
}

#[tokio::test]
async fn committed_programme_change_succeeds_when_the_following_query_fails() {
    let mut cinema = TestOffice::new();
    let boss = cinema.person("Boss").await;
    let movie = movie_of(MovieId::from_uuid(cinema.entropy.next_uuid()), "Done");
    let office = Arc::get_mut(&mut cinema.office).expect("the office is not shared yet");
    office.stores.programme = Arc::new(GoneAfterwards(Arc::clone(&office.stores.programme)));
    let created = box_office::create_movie(office, editor(boss), movie.id, movie.details.clone()).await;
    assert_eq!(created.expect("the change was committed"), ChangeOutcome::Done(movie));
}

#[tokio::test]
async fn prices_of_a_past_screening_can_change_after_film_and_hall_are_deleted() {
    let cinema = TestOffice::new();
    let boss = cinema.person("Boss").await;
    let screening = cinema.screening("sss").await;
    let (id, old) = (screening.screening.id, &screening.screening);
    cinema.pass(SignedDuration::from_hours(48));
    let office = &cinema.office;
    let deleted = box_office::delete_movie(office, editor(boss), old.movie_id).await.expect("the store works");
    assert_eq!(deleted, ChangeOutcome::Done(()));
    let deleted = box_office::delete_hall(office, editor(boss), old.hall_id).await.expect("the store works");
    assert_eq!(deleted, ChangeOutcome::Done(()));

    let dearer = |details: ScreeningDetails| ScreeningDetails {
        prices: details.prices.into_keys().map(|category| (category, Money::satang(30_000))).collect(),
        ..details
    };
    let changed = box_office::update_screening(office, editor(boss), id, dearer).await.expect("the store works");
    let ChangeOutcome::Done((changed, _)) = changed else { panic!("{changed:?}") };
    assert!(changed.prices.values().all(|price| *price == Money::satang(30_000)));
    assert_eq!((&changed.movie_title, &changed.hall_name), (&old.movie_title, &old.hall_name));
    assert_eq!((&changed.layout, changed.end_time), (&old.layout, old.end_time));

    // A new start time is refused if the film or the hall is deleted.
    let again = |details: ScreeningDetails| ScreeningDetails {
        start_time: details.start_time + SignedDuration::from_hours(24 * 7),
        ..details
    };
    let moved = box_office::update_screening(office, editor(boss), id, again).await.expect("the store works");
    assert_eq!(moved, ChangeOutcome::MovieMissing);
    let other = movie_of(MovieId::from_uuid(cinema.entropy.next_uuid()), "Another");
    cinema.change(ProgrammeChange::PutMovie(other.clone(), 0)).await;
    let with_other = |details: ScreeningDetails| ScreeningDetails { movie_id: other.id, ..again(details) };
    let moved = box_office::update_screening(office, editor(boss), id, with_other).await.expect("the store works");
    assert_eq!(moved, ChangeOutcome::HallMissing);
}
