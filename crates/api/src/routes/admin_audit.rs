//! The audit log.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, civil::Date};
use seatkeeper_core::{
    box_office::BoxOffice,
    event::{Event, EventKind},
    ids::{EventId, PersonId, ScreeningId},
    person::Person,
    ports::{AuditFilter, Page, ScreeningNames},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    admin_events::{data_of, event_type},
    days::open_span,
};
use crate::{
    auth::Admin,
    error::ApiResult,
    extract::{PageParams, Query},
    state::App,
    wire::{EventTypeShape, List},
};

/// Maximum number of concurrent reads of people for one page, which seldom names more than a few.
const PEOPLE_ASKED_AT_ONCE: usize = 8;

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// The event's id.
    #[schema(value_type = String)]
    pub id: EventId,
    /// When it happened.
    #[serde(with = "seatkeeper_core::time_text")]
    pub at: Timestamp,
    /// Its type.
    #[schema(value_type = EventTypeShape)]
    pub r#type: &'static str,
    /// Who did it, if anybody.
    #[schema(value_type = Option<String>, required = true)]
    pub actor: Option<PersonId>,
    /// Their name today; null when nobody did it, or nobody knows them any more.
    #[schema(required = true)]
    pub actor_name: Option<String>,
    /// Their e-mail today, as the name.
    #[schema(required = true)]
    pub actor_email: Option<String>,
    /// The request that did it, if one did.
    #[schema(required = true)]
    pub request_id: Option<String>,
    /// The screening that it is about, as it is now; null when it is about none, or the screening was deleted.
    #[schema(required = true)]
    pub screening: Option<EntryScreening>,
    /// What happened, by type.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// The names of a screening, for people who read the log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EntryScreening {
    /// The film's title.
    pub movie_title: String,
    /// The film's title in Thai, if it has one.
    #[schema(required = true)]
    pub movie_title_th: Option<String>,
    /// The hall.
    pub hall_name: String,
    /// The hall's name in Thai, if it has one.
    #[schema(required = true)]
    pub hall_name_th: Option<String>,
    /// The start.
    #[serde(with = "seatkeeper_core::time_text")]
    pub start_time: Timestamp,
}

impl EntryScreening {
    fn new(names: ScreeningNames) -> Self {
        let ScreeningNames { id: _, movie_title, movie_title_th, hall_name, hall_name_th, start_time } = names;
        Self { movie_title, movie_title_th, hall_name, hall_name_th, start_time }
    }
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
    /// The `next_cursor` of the previous page; left out for the first page.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl AuditQuery {
    /// The filter; `None` for a malformed actor id, which no entry can have.
    fn filter(&self, office: &BoxOffice) -> ApiResult<Option<AuditFilter>> {
        let type_name = self.r#type.as_deref().map(event_type).transpose()?.map(str::to_owned);
        let (from, before) = open_span(self.from, self.to, &office.settings.time_zone)?;
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
        Some(filter) => app.office.stores.audit.list_audit(&filter, page).await?,
        None => Page { items: Vec::new(), next: None },
    };
    let actors = find_actors(&app.office, &found.items).await?;
    let screenings = find_screenings(&app.office, &found.items).await?;
    Ok(Json(List::of(found, |event| {
        let actor = event.actor.and_then(|actor| actors.get(&actor));
        AuditEntry {
            id: event.id,
            at: event.at,
            r#type: EventKind::type_name(&event.kind),
            actor: event.actor,
            actor_name: actor.map(|person| person.name.clone()),
            actor_email: actor.map(|person| person.email.clone()),
            request_id: event.request_id,
            screening: event.screening_id.and_then(|id| screenings.get(&id).cloned()),
            data: data_of(&event.kind),
        }
    })))
}

/// Reads the people who did the events of a page, each person once.
async fn find_actors(office: &BoxOffice, events: &[Event]) -> ApiResult<HashMap<PersonId, Person>> {
    let ids: HashSet<PersonId> = events.iter().filter_map(|event| event.actor).collect();
    let asked = stream::iter(ids).map(|id| office.stores.people.find_person(id)).buffer_unordered(PEOPLE_ASKED_AT_ONCE);
    let found = asked.try_filter_map(|person| async { Ok(person.map(|person| (person.id, person))) });
    Ok(found.try_collect().await?)
}

/// Reads the names of the screenings that the events of a page are about. Not through the shared cache of screenings,
/// because old screenings would displace those on sale there.
async fn find_screenings(office: &BoxOffice, events: &[Event]) -> ApiResult<HashMap<ScreeningId, EntryScreening>> {
    let ids: HashSet<ScreeningId> = events.iter().filter_map(|event| event.screening_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<ScreeningId> = ids.into_iter().collect();
    let found = office.stores.programme.list_screening_names(&ids).await?;
    Ok(found.into_iter().map(|names| (names.id, EntryScreening::new(names))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tests::support::World;

    #[tokio::test]
    async fn entries_have_the_names_of_known_actors() {
        let world = World::new();
        let server = world.server(|_| ());
        let (boss, office) = (server.browser(), &server.app.office);
        boss.sign_in("boss@example.test").await;
        let id = boss.me().await.json()["id"].clone();
        let known = PersonId::parse(id.as_str().unwrap());
        let unknown = PersonId::parse("00000000-0000-0000-0000-000000000001");
        for actor in [known, unknown, None, known] {
            let kind = EventKind::AuditLog { action: "test".into(), subject: None, details: serde_json::Value::Null };
            office.stores.audit.append_audit(&[office.event(kind).by(actor)]).await.unwrap();
        }
        let entries = boss.get("/api/admin/audit").await.json()["items"].clone();
        let shown = |entry: &serde_json::Value| {
            assert!(entry.get("actor_name").is_some() && entry.get("actor_email").is_some(), "{entry}");
            format!("{} {} {}", entry["actor"], entry["actor_name"], entry["actor_email"])
        };
        let mut shown: Vec<String> = entries.as_array().unwrap().iter().map(shown).collect();
        shown.sort();
        let named = format!("{id} \"boss\" \"boss@example.test\"");
        let mut expected =
            [named.clone(), named, format!("\"{}\" null null", unknown.unwrap()), "null null null".to_owned()];
        expected.sort();
        assert_eq!(shown, expected);
    }
}
