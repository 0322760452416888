//! Health, readiness and metrics, for operators.

use std::time::Duration;

use axum::{Json, extract::State, http::header, response::IntoResponse};
use futures_util::future::join_all;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    state::App,
};

/// Timeout of a backend's ping.
const PING_WITHIN: Duration = Duration::from_secs(2);

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
}

/// Whether the process runs
#[utoipa::path(get, path = "/healthz", tag = "Operations", responses((status = 200, body = Health)))]
pub(crate) async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether its stores answer
#[utoipa::path(get, path = "/readyz", tag = "Operations",
    responses((status = 200, body = Health), (status = 503, description = "`not_ready`: which part does not answer")))]
pub(crate) async fn get_readiness(State(app): State<App>) -> ApiResult<Json<Health>> {
    let pings = app.health.iter().map(|part| async {
        let is_well = matches!(tokio::time::timeout(PING_WITHIN, part.ping()).await, Ok(Ok(())));
        (!is_well).then(|| part.part())
    });
    let away: Vec<&str> = join_all(pings).await.into_iter().flatten().collect();
    if away.is_empty() {
        return Ok(Json(Health { status: "ok" }));
    }
    let detail = format!("no answer from: {}", away.join(", "));
    Err(ApiError::new(ErrorCode::NotReady).detail(detail).retry_after(1))
}

/// Counters for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "Operations", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn get_metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (app.metrics)())
}
