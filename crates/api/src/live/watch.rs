//! `GET /api/ws`: the WebSocket of a screening.

use axum::{
    extract::{FromRequestParts as _, Request, State, ws::WebSocketUpgrade},
    http::request::Parts,
    response::Response,
};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    hub::NoRoom,
    socket::{serve_viewer, with_small_buffers},
};
use crate::{
    auth::SignedInViewer,
    error::{ApiError, ApiResult, ErrorCode},
    extract::parse_query,
    origin,
    permits::RequestPermit,
    screening_name::ScreeningSelector,
    state::App,
};

/// Which screening: by its id, or by film and start together.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WatchParams {
    /// The screening.
    screening_id: Option<String>,
    /// The film, with `start_time`.
    movie_id: Option<String>,
    /// When it begins, RFC 3339, with `movie_id`.
    #[param(value_type = Option<String>, format = DateTime)]
    start_time: Option<Timestamp>,
}

/// Watch a screening (WebSocket)
///
/// No sign-in needed. The server sends JSON text: `snapshot` first and whenever the client is to start over, `changes`
/// as they happen, `alive` every 10 s. Apply `changes` when `prev` ≤ own `seq` < `seq`; ignore an equal `seq`; otherwise
/// reconnect. The list in `changes` may be empty: then only a payment lock changed, and `seq` counts all the same. Clients
/// send nothing; a message over 1 KiB closes the socket.
///
/// A socket that is opened with a session also gets frames that nobody else gets. `{"type":"hold","seq":57,"hold":{…}}`
/// comes after each `snapshot` and whenever this person's hold at this screening changes, on whatever device: `hold` is as
/// `GET /api/lock` answers it, with `payment_id` as the lock store knows it. Of two holds since the last `snapshot`, from
/// frames or answers, the one with the greater `seq` is newer. `{"type":"payment","id":"…","status":"…"}` comes when a
/// payment of this person at this screening changes its status; it may come twice, late or not at all, so ask for the
/// payment before relying on it. When the session ends, the socket stays open and gets no more of these.
#[utoipa::path(
    get,
    path = "/api/ws",
    tag = "What is on",
    params(WatchParams),
    responses(
        (status = 101, description = "Frames follow"),
        (status = 400, description = "`bad_request`: not a WebSocket handshake"),
        (status = 403, description = "`bad_origin`"),
        (status = 404, description = "`screening_not_found`"),
        (status = 409, description = "`ambiguous_screening` with `screening_ids`"),
        (status = 422, description = "`invalid`: no screening named"),
        (status = 503, description = "`try_again`: too many viewers, or the seats cannot be read just now"),
    )
)]
pub(super) async fn watch_screening(State(app): State<App>, request: Request) -> ApiResult<Response> {
    let (mut parts, _) = request.into_parts();
    origin::check_any(&parts.headers, &app.config)?;
    let params: WatchParams = parse_query(parts.uri.query().unwrap_or_default())?;
    let said = ScreeningSelector {
        screening_id: params.screening_id.as_deref(),
        movie_id: params.movie_id.as_deref(),
        start_time: params.start_time,
    };
    let screening = said.find(&app).await?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await;
    let upgrade = upgrade.map_err(|refusal| ApiError::new(ErrorCode::BadRequest).detail(refusal.body_text()))?;
    let client = parts.extensions.get::<RequestPermit>().and_then(RequestPermit::client);
    let permit = app.rooms.admit(client).ok_or_else(|| refuse(NoRoom::Full))?;
    let room = app.rooms.open(screening.screening.id).await.map_err(refuse)?;
    room.set_screening(&screening, app.office.now());
    let viewer = find_viewer(&app, &parts).await;
    Ok(with_small_buffers(upgrade).on_upgrade(move |socket| serve_viewer(socket, room, permit, viewer)))
}

/// Finds the person whose session cookie was sent with the WebSocket request. When the session store does not answer,
/// the socket is anonymous: it still gets the seats, but no hold and payment frames until the client reconnects.
pub(super) async fn find_viewer(app: &App, parts: &Parts) -> Option<SignedInViewer> {
    let found = app.auth.find_viewer(parts).await;
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, "session lookup failed; the socket stays anonymous");
        None
    })
}

fn refuse(why: NoRoom) -> ApiError {
    ApiError::new(ErrorCode::TryAgain).detail(match why {
        NoRoom::Full => "too many are watching",
        NoRoom::NoMap => "the seats cannot be read just now",
        NoRoom::Closed => "the server is stopping, or busy",
    })
}
