//! The event log, in the order of publication.

use axum::{Json, extract::State};
use jiff::Timestamp;
use seatkeeper_core::{
    event::{Event, EventKind},
    ids::{EventId, PersonId, ScreeningId},
    invalid::Rule,
    ports::{LoggedEvent, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::Admin,
    error::{ApiError, ApiResult},
    extract::{LIMIT_RULE, Query},
    state::App,
    wire::{EventTypeShape, List},
};

/// An event as it travels.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// Unique, and the same on redelivery.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Its type.
    #[schema(value_type = EventTypeShape)]
    pub r#type: &'static str,
    /// The version of its shape.
    pub version: u32,
    /// When it happened.
    #[serde(with = "seatkeeper_core::time_text")]
    pub at: Timestamp,
    /// Where, if anywhere.
    #[schema(value_type = Option<String>, required = true)]
    pub screening_id: Option<ScreeningId>,
    /// Who did it, if anybody.
    #[schema(value_type = Option<String>, required = true)]
    pub actor: Option<PersonId>,
    /// What happened, by type.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

impl EventBody {
    pub(super) fn new(event: &Event) -> Self {
        Self {
            id: event.id,
            r#type: event.kind.type_name(),
            version: event.version,
            at: event.at,
            screening_id: event.screening_id,
            actor: event.actor,
            data: data_of(&event.kind),
        }
    }
}

/// An event at its place in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventItem {
    /// Its place; grows.
    pub position: i64,
    /// The event.
    #[serde(flatten)]
    pub event: EventBody,
}

/// The data of an event, by its type.
pub(super) fn data_of(kind: &EventKind) -> serde_json::Value {
    let mut tagged = serde_json::to_value(kind).unwrap_or_default();
    tagged.get_mut("data").map(serde_json::Value::take).unwrap_or_default()
}

/// Finds the event type with this name; `invalid` for unknown ones.
pub(super) fn event_type(name: &str) -> ApiResult<&'static str> {
    let known = EventKind::TYPES.iter().copied().find(|known| *known == name);
    known.ok_or_else(|| ApiError::invalid("type", Rule::OneOf { values: EventKind::TYPES.join(", ") }))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// After this position.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Of this type.
    #[param(value_type = Option<EventTypeShape>)]
    r#type: Option<String>,
    /// The `next_cursor` of the previous page; left out for the first page.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl EventsQuery {
    /// Returns the position in the event log after which to list, and the number of events to list.
    fn range(&self) -> ApiResult<(i64, u32)> {
        let limit = self.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(ApiError::invalid("limit", LIMIT_RULE));
        }
        let after = self.after.unwrap_or(0);
        if after < 0 {
            return Err(ApiError::invalid("after", Rule::AtLeast { min: 0 }));
        }
        let position = |text: &str| text.parse::<i64>().ok().filter(|at| *at >= 0 && at.to_string() == text);
        let bad_cursor = || ApiError::invalid("cursor", Rule::Cursor {});
        let cursor = self.cursor.as_deref().map(|text| position(text).ok_or_else(bad_cursor)).transpose()?;
        Ok((cursor.unwrap_or(0).max(after), limit))
    }
}

/// The event log, in the order it was sent
#[utoipa::path(get, path = "/api/admin/events", tag = "For administrators: events", security(("session" = [])),
    params(EventsQuery), responses((status = 200, body = List<EventItem>)))]
pub(crate) async fn list_events(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Json<List<EventItem>>> {
    let (after, limit) = query.range()?;
    let type_name = query.r#type.as_deref().map(event_type).transpose()?;
    // Read one more than the page, to know whether there is a next page.
    let mut found = app.office.stores.events.list_events(after, type_name, limit + 1).await?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().map(|logged| logged.position.to_string());
    let item = |LoggedEvent { position, event }| EventItem { position, event: EventBody::new(&event) };
    let items = found.into_iter().map(item).collect();
    Ok(Json(List { items, next_cursor: last.filter(|_| is_more) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_of_the_event_log_is_a_log_position() {
        let range = |cursor: Option<&str>, after| {
            EventsQuery { cursor: cursor.map(str::to_owned), after, ..EventsQuery::default() }.range().ok()
        };
        assert_eq!(range(None, None), Some((0, 50)));
        assert_eq!(range(None, Some(7)), Some((7, 50)));
        assert_eq!(range(Some("9"), Some(7)), Some((9, 50)), "the second page of the events after 7");
        for bad in ["", "x", "-1", "+1", "01"] {
            assert_eq!(range(Some(bad), None), None, "{bad}");
        }
        assert_eq!(range(None, Some(-1)), None);
    }

    #[test]
    fn event_data_has_the_fields_of_its_type() {
        let kind = EventKind::SystemError { code: "internal".into(), place: "GET /x".into(), count: 2 };
        assert_eq!(data_of(&kind).to_string(), r#"{"code":"internal","count":2,"place":"GET /x"}"#);
        assert!(event_type("SYSTEM_ERROR").is_ok() && event_type("system_error").is_err());
    }
}
