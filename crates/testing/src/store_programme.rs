//! The contract suite for [`Programme`](seatkeeper_core::ports::Programme) and
//! [`Posters`](seatkeeper_core::ports::Posters).

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::{
    hall_of, layout_of, movie_of, screening_of,
    store_fixture::{PAYMENT_S, Stage, StoreFixture, at_once, must, walk},
};
use seatkeeper_core::{
    catalogue::{Hall, Movie, Screening},
    ids::{HallId, MovieId, PosterId, ScreeningId},
    money::Money,
    payment::PaymentStatus,
    ports::{
        Ledger, PageRequest, Poster, Posters, Programme, ProgrammeChange, ProgrammeOutcome, ScreeningFilter,
        ScreeningNames, Store,
    },
};

use ProgrammeChange::{DeleteHall, DeleteMovie, DeleteScreening, PutHall, PutMovie, PutScreening};
use ProgrammeOutcome::{Changed, Done, HallBusy, HallMissing, HasBookings, HasScreenings, MovieMissing, NotFound};

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    a_film_is_made_replaced_and_deleted(fixture).await;
    a_hall_is_made_replaced_and_deleted(fixture).await;
    a_screening_is_made_replaced_and_deleted(fixture).await;
    several_changes_may_share_one_event(fixture).await;
    one_of_many_concurrent_changes_of_a_film_is_written(fixture).await;
    screening_is_refused_while_its_hall_is_busy(fixture).await;
    screening_with_claims_or_bookings_is_neither_moved_nor_deleted(fixture).await;
    past_screening_survives_the_deletion_of_its_film_and_hall(fixture).await;
    film_and_hall_with_upcoming_screenings_are_not_deleted(fixture).await;
    screenings_are_found_by_filter(fixture).await;
    lists_of_the_programme_are_read_in_pages(fixture).await;
    stored_poster_is_found_by_its_id(fixture).await;
    super::store_showings::run_all(fixture).await;
}

async fn try_change<S: Store>(stage: &Stage<S>, change: ProgrammeChange) -> ProgrammeOutcome {
    must(stage.store.change_programme(&change, &stage.event("tried"), stage.now()).await)
}

fn new_movie<S>(stage: &Stage<S>, title: &str) -> Movie {
    movie_of(MovieId::from_uuid(stage.ids.next_uuid()), title)
}

/// A new screening of the same film and hall as that of the test stage, `minutes` later.
fn later<S>(stage: &Stage<S>, minutes: i64) -> Screening {
    let id = ScreeningId::from_uuid(stage.ids.next_uuid());
    moved(Screening { id, ..stage.screening.clone() }, minutes)
}

/// The given screening, moved by `minutes`.
fn moved(screening: Screening, minutes: i64) -> Screening {
    let by = SignedDuration::from_mins(minutes);
    let later = |time: Timestamp| time.saturating_add(by).unwrap_or(Timestamp::MAX);
    Screening {
        start_time: later(screening.start_time),
        end_time: later(screening.end_time),
        hall_free_at: later(screening.hall_free_at),
        ..screening
    }
}

async fn a_film_is_made_replaced_and_deleted(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let mut movie = new_movie(&stage, "Monsoon");
    let before = must(stage.store.revision().await);
    assert_eq!(must(stage.store.find_movie(movie.id).await), None);
    assert_eq!(try_change(&stage, PutMovie(movie.clone(), 1)).await, NotFound);
    assert_eq!(try_change(&stage, DeleteMovie(movie.id)).await, NotFound);
    assert_eq!(must(stage.store.revision().await), before, "a refused change changes nothing");
    assert_eq!(stage.count_unsent_by_type().await, "");

    assert_eq!(try_change(&stage, PutMovie(movie.clone(), 0)).await, Done);
    assert_eq!(must(stage.store.find_movie(movie.id).await), Some((movie.clone(), 1)));
    assert!(must(stage.store.revision().await) > before);
    assert_eq!(stage.count_unsent_by_type().await, "tried:1");
    movie.details.genres.clear();
    assert_eq!(try_change(&stage, PutMovie(movie.clone(), 0)).await, Changed, "it exists already");
    assert_eq!(try_change(&stage, PutMovie(movie.clone(), 1)).await, Done);
    assert_eq!(try_change(&stage, PutMovie(movie.clone(), 1)).await, Changed);
    assert_eq!(must(stage.store.find_movie(movie.id).await), Some((movie.clone(), 2)));
    assert_eq!(try_change(&stage, DeleteMovie(movie.id)).await, Done);
    assert_eq!(must(stage.store.find_movie(movie.id).await), None);
    assert_eq!(try_change(&stage, DeleteMovie(movie.id)).await, NotFound);
    assert_eq!(try_change(&stage, PutMovie(movie.clone(), 2)).await, NotFound);
    assert_eq!(must(stage.store.revision().await), before + 3);
    assert_eq!(stage.count_unsent_by_type().await, "tried:3");
}

async fn several_changes_may_share_one_event(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let event = stage.event("filled");
    for title in ["One", "Two", "Three"] {
        let change = PutMovie(new_movie(&stage, title), 0);
        assert_eq!(must(stage.store.change_programme(&change, &event, stage.now()).await), Done);
    }
    assert_eq!(must(stage.store.list_movies(PageRequest::FIRST).await).items.len(), 4, "with the stage's own");
    assert_eq!(stage.count_unsent_by_type().await, "filled:1");
}

async fn a_hall_is_made_replaced_and_deleted(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let mut hall = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Odd one", "s_w/sofa:pp/xs");
    assert_eq!(try_change(&stage, PutHall(hall.clone(), 3)).await, NotFound);
    assert_eq!(try_change(&stage, PutHall(hall.clone(), 0)).await, Done);
    assert_eq!(must(stage.store.find_hall(hall.id).await), Some((hall.clone(), 1)));
    (hall.name, hall.name_th, hall.layout) = ("Other".to_owned(), None, layout_of("ss"));
    assert_eq!(try_change(&stage, PutHall(hall.clone(), 2)).await, Changed);
    assert_eq!(try_change(&stage, PutHall(hall.clone(), 1)).await, Done);
    assert_eq!(must(stage.store.find_hall(hall.id).await), Some((hall.clone(), 2)));
    assert_eq!(try_change(&stage, DeleteHall(hall.id)).await, Done);
    assert_eq!(try_change(&stage, DeleteHall(hall.id)).await, NotFound);
    assert_eq!(must(stage.store.find_hall(hall.id).await), None);
}

async fn a_screening_is_made_replaced_and_deleted(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s_w/sofa:p").await;
    let stored = must(stage.store.find_screening(stage.screening.id).await);
    assert_eq!(stored, Some((stage.screening.clone(), 1)));
    let mut wanted = stage.screening.clone();
    wanted.prices.insert("sofa".to_owned(), Money::satang(35_000));
    assert_eq!(try_change(&stage, PutScreening(wanted.clone(), 2)).await, Changed);
    assert_eq!(try_change(&stage, PutScreening(wanted.clone(), 1)).await, Done);
    assert_eq!(must(stage.store.find_screening(wanted.id).await), Some((wanted.clone(), 2)));

    let nowhere = Screening { hall_id: HallId::from_uuid(stage.ids.next_uuid()), ..later(&stage, 500) };
    assert_eq!(try_change(&stage, PutScreening(nowhere.clone(), 0)).await, HallMissing);
    let nothing = Screening { movie_id: MovieId::from_uuid(stage.ids.next_uuid()), ..later(&stage, 500) };
    assert_eq!(try_change(&stage, PutScreening(nothing.clone(), 0)).await, MovieMissing);
    let neither = Screening { hall_id: nowhere.hall_id, ..nothing.clone() };
    assert_eq!(try_change(&stage, PutScreening(neither, 0)).await, MovieMissing, "the film first");
    let moved_nowhere = Screening { hall_id: nowhere.hall_id, ..wanted.clone() };
    assert_eq!(try_change(&stage, PutScreening(moved_nowhere, 2)).await, HallMissing);
    let of_nothing = Screening { movie_id: nothing.movie_id, ..wanted.clone() };
    assert_eq!(try_change(&stage, PutScreening(of_nothing, 2)).await, MovieMissing);
    assert_eq!(try_change(&stage, PutScreening(later(&stage, 500), 1)).await, NotFound);
    assert_eq!(try_change(&stage, DeleteScreening(wanted.id)).await, Done);
    assert_eq!(try_change(&stage, DeleteScreening(wanted.id)).await, NotFound);
    assert_eq!(must(stage.store.find_screening(wanted.id).await), None);
}

async fn one_of_many_concurrent_changes_of_a_film_is_written(fixture: &impl StoreFixture) {
    let stage = std::sync::Arc::new(Stage::open(fixture, "s").await);
    let before = must(stage.store.revision().await);
    let movie = new_movie(&stage, "Contested");
    let runs = (0..16).map(|_| {
        let (stage, movie) = (std::sync::Arc::clone(&stage), movie.clone());
        async move { try_change(&stage, PutMovie(movie, 0)).await }
    });
    let done = at_once(runs).await.into_iter().filter(|outcome| *outcome == Done).count();
    assert_eq!((done, must(stage.store.revision().await)), (1, before + 1));
}

async fn screening_is_refused_while_its_hall_is_busy(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    // The screening of the test stage occupies the hall for 115 minutes.
    for minutes in [-114, -1, 0, 1, 114] {
        let outcome = try_change(&stage, PutScreening(later(&stage, minutes), 0)).await;
        assert_eq!(outcome, HallBusy(vec![stage.screening.id]), "{minutes} minutes later");
    }
    let mut next = later(&stage, 115);
    assert_eq!(try_change(&stage, PutScreening(next.clone(), 0)).await, Done, "exactly when the hall is free");
    assert_eq!(try_change(&stage, PutScreening(later(&stage, -115), 0)).await, Done);
    next = moved(next, -1);
    assert_eq!(try_change(&stage, PutScreening(next.clone(), 1)).await, HallBusy(vec![stage.screening.id]));

    let other = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Hall 2", "s");
    stage.change(PutHall(other.clone(), 0)).await;
    let elsewhere =
        Screening { hall_id: other.id, hall_name: other.name, hall_name_th: other.name_th, ..later(&stage, 0) };
    assert_eq!(try_change(&stage, PutScreening(elsewhere, 0)).await, Done);
}

async fn screening_with_claims_or_bookings_is_neither_moved_nor_deleted(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ss").await;
    let other_movie = new_movie(&stage, "Other");
    let other_hall = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Hall 2", "ss");
    stage.change(PutMovie(other_movie.clone(), 0)).await;
    stage.change(PutHall(other_hall.clone(), 0)).await;
    let moved = moved(stage.screening.clone(), 1);
    let elsewhere = Screening { hall_id: other_hall.id, ..stage.screening.clone() };
    let other_film = Screening { movie_id: other_movie.id, ..stage.screening.clone() };

    let payment = stage.started("A1").await;
    for change in [&moved, &elsewhere, &other_film].map(|screening| PutScreening(screening.clone(), 1)) {
        assert_eq!(try_change(&stage, change).await, HasBookings);
    }
    assert_eq!(try_change(&stage, DeleteScreening(stage.screening.id)).await, HasBookings);
    let mut dearer = stage.screening.clone();
    dearer.prices.insert("standard".to_owned(), Money::satang(25_000));
    assert_eq!(try_change(&stage, PutScreening(dearer, 1)).await, Done, "prices are no move");

    stage.pass_s(PAYMENT_S);
    assert_eq!(try_change(&stage, PutScreening(moved.clone(), 2)).await, Done, "an expired claim does not count");
    assert_eq!(must(stage.store.find_payment(payment.id).await).map(|p| p.status), Some(PaymentStatus::Expired));
    let (sold, _) = stage.sold("A2").await;
    assert_eq!(try_change(&stage, PutScreening(stage.screening.clone(), 3)).await, HasBookings);
    stage.close(sold.id, &[PaymentStatus::Succeeded], PaymentStatus::Refunded).await;
    let deleted = try_change(&stage, DeleteScreening(stage.screening.id)).await;
    assert_eq!(deleted, HasBookings, "a refunded booking is still in a customer's history");
}

async fn past_screening_survives_the_deletion_of_its_film_and_hall(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    stage.pass_s(3_600);
    assert_eq!(try_change(&stage, DeleteHall(stage.screening.hall_id)).await, Done, "it has begun");
    let again = moved(stage.screening.clone(), 500);
    assert_eq!(try_change(&stage, PutScreening(again.clone(), 1)).await, HallMissing, "another start needs the hall");
    assert_eq!(try_change(&stage, DeleteMovie(stage.screening.movie_id)).await, Done);
    assert_eq!(try_change(&stage, PutScreening(again, 1)).await, MovieMissing, "and the film");
    let stored = must(stage.store.find_screening(stage.screening.id).await);
    assert_eq!(stored, Some((stage.screening.clone(), 1)), "with the names from before");
    let asked = [stage.screening.id, ScreeningId::from_uuid(stage.ids.next_uuid())];
    let named = must(stage.store.list_screening_names(&asked).await);
    assert_eq!(named, [names_of(&stage.screening)], "the other one does not exist");
    assert_eq!(must(stage.store.find_movie(stage.screening.movie_id).await), None);
    assert!(must(stage.store.list_movies(PageRequest::FIRST).await).items.is_empty());
    assert!(must(stage.store.list_halls(PageRequest::FIRST).await).items.is_empty());
    assert_eq!(try_change(&stage, PutScreening(later(&stage, 500), 0)).await, MovieMissing);
}

async fn film_and_hall_with_upcoming_screenings_are_not_deleted(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    assert_eq!(try_change(&stage, DeleteMovie(stage.screening.movie_id)).await, HasScreenings);
    assert_eq!(try_change(&stage, DeleteHall(stage.screening.hall_id)).await, HasScreenings);
    stage.change(DeleteScreening(stage.screening.id)).await;
    assert_eq!(try_change(&stage, DeleteMovie(stage.screening.movie_id)).await, Done);
    assert_eq!(try_change(&stage, DeleteHall(stage.screening.hall_id)).await, Done);
}

async fn screenings_are_found_by_filter(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (first, movie) = (stage.screening.clone(), new_movie(&stage, "Second"));
    let hall = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Hall 2", "s");
    stage.change(PutMovie(movie.clone(), 0)).await;
    stage.change(PutHall(hall.clone(), 0)).await;
    let later = later(&stage, 200);
    let beside = screening_of(ScreeningId::from_uuid(stage.ids.next_uuid()), &movie, &hall, first.start_time);
    stage.change(PutScreening(later.clone(), 0)).await;
    stage.change(PutScreening(beside.clone(), 0)).await;
    let mut same_time = [first.id, beside.id];
    same_time.sort_unstable();

    let all = ScreeningFilter::default();
    assert_eq!(found(&stage, &all).await, [same_time[0], same_time[1], later.id], "by start, then id");
    let of_movie = ScreeningFilter { movies: Some(vec![movie.id]), ..all.clone() };
    assert_eq!(found(&stage, &of_movie).await, [beside.id]);
    let of_both = ScreeningFilter { movies: Some(vec![movie.id, first.movie_id]), ..all.clone() };
    assert_eq!(found(&stage, &of_both).await.len(), 3);
    let in_hall = ScreeningFilter { hall: Some(hall.id), ..all.clone() };
    assert_eq!(found(&stage, &in_hall).await, [beside.id]);
    let of_other_hall = ScreeningFilter { hall: Some(first.hall_id), ..of_movie.clone() };
    assert!(found(&stage, &of_other_hall).await.is_empty(), "both conditions must hold");
    let of_none = ScreeningFilter { movies: Some(Vec::new()), ..all.clone() };
    assert!(found(&stage, &of_none).await.is_empty());
    let at = ScreeningFilter { start_time: Some(first.start_time), ..all.clone() };
    assert_eq!(found(&stage, &at).await, same_time);
    let from = ScreeningFilter { from: Some(later.start_time), ..all.clone() };
    assert_eq!(found(&stage, &from).await, [later.id], "at or after");
    let before = ScreeningFilter { before: Some(later.start_time), ..all };
    assert_eq!(found(&stage, &before).await, same_time);
    let listed = must(stage.store.list_screenings(&of_movie, PageRequest::FIRST).await);
    assert_eq!(listed.items, [(beside, 1)], "whole, with names, layout, prices and revision");
}

async fn found<S: Store>(stage: &Stage<S>, filter: &ScreeningFilter) -> Vec<ScreeningId> {
    let page = must(stage.store.list_screenings(filter, PageRequest::FIRST).await);
    let ids = must(stage.store.list_screening_ids(filter, PageRequest::FIRST).await);
    let mut whole = must(stage.store.find_screenings(&ids.items).await);
    whole.sort_by_key(|(screening, _)| (screening.start_time, screening.id));
    assert_eq!(whole, page.items, "by their ids as by the filter");
    let mut named = must(stage.store.list_screening_names(&ids.items).await);
    named.sort_by_key(|names| (names.start_time, names.id));
    assert_eq!(named, whole.iter().map(|(screening, _)| names_of(screening)).collect::<Vec<_>>());
    assert_eq!(ids, page.map(|(screening, _)| screening.id), "the same page");
    ids.items
}

fn names_of(screening: &Screening) -> ScreeningNames {
    ScreeningNames {
        id: screening.id,
        movie_title: screening.movie_title.clone(),
        movie_title_th: screening.movie_title_th.clone(),
        hall_name: screening.hall_name.clone(),
        hall_name_th: screening.hall_name_th.clone(),
        start_time: screening.start_time,
    }
}

async fn lists_of_the_programme_are_read_in_pages(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let (mut movies, mut halls, mut shows) = (vec![stage.screening.movie_id], Vec::<Hall>::new(), Vec::new());
    shows.push(stage.screening.id);
    for index in 1..5 {
        let movie = new_movie(&stage, &format!("Film {index}"));
        let hall = hall_of(HallId::from_uuid(stage.ids.next_uuid()), &format!("Hall {index}"), "s");
        movies.push(movie.id);
        stage.change(PutMovie(movie, 0)).await;
        halls.push(hall.clone());
        stage.change(PutHall(hall, 0)).await;
        let show = later(&stage, 115 * index);
        shows.push(show.id);
        stage.change(PutScreening(show, 0)).await;
    }
    movies.sort_unstable();
    let mut hall_ids: Vec<_> = halls.iter().map(|hall| hall.id).chain([stage.screening.hall_id]).collect();
    hall_ids.sort_unstable();
    let listed = walk!(stage, |page| list_movies(page)).into_iter().map(|movie| movie.id).collect::<Vec<_>>();
    assert_eq!(listed, movies);
    let mut listed = walk!(stage, |page| list_halls(page));
    assert_eq!(listed.iter().map(|hall| hall.id).collect::<Vec<_>>(), hall_ids);
    listed.retain(|hall| hall.id != stage.screening.hall_id);
    halls.sort_unstable_by_key(|hall| hall.id);
    assert_eq!(listed, halls, "whole, with both names and the layout");
    let all = ScreeningFilter::default();
    let listed =
        walk!(stage, |page| list_screenings(&all, page)).into_iter().map(|(show, _)| show.id).collect::<Vec<_>>();
    assert_eq!(listed, shows);
    assert_eq!(walk!(stage, |page| list_screening_ids(&all, page)), shows);
}

async fn stored_poster_is_found_by_its_id(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "s").await;
    let id = PosterId::from_uuid(stage.ids.next_uuid());
    assert_eq!(must(stage.store.find_poster(id).await), None);
    let poster = Poster { id, content_type: "image/png".to_owned(), bytes: Bytes::from(vec![0, 255, 1, 254]) };
    must(stage.store.put_poster(&poster).await);
    assert_eq!(must(stage.store.find_poster(id).await), Some(poster));
}
