//! Confirmation mails, for administrators.

use axum::{Json, extract::State, http::StatusCode};
use seatkeeper_core::{
    box_office::{self, MailRetry},
    ids::MailId,
    ports::{Mail, MailStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::Admin,
    error::{ApiResult, ErrorCode},
    extract::{PageParams, PathId, Query},
    state::App,
    wire::{List, MailStatusShape},
};

/// A confirmation mail.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MailId,
    /// The booking that it confirms.
    pub booking_code: String,
    /// The address of the last attempt, or of the first one if there was none.
    pub to: String,
    /// Its status.
    #[schema(value_type = MailStatusShape)]
    pub status: MailStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed, in words, with the mail server's reply.
    #[schema(required = true)]
    pub last_error: Option<String>,
}

impl MailItem {
    fn new(mail: Mail) -> Self {
        Self {
            id: mail.mail.id,
            booking_code: mail.mail.booking_code,
            to: mail.mail.to,
            status: mail.status,
            attempts: mail.attempts,
            last_error: mail.last_error,
        }
    }
}

/// Which mails.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MailQuery {
    /// In this state.
    #[param(value_type = Option<MailStatusShape>)]
    status: Option<MailStatus>,
    /// The `next_cursor` of the previous page; left out for the first page.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Confirmation mails, newest first
#[utoipa::path(get, path = "/api/admin/mail", tag = "For administrators: events", security(("session" = [])),
    params(MailQuery), responses((status = 200, body = List<MailItem>)))]
pub(crate) async fn list_mail(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<MailQuery>,
) -> ApiResult<Json<List<MailItem>>> {
    let page = PageParams { cursor: query.cursor, limit: query.limit }.page()?;
    let found = app.office.stores.mails.list_mails(query.status, page).await?;
    Ok(Json(List::of(found, MailItem::new)))
}

/// Sends a mail once more, as soon as possible, to the customer's present address
#[utoipa::path(post, path = "/api/admin/mail/{id}/retry", tag = "For administrators: events", security(("session" = [])),
    params(("id" = String, Path)),
    responses((status = 202, body = MailItem), (status = 404, description = "`mail_not_found`"),
        (status = 409, description = "`already_sent`")))]
pub(crate) async fn retry_mail(
    State(app): State<App>,
    _: Admin,
    id: PathId,
) -> ApiResult<(StatusCode, Json<MailItem>)> {
    let id = id.parse(MailId::parse, ErrorCode::MailNotFound)?;
    match box_office::retry_mail(&app.office, id).await? {
        MailRetry::Due(mail) => Ok((StatusCode::ACCEPTED, Json(MailItem::new(mail)))),
        MailRetry::AlreadySent => Err(ErrorCode::AlreadySent.into()),
        MailRetry::Missing => Err(ErrorCode::MailNotFound.into()),
    }
}
