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

/// Selects screenings; a screening must satisfy all conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScreeningFilter {
    /// Only screenings of these films; of all films when `None`.
    pub movies: Option<Vec<MovieId>>,
    /// Only screenings in this hall.
    pub hall: Option<HallId>,
    /// Only screenings that start exactly at this instant.
    pub start_time: Option<Timestamp>,
    /// Only screenings that start at or after this instant.
    pub from: Option<Timestamp>,
    /// Only screenings that start before this instant.
    pub before: Option<Timestamp>,
    /// Whether to leave out cancelled screenings.
    pub without_cancelled: bool,
}

/// The names of a screening for people who read a list: those that its film and hall have now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreeningNames {
    /// The screening.
    pub id: ScreeningId,
    /// The film's title.
    pub movie_title: String,
    /// The film's title in Thai, if it has one.
    pub movie_title_th: Option<String>,
    /// The hall's name.
    pub hall_name: String,
    /// The hall's name in Thai, if it has one.
    pub hall_name_th: Option<String>,
    /// The start.
    pub start_time: Timestamp,
}

/// One change of the programme. `Put…` with revision 0 creates a record; otherwise it replaces the record if that still
/// has the given revision (optimistic locking). Of two concurrent changes one is refused as `Changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgrammeChange {
    /// Creates or replaces a film. When the film's length changes, the ends of its upcoming screenings move and their
    /// revisions grow, in the same transaction; the cleaning time of each screening stays as planned. Past and
    /// cancelled screenings do not change.
    PutMovie(Movie, u64),
    /// Deletes a film without upcoming screenings.
    DeleteMovie(MovieId),
    /// Creates or replaces a hall. Its screenings show the new names, but their revisions do not grow.
    PutHall(Hall, u64),
    /// Deletes a hall without upcoming screenings.
    DeleteHall(HallId),
    /// Creates or replaces a screening. A move to another time, hall or film is refused once the screening has claims
    /// or bookings. An end that contradicts the film's stored length is refused as `Changed`. A cancelled screening
    /// cannot be changed.
    PutScreening(Screening, u64),
    /// Deletes a screening without claims or bookings.
    DeleteScreening(ScreeningId),
}

/// The result of a change of the programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgrammeOutcome {
    /// The change and its event for the audit log are written.
    Done,
    /// No record has this id.
    NotFound,
    /// Another change was made since the caller read the record; the caller reads it again.
    Changed,
    /// The film or hall has upcoming screenings.
    HasScreenings,
    /// Seats of the screening are claimed or sold.
    HasBookings,
    /// These screenings need the hall at the same time; sorted by id.
    HallBusy(Vec<ScreeningId>),
    /// The screening is cancelled: it is neither changed nor deleted.
    Cancelled,
    /// The film of the screening does not exist, and perhaps its hall does not either.
    MovieMissing,
    /// The hall of the screening does not exist.
    HallMissing,
}

/// Films, halls and screenings. Every write increments the programme's revision and puts its event into the outbox, in
/// one transaction.
#[async_trait]
pub trait Programme: Send + Sync {
    /// The revision of the whole programme, which grows with every change. A server that sees a new one invalidates its
    /// cache.
    async fn revision(&self) -> Backend<u64>;
    /// A film with its record's revision.
    async fn find_movie(&self, id: MovieId) -> Backend<Option<(Movie, u64)>>;
    /// Films sorted by id.
    async fn list_movies(&self, page: PageRequest) -> Backend<Page<Movie>>;
    /// A hall with its record's revision.
    async fn find_hall(&self, id: HallId) -> Backend<Option<(Hall, u64)>>;
    /// Halls sorted by id.
    async fn list_halls(&self, page: PageRequest) -> Backend<Page<Hall>>;
    /// A screening with its record's revision.
    async fn find_screening(&self, id: ScreeningId) -> Backend<Option<(Screening, u64)>>;
    /// Screenings sorted by start and id, each with its record's revision.
    async fn list_screenings(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<(Screening, u64)>>;
    /// The ids of the screenings that [`Self::list_screenings`] returns. Servers cache screenings, so they need only
    /// the ids; a layout has some kilobytes.
    async fn list_screening_ids(&self, filter: &ScreeningFilter, page: PageRequest) -> Backend<Page<ScreeningId>>;
    /// The existing screenings with these ids, in any order, each with its record's revision, in one call.
    async fn find_screenings(&self, ids: &[ScreeningId]) -> Backend<Vec<(Screening, u64)>>;
    /// The names of the existing screenings with these ids, in any order, for a list of an administrator. Without layouts
    /// and prices, and with the low priority of such lists, because the screenings may be old and many.
    async fn list_screening_names(&self, ids: &[ScreeningId]) -> Backend<Vec<ScreeningNames>>;
    /// Makes one change of the programme and writes `event`. `now` decides which screenings are upcoming. If several
    /// changes share one event, it is written once.
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
    /// Id of the poster.
    pub id: PosterId,
    /// The media type: `image/png`, `image/jpeg`, `image/webp` or `image/svg+xml`.
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
