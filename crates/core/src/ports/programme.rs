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

/// Which screenings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScreeningFilter {
    /// Of these films; all when `None`.
    pub movies: Option<Vec<MovieId>>,
    /// Starting at this very instant.
    pub start_time: Option<Timestamp>,
    /// Starting at or after.
    pub from: Option<Timestamp>,
    /// Starting before.
    pub before: Option<Timestamp>,
    /// Leave out those that are cancelled.
    pub without_cancelled: bool,
}

/// One change of the programme. `Put…` with an id that is not there creates, if its revision is 0; otherwise it replaces
/// what has the same revision, so that of two changes at once one is asked to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgrammeChange {
    /// Creates or replaces a film. When its length changes, its screenings to come end that much earlier or later, in the
    /// same transaction, and their revisions grow; each keeps the cleaning time with which it was planned. Past and
    /// cancelled ones stay as they are.
    PutMovie(Movie, u64),
    /// Deletes a film without screenings to come.
    DeleteMovie(MovieId),
    /// Creates or replaces a hall.
    PutHall(Hall, u64),
    /// Deletes a hall without screenings to come.
    DeleteHall(HallId),
    /// Creates or replaces a screening; a move (time, hall, film) is refused once it has claims or bookings. `Changed`, too,
    /// when its end is not the one that follows from the film's length in the store. A cancelled one stays as it is.
    PutScreening(Screening, u64),
    /// Deletes a screening without claims or bookings.
    DeleteScreening(ScreeningId),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgrammeOutcome {
    /// It was made, with its event.
    Done,
    /// There is nothing of that id.
    NotFound,
    /// Somebody changed it meanwhile; read again.
    Changed,
    /// Screenings are to come.
    HasScreenings,
    /// Seats are claimed or sold.
    HasBookings,
    /// These screenings need the hall at the same time; in order of id.
    HallBusy(Vec<ScreeningId>),
    /// The screening is cancelled: it is neither changed nor deleted.
    Cancelled,
    /// The film or hall of the screening is not there.
    PartMissing,
}

/// Films, halls and screenings. Every write bumps the revision and puts its event into the outbox, in one transaction.
#[async_trait]
pub trait Programme: Send + Sync {
    /// A number that grows with every change: a server that sees another one forgets what it remembers.
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
    /// The same page, only their ids, and only they are read: servers have the screenings at hand, and a layout is some
    /// kilobytes.
    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>>;
    /// Those of these screenings that are there, in any order, in one call, each with its own revision.
    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>>;
    /// Makes one change. `now` decides which screenings are still to come. One event may tell of several changes: it is
    /// left alone when it is there already.
    async fn change_programme(
        &self,
        change: &ProgrammeChange,
        event: &Event,
        now: Timestamp,
    ) -> Backend<ProgrammeOutcome>;
}

/// A picture of a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poster {
    /// Its id.
    pub id: PosterId,
    /// `image/png`, `image/jpeg`, `image/webp` or `image/svg+xml`.
    pub content_type: String,
    /// As uploaded.
    pub bytes: Bytes,
}

/// Pictures of films.
#[async_trait]
pub trait Posters: Send + Sync {
    /// Keeps a picture.
    async fn put_poster(&self, poster: &Poster) -> Backend<()>;
    /// A picture.
    async fn find_poster(&self, id: PosterId) -> Backend<Option<Poster>>;
}
