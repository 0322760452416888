//! Estimates the database's clock from its replies and the local monotonic clock; the local wall clock is never used.
//! All servers use the database's clock, so a claim expires at the same moment on each of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use mongodb::{Database, bson::doc};
use seatkeeper_core::ports::Clock;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    fault::{Fault, PART},
    open::CALL_FOR_MAX,
};
use crate::steady::Steady;

/// Interval at which the database's clock is polled.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Timeout of one poll. A slower reply would not improve the estimate.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The offset of the database's clock from the monotonic clock of this process.
#[derive(Debug)]
pub(super) struct StoreClock {
    steady: Steady,
    ahead_ms: AtomicI64,
}

impl StoreClock {
    /// Reads the database's clock once, and starts a task in `tasks` that polls it until `stop`.
    pub(super) async fn follow(
        database: Database,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, Fault> {
        let clock = Arc::new(Self { steady: Steady::new(), ahead_ms: AtomicI64::new(0) });
        let (sent, heard, said_ms) = timeout(CALL_FOR_MAX, ask(&database)).await.unwrap_or(Err(Fault::Late))?;
        clock.learn(sent, heard, said_ms);
        let heard = Arc::clone(&clock);
        tasks.spawn(stop.run_until_cancelled_owned(async move { heard.listen(&database).await }));
        Ok(clock)
    }

    async fn listen(&self, database: &Database) {
        let mut answered = true;
        loop {
            match timeout(ANSWER_WITHIN, ask(database)).await.unwrap_or(Err(Fault::Late)) {
                Ok((sent, heard, said_ms)) => {
                    self.learn(sent, heard, said_ms);
                    answered = true;
                }
                Err(error) => {
                    // One line for each outage and not one for each poll.
                    if answered {
                        tracing::warn!(part = PART, %error, "polling the clock failed; its last estimate is used");
                    }
                    answered = false;
                }
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Updates the estimate from a reply: the request was sent at `sent`, the reply was received at `heard`, and the
    /// database's clock showed `said_ms` in between.
    fn learn(&self, sent: Instant, heard: Instant, said_ms: i64) {
        let known = self.ahead_ms.load(Ordering::Relaxed);
        self.ahead_ms.store(self.steady.learnt(known, sent, heard, said_ms), Ordering::Relaxed);
    }

    fn at(&self, moment: Instant) -> Timestamp {
        let ms = self.ahead_ms.load(Ordering::Relaxed).saturating_add(self.steady.ms(moment));
        Timestamp::from_millisecond(ms).unwrap_or_default()
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }
}

/// Polls the database's clock. Returns when the request was sent, when the reply was received, and the database's time
/// in milliseconds.
async fn ask(database: &Database) -> Result<(Instant, Instant, i64), Fault> {
    let sent = Instant::now();
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    let heard = Instant::now();
    let said = hello.get_datetime("localTime").map_err(|_| Fault::Broken("the reply to hello has no localTime"))?;
    Ok((sent, heard, said.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_estimate_changes_only_as_far_as_a_reply_contradicts_it() {
        let clock = StoreClock { steady: Steady::new(), ahead_ms: AtomicI64::new(0) };
        let at = |ms| clock.steady.after_ms(ms);
        let then = || clock.at(at(200)).as_millisecond();
        clock.learn(at(100), at(104), 1_000_102);
        let first = then();
        assert!((1_000_197..=1_000_203).contains(&first), "{first}");
        clock.learn(at(300), at(900), 1_000_301);
        assert_eq!(then(), first, "a slow reply does not change the estimate");
        for said_ms in [5_000_000, 1_000_000, 9_000_000] {
            clock.learn(at(100), at(102), said_ms);
            assert!((said_ms + 97..=said_ms + 103).contains(&then()), "a jump is followed at once");
        }
    }
}
