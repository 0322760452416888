//! Files of previous versions of the program: one did not store the ends of films, which are computed from the films'
//! lengths; one stored events whole in the audit log.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use seatkeeper_core::{
    catalogue::{Hall, Screening},
    ids::{HallId, MovieId, ScreeningId},
    ports::{AuditFilter, AuditLog, PageRequest, Programme, ProgrammeChange, ProgrammeOutcome},
};
use seatkeeper_testing::{SeededEntropy, event_of, hall_of, movie_of, sample_now, screening_of};
use tempfile::TempDir;
use uuid::Uuid;

use crate::sqlite::{SqliteStore, open::MIGRATIONS, rows};

/// Number of migrations of the previous version.
const MIGRATIONS_BEFORE: usize = 6;

fn at(minutes: i64) -> Timestamp {
    sample_now() + SignedDuration::from_mins(minutes)
}

/// Writes a screening as the previous version did: `end_time` includes 15 minutes of cleaning, and `film_ms` is
/// missing.
fn write_old(file: &Connection, screening: &Screening) {
    let prices = serde_json::to_string(&screening.prices).unwrap();
    let layout = serde_json::to_string(&screening.layout).unwrap();
    let sql = "INSERT INTO screenings (id, revision, movie_id, hall_id, start_time, end_time, seats_for_sale, prices, layout) \
         VALUES (?1, 3, ?2, ?3, ?4, ?5, 1, ?6, ?7)";
    let ids = (screening.id.as_uuid(), screening.movie_id.as_uuid(), screening.hall_id.as_uuid());
    let (start, end) = (screening.start_time.as_millisecond(), screening.hall_free_at.as_millisecond());
    let values = (ids.0.as_bytes(), ids.1.as_bytes(), ids.2.as_bytes(), start, end, prices.as_str(), layout.as_str());
    file.execute(sql, values).unwrap();
}

#[tokio::test]
async fn screenings_of_the_previous_version_end_with_the_length_of_their_film() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.sqlite");
    let movie = movie_of(MovieId::from_uuid(Uuid::from_u128(1)), "Old");
    // The previous version stored no Thai name.
    let hall = Hall { name_th: None, ..hall_of(HallId::from_uuid(Uuid::from_u128(2)), "Hall", "s") };
    let showing =
        |number, minutes| screening_of(ScreeningId::from_uuid(Uuid::from_u128(number)), &movie, &hall, at(minutes));
    // One past and two future screenings. The stored `end_time` of the last one was not updated when the film became
    // longer.
    let (past, next, mut stale) = (showing(3, -300), showing(4, 60), showing(5, 400));
    stale.hall_free_at = at(400 + 90);
    {
        let file = Connection::open(&path).unwrap();
        for (_, sql) in &MIGRATIONS[..MIGRATIONS_BEFORE] {
            file.execute_batch(sql).unwrap();
        }
        file.pragma_update(None, "user_version", i64::try_from(MIGRATIONS_BEFORE).unwrap()).unwrap();
        let details = serde_json::to_string(&movie.details).unwrap();
        let layout = serde_json::to_string(&hall.layout).unwrap();
        let (movie_id, hall_id) = (movie.id.as_uuid(), hall.id.as_uuid());
        let sql = "INSERT INTO movies (id, revision, title, details) VALUES (?1, 1, 'Old', ?2)";
        file.execute(sql, (movie_id.as_bytes(), details)).unwrap();
        let sql = "INSERT INTO halls (id, revision, name, layout) VALUES (?1, 1, 'Hall', ?2)";
        file.execute(sql, (hall_id.as_bytes(), layout)).unwrap();
        for screening in [&past, &next, &stale] {
            write_old(&file, screening);
        }
    }
    let store = SqliteStore::open(&path).unwrap();
    for screening in [&past, &next] {
        let stored = store.find_screening(screening.id).await.unwrap();
        assert_eq!(stored, Some((screening.clone(), 3)), "the film ends after 100 minutes, the hall is free after 115");
    }
    let (stored, _) = store.find_screening(stale.id).await.unwrap().unwrap();
    assert_eq!((stored.end_time, stored.hall_free_at), (at(500), at(500)), "the hall is not free before the film ends");
    let early = screening_of(ScreeningId::from_uuid(Uuid::from_u128(6)), &movie, &hall, at(495));
    let ids = SeededEntropy::new(9);
    let change = async |change| store.change_programme(&change, &event_of(&ids, sample_now(), "x"), sample_now()).await;
    let refused = change(ProgrammeChange::PutScreening(early, 0)).await.unwrap();
    assert_eq!(refused, ProgrammeOutcome::HallBusy(vec![stale.id]));
    // Prices may be changed although the stored `end_time` is wrong.
    let priced = Screening { prices: stale.prices.clone(), ..stored };
    assert_eq!(change(ProgrammeChange::PutScreening(priced, 3)).await.unwrap(), ProgrammeOutcome::Done);

    let mut longer = movie.clone();
    longer.details.duration_min = 120;
    assert_eq!(change(ProgrammeChange::PutMovie(longer, 1)).await.unwrap(), ProgrammeOutcome::Done);
    let (stored, revision) = store.find_screening(next.id).await.unwrap().unwrap();
    assert_eq!((stored.end_time, stored.hall_free_at, revision), (at(180), at(195), 4));
    assert_eq!(store.find_screening(past.id).await.unwrap(), Some((past.clone(), 3)), "a past screening keeps its end");
}

#[tokio::test]
async fn audit_entry_of_the_previous_version_is_read_like_a_new_one() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let ids = SeededEntropy::new(4);
    let old = event_of(&ids, sample_now(), "old").by(Some(seatkeeper_core::ids::PersonId::from_uuid(ids.next_uuid())));
    let new = event_of(&ids, at(1), "new").in_request(Some("r1"));
    let (id, whole) = (old.id.as_uuid().into_bytes(), serde_json::to_string(&old).unwrap());
    let sql = "INSERT INTO audit (id, at, type, actor, event) VALUES (?1, ?2, 'AUDIT_LOG', NULL, ?3)";
    store.write(move |tx| rows::run(tx, sql, (id, sample_now().as_millisecond(), whole))).await.unwrap();
    store.append_audit(std::slice::from_ref(&new)).await.unwrap();
    let listed = store.list_audit(&AuditFilter::default(), PageRequest::FIRST).await.unwrap();
    assert_eq!(listed.items, [new, old]);
}
