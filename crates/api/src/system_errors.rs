//! Writes events about internal errors (answers with status 500), aggregated per method, route and error code over ten
//! seconds.

use std::{collections::HashMap, mem, time::Duration};

use parking_lot::Mutex;
use seatkeeper_core::{box_office::BoxOffice, event::EventKind};
use tokio_util::sync::CancellationToken;

use crate::request_id::RequestId;

/// How long answers with status 500 are aggregated into one event.
const GATHERED_FOR: Duration = Duration::from_secs(10);
/// Maximum number of concurrent aggregates. There are few methods and routes, so normal use never reaches this.
const KINDS_MAX: usize = 256;

/// Answers with status 500 for which no event is written yet.
#[derive(Default)]
pub(crate) struct SystemErrors {
    gathered: Mutex<HashMap<(String, &'static str), Gathered>>,
}

struct Gathered {
    count: u64,
    request_id: RequestId,
}

impl SystemErrors {
    /// Counts an answer with status 500; `place` is the request's method and route.
    pub(crate) fn count(&self, place: String, code: &'static str, request_id: RequestId) {
        let mut gathered = self.gathered.lock();
        let key = (place, code);
        if gathered.len() < KINDS_MAX || gathered.contains_key(&key) {
            gathered.entry(key).or_insert(Gathered { count: 0, request_id }).count += 1;
        }
    }

    /// Writes the events every [`GATHERED_FOR`] until `stop` is cancelled, and then a last time.
    pub(crate) async fn publish(&self, office: &BoxOffice, stop: CancellationToken) {
        let mut is_last = false;
        while !is_last {
            is_last = tokio::time::timeout(GATHERED_FOR, stop.cancelled()).await.is_ok();
            self.append_events(office).await;
        }
    }

    async fn append_events(&self, office: &BoxOffice) {
        let gathered = mem::take(&mut *self.gathered.lock());
        if gathered.is_empty() {
            return;
        }
        let events: Vec<_> = gathered
            .into_iter()
            .map(|((place, code), Gathered { count, request_id })| {
                let kind = EventKind::SystemError { code: code.to_owned(), place, count };
                office.event(kind).in_request(Some(request_id.as_str()))
            })
            .collect();
        if let Err(error) = office.stores.outbox.append_events(&events).await {
            tracing::error!(part = error.part, error = %error.source, lost = events.len(), "writing error events failed");
        }
    }
}
