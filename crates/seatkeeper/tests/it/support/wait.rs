//! Waits until conditions hold, instead of for fixed times.

use std::{future::Future, time::Duration};

use jiff::{SignedDuration, tz::TimeZone};
use tokio::time::Instant;

use super::now;

/// The default time zone of the cinema.
const ZONE: &str = "Asia/Bangkok";
/// Limit of the duration of a test that must run within one day of the cinema.
const WITHIN_ONE_DAY: SignedDuration = SignedDuration::from_mins(2);

/// How long a condition is waited for. It is longer than any operation on a slow machine takes, even when MongoDB keeps
/// the open transactions of a killed server for a minute, so it is only reached when the condition never holds.
const WAIT_MAX: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits for midnight if the cinema's day is about to end, so that all sales of a test are on one day.
pub(crate) async fn begin_within_one_day() {
    let zone = TimeZone::get(ZONE).unwrap();
    eventually("the next day has begun", || async {
        let tomorrow = now().to_zoned_datetime(zone.clone()).date().tomorrow().unwrap();
        let midnight = tomorrow.to_zoned_datetime(zone.clone()).unwrap().timestamp();
        (midnight.duration_since(now()) > WITHIN_ONE_DAY).then_some(())
    })
    .await;
}

/// Polls until `ask` returns `Some`. Panics with `what` after [`WAIT_MAX`].
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_or(|| what.to_owned(), ask).await
}

/// Like `eventually`, with a message that is built only when the wait fails.
pub(crate) async fn eventually_or<T, F: Future<Output = Option<T>>>(
    what: impl Fn() -> String,
    mut ask: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + WAIT_MAX;
    let mut looks = tokio::time::interval(LOOK_AGAIN);
    loop {
        looks.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "timed out waiting until: {}", what());
    }
}
