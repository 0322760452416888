//! Changes of the programme. A deleted film or hall is only marked as deleted, because past screenings refer to it.
//!
//! A transaction that depends on a document that it has read also writes to that document, so that two incompatible
//! changes conflict: the change of a screening writes to its hall and its film, and the move of a screening writes to
//! its guards.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc, serialize_to_bson};
use seatkeeper_core::{
    catalogue::{Hall, Movie, Screening},
    event::Event,
    hall_slots::{HALL_TAKEN_FOR_MAX, HallSlot, list_new_overlaps, list_overlaps},
    ids::{HallId, MovieId, ScreeningId},
    ports::{ProgrammeChange, ProgrammeOutcome},
};
use serde::Deserialize;

use super::{
    claims,
    conn::Conn,
    documents::{by_id, ms},
    fault::Fault,
    guards, outbox,
    schema::{BOOKINGS, COUNTERS, HALLS, MOVIES, SCREENINGS, SEATS},
    screenings::{self, ScreeningTimes},
};

/// The key of the document with the counter that every change of the programme increments. Servers poll it to detect
/// changes.
pub(super) const REVISION: &str = "programme_revision";

/// Makes one change and writes its event. Returns the reason when the change is refused.
pub(super) async fn change(
    conn: &mut Conn,
    change: &ProgrammeChange,
    event: &Event,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let outcome = match change {
        ProgrammeChange::PutMovie(movie, revision) => put_movie(conn, movie, *revision, now).await?,
        ProgrammeChange::DeleteMovie(id) => delete_movie(conn, *id, now).await?,
        ProgrammeChange::PutHall(hall, revision) => put_hall(conn, hall, *revision).await?,
        ProgrammeChange::DeleteHall(id) => delete_hall(conn, *id, now).await?,
        ProgrammeChange::PutScreening(screening, revision) => put_screening(conn, screening, *revision, now).await?,
        ProgrammeChange::DeleteScreening(id) => delete_screening(conn, *id, now).await?,
    };
    if outcome == ProgrammeOutcome::Done {
        conn.upsert(COUNTERS, doc! { "_id": REVISION }, doc! { "$inc": { "value": 1i64 } }).await?;
        outbox::put_events(conn, std::slice::from_ref(event)).await?;
    }
    Ok(outcome)
}

/// Optimistic locking: returns the refusal when the revision that the caller read, `given`, differs from the `stored`
/// revision (`None`: the document does not exist).
fn check_revision(stored: Option<u64>, given: u64) -> Option<ProgrammeOutcome> {
    match stored {
        None if given == 0 => None,
        None => Some(ProgrammeOutcome::NotFound),
        Some(stored) if stored == given => None,
        Some(_) => Some(ProgrammeOutcome::Changed),
    }
}

#[derive(Deserialize)]
struct Revision {
    revision: u64,
}

/// The revision of a film or hall; `None` when it does not exist or is deleted.
async fn revision_of(conn: &mut Conn, name: &str, id: impl ToString) -> Result<Option<u64>, Fault> {
    let found: Option<Revision> = conn.find(name, still_there(by_id(id))).await?;
    Ok(found.map(|found| found.revision))
}

#[derive(Deserialize)]
struct Length {
    details: LengthDetails,
}

#[derive(Deserialize)]
struct LengthDetails {
    duration_min: i64,
}

/// The length of a film in milliseconds; `None` when it does not exist or is deleted.
async fn film_ms(conn: &mut Conn, id: MovieId) -> Result<Option<i64>, Fault> {
    let found: Option<Length> = conn.find(MOVIES, still_there(by_id(id))).await?;
    Ok(found.map(|found| found.details.duration_min * 60_000))
}

async fn put_movie(conn: &mut Conn, movie: &Movie, revision: u64, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(revision_of(conn, MOVIES, movie.id).await?, revision) {
        return Ok(refused);
    }
    let old_ms = film_ms(conn, movie.id).await?;
    if let Some(old_ms) = old_ms.filter(|old| *old != i64::from(movie.details.duration_min) * 60_000)
        && let Some(refused) = change_length(conn, movie, old_ms, now).await?
    {
        return Ok(refused);
    }
    let fields = doc! { "details": serialize_to_bson(&movie.details)?, "deleted_at": Bson::Null };
    conn.upsert(MOVIES, by_id(movie.id), next_revision(fields)).await?;
    Ok(ProgrammeOutcome::Done)
}

/// Updates the ends of a film's future screenings after its length has changed. Past screenings keep their ends: those
/// without a stored film length get the old length first.
async fn change_length(
    conn: &mut Conn,
    movie: &Movie,
    old_ms: i64,
    now: Timestamp,
) -> Result<Option<ProgrammeOutcome>, Fault> {
    let film_ms = i64::from(movie.details.duration_min) * 60_000;
    let to_come = screenings::list_places_to_come(conn, movie.id, ms(now)).await?;
    let changed: Vec<HallSlot> = to_come.iter().map(|place| place.slot().with_film_ms(film_ms)).collect();
    let halls: BTreeSet<HallId> = changed.iter().map(|slot| slot.hall_id).collect();
    if let Some(first) = changed.iter().map(|slot| slot.start_ms).min() {
        let last = changed.iter().map(|slot| slot.free_ms).max().unwrap_or(first);
        let in_halls: Vec<HallId> = halls.iter().copied().collect();
        let around = screenings::list_slots(conn, &in_halls, taken_since(first), last).await?;
        let overlaps = list_new_overlaps(&around, &changed);
        if !overlaps.is_empty() {
            return Ok(Some(ProgrammeOutcome::HallBusy(overlaps)));
        }
    }
    let movie_id = movie.id.to_string();
    let unmeasured = doc! { "movie_id": &movie_id, "film_length.movie_id": { "$ne": &movie_id } };
    let length = |ms: i64| doc! { "film_length": { "movie_id": &movie_id, "ms": ms } };
    conn.update_all(SCREENINGS, unmeasured, doc! { "$set": length(old_ms) }).await?;
    // The ends usually all change by the same time, so that one update changes all screenings.
    let mut by_shift: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (place, slot) in to_come.iter().zip(&changed) {
        by_shift.entry(slot.free_ms - place.end_time).or_default().push(slot.screening_id.to_string());
    }
    for (shift_ms, ids) in by_shift {
        let shift = doc! { "$set": length(film_ms), "$inc": { "end_time": shift_ms, "revision": 1i64 } };
        conn.update_all(SCREENINGS, doc! { "_id": { "$in": ids } }, shift).await?;
    }
    for hall in halls {
        bump(conn, HALLS, hall).await?;
    }
    Ok(None)
}

/// The earliest start of a screening that may still occupy its hall at `ms`.
fn taken_since(ms: i64) -> i64 {
    ms.saturating_sub(i64::try_from(HALL_TAKEN_FOR_MAX.as_millis()).unwrap_or(i64::MAX))
}

async fn put_hall(conn: &mut Conn, hall: &Hall, revision: u64) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(revision_of(conn, HALLS, hall.id).await?, revision) {
        return Ok(refused);
    }
    let fields = doc! {
        "name": &hall.name,
        "name_th": hall.name_th.as_deref(),
        "layout": serialize_to_bson(&hall.layout)?,
        "deleted_at": Bson::Null,
    };
    conn.upsert(HALLS, by_id(hall.id), next_revision(fields)).await?;
    Ok(ProgrammeOutcome::Done)
}

fn next_revision(fields: Document) -> Document {
    doc! { "$set": fields, "$inc": { "revision": 1i64 } }
}

async fn delete_movie(conn: &mut Conn, id: MovieId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    let to_come = doc! { "movie_id": id.to_string(), "start_time": { "$gt": ms(now) } };
    delete_part(conn, MOVIES, by_id(id), to_come, now).await
}

async fn delete_hall(conn: &mut Conn, id: HallId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    let to_come = doc! { "hall_id": id.to_string(), "start_time": { "$gt": ms(now) } };
    delete_part(conn, HALLS, by_id(id), to_come, now).await
}

async fn delete_part(
    conn: &mut Conn,
    name: &str,
    part: Document,
    to_come: Document,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    if !conn.exists(name, still_there(part.clone())).await? {
        return Ok(ProgrammeOutcome::NotFound);
    }
    if conn.exists(SCREENINGS, to_come).await? {
        return Ok(ProgrammeOutcome::HasScreenings);
    }
    conn.update(name, part, doc! { "$set": { "deleted_at": ms(now) } }).await?;
    Ok(ProgrammeOutcome::Done)
}

async fn put_screening(
    conn: &mut Conn,
    screening: &Screening,
    revision: u64,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let place = screenings::find_times(conn, screening.id).await?;
    if let Some(refused) = check_revision(place.as_ref().map(|place| place.revision), revision) {
        return Ok(refused);
    }
    if place.as_ref().is_some_and(|place| place.is_cancelled) {
        return Ok(ProgrammeOutcome::Cancelled);
    }
    let (slot, old) = (screening.slot(), place.as_ref().map(ScreeningTimes::slot));
    let same_movie = place.as_ref().is_some_and(|place| place.movie_id == screening.movie_id);
    let same_hall = old.is_some_and(|old| old.hall_id == slot.hall_id);
    let same_start = old.is_some_and(|old| old.start_ms == slot.start_ms);
    let same_end = old.is_some_and(|old| old.end_ms == slot.end_ms);
    // The film or the hall of a past screening may have been deleted; its other data, such as its prices, can still be
    // changed.
    if !(same_movie && same_start) && revision_of(conn, MOVIES, screening.movie_id).await?.is_none() {
        return Ok(ProgrammeOutcome::MovieMissing);
    }
    if !(same_hall && same_start) && revision_of(conn, HALLS, screening.hall_id).await?.is_none() {
        return Ok(ProgrammeOutcome::HallMissing);
    }
    // The film's length may have changed since the caller read it.
    if !(same_movie && same_start && same_end)
        && film_ms(conn, screening.movie_id).await?.is_some_and(|ms| ms != screening.film_ms())
    {
        return Ok(ProgrammeOutcome::Changed);
    }
    let moves = place.is_some() && !(same_movie && same_hall && same_start);
    if moves && has_bookings(conn, screening.id, now).await? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    if old != Some(slot) && !screening.is_cancelled {
        let around = screenings::list_slots(conn, &[slot.hall_id], taken_since(slot.start_ms), slot.free_ms).await?;
        let overlaps = list_overlaps(&slot, &around);
        if !overlaps.is_empty() {
            return Ok(ProgrammeOutcome::HallBusy(overlaps));
        }
    }
    if place.is_none() {
        guards::make(conn, screening.id).await?;
    } else if moves || screening.is_cancelled {
        guards::hold_all(conn, screening.id).await?;
    }
    bump(conn, MOVIES, screening.movie_id).await?;
    bump(conn, HALLS, screening.hall_id).await?;
    screenings::write_screening(conn, screening).await?;
    Ok(ProgrammeOutcome::Done)
}

/// Increments a counter in a film or hall, so that this transaction conflicts with a concurrent deletion of it and with
/// concurrent changes of its other screenings.
async fn bump(conn: &mut Conn, name: &str, id: impl ToString) -> Result<(), Fault> {
    conn.update(name, by_id(id), doc! { "$inc": { "screening_changes": 1i64 } }).await?;
    Ok(())
}

async fn delete_screening(conn: &mut Conn, id: ScreeningId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    match screenings::find_times(conn, id).await? {
        None => return Ok(ProgrammeOutcome::NotFound),
        Some(place) if place.is_cancelled => return Ok(ProgrammeOutcome::Cancelled),
        Some(_) => {}
    }
    if has_bookings(conn, id, now).await? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    guards::remove(conn, id).await?;
    conn.delete(SCREENINGS, by_id(id)).await?;
    Ok(ProgrammeOutcome::Done)
}

/// Whether a screening has claims or bookings. Overdue payments, with their claims, are expired first.
async fn has_bookings(conn: &mut Conn, id: ScreeningId, now: Timestamp) -> Result<bool, Fault> {
    claims::expire_overdue_at(conn, id, now).await?;
    let claimed = conn.exists(SEATS, doc! { "_id.screening_id": id.to_string() }).await?;
    Ok(claimed || conn.exists(BOOKINGS, doc! { "screening_id": id.to_string() }).await?)
}

/// Excludes films and halls that are marked as deleted from a filter.
pub(super) fn still_there(mut filter: Document) -> Document {
    filter.insert("deleted_at", Bson::Null);
    filter
}
