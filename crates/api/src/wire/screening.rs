//! Screenings.

use jiff::Timestamp;
use seatkeeper_core::{
    catalogue::{OpenScreening, Prices, ScreeningState},
    ids::{MovieId, ScreeningId},
    money::Money,
    seating::Layout,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{LayoutShape, MoneyShape, PricesShape, ScreeningStateShape};

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
    /// Its title in Thai, if it has one.
    #[schema(required = true)]
    pub movie_title_th: Option<String>,
    /// Where.
    pub hall_name: String,
    /// The hall's name in Thai, if it has one.
    #[schema(required = true)]
    pub hall_name_th: Option<String>,
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
    pub state: ScreeningState,
}

impl Screening {
    pub(crate) fn new(open: &OpenScreening, now: Timestamp) -> Self {
        let screening = &open.screening;
        Self {
            id: screening.id,
            movie_id: screening.movie_id,
            movie_title: screening.movie_title.clone(),
            movie_title_th: screening.movie_title_th.clone(),
            hall_name: screening.hall_name.clone(),
            hall_name_th: screening.hall_name_th.clone(),
            start_time: screening.start_time,
            end_time: screening.end_time,
            price_from: open.price_from(),
            revision: open.revision,
            state: open.state(now),
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
