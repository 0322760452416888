//! Sales over time and by film.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;
use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    ids::MovieId,
    ports::{MovieSales, SalesSlice, SalesTotals},
};

use super::rows::{Columns, Fault, StoredId, find, list, ms};

/// Sales per quarter of an hour, in order of time.
pub(super) fn list_sales(tx: &Transaction<'_>, from: Timestamp, to: Timestamp) -> Result<Vec<SalesSlice>, Fault> {
    list(tx, SLICES, (ms(from), ms(to)), |row| {
        Ok(SalesSlice { starts_at: row.time("starts_at")?, totals: read_totals(row)? })
    })
}

pub(super) const SLICES: &str = "SELECT created_at / 900000 * 900000 AS starts_at, count(*) AS bookings, \
     sum(seat_count) AS seats, sum(total) AS revenue FROM bookings \
     WHERE created_at >= ?1 AND created_at < ?2 AND status = 'CONFIRMED' GROUP BY 1 ORDER BY 1";

/// Sales by film, highest revenue first, then by title.
pub(super) fn list_movie_sales(tx: &Transaction<'_>, from: Timestamp, to: Timestamp) -> Result<Vec<MovieSales>, Fault> {
    let mut films: BTreeMap<MovieId, MovieSales> = BTreeMap::new();
    for (movie, totals) in list_sold(tx, from, to)? {
        films.entry(movie).or_insert_with(|| nothing_of(movie)).totals = totals;
    }
    for (movie, offered, sold) in list_shown(tx, from, to)? {
        let film = films.entry(movie).or_insert_with(|| nothing_of(movie));
        (film.shown_seats_offered, film.shown_seats_sold) = (offered, sold);
    }
    let mut films: Vec<_> = films.into_values().collect();
    for film in &mut films {
        (film.movie_title, film.movie_title_th) = titles_of(tx, film.movie_id)?;
    }
    films.sort_by(|a, b| (Reverse(a.totals.revenue), &a.movie_title).cmp(&(Reverse(b.totals.revenue), &b.movie_title)));
    Ok(films)
}

fn nothing_of(movie_id: MovieId) -> MovieSales {
    MovieSales {
        movie_id,
        movie_title: String::new(),
        movie_title_th: None,
        totals: SalesTotals::default(),
        shown_seats_sold: 0,
        shown_seats_offered: 0,
    }
}

pub(super) const SOLD: &str = "SELECT movie_id, count(*) AS bookings, sum(seat_count) AS seats, sum(total) AS revenue \
     FROM bookings WHERE created_at >= ?1 AND created_at < ?2 AND status = 'CONFIRMED' GROUP BY movie_id";

fn list_sold(tx: &Transaction<'_>, from: Timestamp, to: Timestamp) -> Result<Vec<(MovieId, SalesTotals)>, Fault> {
    list(tx, SOLD, (ms(from), ms(to)), |row| Ok((row.id("movie_id")?, read_totals(row)?)))
}

/// For each film: the number of seats offered and sold at its screenings that start in the reported time.
fn list_shown(tx: &Transaction<'_>, from: Timestamp, to: Timestamp) -> Result<Vec<(MovieId, u64, u64)>, Fault> {
    let sql = "SELECT movie_id, sum(seats_for_sale) AS offered, sum( \
         (SELECT count(*) FROM seat_claims c WHERE c.screening_id = s.id AND c.state = 'SOLD')) AS sold \
         FROM screenings s WHERE start_time >= ?1 AND start_time < ?2 AND is_cancelled = 0 GROUP BY movie_id";
    let read = |row: &Row<'_>| Ok((row.id("movie_id")?, row.number("offered")?, row.number("sold")?));
    list(tx, sql, (ms(from), ms(to)), read)
}

/// The current titles of a film. For a deleted film, those in its newest booking, or else the stored ones.
fn titles_of(tx: &Transaction<'_>, movie: MovieId) -> Result<(String, Option<String>), Fault> {
    let sql = "SELECT title, title_th FROM ( \
         SELECT 1 AS choice, title, json_extract(details, '$.title_th') AS title_th FROM movies \
             WHERE id = ?1 AND deleted_at IS NULL UNION ALL \
         SELECT 2, movie_title, movie_title_th FROM (SELECT movie_title, movie_title_th FROM bookings \
             WHERE movie_id = ?1 ORDER BY created_at DESC, id DESC LIMIT 1) UNION ALL \
         SELECT 3, title, json_extract(details, '$.title_th') FROM movies WHERE id = ?1) ORDER BY choice LIMIT 1";
    Ok(find(tx, sql, [movie.bytes()], |row| Ok((row.get("title")?, row.get("title_th")?)))?.unwrap_or_default())
}

pub(super) fn read_totals(row: &Row<'_>) -> Result<SalesTotals, Fault> {
    Ok(SalesTotals { bookings: row.number("bookings")?, seats: row.number("seats")?, revenue: row.get("revenue")? })
}
