//! Waiting for a condition, never for a time.

use std::{future::Future, time::Duration};

use jiff::{SignedDuration, tz::TimeZone};
use tokio::time::Instant;

use super::now;

/// The cinema's zone unless a test says otherwise.
const ZONE: &str = "Asia/Bangkok";
/// What a test of one day needs at most.
const WITHIN_ONE_DAY: SignedDuration = SignedDuration::from_mins(2);

/// Longer than anything takes on a slow machine, even when a database keeps for a minute what a killed server was writing;
/// reached only when the condition never comes true.
const WAIT_MAX: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Goes on at once, unless the cinema's day is about to end: for a test whose sales must all be of one day.
pub(crate) async fn begin_within_one_day() {
    let zone = TimeZone::get(ZONE).unwrap();
    eventually("the next day has begun", || async {
        let tomorrow = now().to_zoned_datetime(zone.clone()).date().tomorrow().unwrap();
        let midnight = tomorrow.to_zoned_datetime(zone.clone()).unwrap().timestamp();
        (midnight.duration_since(now()) > WITHIN_ONE_DAY).then_some(())
    })
    .await;
}

/// Asks until the answer is `Some`; panics, naming `what`, when that does not happen.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_or(|| what.to_owned(), ask).await
}

/// The same, where what did not happen is only known then.
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
        assert!(Instant::now() < end, "never happened: {}", what());
    }
}
