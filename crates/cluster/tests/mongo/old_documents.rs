//! Documents that servers of previous versions wrote before or during an upgrade. They have no `film_length`, no
//! `is_cancelled` and no Thai names of halls.

use jiff::SignedDuration;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
};
use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_core::{
    booking::Booking,
    catalogue::{Hall, Screening},
    ids::MovieId,
    ports::{CommitOutcome, Ledger, PageRequest, Programme, ProgrammeChange, ProgrammeOutcome, Sales, ScreeningFilter},
};
use seatkeeper_testbed::shared_mongo_url;
use seatkeeper_testing::{movie_of, sample_now};

use crate::{cinema::Cinema, stores::fresh_name};

struct Scene {
    store: MongoStore,
    cinema: Cinema,
    database: Database,
}

impl Scene {
    async fn open() -> Self {
        let name = fresh_name();
        let url = shared_mongo_url(&name).await;
        let store = MongoStore::open(&url).await.unwrap();
        let cinema = Cinema::open(&store).await;
        let database = Client::with_uri_str(&url).await.unwrap().database(&name);
        let scene = Self { store, cinema, database };
        scene.update(doc! { "$unset": { "film_length": "", "is_cancelled": "" } }).await;
        scene
    }

    /// Changes the document of the cinema's screening, as a server of the previous version would.
    async fn update(&self, change: Document) {
        self.update_in("screenings", self.cinema.screening.id, change).await;
    }

    async fn update_in(&self, collection: &str, id: impl ToString, change: Document) {
        let (documents, one) = (self.database.collection::<Document>(collection), doc! { "_id": id.to_string() });
        assert_eq!(documents.update_one(one, change).await.unwrap().matched_count, 1);
    }

    async fn change(&self, change: ProgrammeChange) -> ProgrammeOutcome {
        self.cinema.change(&self.store, change).await.unwrap()
    }

    async fn stored(&self) -> (Screening, u64) {
        self.store.find_screening(self.cinema.screening.id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn screening_of_the_previous_version_ends_by_the_current_length_of_its_film() {
    let scene = Scene::open().await;
    let screening = scene.cinema.screening.clone();
    assert_eq!(scene.stored().await, (screening.clone(), 1), "the hall is free 15 minutes after the film");
    let on = ScreeningFilter { without_cancelled: true, ..ScreeningFilter::default() };
    let listed = scene.store.list_screening_ids(&on, PageRequest::FIRST).await.unwrap().items;
    assert_eq!(listed, [screening.id], "a screening without the field is not cancelled");
    scene.cinema.confirming(&scene.store, "A1").await.unwrap();

    let mut longer = scene.cinema.movie.clone();
    longer.details.duration_min += 30;
    assert_eq!(scene.change(ProgrammeChange::PutMovie(longer, 1)).await, ProgrammeOutcome::Done);
    let (changed, revision) = scene.stored().await;
    let by = SignedDuration::from_mins(30);
    assert_eq!((changed.end_time, changed.hall_free_at), (screening.end_time + by, screening.hall_free_at + by));
    assert_eq!(revision, 2);
}

#[tokio::test]
async fn screening_whose_film_an_older_server_changed_ends_by_the_length_of_the_new_film() {
    let scene = Scene::open().await;
    let screening = scene.cinema.screening.clone();
    // First this version stores the film's length with the screening.
    let mut dearer = screening.clone();
    dearer.prices.clear();
    assert_eq!(scene.change(ProgrammeChange::PutScreening(dearer, 1)).await, ProgrammeOutcome::Done);
    // Then an older server changes the screening's film without updating the stored length.
    let mut short = movie_of(MovieId::from_uuid(scene.cinema.ids.next_uuid()), "Short");
    short.details.duration_min = 40;
    assert_eq!(scene.change(ProgrammeChange::PutMovie(short.clone(), 0)).await, ProgrammeOutcome::Done);
    let end = screening.start_time + SignedDuration::from_mins(55);
    let moved = doc! { "movie_id": short.id.to_string(), "end_time": end.as_millisecond() };
    scene.update(doc! { "$set": moved, "$inc": { "revision": 1i64 } }).await;
    let (stored, revision) = scene.stored().await;
    assert_eq!((stored.end_time, stored.hall_free_at), (screening.start_time + SignedDuration::from_mins(40), end));
    assert_eq!(revision, 3);
}

#[tokio::test]
async fn past_screening_keeps_its_end_when_its_film_gets_a_longer_duration() {
    let scene = Scene::open().await;
    let mut past = scene.cinema.screening.clone();
    let back = SignedDuration::from_hours(5);
    past.start_time -= back;
    (past.end_time, past.hall_free_at) = (past.end_time - back, past.hall_free_at - back);
    let times = doc! { "start_time": past.start_time.as_millisecond(), "end_time": past.hall_free_at.as_millisecond() };
    scene.update(doc! { "$set": times }).await;
    let mut longer = scene.cinema.movie.clone();
    longer.details.duration_min += 30;
    assert_eq!(scene.change(ProgrammeChange::PutMovie(longer, 1)).await, ProgrammeOutcome::Done);
    assert_eq!(scene.stored().await, (past, 1));
}

#[tokio::test]
async fn hall_and_booking_of_the_previous_version_have_no_thai_name_of_the_hall() {
    let scene = Scene::open().await;
    let payment = scene.cinema.confirming(&scene.store, "A1").await.unwrap();
    let sale = scene.cinema.sale_of(&payment);
    let sold = scene.store.commit_booking(&sale, sample_now()).await.unwrap();
    let CommitOutcome::Committed(booking) = sold else { unreachable!("{sold:?}") };
    assert_eq!(booking.hall_name_th, scene.cinema.hall.name_th, "as this version stores it");
    scene.update_in("halls", scene.cinema.hall.id, doc! { "$unset": { "name_th": "" } }).await;
    scene.update_in("bookings", booking.id, doc! { "$unset": { "hall_name_th": "" } }).await;

    let (hall, _) = scene.store.find_hall(scene.cinema.hall.id).await.unwrap().unwrap();
    assert_eq!(hall, Hall { name_th: None, ..scene.cinema.hall.clone() });
    assert_eq!(scene.stored().await.0, Screening { hall_name_th: None, ..scene.cinema.screening.clone() });
    let stored = scene.store.find_booking(booking.id).await.unwrap().unwrap();
    assert_eq!(stored, Booking { hall_name_th: None, ..booking });
}
