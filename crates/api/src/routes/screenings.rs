//! Screenings by day and film.

use axum::{Json, extract::State};
use jiff::{Timestamp, civil::Date};
use seatkeeper_core::{
    box_office::{self, day_span},
    catalogue::{OpenScreening, Prices},
    ids::{MovieId, ScreeningId},
    money::Money,
    ports::{Page, ScreeningFilter},
    seating::Layout,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{ApiResult, ErrorCode},
    extract::{PageParams, PathId, Query},
    state::App,
    wire::{LayoutShape, List, MoneyShape, PricesShape, ScreeningStateShape},
};

/// A showing of a film in a hall.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Screening {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ScreeningId,
    /// The film.
    #[schema(value_type = String)]
    pub movie_id: MovieId,
    /// Its title.
    pub movie_title: String,
    /// Where.
    pub hall_name: String,
    /// The start.
    #[serde(with = "seatkeeper_core::time_text")]
    pub start_time: Timestamp,
    /// The end of the film.
    #[serde(with = "seatkeeper_core::time_text")]
    pub end_time: Timestamp,
    /// The cheapest seat that can be sold, free or not.
    #[schema(value_type = MoneyShape)]
    pub price_from: Money,
    /// Grows when film, hall, start, end, prices or state change.
    pub revision: u64,
    /// Whether tickets can be bought.
    #[schema(value_type = ScreeningStateShape)]
    pub state: &'static str,
}

impl Screening {
    pub(super) fn new(open: &OpenScreening, now: Timestamp) -> Self {
        let screening = &open.screening;
        Self {
            id: screening.id,
            movie_id: screening.movie_id,
            movie_title: screening.movie_title.clone(),
            hall_name: screening.hall_name.clone(),
            start_time: screening.start_time,
            end_time: screening.end_time,
            price_from: open.price_from(),
            revision: open.revision,
            state: open.state(now).as_str(),
        }
    }
}

/// A screening with its seats and prices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScreeningDetail {
    /// What lists say of it.
    #[serde(flatten)]
    pub screening: Screening,
    /// Its own copy of the hall's layout.
    #[schema(value_type = LayoutShape)]
    pub layout: Layout,
    /// By category.
    #[schema(value_type = PricesShape)]
    pub prices: Prices,
    /// When sales end.
    #[serde(with = "seatkeeper_core::time_text")]
    pub sales_close_at: Timestamp,
}

impl ScreeningDetail {
    pub(crate) fn new(open: &OpenScreening, now: Timestamp) -> Self {
        Self {
            screening: Screening::new(open, now),
            layout: open.screening.layout.clone(),
            prices: open.screening.prices.clone(),
            sales_close_at: open.sales_close_at,
        }
    }
}

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
    /// Where the page before ended: its `next_cursor`.
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
