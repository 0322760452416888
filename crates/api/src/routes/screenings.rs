//! Screenings by day and film.

use axum::{Json, extract::State};
use jiff::{Timestamp, civil::Date};
use seatkeeper_core::{
    box_office::{self, day_span},
    ids::{MovieId, ScreeningId},
    ports::{Page, ScreeningFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    error::{ApiResult, ErrorCode},
    extract::{PageParams, PathId, Query},
    state::App,
    wire::{List, Screening, ScreeningDetail},
};

/// Which screenings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScreeningsQuery {
    /// Of this film.
    movie_id: Option<String>,
    /// Starting at this very instant.
    start_time: Option<Timestamp>,
    /// On this day of the cinema's time zone.
    date: Option<Date>,
    /// The `next_cursor` of the previous page; left out for the first page.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Screenings that have not started, by time
#[utoipa::path(get, path = "/api/screenings", tag = "What is on", params(ScreeningsQuery),
    responses((status = 200, body = List<Screening>)))]
pub(crate) async fn list_screenings(
    State(app): State<App>,
    Query(query): Query<ScreeningsQuery>,
) -> ApiResult<Json<List<Screening>>> {
    let page = PageParams { cursor: query.cursor, limit: query.limit }.page()?;
    let mut filter = ScreeningFilter { start_time: query.start_time, ..ScreeningFilter::default() };
    if let Some(date) = query.date {
        let (from, before) = day_span(date, date, &app.office.settings.time_zone)?;
        (filter.from, filter.before) = (Some(from), Some(before));
    }
    if let Some(movie) = query.movie_id {
        // An unknown film has no screenings.
        filter.movies = Some(MovieId::parse(&movie).into_iter().collect());
    }
    let is_nothing = filter.movies.as_ref().is_some_and(Vec::is_empty);
    let found = match is_nothing {
        true => Page { items: Vec::new(), next: None },
        false => box_office::list_upcoming(&app.office, filter, page).await?,
    };
    let now = app.office.now();
    Ok(Json(List::of(found, |open| Screening::new(&open, now))))
}

/// A screening with its layout and prices
#[utoipa::path(get, path = "/api/screenings/{id}", tag = "What is on", params(("id" = String, Path)),
    responses((status = 200, body = ScreeningDetail), (status = 404, description = "`screening_not_found`")))]
pub(crate) async fn get_screening(State(app): State<App>, id: PathId) -> ApiResult<Json<ScreeningDetail>> {
    let id = id.parse(ScreeningId::parse, ErrorCode::ScreeningNotFound)?;
    let open = app.office.find_screening(id).await?.ok_or(ErrorCode::ScreeningNotFound)?;
    Ok(Json(ScreeningDetail::new(&open, app.office.now())))
}
