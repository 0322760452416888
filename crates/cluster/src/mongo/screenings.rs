//! Screenings as documents, joined with the names of their film and hall.
//!
//! `end_time` is when the hall is free again, cleaning included, in all versions of the program. The length of the film
//! is stored as `film_length: {movie_id, ms}`, so that a past screening keeps its end when the film's length changes
//! later. In a document that an older server wrote, `film_length` is missing, or is that of the previous film if the
//! older server has changed the screening's film: the film's current length is used then. A missing `is_cancelled`
//! (older servers) means `false`.

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    booking::Booking,
    catalogue::{Prices, Screening},
    hall_slots::HallSlot,
    ids::{HallId, MovieId, ScreeningId},
    ports::{Cursor, Page, PageRequest, ScreeningFilter, ScreeningNames},
    seating::{Layout, SeatPlan},
};
use serde::{Deserialize, Serialize};

use super::{
    conn::Conn,
    documents::{by_id, ms, texts},
    fault::Fault,
    pages, prices,
    schema::{HALLS, MOVIES, SCREENINGS},
};

/// The fields of a screening that decide whether a change moves it to another time or hall.
#[derive(Debug, Deserialize)]
pub(super) struct ScreeningTimes {
    #[serde(rename = "_id")]
    id: ScreeningId,
    pub(super) revision: u64,
    pub(super) movie_id: MovieId,
    hall_id: HallId,
    start_time: i64,
    /// When the hall is free again, as stored.
    pub(super) end_time: i64,
    film_length: Option<FilmLength>,
    #[serde(default)]
    pub(super) is_cancelled: bool,
    movie: Option<NamedMovie>,
}

impl ScreeningTimes {
    pub(super) fn slot(&self) -> HallSlot {
        let film_ms = film_ms(self.movie_id, self.film_length.as_ref(), self.movie.as_ref());
        HallSlot::of_stored(self.id, self.hall_id, self.start_time, film_ms, self.end_time)
    }
}

/// The length of a film, as stored with a screening.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FilmLength {
    /// The film whose length this is.
    pub(super) movie_id: MovieId,
    pub(super) ms: i64,
}

/// The length stored with the screening if it belongs to this film, otherwise the film's current length. In
/// milliseconds.
fn film_ms(movie_id: MovieId, stored: Option<&FilmLength>, movie: Option<&NamedMovie>) -> i64 {
    let stored = stored.filter(|length| length.movie_id == movie_id).map(|length| length.ms);
    stored.unwrap_or_else(|| movie.map_or(0, |movie| movie.details.duration_min * 60_000))
}

/// When a screening starts.
#[derive(Deserialize)]
struct Started {
    #[serde(rename = "_id")]
    id: ScreeningId,
    /// In milliseconds.
    start_time: i64,
}

/// The fields of a screening that are written. The film's title and the hall's name are joined when the screening is
/// read.
#[derive(Serialize)]
struct Written<'a> {
    movie_id: MovieId,
    hall_id: HallId,
    start_time: i64,
    end_time: i64,
    film_length: FilmLength,
    is_cancelled: bool,
    /// Stored for occupancy reports.
    seats_for_sale: i64,
    #[serde(with = "prices")]
    prices: &'a Prices,
    layout: &'a Layout,
}

/// A screening joined with the names of its film and hall.
#[derive(Deserialize)]
struct Joined {
    #[serde(rename = "_id")]
    id: ScreeningId,
    revision: u64,
    movie_id: MovieId,
    hall_id: HallId,
    #[serde(with = "millisecond::required")]
    start_time: Timestamp,
    end_time: i64,
    film_length: Option<FilmLength>,
    #[serde(default)]
    is_cancelled: bool,
    #[serde(with = "prices")]
    prices: Prices,
    layout: Layout,
    movie: Option<NamedMovie>,
    hall: Option<NamedHall>,
}

#[derive(Debug, Default, Deserialize)]
struct NamedMovie {
    details: NamedDetails,
}

#[derive(Debug, Default, Deserialize)]
struct NamedDetails {
    title: String,
    title_th: Option<String>,
    duration_min: i64,
}

#[derive(Default, Deserialize)]
struct NamedHall {
    name: String,
    name_th: Option<String>,
}

impl Joined {
    /// The screening and its revision.
    fn screening(self) -> Result<(Screening, u64), Fault> {
        let film_ms = film_ms(self.movie_id, self.film_length.as_ref(), self.movie.as_ref());
        let slot = HallSlot::of_stored(self.id, self.hall_id, ms(self.start_time), film_ms, self.end_time);
        let NamedDetails { title, title_th, .. } = self.movie.unwrap_or_default().details;
        let NamedHall { name, name_th } = self.hall.unwrap_or_default();
        let screening = Screening {
            id: self.id,
            movie_id: self.movie_id,
            hall_id: self.hall_id,
            start_time: self.start_time,
            end_time: time_of(slot.end_ms)?,
            hall_free_at: time_of(slot.free_ms)?,
            is_cancelled: self.is_cancelled,
            movie_title: title,
            movie_title_th: title_th,
            hall_name: name,
            hall_name_th: name_th,
            layout: self.layout,
            prices: self.prices,
        };
        Ok((screening, self.revision))
    }
}

fn time_of(ms: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(ms).map_err(|_| Fault::Broken("the end of a screening is out of range"))
}

pub(super) async fn find_times(conn: &mut Conn, id: ScreeningId) -> Result<Option<ScreeningTimes>, Fault> {
    Ok(list_places(conn, by_id(id)).await?.pop())
}

/// The times and halls of the matching screenings, without prices and layout, which are large.
async fn list_places(conn: &mut Conn, filter: Document) -> Result<Vec<ScreeningTimes>, Fault> {
    let small = doc! {
        "revision": 1, "movie_id": 1, "hall_id": 1, "start_time": 1, "end_time": 1, "film_length": 1, "is_cancelled": 1,
    };
    let mut pipeline = vec![doc! { "$match": filter }, doc! { "$project": small }];
    pipeline.extend(with_names());
    conn.aggregate(SCREENINGS, pipeline).await
}

/// The screenings in these halls that start between `after_ms` and `before_ms` and are not cancelled.
pub(super) async fn list_slots(
    conn: &mut Conn,
    halls: &[HallId],
    after_ms: i64,
    before_ms: i64,
) -> Result<Vec<HallSlot>, Fault> {
    let filter = doc! {
        "hall_id": { "$in": texts(halls) },
        "start_time": { "$gt": after_ms, "$lt": before_ms },
        "is_cancelled": { "$ne": true },
    };
    Ok(list_places(conn, filter).await?.iter().map(ScreeningTimes::slot).collect())
}

/// The screenings of a film that start after `now_ms` and are not cancelled.
pub(super) async fn list_places_to_come(
    conn: &mut Conn,
    movie: MovieId,
    now_ms: i64,
) -> Result<Vec<ScreeningTimes>, Fault> {
    let filter = doc! {
        "movie_id": movie.to_string(), "start_time": { "$gt": now_ms }, "is_cancelled": { "$ne": true },
    };
    list_places(conn, filter).await
}

/// Updates film, hall and start in the booking to those that its screening has now. A booking of a deleted screening
/// stays unchanged.
pub(super) async fn with_show_of_now(conn: &mut Conn, booking: Booking) -> Result<Booking, Fault> {
    #[derive(Deserialize)]
    struct Show {
        movie_id: MovieId,
        #[serde(with = "millisecond::required")]
        start_time: Timestamp,
        movie: Option<NamedMovie>,
        hall: Option<NamedHall>,
    }
    let small = doc! { "movie_id": 1, "hall_id": 1, "start_time": 1 };
    let mut pipeline = vec![doc! { "$match": by_id(booking.screening_id) }, doc! { "$project": small }];
    pipeline.extend(with_names());
    let found: Vec<Show> = conn.aggregate(SCREENINGS, pipeline).await?;
    let Some(Show { movie_id, start_time, movie: Some(movie), hall: Some(hall) }) = found.into_iter().next() else {
        return Ok(booking);
    };
    let NamedDetails { title, title_th, .. } = movie.details;
    Ok(Booking {
        movie_id,
        start_time,
        movie_title: title,
        movie_title_th: title_th,
        hall_name: hall.name,
        hall_name_th: hall.name_th,
        ..booking
    })
}

/// A screening and its revision.
pub(super) async fn find_screening(conn: &mut Conn, id: ScreeningId) -> Result<Option<(Screening, u64)>, Fault> {
    let mut pipeline = vec![doc! { "$match": by_id(id) }];
    pipeline.extend(with_names());
    let found: Vec<Joined> = conn.aggregate(SCREENINGS, pipeline).await?;
    found.into_iter().next().map(Joined::screening).transpose()
}

/// A page of screenings in order of their start, then their id.
pub(super) async fn list_screenings(
    conn: &mut Conn,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<Page<(Screening, u64)>, Fault> {
    let mut pipeline = list_of(filter, page).to_vec();
    pipeline.extend(with_names());
    let found: Vec<Joined> = conn.aggregate(SCREENINGS, pipeline).await?;
    let items = found.into_iter().map(Joined::screening).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, page.limit, |(s, _): &(Screening, u64)| Cursor { at: ms(s.start_time), id: s.id.as_uuid() }))
}

/// The ids of the page of [`list_screenings`].
pub(super) async fn list_screening_ids(
    conn: &mut Conn,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<Page<ScreeningId>, Fault> {
    let mut pipeline = list_of(filter, page).to_vec();
    pipeline.push(doc! { "$project": { "start_time": 1 } });
    let found: Vec<Started> = conn.aggregate(SCREENINGS, pipeline).await?;
    let started = Page::cut(found, page.limit, |s: &Started| Cursor { at: s.start_time, id: s.id.as_uuid() });
    Ok(started.map(|started| started.id))
}

/// Those of the screenings with these ids that exist.
pub(super) async fn find_screenings(conn: &mut Conn, ids: &[ScreeningId]) -> Result<Vec<(Screening, u64)>, Fault> {
    let mut pipeline = vec![doc! { "$match": { "_id": { "$in": texts(ids) } } }];
    pipeline.extend(with_names());
    let found: Vec<Joined> = conn.aggregate(SCREENINGS, pipeline).await?;
    found.into_iter().map(Joined::screening).collect()
}

/// The names of those of the screenings with these ids that exist.
pub(super) async fn list_names(conn: &mut Conn, ids: &[ScreeningId]) -> Result<Vec<ScreeningNames>, Fault> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "_id")]
        id: ScreeningId,
        #[serde(with = "millisecond::required")]
        start_time: Timestamp,
        movie: Option<NamedMovie>,
        hall: Option<NamedHall>,
    }
    let small = doc! { "movie_id": 1, "hall_id": 1, "start_time": 1 };
    let mut pipeline = vec![doc! { "$match": { "_id": { "$in": texts(ids) } } }, doc! { "$project": small }];
    pipeline.extend(with_names());
    let found: Vec<Named> = conn.aggregate(SCREENINGS, pipeline).await?;
    let names = found.into_iter().map(|Named { id, start_time, movie, hall }| {
        let NamedDetails { title, title_th, .. } = movie.unwrap_or_default().details;
        let NamedHall { name, name_th } = hall.unwrap_or_default();
        ScreeningNames {
            id,
            movie_title: title,
            movie_title_th: title_th,
            hall_name: name,
            hall_name_th: name_th,
            start_time,
        }
    });
    Ok(names.collect())
}

/// The pipeline stages that list the matching screenings in order, one more than the page has.
fn list_of(filter: &ScreeningFilter, page: PageRequest) -> [Document; 3] {
    [
        doc! { "$match": match_of(filter, page) },
        doc! { "$sort": pages::rising("start_time") },
        doc! { "$limit": i64::from(pages::limit(page)) },
    ]
}

fn match_of(filter: &ScreeningFilter, page: PageRequest) -> Document {
    let mut found = Document::new();
    if let Some(movies) = &filter.movies {
        found.insert("movie_id", doc! { "$in": texts(movies) });
    }
    if let Some(hall) = filter.hall {
        found.insert("hall_id", hall.to_string());
    }
    if let Some(at) = filter.start_time {
        pages::add(&mut found, doc! { "start_time": ms(at) });
    }
    if let Some(from) = filter.from {
        pages::add(&mut found, doc! { "start_time": { "$gte": ms(from) } });
    }
    if let Some(end) = filter.before {
        pages::add(&mut found, doc! { "start_time": { "$lt": ms(end) } });
    }
    if filter.without_cancelled {
        pages::add(&mut found, doc! { "is_cancelled": { "$ne": true } });
    }
    pages::earliest_first(found, "start_time", page.after)
}

/// Joins the names of film and hall. Deleted films and halls are included, because past screenings refer to them.
fn with_names() -> [Document; 3] {
    let join = |from: &str, id: &str, fields: Document, into: &str| {
        let only_those = vec![doc! { "$project": fields }];
        doc! { "$lookup": {
            "from": from, "localField": id, "foreignField": "_id", "pipeline": only_those, "as": into
        } }
    };
    [
        join(
            MOVIES,
            "movie_id",
            doc! { "details.title": 1, "details.title_th": 1, "details.duration_min": 1 },
            "movie",
        ),
        join(HALLS, "hall_id", doc! { "name": 1, "name_th": 1 }, "hall"),
        doc! { "$set": { "movie": { "$first": "$movie" }, "hall": { "$first": "$hall" } } },
    ]
}

/// Creates or replaces a screening.
pub(super) async fn write_screening(conn: &mut Conn, screening: &Screening) -> Result<(), Fault> {
    let for_sale = SeatPlan::of(&screening.layout).seats_for_sale();
    let written = Written {
        movie_id: screening.movie_id,
        hall_id: screening.hall_id,
        start_time: ms(screening.start_time),
        end_time: ms(screening.hall_free_at),
        film_length: FilmLength { movie_id: screening.movie_id, ms: screening.film_ms() },
        is_cancelled: screening.is_cancelled,
        seats_for_sale: i64::try_from(for_sale).unwrap_or(i64::MAX),
        prices: &screening.prices,
        layout: &screening.layout,
    };
    let written = mongodb::bson::serialize_to_document(&written)?;
    conn.upsert(SCREENINGS, by_id(screening.id), doc! { "$set": written, "$inc": { "revision": 1i64 } }).await
}
