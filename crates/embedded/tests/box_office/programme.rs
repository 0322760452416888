//! Changes of the programme while the store fails, and long after a screening.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    box_office::{self, ChangeOutcome, Editor, ScreeningDetails},
    catalogue::{Hall, Movie, Screening},
    event::Event,
    ids::{EventId, HallId, MovieId, PersonId, ScreeningId},
    invalid::{Invalid, Rule},
    money::Money,
    ports::{
        Backend, BackendError, Page, PageRequest, Programme, ProgrammeChange, ProgrammeOutcome, ScreeningFilter,
        ScreeningNames,
    },
};
use seatkeeper_testing::movie_of;
use uuid::Uuid;

use crate::office::TestOffice;

/// A store that another administrator changes just before each change, or that fails just after it.
struct Troubled {
    store: Arc<dyn Programme>,
    /// What the other administrator does.
    before: Option<ProgrammeChange>,
    /// Whether reading the programme's revision fails.
    is_gone_afterwards: bool,
}

#[async_trait]
impl Programme for Troubled {
    async fn revision(&self) -> Backend<u64> {
        if self.is_gone_afterwards {
            Err(BackendError::retryable("store", "away"))
        } else {
            self.store.revision().await
        }
    }
    async fn find_movie(&self, id: MovieId) -> Backend<Option<(Movie, u64)>> {
        self.store.find_movie(id).await
    }
    async fn list_movies(&self, page: PageRequest) -> Backend<Page<Movie>> {
        self.store.list_movies(page).await
    }
    async fn find_hall(&self, id: HallId) -> Backend<Option<(Hall, u64)>> {
        self.store.find_hall(id).await
    }
    async fn list_halls(&self, page: PageRequest) -> Backend<Page<Hall>> {
        self.store.list_halls(page).await
    }
    async fn find_screening(&self, id: ScreeningId) -> Backend<Option<(Screening, u64)>> {
        self.store.find_screening(id).await
    }
    async fn list_screenings(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<(Screening, u64)>> {
        self.store.list_screenings(filter, page).await
    }
    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>> {
        self.store.list_screening_ids(filter, page).await
    }
    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>> {
        self.store.find_screenings(ids).await
    }
    async fn list_screening_names(&self, ids: &[ScreeningId]) -> Backend<Vec<ScreeningNames>> {
        self.store.list_screening_names(ids).await
    }
    async fn change_programme(
        &self,
        change: &ProgrammeChange,
        event: &Event,
        now: Timestamp,
    ) -> Backend<ProgrammeOutcome> {
        if let Some(before) = &self.before {
            let id = EventId::from_uuid(Uuid::from_u128(event.id.as_uuid().as_u128() ^ 1));
            let other = Event { id, ..event.clone() };
            assert_eq!(self.store.change_programme(before, &other, now).await?, ProgrammeOutcome::Done);
        }
        self.store.change_programme(change, event, now).await
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
    let store = Arc::clone(&office.stores.programme);
    office.stores.programme = Arc::new(Troubled { store, before: None, is_gone_afterwards: true });
    let created = box_office::create_movie(office, editor(boss), movie.id, movie.details.clone()).await;
    assert_eq!(created.expect("the change was committed"), ChangeOutcome::Done(movie));
}

/// Another administrator deletes the film or the hall between the use case's reads and its write.
#[tokio::test]
async fn screening_whose_film_or_hall_is_deleted_meanwhile_is_refused_with_the_part_that_is_missing() {
    for is_new in [true, false] {
        for (deletes_film, refusal) in [(true, ChangeOutcome::MovieMissing), (false, ChangeOutcome::HallMissing)] {
            let mut cinema = TestOffice::new();
            let boss = cinema.person("Boss").await;
            let old = cinema.screening("sss").await.screening.clone();
            cinema.pass(SignedDuration::from_hours(48));
            let later = old.start_time + SignedDuration::from_hours(24 * 7);
            let office = Arc::get_mut(&mut cinema.office).expect("the office is not shared yet");
            let store = Arc::clone(&office.stores.programme);
            let (movie, hall) = (ProgrammeChange::DeleteMovie(old.movie_id), ProgrammeChange::DeleteHall(old.hall_id));
            let deletion = if deletes_film { movie } else { hall };
            office.stores.programme = Arc::new(Troubled { store, before: Some(deletion), is_gone_afterwards: false });
            let moved = |details: ScreeningDetails| ScreeningDetails { start_time: later, ..details };
            let changed = if is_new {
                let (movie_id, hall_id) = (old.movie_id, old.hall_id);
                let details = ScreeningDetails { movie_id, hall_id, start_time: later, prices: old.prices.clone() };
                let id = ScreeningId::from_uuid(Uuid::from_u128(7));
                box_office::create_screening(office, editor(boss), id, details).await
            } else {
                box_office::update_screening(office, editor(boss), old.id, moved).await
            };
            assert_eq!(changed.expect("the store works"), refusal, "new: {is_new}");
        }
    }
}

#[tokio::test]
async fn screening_stored_with_two_spellings_of_a_category_keeps_the_price_of_the_exact_one() {
    let cinema = TestOffice::new();
    let boss = cinema.person("Boss").await;
    let right = cinema.screening("VIP:ss").await.screening.clone();
    // As an earlier version stored it.
    let mut stored = right.clone();
    stored.prices.insert("vip".to_owned(), Money::satang(100));
    cinema.change(ProgrammeChange::PutScreening(stored, 1)).await;
    let given = |details: ScreeningDetails| {
        let new = ["VIP", "vip"].map(|category| (category.to_owned(), Money::satang(30_000)));
        ScreeningDetails { prices: new.into(), ..details }
    };
    let refused = box_office::update_screening(&cinema.office, editor(boss), right.id, given).await;
    let twice = Invalid::one("prices.vip", Rule::PriceUnique {});
    assert_eq!(refused.expect("the store works"), ChangeOutcome::Invalid(twice), "a new price is not dropped");

    let later = right.start_time + SignedDuration::from_hours(24);
    let moved = |details: ScreeningDetails| ScreeningDetails { start_time: later, ..details };
    let changed = box_office::update_screening(&cinema.office, editor(boss), right.id, moved).await;
    let ChangeOutcome::Done((changed, _)) = changed.expect("the store works") else { panic!("it is refused") };
    assert_eq!((changed.start_time, changed.prices), (later, right.prices));
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
    assert_eq!((&changed.movie_title_th, &changed.hall_name_th), (&old.movie_title_th, &old.hall_name_th));
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
