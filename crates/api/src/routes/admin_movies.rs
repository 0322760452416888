//! The programme: films.

use axum::{Json, extract::State, http::StatusCode};
use seatkeeper_core::{
    box_office,
    catalogue::{Movie, MovieDetails},
    ids::MovieId,
    invalid::Invalid,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{changed, editor, some};
use crate::{
    auth::Admin,
    error::{ApiResult, ErrorCode},
    extract::{self, PageParams, PageQuery, PathId},
    request_id,
    state::App,
    wire::List,
};

/// A film.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminMovie {
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
    pub duration_min: u32,
    /// The age rating.
    #[schema(required = true)]
    pub rating: Option<String>,
    /// A path of this site.
    #[schema(required = true)]
    pub poster_url: Option<String>,
}

impl AdminMovie {
    fn new(movie: Movie) -> Self {
        let MovieDetails { title, title_th, synopsis, synopsis_th, genres, duration_min, rating, poster_url } =
            movie.details;
        Self { id: movie.id, title, title_th, synopsis, synopsis_th, genres, duration_min, rating, poster_url }
    }
}

/// A new film.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MovieInput {
    /// In English or the original language, 1–200 characters.
    #[schema(max_length = 200)]
    title: String,
    /// In Thai.
    #[schema(max_length = 200)]
    title_th: Option<String>,
    /// What it is about.
    #[schema(max_length = 4000)]
    synopsis: Option<String>,
    /// The same in Thai.
    #[schema(max_length = 4000)]
    synopsis_th: Option<String>,
    /// At most ten short words.
    #[serde(default)]
    genres: Vec<String>,
    /// How long it runs, in minutes.
    #[schema(minimum = 1, maximum = 1440)]
    duration_min: u32,
    /// The age rating.
    #[schema(max_length = 20)]
    rating: Option<String>,
    /// A path of this site.
    poster_url: Option<String>,
}

impl From<MovieInput> for MovieDetails {
    fn from(input: MovieInput) -> Self {
        let MovieInput { title, title_th, synopsis, synopsis_th, genres, duration_min, rating, poster_url } = input;
        Self { title, title_th, synopsis, synopsis_th, genres, duration_min, rating, poster_url }
    }
}

/// Changes of a film: what is left out stays, `null` clears.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct MoviePatch {
    /// In English or the original language.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// In Thai.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>, max_length = 200)]
    title_th: Option<Option<String>>,
    /// What it is about.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    synopsis: Option<Option<String>>,
    /// The same in Thai.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    synopsis_th: Option<Option<String>>,
    /// At most ten short words.
    genres: Option<Vec<String>>,
    /// How long it runs, in minutes.
    #[schema(minimum = 1, maximum = 1440)]
    duration_min: Option<u32>,
    /// The age rating.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>, max_length = 20)]
    rating: Option<Option<String>>,
    /// A path of this site.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>)]
    poster_url: Option<Option<String>>,
}

impl MoviePatch {
    /// Validates the patch without the film, because 422 `invalid` comes before 404.
    fn check(&self) -> Result<(), Invalid> {
        let sound = MovieDetails {
            title: "A film".to_owned(),
            title_th: None,
            synopsis: None,
            synopsis_th: None,
            genres: Vec::new(),
            duration_min: 1,
            rating: None,
            poster_url: None,
        };
        self.clone().apply(sound).check()
    }

    fn apply(self, old: MovieDetails) -> MovieDetails {
        MovieDetails {
            title: self.title.unwrap_or(old.title),
            title_th: self.title_th.unwrap_or(old.title_th),
            synopsis: self.synopsis.unwrap_or(old.synopsis),
            synopsis_th: self.synopsis_th.unwrap_or(old.synopsis_th),
            genres: self.genres.unwrap_or(old.genres),
            duration_min: self.duration_min.unwrap_or(old.duration_min),
            rating: self.rating.unwrap_or(old.rating),
            poster_url: self.poster_url.unwrap_or(old.poster_url),
        }
    }
}

/// All films
#[utoipa::path(get, path = "/api/admin/movies", tag = "For administrators: programme", security(("session" = [])),
    params(PageParams), responses((status = 200, body = List<AdminMovie>)))]
pub(crate) async fn list_all_movies(
    State(app): State<App>,
    _: Admin,
    PageQuery(page): PageQuery,
) -> ApiResult<Json<List<AdminMovie>>> {
    Ok(Json(List::of(app.office.stores.programme.list_movies(page).await?, AdminMovie::new)))
}

/// A film
#[utoipa::path(get, path = "/api/admin/movies/{id}", tag = "For administrators: programme", security(("session" = [])),
    params(("id" = String, Path)),
    responses((status = 200, body = AdminMovie), (status = 404, description = "`movie_not_found`")))]
pub(crate) async fn get_any_movie(State(app): State<App>, _: Admin, id: PathId) -> ApiResult<Json<AdminMovie>> {
    let id = id.parse(MovieId::parse, ErrorCode::MovieNotFound)?;
    let (movie, _) = app.office.stores.programme.find_movie(id).await?.ok_or(ErrorCode::MovieNotFound)?;
    Ok(Json(AdminMovie::new(movie)))
}

/// Adds a film
#[utoipa::path(post, path = "/api/admin/movies", tag = "For administrators: programme", security(("session" = [])),
    request_body = MovieInput, responses((status = 201, body = AdminMovie)))]
pub(crate) async fn create_movie(
    State(app): State<App>,
    Admin(person): Admin,
    extract::Json(input): extract::Json<MovieInput>,
) -> ApiResult<(StatusCode, Json<AdminMovie>)> {
    let (office, request) = (&app.office, request_id::current());
    let id = MovieId::generate(office.now(), &*office.entropy);
    let made = box_office::create_movie(office, editor(&person, &request), id, input.into()).await?;
    Ok((StatusCode::CREATED, Json(AdminMovie::new(changed(made, ErrorCode::MovieNotFound)?))))
}

/// Changes a film
///
/// When its length changes, its screenings to come end that much earlier or later.
#[utoipa::path(patch, path = "/api/admin/movies/{id}", tag = "For administrators: programme", security(("session" = [])),
    params(("id" = String, Path)), request_body = MoviePatch,
    responses((status = 200, body = AdminMovie), (status = 404, description = "`movie_not_found`"),
        (status = 409, description = "`hall_busy` with `screening_ids`: the new length would make these overlap")))]
pub(crate) async fn update_movie(
    State(app): State<App>,
    Admin(person): Admin,
    id: PathId,
    extract::Json(patch): extract::Json<MoviePatch>,
) -> ApiResult<Json<AdminMovie>> {
    let request = request_id::current();
    patch.check()?;
    let id = id.parse(MovieId::parse, ErrorCode::MovieNotFound)?;
    let edit = |old| patch.clone().apply(old);
    let movie = box_office::update_movie(&app.office, editor(&person, &request), id, edit).await?;
    Ok(Json(AdminMovie::new(changed(movie, ErrorCode::MovieNotFound)?)))
}

/// Deletes a film without screenings to come
#[utoipa::path(delete, path = "/api/admin/movies/{id}", tag = "For administrators: programme",
    security(("session" = [])), params(("id" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 404, description = "`movie_not_found`"),
        (status = 409, description = "`has_screenings`")))]
pub(crate) async fn delete_movie(State(app): State<App>, Admin(person): Admin, id: PathId) -> ApiResult<StatusCode> {
    let request = request_id::current();
    let id = id.parse(MovieId::parse, ErrorCode::MovieNotFound)?;
    let gone = box_office::delete_movie(&app.office, editor(&person, &request), id).await?;
    changed(gone, ErrorCode::MovieNotFound).map(|()| StatusCode::NO_CONTENT)
}
