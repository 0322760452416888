//! Sales by day and by film.

use axum::{Json, extract::State};
use jiff::civil::Date;
use seatkeeper_core::{box_office, ids::MovieId, money::Money, ports::MovieSales};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::Admin,
    error::ApiResult,
    extract::Query,
    state::App,
    wire::{List, MoneyShape},
};

/// Days of sale of the cinema's time zone, both included, at most 400.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DaysQuery {
    /// The first day.
    #[param(example = "2026-11-01")]
    from: Date,
    /// The last day.
    #[param(example = "2026-11-30")]
    to: Date,
}

/// Sales of a day; refunded bookings are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DailyReport {
    /// The day.
    pub date: Date,
    /// Bookings.
    pub bookings: u64,
    /// Seats (a pair is one).
    pub seats: u64,
    /// Money.
    #[schema(value_type = MoneyShape)]
    pub revenue: Money,
}

/// Sales by day, days without sales too
#[utoipa::path(get, path = "/api/admin/reports/daily", tag = "For administrators: sales", security(("session" = [])),
    params(DaysQuery), responses((status = 200, body = List<DailyReport>)))]
pub(crate) async fn report_daily(
    State(app): State<App>,
    _: Admin,
    Query(days): Query<DaysQuery>,
) -> ApiResult<Json<List<DailyReport>>> {
    let sales = box_office::list_daily_sales(&app.office, days.from, days.to).await??;
    let items = sales.into_iter().map(|day| DailyReport {
        date: day.date,
        bookings: day.totals.bookings,
        seats: day.totals.seats,
        revenue: Money::satang(day.totals.revenue),
    });
    Ok(Json(List::whole(items.collect())))
}

/// Sales of a film; refunded bookings are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovieReport {
    /// The film.
    #[schema(value_type = String)]
    pub movie_id: MovieId,
    /// Its title.
    pub movie_title: String,
    /// Its title in Thai, if it has one.
    #[schema(required = true)]
    pub movie_title_th: Option<String>,
    /// Bookings.
    pub bookings: u64,
    /// Seats (a pair is one).
    pub seats: u64,
    /// Money.
    #[schema(value_type = MoneyShape)]
    pub revenue: Money,
    /// Seats sold of those offered, 0 to 1, over its screenings shown in these days; null when there were none.
    #[schema(required = true, example = 0.42)]
    pub occupancy: Option<f64>,
}

impl MovieReport {
    fn new(sales: MovieSales) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seats are counted in thousands")]
        let share = |sold: u64, offered: u64| (offered > 0).then(|| sold as f64 / offered as f64);
        Self {
            movie_id: sales.movie_id,
            movie_title: sales.movie_title,
            movie_title_th: sales.movie_title_th,
            bookings: sales.totals.bookings,
            seats: sales.totals.seats,
            revenue: Money::satang(sales.totals.revenue),
            occupancy: share(sales.shown_seats_sold, sales.shown_seats_offered),
        }
    }
}

/// Sales by film, greatest revenue first
#[utoipa::path(get, path = "/api/admin/reports/movies", tag = "For administrators: sales", security(("session" = [])),
    params(DaysQuery), responses((status = 200, body = List<MovieReport>)))]
pub(crate) async fn report_movies(
    State(app): State<App>,
    _: Admin,
    Query(days): Query<DaysQuery>,
) -> ApiResult<Json<List<MovieReport>>> {
    let sales = box_office::list_movie_sales(&app.office, days.from, days.to).await??;
    Ok(Json(List::whole(sales.into_iter().map(MovieReport::new).collect())))
}
