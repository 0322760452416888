//! The history of everything.

use axum::{Json, extract::State};
use jiff::{Timestamp, civil::Date};
use seatkeeper_core::{
    box_office::{BoxOffice, day_span},
    event::EventKind,
    ids::{EventId, PersonId},
    ports::{AuditFilter, Page},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::admin_events::{data_of, event_type};
use crate::{
    auth::Admin,
    error::{ApiError, ApiResult},
    extract::{PageParams, Query},
    state::App,
    wire::{EventTypeShape, List},
};

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// The event's id.
    #[schema(value_type = String)]
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What it tells of.
    #[schema(value_type = EventTypeShape)]
    pub r#type: &'static str,
    /// Who did it, if anybody.
    #[schema(value_type = Option<String>, required = true)]
    pub actor: Option<PersonId>,
    /// The request that did it, if one did.
    #[schema(required = true)]
    pub request_id: Option<String>,
    /// What happened, by type.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Of this type.
    #[param(value_type = Option<EventTypeShape>)]
    r#type: Option<String>,
    /// By this person.
    actor: Option<String>,
    /// From this day of the cinema's time zone.
    from: Option<Date>,
    /// To this day, included.
    to: Option<Date>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl AuditQuery {
    /// `None` inside: nobody has that id, so nobody did anything.
    fn filter(&self, office: &BoxOffice) -> ApiResult<Option<AuditFilter>> {
        let day = |field: &str, date: Option<Date>| {
            let span = date.map(|date| day_span(date, date, &office.settings.time_zone));
            span.transpose().map_err(|_| ApiError::invalid(field, "not a day of the calendar"))
        };
        let type_name = self.r#type.as_deref().map(event_type).transpose()?.map(str::to_owned);
        let (from, before) = (day("from", self.from)?.map(|day| day.0), day("to", self.to)?.map(|day| day.1));
        if self.from.zip(self.to).is_some_and(|(from, to)| to < from) {
            return Err(ApiError::invalid("to", "not before from"));
        }
        let actor = self.actor.as_deref().map(PersonId::parse);
        if actor == Some(None) {
            return Ok(None);
        }
        Ok(Some(AuditFilter { type_name, actor: actor.flatten(), from, before }))
    }
}

/// The audit log, newest first
#[utoipa::path(get, path = "/api/admin/audit", tag = "For administrators: events", security(("session" = [])),
    params(AuditQuery), responses((status = 200, body = List<AuditEntry>)))]
pub(crate) async fn list_audit(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<AuditQuery>,
) -> ApiResult<Json<List<AuditEntry>>> {
    let page = PageParams { cursor: query.cursor.clone(), limit: query.limit }.page()?;
    let found = match query.filter(&app.office)? {
        Some(filter) => app.office.audit.list_audit(&filter, page).await?,
        None => Page { items: Vec::new(), next: None },
    };
    Ok(Json(List::of(found, |entry| {
        let event = entry.event;
        let r#type = EventKind::type_name(&event.kind);
        let data = data_of(&event.kind);
        AuditEntry { id: event.id, at: event.at, r#type, actor: event.actor, request_id: event.request_id, data }
    })))
}
