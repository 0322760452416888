//! Idempotent calls: with the same `Idempotency-Key` and body, a call returns the same answer for 24 hours. Which
//! answers are stored depends on the call.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    box_office::BoxOffice,
    ids::{PaymentId, PersonId},
    ports::{Backend, IdempotencyKey, RESERVATION_LEASE_MAX, Reservation, StoredAnswer},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{IdempotencyKeyHeader, parse_json},
    state::App,
};

/// How long a repeated call waits for the end of the first call with the same key, while that call is running.
const WAIT_FOR_FIRST: Duration = Duration::from_secs(5);
/// Initial backoff between two polls for the end of the first call; it doubles up to [`LOOK_PAUSE_MAX`].
const LOOK_PAUSE: Duration = Duration::from_millis(25);
/// Maximum backoff between two polls for the end of the first call.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(400);
/// Lease of a running call, after which a repeated call may execute it again. Longer than the timeout of a request.
const LEASE: SignedDuration = RESERVATION_LEASE_MAX;
/// Maximum size of a stored answer, in bytes; a payment with its QR code takes a tenth of it.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Which answers of a call are stored, so that a repeated call gets the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Successes. A refused call has changed nothing and leaves no record; a repeated call runs again.
    Successes,
    /// Successes, and 402, which ends the payment. Other refusals follow from a state that a repeated call finds again,
    /// so a record of them would only let an account fill the store.
    SuccessesAndDeclines,
}

/// What happens to the idempotency key when its call has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyAfter {
    /// The answer is stored with the key.
    Answered,
    /// The key is deleted.
    Unused,
    /// The lease ends, and the key retains the id of the object, so that a repeated call finds what this one may have
    /// done.
    Free,
}

/// A call as received, identified by person, name and key.
pub(super) struct Call {
    /// The caller.
    pub(super) person: PersonId,
    /// Method and path.
    pub(super) name: String,
    /// The idempotency key, if any.
    pub(super) key: IdempotencyKeyHeader,
    /// The body.
    pub(super) body: Bytes,
    /// Which of its answers are stored.
    pub(super) stored: Stored,
}

/// Executes a call, or repeats its stored answer. `run` does the work and gets an id for the object that it creates.
/// The id is the same whenever a call with the same key runs, so that a run after a crash finds the object of the
/// earlier run. The work continues when the client disconnects.
pub(super) async fn answer<F>(app: &App, call: Call, run: impl FnOnce(Uuid) -> F) -> ApiResult<Response>
where
    F: Future<Output = ApiResult<Response>> + Send + 'static,
{
    let office = &app.office;
    let fresh = PaymentId::generate(office.now(), &*office.entropy).as_uuid();
    let key = match call.key.0 {
        Ok(key) => key,
        // Malformed JSON is reported before an invalid key.
        Err(bad_key) => return parse_json::<serde::de::IgnoredAny>(&call.body).and(Err(bad_key)),
    };
    let Some(key) = key else { return in_own_task(app, run(fresh)).await };
    let key = IdempotencyKey { person_id: call.person, call: call.name, key };
    let (reservation, lease_until) = reserve(office, &key, Sha256::digest(&call.body).into(), fresh).await?;
    match reservation {
        Reservation::Done(stored) => Ok(repeat(stored)),
        Reservation::OtherBody => Err(ErrorCode::IdempotencyKeyReused.into()),
        Reservation::Running => Err(ErrorCode::InProgress.into()),
        Reservation::Run { subject } => {
            let (work, office) = (run(subject), Arc::clone(&app.office));
            // Another id was reserved by an earlier run, which may have created the object before its server crashed.
            let is_first_run = subject == fresh;
            let kept = async move {
                let answered = work.await.unwrap_or_else(IntoResponse::into_response);
                let after = key_after(call.stored, answered.status(), is_first_run);
                keep(&office, &key, lease_until, after, answered).await
            };
            in_own_task(app, kept).await
        }
    }
}

async fn in_own_task(
    app: &App,
    work: impl Future<Output = ApiResult<Response>> + Send + 'static,
) -> ApiResult<Response> {
    app.spawn_call(work).await.unwrap_or_else(|_| Err(ErrorCode::Internal.into()))
}

/// Reserves the key. Returns the reservation and the end of its lease.
async fn reserve(
    office: &BoxOffice,
    key: &IdempotencyKey,
    body: [u8; 32],
    subject: Uuid,
) -> Backend<(Reservation, Timestamp)> {
    let until = tokio::time::Instant::now() + WAIT_FOR_FIRST;
    let mut pause = LOOK_PAUSE;
    loop {
        let now = office.now();
        let lease_until = now.saturating_add(LEASE).unwrap_or(now);
        let reservation = office.stores.reservations.reserve(key, body, subject, now, lease_until).await?;
        if reservation != Reservation::Running || tokio::time::Instant::now() >= until {
            return Ok((reservation, lease_until));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_PAUSE_MAX);
    }
}

async fn keep(
    office: &BoxOffice,
    key: &IdempotencyKey,
    lease_until: Timestamp,
    after: KeyAfter,
    answer: Response,
) -> ApiResult<Response> {
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|error| {
        tracing::error!(%error, "buffering an answer for its idempotency key failed; answering 500");
        ApiError::new(ErrorCode::Internal)
    })?;
    let reservations = &office.stores.reservations;
    note(match after {
        KeyAfter::Answered => {
            let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let content_type = content_type.unwrap_or("application/json").to_owned();
            let stored = StoredAnswer { status: parts.status.as_u16(), body: body.clone(), content_type };
            reservations.store_answer(key, &stored).await
        }
        KeyAfter::Unused => reservations.forget_key(key, lease_until).await,
        KeyAfter::Free => reservations.let_go(key, lease_until).await,
    });
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Logs a failure to update the idempotency key in the store. The answer is sent anyway: a repeated call finds the
/// committed object by its id.
fn note(stored: Backend<()>) {
    if let Err(error) = stored {
        tracing::warn!(%error, "finishing an idempotency key failed; a repeated call runs again after the lease");
    }
}

/// 409 `in_progress` never gets here, because it is answered before the work begins.
fn key_after(stored: Stored, status: StatusCode, is_first_run: bool) -> KeyAfter {
    match (status.as_u16(), stored) {
        (200 | 201, _) | (402, Stored::SuccessesAndDeclines) => KeyAfter::Answered,
        // A refusal of the first run: nothing was created. Otherwise a loop of refused calls would fill the store.
        (400..=499, _) if is_first_run => KeyAfter::Unused,
        _ => KeyAfter::Free,
    }
}

fn repeat(stored: StoredAnswer) -> Response {
    let mut response = Response::new(Body::from(stored.body));
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    if let Ok(kind) = HeaderValue::from_str(&stored.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(stored: Stored, is_first_run: bool, wanted: KeyAfter) -> Vec<u16> {
        let all = (100..600).filter_map(|status| StatusCode::from_u16(status).ok());
        let those = all.filter(|status| key_after(stored, *status, is_first_run) == wanted);
        those.map(|status| status.as_u16()).collect()
    }

    #[test]
    fn refused_first_run_leaves_no_idempotency_key_unless_the_payment_was_declined() {
        assert_eq!(statuses(Stored::SuccessesAndDeclines, true, KeyAfter::Answered), [200, 201, 402]);
        assert_eq!(statuses(Stored::Successes, true, KeyAfter::Answered), [200, 201]);
        assert_eq!(statuses(Stored::Successes, true, KeyAfter::Unused), (400..500).collect::<Vec<_>>());
        let unused = statuses(Stored::SuccessesAndDeclines, true, KeyAfter::Unused);
        assert_eq!(unused, (400..500_u16).filter(|status| *status != 402).collect::<Vec<_>>());
    }

    #[test]
    fn refused_repeated_run_keeps_the_id_of_the_object_that_the_first_run_may_have_created() {
        assert_eq!(statuses(Stored::Successes, false, KeyAfter::Unused), Vec::<u16>::new());
        assert!(statuses(Stored::Successes, false, KeyAfter::Free).contains(&409));
    }
}
