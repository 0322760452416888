//! The document of all calls, made from the code.

use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::router;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seatkeeper",
        description = "Real-time cinema booking that never sells a seat twice.",
        license(name = "Apache-2.0 OR MIT"),
    ),
    servers((url = "/", description = "This site")),
    components(schemas(crate::error::ErrorCode)),
)]
struct Base;

/// What the calls' own descriptions are added to.
pub(crate) fn base() -> Document {
    let mut document = Base::openapi();
    let cookie = ApiKeyValue::with_description("seatkeeper_session", "The session of whoever signed in");
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    document
}

/// The whole document, as served under `/api/openapi.json`.
#[must_use]
pub fn document() -> Document {
    router::table().into_openapi()
}
