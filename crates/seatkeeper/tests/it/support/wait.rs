//! Waiting for a condition, never for a time.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// Longer than anything takes on a slow machine, even when a database keeps for a minute what a killed server was writing;
/// reached only when the condition never comes true.
const WAIT_MAX: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
