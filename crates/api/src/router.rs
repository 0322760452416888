//! The routing table: every route of the server, once.

use std::sync::Arc;

use axum::{Router, http::Method, middleware::from_fn_with_state};
use tower_http::compression::{
    CompressionLayer,
    predicate::{NotForContentType, Predicate, SizeAbove},
};
use utoipa::openapi::{OpenApi, path::PathItem};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    asset::COMPRESSED_FROM_BYTES,
    auth,
    front_door::{Door, Methods, front_door},
    live, openapi, page,
    routes::{
        admin_audit, admin_bookings, admin_dead_letters, admin_events, admin_halls, admin_mail, admin_movies,
        admin_reports, admin_screenings, bookings, docs, health, locks, movies, payment_callbacks, payments, posters,
        screenings, site,
    },
    state::App,
    unsent::charge_answer,
};

/// Latency-critical calls, whose answers are not compressed.
fn lean() -> OpenApiRouter<App> {
    let locks = OpenApiRouter::new().routes(routes!(locks::get_hold, locks::lock_seats, locks::unlock_seats));
    locks.merge(auth::lean_routes())
}

/// All other calls, whose answers are compressed.
fn rest() -> OpenApiRouter<App> {
    public().merge(admin()).merge(auth::routes()).merge(auth::demo_idp::routes()).merge(live::routes())
}

fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(site::get_site))
        .routes(routes!(movies::list_movies))
        .routes(routes!(movies::get_movie))
        .routes(routes!(screenings::list_screenings))
        .routes(routes!(screenings::get_screening))
        .routes(routes!(payments::start_payment))
        .routes(routes!(payments::get_payment))
        .routes(routes!(payments::confirm_payment))
        .routes(routes!(payments::cancel_payment))
        .routes(routes!(payment_callbacks::receive_callback))
        .routes(routes!(bookings::list_bookings))
        .routes(routes!(bookings::get_booking))
        .routes(routes!(posters::get_poster))
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_readiness))
        .routes(routes!(health::get_metrics))
        .routes(routes!(docs::get_openapi))
        .routes(routes!(docs::get_docs))
        .routes(routes!(docs::get_docs_file))
}

fn admin() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(admin_bookings::list_all_bookings))
        .routes(routes!(admin_bookings::export_bookings))
        .routes(routes!(admin_reports::report_daily))
        .routes(routes!(admin_reports::report_movies))
        .routes(routes!(admin_audit::list_audit))
        .routes(routes!(admin_events::list_events))
        .routes(routes!(admin_dead_letters::list_dead_letters))
        .routes(routes!(admin_dead_letters::replay_dead_letter))
        .routes(routes!(admin_mail::list_mail))
        .routes(routes!(admin_mail::retry_mail))
        .routes(routes!(admin_movies::list_all_movies, admin_movies::create_movie))
        .routes(routes!(admin_movies::get_any_movie, admin_movies::update_movie, admin_movies::delete_movie))
        .routes(routes!(admin_halls::list_halls, admin_halls::create_hall))
        .routes(routes!(admin_halls::get_hall, admin_halls::update_hall, admin_halls::delete_hall))
        .routes(routes!(admin_screenings::list_all_screenings, admin_screenings::create_screening))
        .routes(routes!(
            admin_screenings::get_any_screening,
            admin_screenings::update_screening,
            admin_screenings::delete_screening
        ))
        .routes(routes!(posters::upload_poster))
}

/// Every route with its OpenAPI description.
fn table() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base()).merge(lean()).merge(rest())
}

/// The OpenAPI document of all calls.
#[must_use]
pub fn openapi_document() -> OpenApi {
    openapi::complete(table().into_openapi())
}

/// Returns the router of the whole server: API, API documentation and web page.
pub fn router(app: App) -> Router {
    let (_, document) = table().split_for_parts();
    let (lean, _) = lean().split_for_parts();
    let (rest, _) = rest().split_for_parts();
    let worth_it = SizeAbove::new(COMPRESSED_FROM_BYTES as u64)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("font/"));
    let door = Door { app: app.clone(), methods: Arc::new(methods_of(&document)) };
    // Files and seat maps are cached in compressed form; the compression layer does not touch them.
    rest.fallback(page::get_page)
        .layer(from_fn_with_state(Arc::clone(&app.unsent), charge_answer))
        .layer(CompressionLayer::new().compress_when(worth_it))
        .merge(lean)
        .method_not_allowed_fallback(page::refuse_method)
        .layer(from_fn_with_state(door, front_door))
        .with_state(app)
}

/// The methods of each path.
fn methods_of(document: &OpenApi) -> Methods {
    document.paths.paths.iter().map(|(path, item)| (path.clone(), methods_of_item(item))).collect()
}

fn methods_of_item(item: &PathItem) -> Vec<Method> {
    let all = [
        (item.get.is_some(), Method::GET),
        (item.get.is_some(), Method::HEAD),
        (item.post.is_some(), Method::POST),
        (item.put.is_some(), Method::PUT),
        (item.patch.is_some(), Method::PATCH),
        (item.delete.is_some(), Method::DELETE),
    ];
    all.into_iter().filter_map(|(is_there, method)| is_there.then_some(method)).collect()
}
