//! Queries of films, halls, screenings and posters. [`super::programme_change`] has the changes.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use mongodb::bson::{Binary, Document, doc};
use seatkeeper_core::{
    catalogue::{Hall, Movie, MovieDetails, Screening},
    event::Event,
    ids::{HallId, MovieId, PosterId, ScreeningId},
    ports::{
        Backend, Cursor, Page, PageRequest, Poster, Posters, Programme, ProgrammeChange, ProgrammeOutcome,
        ScreeningFilter, ScreeningNames,
    },
    seating::Layout,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    MongoStore,
    documents::{binary, by_id},
    pages,
    programme_change::{self, REVISION, still_there},
    schema::{COUNTERS, HALLS, MOVIES, POSTERS},
    screenings,
};

#[derive(Deserialize)]
struct StoredMovie {
    #[serde(rename = "_id")]
    id: MovieId,
    revision: u64,
    details: MovieDetails,
}

#[derive(Deserialize)]
struct StoredHall {
    #[serde(rename = "_id")]
    id: HallId,
    revision: u64,
    name: String,
    /// Missing in documents of earlier versions.
    #[serde(default)]
    name_th: Option<String>,
    layout: Layout,
}

#[derive(Deserialize)]
struct StoredPoster {
    content_type: String,
    bytes: Binary,
}

#[derive(Deserialize)]
struct Counter {
    value: u64,
}

impl From<StoredMovie> for Movie {
    fn from(stored: StoredMovie) -> Self {
        Self { id: stored.id, details: stored.details }
    }
}

impl From<StoredHall> for Hall {
    fn from(stored: StoredHall) -> Self {
        Self { id: stored.id, name: stored.name, name_th: stored.name_th, layout: stored.layout }
    }
}

#[async_trait]
impl Programme for MongoStore {
    async fn revision(&self) -> Backend<u64> {
        let counter: Option<Counter> = self.call(self.conn().find(COUNTERS, doc! { "_id": REVISION })).await?;
        Ok(counter.map_or(0, |counter| counter.value))
    }

    async fn find_movie(&self, id: MovieId) -> Backend<Option<(Movie, u64)>> {
        let stored: Option<StoredMovie> = self.call(self.conn().find(MOVIES, still_there(by_id(id)))).await?;
        Ok(stored.map(|stored| (stored.revision, stored.into())).map(|(revision, movie)| (movie, revision)))
    }

    async fn list_movies(&self, page: PageRequest) -> Backend<Page<Movie>> {
        let filter = still_there(pages::by_id_after(Document::new(), page));
        let mut conn = self.conn();
        let stored = conn.list::<StoredMovie>(MOVIES, filter, doc! { "_id": 1 }, pages::limit(page));
        let movies = self.call(stored).await?.into_iter().map(Movie::from).collect();
        Ok(Page::cut(movies, page.limit, |movie: &Movie| of_id(movie.id.as_uuid())))
    }

    async fn find_hall(&self, id: HallId) -> Backend<Option<(Hall, u64)>> {
        let stored: Option<StoredHall> = self.call(self.conn().find(HALLS, still_there(by_id(id)))).await?;
        Ok(stored.map(|stored| (stored.revision, stored.into())).map(|(revision, hall)| (hall, revision)))
    }

    async fn list_halls(&self, page: PageRequest) -> Backend<Page<Hall>> {
        let filter = still_there(pages::by_id_after(Document::new(), page));
        let mut conn = self.conn();
        let stored = conn.list::<StoredHall>(HALLS, filter, doc! { "_id": 1 }, pages::limit(page));
        let halls = self.call(stored).await?.into_iter().map(Hall::from).collect();
        Ok(Page::cut(halls, page.limit, |hall: &Hall| of_id(hall.id.as_uuid())))
    }

    async fn find_screening(&self, id: ScreeningId) -> Backend<Option<(Screening, u64)>> {
        self.call(screenings::find_screening(&mut self.conn(), id)).await
    }

    async fn list_screenings(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<(Screening, u64)>> {
        self.call(screenings::list_screenings(&mut self.conn(), filter, page)).await
    }

    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>> {
        self.call(screenings::list_screening_ids(&mut self.conn(), filter, page)).await
    }

    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>> {
        self.call(screenings::find_screenings(&mut self.conn(), ids)).await
    }

    async fn list_screening_names(&self, ids: &[ScreeningId]) -> Backend<Vec<ScreeningNames>> {
        let (mut conn, ids) = (self.conn(), ids.to_vec());
        self.admin_call(async move { screenings::list_names(&mut conn, &ids).await }).await
    }

    async fn change_programme(
        &self,
        change: &ProgrammeChange,
        event: &Event,
        now: Timestamp,
    ) -> Backend<ProgrammeOutcome> {
        self.transact((change, event), move |conn, (change, event)| {
            programme_change::change(conn, change, event, now).boxed()
        })
        .await
    }
}

fn of_id(id: Uuid) -> Cursor {
    Cursor { at: 0, id }
}

#[async_trait]
impl Posters for MongoStore {
    async fn put_poster(&self, poster: &Poster) -> Backend<()> {
        let fields = doc! { "content_type": &poster.content_type, "bytes": binary(&poster.bytes) };
        self.call(self.conn().upsert(POSTERS, by_id(poster.id), doc! { "$set": fields })).await
    }

    async fn find_poster(&self, id: PosterId) -> Backend<Option<Poster>> {
        let stored: Option<StoredPoster> = self.call(self.conn().find(POSTERS, by_id(id))).await?;
        Ok(stored.map(|stored| Poster {
            id,
            content_type: stored.content_type,
            bytes: Bytes::from(stored.bytes.bytes),
        }))
    }
}
