//! Changes of the programme. A film or hall with a past is marked, not deleted: its screenings stay readable.
//!
//! Whatever decides a change by what it read also writes there, so that two changes that would not allow each other
//! meet: a screening writes to its hall and its film, a move to the guards of its screening.

use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc, serialize_to_bson};
use seatkeeper_core::{
    catalogue::{Hall, Movie, Screening},
    event::Event,
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
    programme::{REVISION, still_there},
    schema::{BOOKINGS, COUNTERS, HALLS, MOVIES, SCREENINGS, SEATS},
    screenings,
};

/// Makes one change with its event, or says why not.
pub(super) async fn change(
    conn: &mut Conn,
    change: &ProgrammeChange,
    event: &Event,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let outcome = match change {
        ProgrammeChange::PutMovie(movie, revision) => put_movie(conn, movie, *revision).await?,
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

/// Whether a document of revision `stored` (`None`: not there) may be replaced by one read at `given`.
fn check_revision(stored: Option<u64>, given: u64) -> Option<ProgrammeOutcome> {
    match stored {
        None if given == 0 => None,
        None => Some(ProgrammeOutcome::NotFound),
        Some(stored) if stored == given => None,
        Some(_) => Some(ProgrammeOutcome::Changed),
    }
}

/// Of a film, hall or screening.
#[derive(Deserialize)]
struct Revision {
    revision: u64,
}

/// The revision of a film or hall that has not left the programme.
async fn revision_of(conn: &mut Conn, name: &str, id: impl ToString) -> Result<Option<u64>, Fault> {
    let found: Option<Revision> = conn.find(name, still_there(by_id(id))).await?;
    Ok(found.map(|found| found.revision))
}

async fn put_movie(conn: &mut Conn, movie: &Movie, revision: u64) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(revision_of(conn, MOVIES, movie.id).await?, revision) {
        return Ok(refused);
    }
    let fields = doc! { "details": serialize_to_bson(&movie.details)?, "deleted_at": Bson::Null };
    conn.upsert(MOVIES, by_id(movie.id), next_revision(fields)).await?;
    Ok(ProgrammeOutcome::Done)
}

async fn put_hall(conn: &mut Conn, hall: &Hall, revision: u64) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(revision_of(conn, HALLS, hall.id).await?, revision) {
        return Ok(refused);
    }
    let fields = doc! { "name": &hall.name, "layout": serialize_to_bson(&hall.layout)?, "deleted_at": Bson::Null };
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
    let place = screenings::find_place(conn, screening.id).await?;
    let stored = place.map(|place| u64::try_from(place.revision).unwrap_or(0));
    if let Some(refused) = check_revision(stored, revision) {
        return Ok(refused);
    }
    let same_movie = place.is_some_and(|place| place.movie_id == screening.movie_id);
    let same_hall = place.is_some_and(|place| place.hall_id == screening.hall_id);
    let same_start = place.is_some_and(|place| place.start_time == ms(screening.start_time));
    let same_end = place.is_some_and(|place| place.end_time == ms(screening.end_time));
    // A price of a past showing may change though its film has left the programme.
    let movie_missing = !same_movie && revision_of(conn, MOVIES, screening.movie_id).await?.is_none();
    let hall_missing = !same_hall && revision_of(conn, HALLS, screening.hall_id).await?.is_none();
    if movie_missing || hall_missing {
        return Ok(ProgrammeOutcome::PartMissing);
    }
    let moves = place.is_some() && !(same_movie && same_hall && same_start);
    if moves && has_bookings(conn, screening.id, now).await? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    if !(same_hall && same_start && same_end) && is_hall_busy(conn, screening).await? {
        return Ok(ProgrammeOutcome::HallBusy);
    }
    if place.is_none() {
        guards::make(conn, screening.id).await?;
    } else if moves {
        guards::hold_all(conn, screening.id).await?;
    }
    bump(conn, MOVIES, screening.movie_id).await?;
    bump(conn, HALLS, screening.hall_id).await?;
    screenings::write_screening(conn, screening).await?;
    Ok(ProgrammeOutcome::Done)
}

/// Whoever deletes this film or hall, or puts another screening into it, at this very moment meets this write.
async fn bump(conn: &mut Conn, name: &str, id: impl ToString) -> Result<(), Fault> {
    conn.update(name, by_id(id), doc! { "$inc": { "screening_changes": 1i64 } }).await?;
    Ok(())
}

/// Equal edges do not overlap: one may start at the very end of another.
async fn is_hall_busy(conn: &mut Conn, screening: &Screening) -> Result<bool, Fault> {
    let overlapping = doc! {
        "hall_id": screening.hall_id.to_string(),
        "start_time": { "$lt": ms(screening.end_time) },
        "end_time": { "$gt": ms(screening.start_time) },
        "_id": { "$ne": screening.id.to_string() },
    };
    conn.exists(SCREENINGS, overlapping).await
}

async fn delete_screening(conn: &mut Conn, id: ScreeningId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    if screenings::find_place(conn, id).await?.is_none() {
        return Ok(ProgrammeOutcome::NotFound);
    }
    if has_bookings(conn, id, now).await? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    guards::remove(conn, id).await?;
    conn.delete(SCREENINGS, by_id(id)).await?;
    Ok(ProgrammeOutcome::Done)
}

/// Claims past their time do not count: they are ended here.
async fn has_bookings(conn: &mut Conn, id: ScreeningId, now: Timestamp) -> Result<bool, Fault> {
    claims::expire_overdue_at(conn, id, now).await?;
    let claimed = conn.exists(SEATS, doc! { "_id.screening_id": id.to_string() }).await?;
    Ok(claimed || conn.exists(BOOKINGS, doc! { "screening_id": id.to_string() }).await?)
}
