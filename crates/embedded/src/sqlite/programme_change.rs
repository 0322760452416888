//! Changes of the programme. A film or hall with a past is marked, not deleted: its screenings stay readable.

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};
use seatkeeper_core::{
    catalogue::{Hall, Movie, Screening},
    event::Event,
    ids::{HallId, MovieId, ScreeningId},
    ports::{ProgrammeChange, ProgrammeOutcome},
    seating::SeatPlan,
};

use super::{
    claims, outbox,
    rows::{Columns, Fault, StoredId, exists, find, json_of, ms, run},
};

/// Makes one change with its event, or says why not.
pub(super) fn change(
    tx: &Transaction<'_>,
    change: &ProgrammeChange,
    event: &Event,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let outcome = match change {
        ProgrammeChange::PutMovie(movie, revision) => put_movie(tx, movie, *revision)?,
        ProgrammeChange::DeleteMovie(id) => delete_movie(tx, *id, now)?,
        ProgrammeChange::PutHall(hall, revision) => put_hall(tx, hall, *revision)?,
        ProgrammeChange::DeleteHall(id) => delete_hall(tx, *id, now)?,
        ProgrammeChange::PutScreening(screening, revision) => put_screening(tx, screening, *revision, now)?,
        ProgrammeChange::DeleteScreening(id) => delete_screening(tx, *id, now)?,
    };
    if outcome == ProgrammeOutcome::Done {
        run(tx, "UPDATE counters SET value = value + 1 WHERE name = 'programme_revision'", [])?;
        outbox::put_events(tx, std::slice::from_ref(event))?;
    }
    Ok(outcome)
}

/// Whether a row of revision `stored` (`None`: not there) may be replaced by one read at `given`.
fn check_revision(stored: Option<u64>, given: u64) -> Option<ProgrammeOutcome> {
    match stored {
        None if given == 0 => None,
        None => Some(ProgrammeOutcome::NotFound),
        Some(stored) if stored == given => None,
        Some(_) => Some(ProgrammeOutcome::Changed),
    }
}

fn revision_of(tx: &Transaction<'_>, sql: &str, id: [u8; 16]) -> Result<Option<u64>, Fault> {
    find(tx, sql, [id], |row| row.number("revision"))
}

fn movie_revision(tx: &Transaction<'_>, id: MovieId) -> Result<Option<u64>, Fault> {
    revision_of(tx, "SELECT revision FROM movies WHERE id = ?1 AND deleted_at IS NULL", id.bytes())
}

fn hall_revision(tx: &Transaction<'_>, id: HallId) -> Result<Option<u64>, Fault> {
    revision_of(tx, "SELECT revision FROM halls WHERE id = ?1 AND deleted_at IS NULL", id.bytes())
}

fn put_movie(tx: &Transaction<'_>, movie: &Movie, revision: u64) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(movie_revision(tx, movie.id)?, revision) {
        return Ok(refused);
    }
    let sql = "INSERT INTO movies (id, revision, title, details) VALUES (?1, 1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
         SET revision = revision + 1, title = excluded.title, details = excluded.details, deleted_at = NULL";
    run(tx, sql, (movie.id.bytes(), &movie.details.title, json_of(&movie.details)?))?;
    Ok(ProgrammeOutcome::Done)
}

fn delete_movie(tx: &Transaction<'_>, id: MovieId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    let to_come = "SELECT 1 FROM screenings WHERE movie_id = ?1 AND start_time > ?2";
    if movie_revision(tx, id)?.is_none() {
        return Ok(ProgrammeOutcome::NotFound);
    }
    if exists(tx, to_come, (id.bytes(), ms(now)))? {
        return Ok(ProgrammeOutcome::HasScreenings);
    }
    run(tx, "UPDATE movies SET deleted_at = ?2 WHERE id = ?1", (id.bytes(), ms(now)))?;
    Ok(ProgrammeOutcome::Done)
}

fn put_hall(tx: &Transaction<'_>, hall: &Hall, revision: u64) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(hall_revision(tx, hall.id)?, revision) {
        return Ok(refused);
    }
    let sql = "INSERT INTO halls (id, revision, name, layout) VALUES (?1, 1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
         SET revision = revision + 1, name = excluded.name, layout = excluded.layout, deleted_at = NULL";
    run(tx, sql, (hall.id.bytes(), &hall.name, json_of(&hall.layout)?))?;
    Ok(ProgrammeOutcome::Done)
}

fn delete_hall(tx: &Transaction<'_>, id: HallId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    let to_come = "SELECT 1 FROM screenings WHERE hall_id = ?1 AND start_time > ?2";
    if hall_revision(tx, id)?.is_none() {
        return Ok(ProgrammeOutcome::NotFound);
    }
    if exists(tx, to_come, (id.bytes(), ms(now)))? {
        return Ok(ProgrammeOutcome::HasScreenings);
    }
    run(tx, "UPDATE halls SET deleted_at = ?2 WHERE id = ?1", (id.bytes(), ms(now)))?;
    Ok(ProgrammeOutcome::Done)
}

/// What decides whether a screening moves.
struct Place {
    revision: u64,
    movie_id: MovieId,
    hall_id: HallId,
    start_time: Timestamp,
    end_time: Timestamp,
}

fn find_place(tx: &Transaction<'_>, id: ScreeningId) -> Result<Option<Place>, Fault> {
    let sql = "SELECT revision, movie_id, hall_id, start_time, end_time FROM screenings WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Place {
            revision: row.number("revision")?,
            movie_id: row.id("movie_id")?,
            hall_id: row.id("hall_id")?,
            start_time: row.time("start_time")?,
            end_time: row.time("end_time")?,
        })
    };
    find(tx, sql, [id.bytes()], read)
}

fn put_screening(
    tx: &Transaction<'_>,
    screening: &Screening,
    revision: u64,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let place = find_place(tx, screening.id)?;
    if let Some(refused) = check_revision(place.as_ref().map(|place| place.revision), revision) {
        return Ok(refused);
    }
    let same_movie = place.as_ref().is_some_and(|place| place.movie_id == screening.movie_id);
    let same_hall = place.as_ref().is_some_and(|place| place.hall_id == screening.hall_id);
    let same_start = place.as_ref().is_some_and(|place| ms(place.start_time) == ms(screening.start_time));
    let same_end = place.as_ref().is_some_and(|place| ms(place.end_time) == ms(screening.end_time));
    // A price of a past showing may change though its film has left the programme.
    let movie_missing = !same_movie && movie_revision(tx, screening.movie_id)?.is_none();
    let hall_missing = !same_hall && hall_revision(tx, screening.hall_id)?.is_none();
    if movie_missing || hall_missing {
        return Ok(ProgrammeOutcome::PartMissing);
    }
    let moves = place.is_some() && !(same_movie && same_hall && same_start);
    if moves && has_bookings(tx, screening.id, now)? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    if !(same_hall && same_start && same_end) && is_hall_busy(tx, screening)? {
        return Ok(ProgrammeOutcome::HallBusy);
    }
    write_screening(tx, screening)?;
    Ok(ProgrammeOutcome::Done)
}

fn write_screening(tx: &Transaction<'_>, screening: &Screening) -> Result<(), Fault> {
    let sql = "INSERT INTO screenings \
         (id, revision, movie_id, hall_id, start_time, end_time, seats_for_sale, prices, layout) \
         VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET revision = revision + 1, \
         movie_id = excluded.movie_id, hall_id = excluded.hall_id, start_time = excluded.start_time, \
         end_time = excluded.end_time, seats_for_sale = excluded.seats_for_sale, prices = excluded.prices, \
         layout = excluded.layout";
    let for_sale = i64::try_from(SeatPlan::of(&screening.layout).seats_for_sale()).unwrap_or(i64::MAX);
    let values = params![
        screening.id.bytes(),
        screening.movie_id.bytes(),
        screening.hall_id.bytes(),
        ms(screening.start_time),
        ms(screening.end_time),
        for_sale,
        json_of(&screening.prices)?,
        json_of(&screening.layout)?
    ];
    run(tx, sql, values)?;
    Ok(())
}

/// Equal edges do not overlap: one may start at the very end of another.
fn is_hall_busy(tx: &Transaction<'_>, screening: &Screening) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM screenings WHERE hall_id = ?1 AND start_time < ?2 AND end_time > ?3 AND id <> ?4";
    let (start, end) = (ms(screening.start_time), ms(screening.end_time));
    exists(tx, sql, (screening.hall_id.bytes(), end, start, screening.id.bytes()))
}

fn delete_screening(tx: &Transaction<'_>, id: ScreeningId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    if find_place(tx, id)?.is_none() {
        return Ok(ProgrammeOutcome::NotFound);
    }
    if has_bookings(tx, id, now)? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    run(tx, "DELETE FROM screenings WHERE id = ?1", [id.bytes()])?;
    Ok(ProgrammeOutcome::Done)
}

/// Claims past their time do not count: they are ended here.
fn has_bookings(tx: &Transaction<'_>, id: ScreeningId, now: Timestamp) -> Result<bool, Fault> {
    claims::expire_overdue_at(tx, id, now)?;
    let claimed = exists(tx, "SELECT 1 FROM seat_claims WHERE screening_id = ?1", [id.bytes()])?;
    Ok(claimed || exists(tx, "SELECT 1 FROM bookings WHERE screening_id = ?1", [id.bytes()])?)
}
