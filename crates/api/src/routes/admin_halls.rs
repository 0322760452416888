//! The programme: halls.

use axum::{Json, extract::State, http::StatusCode};
use seatkeeper_core::{
    box_office, catalogue,
    ids::HallId,
    seating::{Layout, LayoutDraft},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{changed, editor, some};
use crate::{
    auth::Admin,
    error::{ApiResult, ErrorCode},
    extract::{self, PageParams, PageQuery, PathId},
    request_id,
    state::App,
    wire::{LayoutShape, List},
};

/// A hall and its seats.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hall {
    /// Its id.
    #[schema(value_type = String)]
    pub id: HallId,
    /// As on its door.
    pub name: String,
    /// The name in Thai.
    #[schema(required = true)]
    pub name_th: Option<String>,
    /// Its seats.
    #[schema(value_type = LayoutShape)]
    pub layout: Layout,
}

impl Hall {
    fn new(hall: catalogue::Hall) -> Self {
        Self { id: hall.id, name: hall.name, name_th: hall.name_th, layout: hall.layout }
    }
}

/// A new hall.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct HallInput {
    /// 1–200 characters.
    #[schema(max_length = 200)]
    name: String,
    /// The name in Thai, 1–200 characters.
    #[schema(max_length = 200)]
    name_th: Option<String>,
    /// Its seats.
    #[schema(value_type = LayoutShape)]
    layout: LayoutDraft,
}

/// Changes of a hall: what is left out stays, `null` clears. Screenings keep the layout of the day they were made.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct HallPatch {
    /// 1–200 characters.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// The name in Thai, 1–200 characters.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>, max_length = 200)]
    name_th: Option<Option<String>>,
    /// Its seats.
    #[schema(value_type = Option<LayoutShape>)]
    layout: Option<LayoutDraft>,
}

/// All halls
#[utoipa::path(get, path = "/api/admin/halls", tag = "For administrators: programme", security(("session" = [])),
    params(PageParams), responses((status = 200, body = List<Hall>)))]
pub(crate) async fn list_halls(
    State(app): State<App>,
    _: Admin,
    PageQuery(page): PageQuery,
) -> ApiResult<Json<List<Hall>>> {
    Ok(Json(List::of(app.office.stores.programme.list_halls(page).await?, Hall::new)))
}

/// A hall
#[utoipa::path(get, path = "/api/admin/halls/{id}", tag = "For administrators: programme", security(("session" = [])),
    params(("id" = String, Path)),
    responses((status = 200, body = Hall), (status = 404, description = "`hall_not_found`")))]
pub(crate) async fn get_hall(State(app): State<App>, _: Admin, id: PathId) -> ApiResult<Json<Hall>> {
    let id = id.parse(HallId::parse, ErrorCode::HallNotFound)?;
    let (hall, _) = app.office.stores.programme.find_hall(id).await?.ok_or(ErrorCode::HallNotFound)?;
    Ok(Json(Hall::new(hall)))
}

/// Adds a hall
#[utoipa::path(post, path = "/api/admin/halls", tag = "For administrators: programme", security(("session" = [])),
    request_body = HallInput, responses((status = 201, body = Hall)))]
pub(crate) async fn create_hall(
    State(app): State<App>,
    Admin(person): Admin,
    extract::Json(input): extract::Json<HallInput>,
) -> ApiResult<(StatusCode, Json<Hall>)> {
    let (office, request) = (&app.office, request_id::current());
    let HallInput { name, name_th, layout } = input;
    let layout = Layout::parse(layout)?;
    let hall = catalogue::Hall { id: HallId::generate(office.now(), &*office.entropy), name, name_th, layout };
    let made = box_office::create_hall(office, editor(&person, &request), hall).await?;
    Ok((StatusCode::CREATED, Json(Hall::new(changed(made, ErrorCode::HallNotFound)?))))
}

/// Changes a hall
#[utoipa::path(patch, path = "/api/admin/halls/{id}", tag = "For administrators: programme", security(("session" = [])),
    params(("id" = String, Path)), request_body = HallPatch,
    responses((status = 200, body = Hall), (status = 404, description = "`hall_not_found`")))]
pub(crate) async fn update_hall(
    State(app): State<App>,
    Admin(person): Admin,
    id: PathId,
    extract::Json(HallPatch { name, name_th, layout }): extract::Json<HallPatch>,
) -> ApiResult<Json<Hall>> {
    let request = request_id::current();
    catalogue::Hall::check_names(name.as_deref(), name_th.as_ref().and_then(Option::as_deref))?;
    let layout = layout.map(Layout::parse).transpose()?;
    let id = id.parse(HallId::parse, ErrorCode::HallNotFound)?;
    let edit = |old: catalogue::Hall| catalogue::Hall {
        id,
        name: name.clone().unwrap_or(old.name),
        name_th: name_th.clone().unwrap_or(old.name_th),
        layout: layout.clone().unwrap_or(old.layout),
    };
    let hall = box_office::update_hall(&app.office, editor(&person, &request), id, edit).await?;
    Ok(Json(Hall::new(changed(hall, ErrorCode::HallNotFound)?)))
}

/// Deletes a hall without screenings to come
#[utoipa::path(delete, path = "/api/admin/halls/{id}", tag = "For administrators: programme",
    security(("session" = [])), params(("id" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 404, description = "`hall_not_found`"),
        (status = 409, description = "`has_screenings`")))]
pub(crate) async fn delete_hall(State(app): State<App>, Admin(person): Admin, id: PathId) -> ApiResult<StatusCode> {
    let request = request_id::current();
    let id = id.parse(HallId::parse, ErrorCode::HallNotFound)?;
    let gone = box_office::delete_hall(&app.office, editor(&person, &request), id).await?;
    changed(gone, ErrorCode::HallNotFound).map(|()| StatusCode::NO_CONTENT)
}
