//! Films on show, with their upcoming screenings.

use axum::{Extension, Json, extract::State};
use jiff::Timestamp;
use seatkeeper_core::{
    box_office::{self, MovieOnShow},
    catalogue::{MovieDetails, ScreeningState, SharedScreening},
    ids::{MovieId, ScreeningId},
    money::Money,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    client_address::ClientKeys,
    error::{ApiResult, ErrorCode},
    extract::{PageParams, PageQuery, PathId},
    permits::RequestPermit,
    state::App,
    wire::{List, MoneyShape, ScreeningStateShape},
};

/// A film and when it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Movie {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MovieId,
    /// In English or the original language.
    pub title: String,
    /// In Thai.
    #[schema(required = true)]
    pub title_th: Option<String>,
    /// What it is about.
    #[schema(required = true)]
    pub synopsis: Option<String>,
    /// The same in Thai.
    #[schema(required = true)]
    pub synopsis_th: Option<String>,
    /// Short words.
    pub genres: Vec<String>,
    /// How long it runs, in minutes.
    #[schema(example = 118)]
    pub duration_min: u32,
    /// The age rating.
    #[schema(required = true, example = "13+")]
    pub rating: Option<String>,
    /// A path of this site.
    #[schema(required = true, example = "/posters/film.svg")]
    pub poster_url: Option<String>,
    /// Screenings that have not started, by time.
    pub screenings: Vec<MovieScreening>,
}

/// A showing of a film.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovieScreening {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ScreeningId,
    /// The start.
    #[serde(with = "seatkeeper_core::time_text")]
    pub start_time: Timestamp,
    /// Where.
    pub hall_name: String,
    /// The hall's name in Thai, if it has one.
    #[schema(required = true)]
    pub hall_name_th: Option<String>,
    /// The cheapest seat that can be sold, free or not.
    #[schema(value_type = MoneyShape)]
    pub price_from: Money,
    /// Seats that can be sold, free or not.
    pub seats_total: usize,
    /// Seats that can be bought just now; up to 2 s old.
    pub seats_available: u32,
    /// Grows when film, hall, start, end, prices or state change.
    pub revision: u64,
    /// Whether tickets can be bought.
    #[schema(value_type = ScreeningStateShape)]
    pub state: ScreeningState,
}

impl Movie {
    fn new(movie: MovieOnShow, seats_available: &mut impl Iterator<Item = u32>, now: Timestamp) -> Self {
        let MovieDetails { title, title_th, synopsis, synopsis_th, genres, duration_min, rating, poster_url } =
            movie.movie.details;
        let screenings = movie.screenings.iter().map(|open| MovieScreening {
            id: open.screening.id,
            start_time: open.screening.start_time,
            hall_name: open.screening.hall_name.clone(),
            hall_name_th: open.screening.hall_name_th.clone(),
            price_from: open.price_from(),
            seats_total: open.plan.seats_for_sale(),
            seats_available: seats_available.next().unwrap_or_default(),
            revision: open.revision,
            state: open.state(now),
        });
        let screenings = screenings.collect();
        let id = movie.movie.id;
        Self { id, title, title_th, synopsis, synopsis_th, genres, duration_min, rating, poster_url, screenings }
    }
}

async fn with_seats(app: &App, movies: &[MovieOnShow]) -> ApiResult<impl Iterator<Item = u32> + use<>> {
    let all: Vec<SharedScreening> = movies.iter().flat_map(|movie| &movie.screenings).cloned().collect();
    Ok(app.rooms.seats_available(&all).await?.into_iter())
}

/// Films, each with its screenings that have not started
#[utoipa::path(get, path = "/api/movies", tag = "What is on", params(PageParams), responses((status = 200, body = List<Movie>)))]
pub(crate) async fn list_movies(
    State(app): State<App>,
    permit: Option<Extension<RequestPermit>>,
    PageQuery(page): PageQuery,
) -> ApiResult<Json<List<Movie>>> {
    let network = permit.and_then(|Extension(permit)| permit.client()).map(ClientKeys::widest);
    let _permit = app.list_permits.acquire(network, page.limit).await;
    let movies = box_office::list_movies_on_show(&app.office, page).await?;
    let is_whole = page.after.is_none() && movies.next.is_none();
    app.list_permits.note_listed(is_whole.then_some(movies.items.len()));
    let mut seats = with_seats(&app, &movies.items).await?;
    let now = app.office.now();
    Ok(Json(List::of(movies, |movie| Movie::new(movie, &mut seats, now))))
}

/// A film
#[utoipa::path(get, path = "/api/movies/{id}", tag = "What is on", params(("id" = String, Path)),
    responses((status = 200, body = Movie), (status = 404, description = "`movie_not_found`")))]
pub(crate) async fn get_movie(State(app): State<App>, id: PathId) -> ApiResult<Json<Movie>> {
    let id = id.parse(MovieId::parse, ErrorCode::MovieNotFound)?;
    let movie = box_office::movie_on_show(&app.office, id).await?.ok_or(ErrorCode::MovieNotFound)?;
    let mut seats = with_seats(&app, std::slice::from_ref(&movie)).await?;
    Ok(Json(Movie::new(movie, &mut seats, app.office.now())))
}
