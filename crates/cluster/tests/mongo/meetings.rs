//! Concurrent transactions of which only one may succeed. Commits are delayed, so that both transactions have read and
//! written before either commits: without a document that both write to, both would succeed (write skew).

use std::{sync::Arc, time::Duration};

use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_core::{
    catalogue::Screening,
    ids::PersonId,
    person::Role,
    ports::{Ledger, People, Programme, ProgrammeChange, ProgrammeOutcome, StartOutcome},
};
use seatkeeper_testing::{hall_of, identity_of, sample_now, screening_of, sign_in_of};
use tokio::task::JoinSet;

use crate::{
    cinema::{Cinema, in_minutes},
    stores::OwnServer,
};

/// Delay of each commit. It is longer than the reads and writes of another transaction.
const COMMIT_TAKES: Duration = Duration::from_millis(150);
/// Number of rounds in which each pair of transactions is run.
const ROUNDS: u8 = 6;

struct Scene {
    _server: OwnServer,
    store: Arc<MongoStore>,
    cinema: Arc<Cinema>,
}

impl Scene {
    async fn open() -> Self {
        let server = OwnServer::start().await;
        let store = server.open().await;
        let cinema = Arc::new(Cinema::open(&store).await);
        server.slow_down(&["commitTransaction"], COMMIT_TAKES).await;
        Self { _server: server, store, cinema }
    }

    async fn put(&self, screening: &Screening) {
        let put = ProgrammeChange::PutScreening(screening.clone(), 0);
        assert_eq!(self.cinema.change(&self.store, put).await.unwrap(), ProgrammeOutcome::Done);
    }

    /// Concurrently claims a seat of the screening and changes the screening. Returns whether each of the two
    /// succeeded.
    async fn claim_and_change(&self, screening: &Screening, seat: &str, change: ProgrammeChange) -> (bool, bool) {
        let mut start = self.cinema.new_payment(seat);
        start.screening_id = screening.id;
        let (started, changed) =
            tokio::join!(self.store.start_payment(&start, sample_now()), self.cinema.change(&self.store, change));
        (matches!(started.unwrap(), StartOutcome::Started(_)), changed.unwrap() == ProgrammeOutcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_a_claim_or_the_deletion_of_its_screening_succeeds() {
    let scene = Scene::open().await;
    for round in 1..=ROUNDS {
        let screening = scene.cinema.another(i64::from(round) * 200);
        scene.put(&screening).await;
        let change = ProgrammeChange::DeleteScreening(screening.id);
        let (claimed, deleted) = scene.claim_and_change(&screening, &format!("A{round}"), change).await;
        assert!(claimed != deleted, "round {round}: claimed {claimed}, deleted {deleted}");
        let is_there = scene.store.find_screening(screening.id).await.unwrap().is_some();
        assert_eq!(is_there, claimed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_a_claim_or_the_move_of_its_screening_succeeds() {
    let scene = Scene::open().await;
    for round in 1..=ROUNDS {
        let screening = scene.cinema.another(i64::from(round) * 200);
        scene.put(&screening).await;
        // The screening is moved to a time at which its sales have closed, so that a claim after the move is refused.
        let moved =
            screening_of(screening.id, &scene.cinema.movie, &scene.cinema.hall, in_minutes(-200 * i64::from(round)));
        let change = ProgrammeChange::PutScreening(moved, 1);
        let (claimed, moved) = scene.claim_and_change(&screening, &format!("A{round}"), change).await;
        assert!(claimed != moved, "round {round}: claimed {claimed}, moved {moved}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_overlapping_screenings_in_a_hall_is_refused() {
    let scene = Scene::open().await;
    for round in 1..=i64::from(ROUNDS) {
        let one = ProgrammeChange::PutScreening(scene.cinema.another(round * 400), 0);
        let other = ProgrammeChange::PutScreening(scene.cinema.another(round * 400 + 50), 0);
        let (one, other) =
            tokio::join!(scene.cinema.change(&scene.store, one), scene.cinema.change(&scene.store, other));
        let mut outcomes = [one.unwrap(), other.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome != ProgrammeOutcome::Done);
        let is_one =
            matches!(outcomes, [ProgrammeOutcome::Done, ProgrammeOutcome::HallBusy(ref ids)] if ids.len() == 1);
        assert!(is_one, "round {round}: {outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_the_deletion_of_a_hall_or_a_new_screening_in_it_succeeds() {
    let scene = Scene::open().await;
    for round in 1..=ROUNDS {
        let hall_id = seatkeeper_core::ids::HallId::from_uuid(scene.cinema.ids.next_uuid());
        let hall = hall_of(hall_id, "Another", "ss");
        let put = ProgrammeChange::PutHall(hall.clone(), 0);
        assert_eq!(scene.cinema.change(&scene.store, put).await.unwrap(), ProgrammeOutcome::Done);
        let screening = Screening { hall_id, ..scene.cinema.another(0) };
        let put = scene.cinema.change(&scene.store, ProgrammeChange::PutScreening(screening, 0));
        let delete = scene.cinema.change(&scene.store, ProgrammeChange::DeleteHall(hall_id));
        let (put, deleted) = tokio::join!(put, delete);
        let (put, deleted) = (put.unwrap() == ProgrammeOutcome::Done, deleted.unwrap() == ProgrammeOutcome::Done);
        assert!(put != deleted, "round {round}: put {put}, deleted {deleted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_concurrent_first_sign_ins_becomes_administrator() {
    let own = OwnServer::start().await;
    let store = own.open().await;
    own.slow_down(&["commitTransaction"], COMMIT_TAKES / 10).await;
    let mut crowd = JoinSet::new();
    for number in 1..=50u128 {
        let store = Arc::clone(&store);
        let id = PersonId::from_uuid(uuid::Uuid::from_u128(number));
        crowd.spawn(async move {
            store.sign_in(&sign_in_of(identity_of(&format!("p{number}")), id), sample_now()).await.unwrap()
        });
    }
    let people = crowd.join_all().await;
    assert_eq!(people.iter().filter(|person| person.role == Role::Admin).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn either_a_longer_duration_of_a_film_or_a_screening_right_after_it_succeeds() {
    let scene = Scene::open().await;
    for round in 1..=i64::from(ROUNDS) {
        let id = seatkeeper_core::ids::MovieId::from_uuid(scene.cinema.ids.next_uuid());
        let film = seatkeeper_testing::movie_of(id, "Growing");
        let put = ProgrammeChange::PutMovie(film.clone(), 0);
        assert_eq!(scene.cinema.change(&scene.store, put).await.unwrap(), ProgrammeOutcome::Done);
        let show = Screening { movie_id: id, ..scene.cinema.another(round * 400) };
        scene.put(&show).await;
        let mut longer = film;
        longer.details.duration_min += 50;
        let longer = scene.cinema.change(&scene.store, ProgrammeChange::PutMovie(longer, 1));
        let next = ProgrammeChange::PutScreening(scene.cinema.another(round * 400 + 120), 0);
        let (longer, next) = tokio::join!(longer, scene.cinema.change(&scene.store, next));
        let (longer, next) = (longer.unwrap() == ProgrammeOutcome::Done, next.unwrap() == ProgrammeOutcome::Done);
        assert!(longer != next, "round {round}: longer {longer}, next {next}");
    }
}
