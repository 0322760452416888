//! The table of contents: every route of the server, once.

use std::sync::Arc;

use axum::{Router, http::Method, middleware::from_fn_with_state};
use tower_http::compression::{
    CompressionLayer,
    predicate::{NotForContentType, Predicate, SizeAbove},
};
use utoipa::openapi::{OpenApi, path::PathItem};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    auth,
    front_door::{Door, Methods, front_door},
    live, openapi, page,
    state::App,
};

/// Answers shorter than this fit one packet and are not worth compressing, in bytes.
const COMPRESSED_FROM_BYTES: u64 = 1_024;

/// Calls where a microsecond counts: no compression.
fn lean() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}

/// All others.
fn rest() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(auth::routes()).merge(auth::demo_idp::routes()).merge(live::routes())
}

/// Every route with its description.
pub(crate) fn table() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base()).merge(lean()).merge(rest())
}

/// The whole server: calls, documents, the page.
pub fn router(app: App) -> Router {
    let (_, document) = table().split_for_parts();
    let (lean, _) = lean().split_for_parts();
    let (rest, _) = rest().split_for_parts();
    let worth_it =
        SizeAbove::new(COMPRESSED_FROM_BYTES).and(NotForContentType::IMAGES).and(NotForContentType::const_new("font/"));
    let door = Door { app: app.clone(), methods: Arc::new(methods_of(&document)) };
    rest.fallback(page::get_page)
        .layer(CompressionLayer::new().compress_when(worth_it))
        .merge(lean)
        .method_not_allowed_fallback(page::refuse_method)
        .layer(from_fn_with_state(door, front_door))
        .with_state(app)
}

/// Which methods each path has.
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
