//! Queries of films, halls, screenings and posters; [`super::programme_change`] writes them.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Row;
use seatkeeper_core::{
    catalogue::{Hall, Movie, Screening},
    event::Event,
    ids::{HallId, MovieId, PosterId, ScreeningId},
    ports::{
        Backend, Cursor, Page, PageRequest, Poster, Posters, Programme, ProgrammeChange, ProgrammeOutcome,
        ScreeningFilter, ScreeningNames,
    },
};
use uuid::Uuid;

use super::{
    SqliteStore, programme_change,
    rows::{Columns, Fault, StoredId, count, find, limit, list, run},
    screenings,
};

#[async_trait]
impl Programme for SqliteStore {
    async fn revision(&self) -> Backend<u64> {
        self.read(|tx| count(tx, "SELECT value FROM counters WHERE name = 'programme_revision'", [])).await
    }

    async fn find_movie(&self, id: MovieId) -> Backend<Option<(Movie, u64)>> {
        let sql = "SELECT id, details, revision FROM movies WHERE id = ?1 AND deleted_at IS NULL";
        let read = |row: &Row<'_>| Ok((read_movie(row)?, row.number("revision")?));
        self.read(move |tx| find(tx, sql, [id.bytes()], read)).await
    }

    async fn list_movies(&self, page: PageRequest) -> Backend<Page<Movie>> {
        let sql = "SELECT id, details FROM movies WHERE id > ?1 AND deleted_at IS NULL ORDER BY id LIMIT ?2";
        self.read(move |tx| {
            let items = list(tx, sql, (after_id(page), limit(page)), read_movie)?;
            Ok(Page::cut(items, page.limit, |movie| by_id(movie.id.uuid())))
        })
        .await
    }

    async fn find_hall(&self, id: HallId) -> Backend<Option<(Hall, u64)>> {
        let sql = "SELECT id, name, name_th, layout, revision FROM halls WHERE id = ?1 AND deleted_at IS NULL";
        let read = |row: &Row<'_>| Ok((read_hall(row)?, row.number("revision")?));
        self.read(move |tx| find(tx, sql, [id.bytes()], read)).await
    }

    async fn list_halls(&self, page: PageRequest) -> Backend<Page<Hall>> {
        let sql =
            "SELECT id, name, name_th, layout FROM halls WHERE id > ?1 AND deleted_at IS NULL ORDER BY id LIMIT ?2";
        self.read(move |tx| {
            let items = list(tx, sql, (after_id(page), limit(page)), read_hall)?;
            Ok(Page::cut(items, page.limit, |hall| by_id(hall.id.uuid())))
        })
        .await
    }

    async fn find_screening(&self, id: ScreeningId) -> Backend<Option<(Screening, u64)>> {
        self.read(move |tx| screenings::find_screening(tx, id)).await
    }

    async fn list_screenings(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<(Screening, u64)>> {
        let filter = filter.clone();
        self.read(move |tx| screenings::list_screenings(tx, &filter, page)).await
    }

    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>> {
        let filter = filter.clone();
        self.read(move |tx| screenings::list_screening_ids(tx, &filter, page)).await
    }

    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>> {
        let ids = ids.to_vec();
        self.read(move |tx| screenings::find_screenings(tx, &ids)).await
    }

    async fn list_screening_names(&self, ids: &[ScreeningId]) -> Backend<Vec<ScreeningNames>> {
        let ids = ids.to_vec();
        self.admin_read(move |tx| screenings::list_names(tx, &ids)).await
    }

    async fn change_programme(
        &self,
        change: &ProgrammeChange,
        event: &Event,
        now: Timestamp,
    ) -> Backend<ProgrammeOutcome> {
        let (change, event) = (change.clone(), event.clone());
        self.write(move |tx| programme_change::change(tx, &change, &event, now)).await
    }
}

/// The id after which a page begins. For the first page it is empty, which sorts before every id.
fn after_id(page: PageRequest) -> Vec<u8> {
    page.after.map(|cursor| cursor.id.into_bytes().to_vec()).unwrap_or_default()
}

fn by_id(id: Uuid) -> Cursor {
    Cursor { at: 0, id }
}

fn read_movie(row: &Row<'_>) -> Result<Movie, Fault> {
    Ok(Movie { id: row.id("id")?, details: row.json("details")? })
}

fn read_hall(row: &Row<'_>) -> Result<Hall, Fault> {
    Ok(Hall { id: row.id("id")?, name: row.get("name")?, name_th: row.get("name_th")?, layout: row.json("layout")? })
}

#[async_trait]
impl Posters for SqliteStore {
    async fn put_poster(&self, poster: &Poster) -> Backend<()> {
        let poster = poster.clone();
        let sql = "INSERT INTO posters (id, content_type, bytes) VALUES (?1, ?2, ?3) \
             ON CONFLICT (id) DO UPDATE SET content_type = excluded.content_type, bytes = excluded.bytes";
        self.write(move |tx| run(tx, sql, (poster.id.bytes(), &poster.content_type, &poster.bytes[..])).map(|_| ()))
            .await
    }

    async fn find_poster(&self, id: PosterId) -> Backend<Option<Poster>> {
        let sql = "SELECT content_type, bytes FROM posters WHERE id = ?1";
        let read = move |row: &Row<'_>| {
            let bytes: Vec<u8> = row.get("bytes")?;
            Ok(Poster { id, content_type: row.get("content_type")?, bytes: Bytes::from(bytes) })
        };
        self.read(move |tx| find(tx, sql, [id.bytes()], read)).await
    }
}
