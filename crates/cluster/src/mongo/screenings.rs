//! Screenings as documents, with the names of their film and hall joined in.

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    catalogue::{Prices, Screening},
    ids::{HallId, MovieId, ScreeningId},
    ports::{Cursor, Page, PageRequest, ScreeningFilter},
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

/// What decides whether a screening moves.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Place {
    pub(super) revision: i64,
    pub(super) movie_id: MovieId,
    pub(super) hall_id: HallId,
    /// In milliseconds.
    pub(super) start_time: i64,
    /// In milliseconds.
    pub(super) end_time: i64,
}

/// When a screening starts.
#[derive(Deserialize)]
struct Started {
    #[serde(rename = "_id")]
    id: ScreeningId,
    /// In milliseconds.
    start_time: i64,
}

/// What is written of a screening; its film's title and hall's name are theirs.
#[derive(Serialize)]
struct Written<'a> {
    movie_id: MovieId,
    hall_id: HallId,
    start_time: i64,
    end_time: i64,
    /// For occupancy.
    seats_for_sale: i64,
    #[serde(with = "prices")]
    prices: &'a Prices,
    layout: &'a Layout,
}

/// A screening with names.
#[derive(Deserialize)]
struct Joined {
    #[serde(rename = "_id")]
    id: ScreeningId,
    revision: u64,
    movie_id: MovieId,
    hall_id: HallId,
    #[serde(with = "millisecond::required")]
    start_time: Timestamp,
    #[serde(with = "millisecond::required")]
    end_time: Timestamp,
    #[serde(with = "prices")]
    prices: Prices,
    layout: Layout,
    movie: Option<NamedMovie>,
    hall: Option<NamedHall>,
}

#[derive(Default, Deserialize)]
struct NamedMovie {
    details: Titled,
}

#[derive(Default, Deserialize)]
struct Titled {
    title: String,
}

#[derive(Default, Deserialize)]
struct NamedHall {
    name: String,
}

impl Joined {
    fn screening(self) -> Screening {
        Screening {
            id: self.id,
            movie_id: self.movie_id,
            hall_id: self.hall_id,
            start_time: self.start_time,
            end_time: self.end_time,
            movie_title: self.movie.unwrap_or_default().details.title,
            hall_name: self.hall.unwrap_or_default().name,
            layout: self.layout,
            prices: self.prices,
        }
    }
}

/// Where and when a screening is.
pub(super) async fn find_place(conn: &mut Conn, id: ScreeningId) -> Result<Option<Place>, Fault> {
    conn.find(SCREENINGS, by_id(id)).await
}

/// A screening with its revision.
pub(super) async fn find_screening(conn: &mut Conn, id: ScreeningId) -> Result<Option<(Screening, u64)>, Fault> {
    let mut pipeline = vec![doc! { "$match": by_id(id) }];
    pipeline.extend(with_names());
    let found: Vec<Joined> = conn.aggregate(SCREENINGS, pipeline).await?;
    Ok(found.into_iter().next().map(|joined| (joined.revision, joined.screening())).map(|(revision, s)| (s, revision)))
}

/// In order of start, then id.
pub(super) async fn list_screenings(
    conn: &mut Conn,
    filter: &ScreeningFilter,
    page: PageRequest,
) -> Result<Page<Screening>, Fault> {
    let mut pipeline = list_of(filter, page).to_vec();
    pipeline.extend(with_names());
    let found: Vec<Joined> = conn.aggregate(SCREENINGS, pipeline).await?;
    let items = found.into_iter().map(Joined::screening).collect();
    Ok(Page::cut(items, page.limit, |s: &Screening| Cursor { at: ms(s.start_time), id: s.id.as_uuid() }))
}

/// The same page without what is large.
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

/// Those of these that are there.
pub(super) async fn find_screenings(conn: &mut Conn, ids: &[ScreeningId]) -> Result<Vec<Screening>, Fault> {
    let mut pipeline = vec![doc! { "$match": { "_id": { "$in": texts(ids) } } }];
    pipeline.extend(with_names());
    let found: Vec<Joined> = conn.aggregate(SCREENINGS, pipeline).await?;
    Ok(found.into_iter().map(Joined::screening).collect())
}

/// What fits, in order, one more than the page.
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
    if let Some(at) = filter.start_time {
        pages::add(&mut found, doc! { "start_time": ms(at) });
    }
    if let Some(from) = filter.from {
        pages::add(&mut found, doc! { "start_time": { "$gte": ms(from) } });
    }
    if let Some(end) = filter.before {
        pages::add(&mut found, doc! { "start_time": { "$lt": ms(end) } });
    }
    pages::earliest_first(found, "start_time", page.after)
}

/// A deleted film or hall still gives its name to the screenings of the past.
fn with_names() -> [Document; 3] {
    let join = |from: &str, id: &str, name: &str, into: &str| {
        let only_name = vec![doc! { "$project": { name: 1 } }];
        doc! { "$lookup": {
            "from": from, "localField": id, "foreignField": "_id", "pipeline": only_name, "as": into
        } }
    };
    [
        join(MOVIES, "movie_id", "details.title", "movie"),
        join(HALLS, "hall_id", "name", "hall"),
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
        end_time: ms(screening.end_time),
        seats_for_sale: i64::try_from(for_sale).unwrap_or(i64::MAX),
        prices: &screening.prices,
        layout: &screening.layout,
    };
    let written = mongodb::bson::serialize_to_document(&written)?;
    conn.upsert(SCREENINGS, by_id(screening.id), doc! { "$set": written, "$inc": { "revision": 1i64 } }).await
}
