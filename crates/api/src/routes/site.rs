//! Settings of the site that the page needs first.

use axum::{Json, extract::State};
use seatkeeper_core::{money::Currency, payment::PaymentMethod, person::Language};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    config::SignInKind,
    state::App,
    wire::{CurrencyShape, LanguageShape, PaymentMethodShape},
};

/// The cinema and its rules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Site {
    /// The cinema's name.
    #[schema(example = "Seatkeeper Cinema")]
    pub name: String,
    /// The cinema's time zone: days and times are shown in it.
    #[schema(example = "Asia/Bangkok")]
    pub time_zone: String,
    /// The currency of all prices.
    #[schema(value_type = CurrencyShape)]
    pub currency: Currency,
    /// Languages of the page.
    #[schema(value_type = Vec<LanguageShape>)]
    pub languages: &'static [Language],
    /// With whom people sign in.
    pub sign_in: SignInKind,
    /// Seats that one person may hold at once at one screening.
    #[schema(example = 10)]
    pub seats_per_person: usize,
    /// How long a lock lasts, in seconds.
    #[schema(example = 300)]
    pub lock_ttl_s: i64,
    /// How long a payment may take, in seconds.
    #[schema(example = 300)]
    pub payment_ttl_s: i64,
    /// Ways to pay, in the order in which they are offered.
    #[schema(value_type = Vec<PaymentMethodShape>)]
    pub payment_methods: &'static [PaymentMethod],
}

/// Name, settings and limits of the site
#[utoipa::path(get, path = "/api/site", tag = "Site", responses((status = 200, body = Site)))]
pub(crate) async fn get_site(State(app): State<App>) -> Json<Site> {
    let settings = &app.office.settings;
    Json(Site {
        name: app.config.site_name.clone(),
        time_zone: settings.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        currency: Currency::Thb,
        languages: Language::ALL,
        sign_in: app.config.sign_in.kind(),
        seats_per_person: settings.seats_per_person,
        lock_ttl_s: settings.lock_ttl.as_secs(),
        payment_ttl_s: settings.payment_ttl.as_secs(),
        payment_methods: PaymentMethod::ALL,
    })
}
