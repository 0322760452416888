//! Dead letters: events that a consumer could not handle.

use axum::{Json, extract::State};
use jiff::Timestamp;
use seatkeeper_core::{
    box_office,
    ids::DeadLetterId,
    ports::{self, Consumer},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::admin_events::EventBody;
use crate::{
    auth::Admin,
    error::{ApiResult, ErrorCode},
    extract::{PageParams, PageQuery, PathId},
    state::App,
    wire::List,
};

/// An event that a consumer gave up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetter {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeadLetterId,
    /// Who gave it up.
    pub consumer: ConsumerName,
    /// The event.
    pub event: EventBody,
    /// What went wrong.
    pub error: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was given up.
    #[serde(with = "seatkeeper_core::time_text")]
    pub at: Timestamp,
}

/// Who reads the event log.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConsumerName {
    /// Files confirmation mails.
    Mail,
    /// Keeps the audit log.
    Audit,
}

impl DeadLetter {
    pub(super) fn new(letter: ports::DeadLetter) -> Self {
        let consumer = match letter.consumer {
            Consumer::Mail => ConsumerName::Mail,
            Consumer::Audit => ConsumerName::Audit,
        };
        let event = EventBody::new(&letter.event);
        Self { id: letter.id, consumer, event, error: letter.error, tries: letter.tries, at: letter.at }
    }
}

/// Events that could not be handled, newest first
#[utoipa::path(get, path = "/api/admin/dead-letters", tag = "For administrators: events", security(("session" = [])),
    params(PageParams), responses((status = 200, body = List<DeadLetter>)))]
pub(crate) async fn list_dead_letters(
    State(app): State<App>,
    _: Admin,
    PageQuery(page): PageQuery,
) -> ApiResult<Json<List<DeadLetter>>> {
    let found = app.office.stores.dead_letters.list_dead_letters(page).await?;
    Ok(Json(List::of(found, DeadLetter::new)))
}

/// How a replay ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replay {
    /// Whether it was handled; then it is a dead letter no longer.
    pub handled: bool,
    /// What went wrong, if it was not.
    #[schema(required = true)]
    pub error: Option<String>,
}

/// Handles a dead letter once more
#[utoipa::path(post, path = "/api/admin/dead-letters/{id}/replay", tag = "For administrators: events",
    security(("session" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Replay), (status = 404, description = "`dead_letter_not_found`")))]
pub(crate) async fn replay_dead_letter(State(app): State<App>, _: Admin, id: PathId) -> ApiResult<Json<Replay>> {
    let id = id.parse(DeadLetterId::parse, ErrorCode::DeadLetterNotFound)?;
    let replayed = box_office::replay_dead_letter(&app.office, id).await?.ok_or(ErrorCode::DeadLetterNotFound)?;
    Ok(Json(Replay { handled: replayed.is_ok(), error: replayed.err() }))
}
