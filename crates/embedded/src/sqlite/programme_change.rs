//! Changes of the programme. A deleted film or hall is only marked as deleted, because past screenings refer to it.

use jiff::Timestamp;
use rusqlite::{Transaction, params};
use seatkeeper_core::{
    catalogue::{Hall, Movie, MovieDetails, Screening},
    event::Event,
    hall_slots::{HALL_TAKEN_FOR_MAX, HallSlot, list_new_overlaps, list_overlaps},
    ids::{HallId, MovieId, ScreeningId},
    ports::{ProgrammeChange, ProgrammeOutcome},
    seating::SeatPlan,
};

use super::{
    claims, event_rows,
    rows::{Columns, Fault, StoredId, exists, find, json_of, ms, run},
    screenings,
};

/// Makes one change of the programme and writes its event, or returns the reason to refuse it.
pub(super) fn change(
    tx: &Transaction<'_>,
    change: &ProgrammeChange,
    event: &Event,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let outcome = match change {
        ProgrammeChange::PutMovie(movie, revision) => put_movie(tx, movie, *revision, now)?,
        ProgrammeChange::DeleteMovie(id) => delete_movie(tx, *id, now)?,
        ProgrammeChange::PutHall(hall, revision) => put_hall(tx, hall, *revision)?,
        ProgrammeChange::DeleteHall(id) => delete_hall(tx, *id, now)?,
        ProgrammeChange::PutScreening(screening, revision) => put_screening(tx, screening, *revision, now)?,
        ProgrammeChange::DeleteScreening(id) => delete_screening(tx, *id, now)?,
    };
    if outcome == ProgrammeOutcome::Done {
        run(tx, "UPDATE counters SET value = value + 1 WHERE name = 'programme_revision'", [])?;
        event_rows::put_events(tx, std::slice::from_ref(event))?;
    }
    Ok(outcome)
}

/// Optimistic locking: the refusal when the caller has read revision `given`, but `stored` is another one (`None`: no
/// such record).
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

fn put_movie(tx: &Transaction<'_>, movie: &Movie, revision: u64, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    if let Some(refused) = check_revision(movie_revision(tx, movie.id)?, revision) {
        return Ok(refused);
    }
    let old_min = duration_min(tx, movie.id)?;
    if let Some(old_min) = old_min.filter(|old| *old != movie.details.duration_min)
        && let Some(refused) = change_length(tx, movie, old_min, now)?
    {
        return Ok(refused);
    }
    let sql = "INSERT INTO movies (id, revision, title, details) VALUES (?1, 1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
         SET revision = revision + 1, title = excluded.title, details = excluded.details, deleted_at = NULL";
    run(tx, sql, (movie.id.bytes(), &movie.details.title, json_of(&movie.details)?))?;
    Ok(ProgrammeOutcome::Done)
}

/// The length in minutes of a film that is not deleted.
fn duration_min(tx: &Transaction<'_>, id: MovieId) -> Result<Option<u32>, Fault> {
    let sql = "SELECT details FROM movies WHERE id = ?1 AND deleted_at IS NULL";
    let details = find(tx, sql, [id.bytes()], |row| row.json::<MovieDetails>("details"))?;
    Ok(details.map(|details| details.duration_min))
}

/// Changes the ends of the film's future screenings. Rows of earlier versions of the program have no film length; they
/// get the old length first, so that past screenings keep their end.
fn change_length(
    tx: &Transaction<'_>,
    movie: &Movie,
    old_min: u32,
    now: Timestamp,
) -> Result<Option<ProgrammeOutcome>, Fault> {
    let film_ms = i64::from(movie.details.duration_min) * 60_000;
    let to_come = screenings::list_slots_to_come(tx, movie.id.bytes(), ms(now))?;
    let changed: Vec<HallSlot> = to_come.iter().map(|slot| slot.with_film_ms(film_ms)).collect();
    if let Some(first) = changed.iter().map(|slot| slot.start_ms).min() {
        let last = changed.iter().map(|slot| slot.free_ms).max().unwrap_or(first);
        let halls: Vec<HallId> = changed.iter().map(|slot| slot.hall_id).collect();
        let around = screenings::list_slots(tx, &halls, taken_since(first), last)?;
        let overlaps = list_new_overlaps(&around, &changed);
        if !overlaps.is_empty() {
            return Ok(Some(ProgrammeOutcome::HallBusy(overlaps)));
        }
    }
    let keep = "UPDATE screenings SET film_ms = ?2 WHERE movie_id = ?1 AND film_ms IS NULL";
    run(tx, keep, (movie.id.bytes(), i64::from(old_min) * 60_000))?;
    let sql = "UPDATE screenings SET film_ms = ?2, end_time = ?3, revision = revision + 1 WHERE id = ?1";
    for slot in changed {
        run(tx, sql, (slot.screening_id.bytes(), film_ms, slot.free_ms))?;
    }
    Ok(None)
}

/// The start before which a screening no longer occupies its hall at `ms`.
fn taken_since(ms: i64) -> i64 {
    ms.saturating_sub(i64::try_from(HALL_TAKEN_FOR_MAX.as_millis()).unwrap_or(i64::MAX))
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
    let sql = "INSERT INTO halls (id, revision, name, layout, name_th) VALUES (?1, 1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET revision = revision + 1, name = excluded.name, layout = excluded.layout, \
         name_th = excluded.name_th, deleted_at = NULL";
    run(tx, sql, (hall.id.bytes(), &hall.name, json_of(&hall.layout)?, &hall.name_th))?;
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

fn put_screening(
    tx: &Transaction<'_>,
    screening: &Screening,
    revision: u64,
    now: Timestamp,
) -> Result<ProgrammeOutcome, Fault> {
    let place = screenings::find_times(tx, screening.id)?;
    if let Some(refused) = check_revision(place.as_ref().map(|place| place.revision), revision) {
        return Ok(refused);
    }
    if place.as_ref().is_some_and(|place| place.is_cancelled) {
        return Ok(ProgrammeOutcome::Cancelled);
    }
    let (slot, old) = (screening.slot(), place.as_ref().map(|place| place.slot));
    let same_movie = place.as_ref().is_some_and(|place| place.movie_id == screening.movie_id);
    let same_hall = old.is_some_and(|old| old.hall_id == slot.hall_id);
    let same_start = old.is_some_and(|old| old.start_ms == slot.start_ms);
    let same_end = old.is_some_and(|old| old.end_ms == slot.end_ms);
    // The film or hall of a past screening may be deleted, and the screening can still be changed, for example its prices.
    if !(same_movie && same_start) && movie_revision(tx, screening.movie_id)?.is_none() {
        return Ok(ProgrammeOutcome::MovieMissing);
    }
    if !(same_hall && same_start) && hall_revision(tx, screening.hall_id)?.is_none() {
        return Ok(ProgrammeOutcome::HallMissing);
    }
    // The film's length may have changed since the caller computed the end of the screening.
    if !(same_movie && same_start && same_end) && is_of_another_length(tx, screening)? {
        return Ok(ProgrammeOutcome::Changed);
    }
    let moves = place.is_some() && !(same_movie && same_hall && same_start);
    if moves && has_bookings(tx, screening.id, now)? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    if old != Some(slot) && !screening.is_cancelled {
        let around = screenings::list_slots(tx, &[slot.hall_id], taken_since(slot.start_ms), slot.free_ms)?;
        let overlaps = list_overlaps(&slot, &around);
        if !overlaps.is_empty() {
            return Ok(ProgrammeOutcome::HallBusy(overlaps));
        }
    }
    write_screening(tx, screening)?;
    Ok(ProgrammeOutcome::Done)
}

fn write_screening(tx: &Transaction<'_>, screening: &Screening) -> Result<(), Fault> {
    let sql = "INSERT INTO screenings \
         (id, revision, movie_id, hall_id, start_time, end_time, seats_for_sale, prices, layout, film_ms, \
         is_cancelled) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET revision = revision + 1, \
         movie_id = excluded.movie_id, hall_id = excluded.hall_id, start_time = excluded.start_time, \
         end_time = excluded.end_time, seats_for_sale = excluded.seats_for_sale, prices = excluded.prices, \
         layout = excluded.layout, film_ms = excluded.film_ms, is_cancelled = excluded.is_cancelled";
    let for_sale = i64::try_from(SeatPlan::of(&screening.layout).seats_for_sale()).unwrap_or(i64::MAX);
    let values = params![
        screening.id.bytes(),
        screening.movie_id.bytes(),
        screening.hall_id.bytes(),
        ms(screening.start_time),
        ms(screening.hall_free_at),
        for_sale,
        json_of(&screening.prices)?,
        json_of(&screening.layout)?,
        screening.film_ms(),
        screening.is_cancelled
    ];
    run(tx, sql, values)?;
    Ok(())
}

fn is_of_another_length(tx: &Transaction<'_>, screening: &Screening) -> Result<bool, Fault> {
    let length = duration_min(tx, screening.movie_id)?;
    Ok(length.is_some_and(|minutes| screening.film_ms() != i64::from(minutes) * 60_000))
}

fn delete_screening(tx: &Transaction<'_>, id: ScreeningId, now: Timestamp) -> Result<ProgrammeOutcome, Fault> {
    match screenings::find_times(tx, id)? {
        None => return Ok(ProgrammeOutcome::NotFound),
        Some(place) if place.is_cancelled => return Ok(ProgrammeOutcome::Cancelled),
        Some(_) => {}
    }
    if has_bookings(tx, id, now)? {
        return Ok(ProgrammeOutcome::HasBookings);
    }
    run(tx, "DELETE FROM screenings WHERE id = ?1", [id.bytes()])?;
    Ok(ProgrammeOutcome::Done)
}

/// Whether a screening has claims or bookings. Expired claims are deleted first.
fn has_bookings(tx: &Transaction<'_>, id: ScreeningId, now: Timestamp) -> Result<bool, Fault> {
    claims::expire_overdue_at(tx, id, now)?;
    let claimed = exists(tx, "SELECT 1 FROM seat_claims WHERE screening_id = ?1", [id.bytes()])?;
    Ok(claimed || exists(tx, "SELECT 1 FROM bookings WHERE screening_id = ?1", [id.bytes()])?)
}
