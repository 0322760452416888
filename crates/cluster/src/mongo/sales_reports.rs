//! Reports of sales over time and by film. The database aggregates; a report has one row per quarter of an hour or per
//! film.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    ids::MovieId,
    ports::{MovieSales, SalesSlice, SalesTotals},
};
use serde::Deserialize;

use super::{
    conn::Conn,
    documents::{ms, texts},
    fault::Fault,
    pages,
    schema::{BOOKINGS, MOVIES, SCREENINGS, SEATS},
};

/// Length of a time slice of a report: a quarter of an hour.
const SLICE_MS: i64 = 900_000;

#[derive(Deserialize)]
struct Slice {
    #[serde(rename = "_id")]
    starts_at: i64,
    #[serde(flatten)]
    totals: Totals,
}

/// Sales per quarter of an hour, in order of time.
pub(super) async fn list_sales(conn: &mut Conn, from: Timestamp, to: Timestamp) -> Result<Vec<SalesSlice>, Fault> {
    let slice = doc! { "$subtract": ["$created_at", { "$mod": ["$created_at", SLICE_MS] }] };
    let pipeline = vec![sold_in(from, to), doc! { "$group": totals_by(slice) }, doc! { "$sort": { "_id": 1 } }];
    let slices: Vec<Slice> = conn.aggregate(BOOKINGS, pipeline).await?;
    let read = |slice: Slice| {
        let starts_at = Timestamp::from_millisecond(slice.starts_at);
        let starts_at = starts_at.map_err(|_| Fault::Broken("the time of a sale is out of range"))?;
        Ok(SalesSlice { starts_at, totals: slice.totals.into() })
    };
    slices.into_iter().map(read).collect()
}

/// Sales by film, highest revenue first, then by title.
pub(super) async fn list_movie_sales(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<MovieSales>, Fault> {
    let mut films: BTreeMap<MovieId, MovieSales> = BTreeMap::new();
    for sold in list_sold(conn, from, to).await? {
        films.entry(sold.movie_id).or_insert_with(|| nothing_of(sold.movie_id)).totals = sold.totals.into();
    }
    for shown in list_shown(conn, from, to).await? {
        let film = films.entry(shown.movie_id).or_insert_with(|| nothing_of(shown.movie_id));
        (film.shown_seats_offered, film.shown_seats_sold) = (shown.offered, shown.sold);
    }
    let mut titles = list_titles(conn, films.keys().copied().collect()).await?;
    let mut films: Vec<_> = films.into_values().collect();
    for film in &mut films {
        (film.movie_title, film.movie_title_th) = titles.remove(&film.movie_id).unwrap_or_default();
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

fn sold_in(from: Timestamp, to: Timestamp) -> Document {
    doc! { "$match": { "created_at": { "$gte": ms(from), "$lt": ms(to) }, "status": "CONFIRMED" } }
}

#[derive(Deserialize)]
struct Sold {
    #[serde(rename = "_id")]
    movie_id: MovieId,
    #[serde(flatten)]
    totals: Totals,
}

async fn list_sold(conn: &mut Conn, from: Timestamp, to: Timestamp) -> Result<Vec<Sold>, Fault> {
    conn.aggregate(BOOKINGS, vec![sold_in(from, to), doc! { "$group": totals_by("$movie_id") }]).await
}

/// The number of seats offered and sold at those of a film's screenings that start in the reported time.
#[derive(Deserialize)]
struct Shown {
    #[serde(rename = "_id")]
    movie_id: MovieId,
    offered: u64,
    sold: u64,
}

async fn list_shown(conn: &mut Conn, from: Timestamp, to: Timestamp) -> Result<Vec<Shown>, Fault> {
    let count =
        vec![doc! { "$match": { "state": "SOLD" } }, doc! { "$group": { "_id": 0, "seats": { "$sum": 1i64 } } }];
    let join = doc! {
        "from": SEATS,
        "localField": "_id",
        "foreignField": "_id.screening_id",
        "pipeline": count,
        "as": "sold",
    };
    let sums = doc! {
        "_id": "$movie_id",
        "offered": { "$sum": "$seats_for_sale" },
        "sold": { "$sum": "$sold.seats" },
    };
    let pipeline = vec![
        doc! { "$match": { "start_time": { "$gte": ms(from), "$lt": ms(to) }, "is_cancelled": { "$ne": true } } },
        doc! { "$project": { "movie_id": 1, "seats_for_sale": 1 } },
        doc! { "$lookup": join },
        // `$unwind` keeps a screening without sales, whose list of sums is empty; other lists have one element.
        doc! { "$unwind": { "path": "$sold", "preserveNullAndEmptyArrays": true } },
        doc! { "$group": sums },
    ];
    conn.aggregate(SCREENINGS, pipeline).await
}

#[derive(Deserialize)]
struct Film {
    #[serde(rename = "_id")]
    id: MovieId,
    details: Titled,
    deleted_at: Option<i64>,
}

#[derive(Deserialize)]
struct Titled {
    title: String,
    title_th: Option<String>,
}

#[derive(Deserialize)]
struct Ticket {
    movie_title: String,
    movie_title_th: Option<String>,
}

/// A film's title and its Thai title.
type Titles = (String, Option<String>);

/// The current titles of these films. A deleted film has the title of its newest booking, or without bookings the last
/// title it had.
async fn list_titles(conn: &mut Conn, films: Vec<MovieId>) -> Result<HashMap<MovieId, Titles>, Fault> {
    let known: Vec<Film> = conn.list_all(MOVIES, doc! { "_id": { "$in": texts(&films) } }).await?;
    let (there, gone): (Vec<_>, Vec<_>) = known.into_iter().partition(|film| film.deleted_at.is_none());
    let titled = |film: Film| (film.id, (film.details.title, film.details.title_th));
    let there: HashMap<MovieId, Titles> = there.into_iter().map(titled).collect();
    let mut titles: HashMap<MovieId, Titles> = gone.into_iter().map(titled).collect();
    for id in films.into_iter().filter(|id| !there.contains_key(id)) {
        let (of_film, newest) = (doc! { "movie_id": id.to_string() }, pages::falling("created_at"));
        let last: Vec<Ticket> = conn.list(BOOKINGS, of_film, newest, 1).await?;
        titles.extend(last.into_iter().map(|ticket| (id, (ticket.movie_title, ticket.movie_title_th))));
    }
    titles.extend(there);
    Ok(titles)
}

/// The sums over a group of bookings.
#[derive(Deserialize)]
pub(super) struct Totals {
    bookings: u64,
    seats: u64,
    revenue: i64,
}

/// The `$group` stage whose result is [`Totals`].
pub(super) fn totals_by(key: impl Into<mongodb::bson::Bson>) -> Document {
    doc! {
        "_id": key,
        "bookings": { "$sum": 1i64 },
        "seats": { "$sum": "$seat_count" },
        "revenue": { "$sum": "$total.amount" },
    }
}

impl From<Totals> for SalesTotals {
    fn from(totals: Totals) -> Self {
        Self { bookings: totals.bookings, seats: totals.seats, revenue: totals.revenue }
    }
}
