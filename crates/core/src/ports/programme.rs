//! The programme: films, halls, screenings, posters.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Backend, Page, PageRequest};
use crate::{
    catalogue::{Hall, Movie, Screening},
    event::Event,
    ids::{HallId, MovieId, PosterId, ScreeningId},
};

/// Selects screenings; all conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScreeningFilter {
    /// Of these films; all when `None`.
    pub movies: Option<Vec<MovieId>>,
    /// Starting exactly at this instant.
    pub start_time: Option<Timestamp>,
    /// Starting at or after.
    pub from: Option<Timestamp>,
    /// Starting before.
    pub before: Option<Timestamp>,
    /// Whether to leave out cancelled ones.
    pub without_cancelled: bool,
}

/// One change of the programme. `Put…` with revision 0 creates; otherwise it replaces the record of that revision (optimistic
/// locking), so that one of two concurrent changes is refused as `Changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgrammeChange {
    /// Creates or replaces a film. When its length changes, its upcoming screenings end that much earlier or later, in the
    /// same transaction, and their revisions grow; the cleaning time of each stays as planned. Past and cancelled screenings
    /// do not change.
    PutMovie(Movie, u64),
    /// Deletes a film without upcoming screenings.
    DeleteMovie(MovieId),
    /// Creates or replaces a hall.
    PutHall(Hall, u64),
    /// Deletes a hall without upcoming screenings.
    DeleteHall(HallId),
    /// Creates or replaces a screening. A move (time, hall, film) is refused once it has claims or bookings. Also refused, as
    /// `Changed`, if its end contradicts the film's stored length. A cancelled screening cannot be changed.
    PutScreening(Screening, u64),
    /// Deletes a screening without claims or bookings.
    DeleteScreening(ScreeningId),
}

/// The result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgrammeOutcome {
    /// The change and its event are written.
    Done,
    /// No record has this id.
    NotFound,
    /// The record was changed concurrently; read it again.
    Changed,
    /// The film or hall has upcoming screenings.
    HasScreenings,
    /// Seats are claimed or sold.
    HasBookings,
    /// These screenings need the hall at the same time; in order of id.
    HallBusy(Vec<ScreeningId>),
    /// The screening is cancelled: it is neither changed nor deleted.
    Cancelled,
    /// The film or hall of the screening does not exist.
    PartMissing,
}

/// Films, halls and screenings. Every write bumps the revision and puts its event into the outbox, in one transaction.
#[async_trait]
pub trait Programme: Send + Sync {
    /// A number that grows with every change. A server that sees a new one invalidates its cache.
    async fn revision(&self) -> Backend<u64>;
    /// A film with its own revision.
    async fn find_movie(&self, id: MovieId) -> Backend<Option<(Movie, u64)>>;
    /// Films in order of id.
    async fn list_movies(&self, page: PageRequest) -> Backend<Page<Movie>>;
    /// A hall with its own revision.
    async fn find_hall(&self, id: HallId) -> Backend<Option<(Hall, u64)>>;
    /// Halls in order of id.
    async fn list_halls(&self, page: PageRequest) -> Backend<Page<Hall>>;
    /// A screening with its own revision.
    async fn find_screening(&self, id: ScreeningId) -> Backend<Option<(Screening, u64)>>;
    /// Screenings in order of start, then id, each with its own revision.
    async fn list_screenings(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<(Screening, u64)>>;
    /// The same page, ids only, without reading anything else: servers cache screenings, and a layout has some kilobytes.
    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>>;
    /// The screenings of these ids that exist, in any order, each with its own revision, in one call.
    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>>;
    /// Makes one change. `now` decides which screenings are upcoming. Several changes may share one event, written once.
    async fn change_programme(
        &self,
        change: &ProgrammeChange,
        event: &Event,
        now: Timestamp,
    ) -> Backend<ProgrammeOutcome>;
}

/// A poster of a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poster {
    /// Its id.
    pub id: PosterId,
    /// `image/png`, `image/jpeg`, `image/webp` or `image/svg+xml`.
    pub content_type: String,
    /// The file as uploaded.
    pub bytes: Bytes,
}

/// Posters of films.
#[async_trait]
pub trait Posters: Send + Sync {
    /// Stores a poster.
    async fn put_poster(&self, poster: &Poster) -> Backend<()>;
    /// Finds a poster.
    async fn find_poster(&self, id: PosterId) -> Backend<Option<Poster>>;
}
