//! The database's clock, learnt from its answers and this machine's steady clock; never from its wall clock. All servers go
//! by it, so a claim ends at one moment, whatever their own clocks say.

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
use tokio_util::sync::CancellationToken;

use super::{fault::Fault, open::CALL_FOR_MAX};
use crate::steady::Steady;

/// How often the database is asked for the time.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take to tell anything of the time.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// By how much the database's clock is ahead of this process's steady one.
#[derive(Debug)]
pub(super) struct StoreClock {
    steady: Steady,
    ahead_ms: AtomicI64,
}

impl StoreClock {
    /// The clock, once it has been heard; it is heard again and again until `stop`.
    pub(super) async fn follow(database: Database, stop: CancellationToken) -> Result<Arc<Self>, Fault> {
        let clock = Arc::new(Self { steady: Steady::new(), ahead_ms: AtomicI64::new(0) });
        let (sent, heard, said_ms) = timeout(CALL_FOR_MAX, ask(&database)).await.unwrap_or(Err(Fault::Late))?;
        clock.learn(sent, heard, said_ms);
        let heard = Arc::clone(&clock);
        tokio::spawn(stop.run_until_cancelled_owned(async move { heard.listen(&database).await }));
        Ok(clock)
    }

    async fn listen(&self, database: &Database) {
        loop {
            // Without an answer the steady clock goes on.
            if let Ok(Ok((sent, heard, said_ms))) = timeout(ANSWER_WITHIN, ask(database)).await {
                self.learn(sent, heard, said_ms);
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Takes in an answer that was asked for at `sent`, arrived at `heard` and was made in between.
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

/// When it was asked, when it answered, and what it said.
async fn ask(database: &Database) -> Result<(Instant, Instant, i64), Fault> {
    let sent = Instant::now();
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    let heard = Instant::now();
    let said = hello.get_datetime("localTime").map_err(|_| Fault::Broken("a database without a clock"))?;
    Ok((sent, heard, said.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_followed_as_far_as_answers_prove_it_wrong() {
        let clock = StoreClock { steady: Steady::new(), ahead_ms: AtomicI64::new(0) };
        let at = |ms| clock.steady.after_ms(ms);
        let then = || clock.at(at(200)).as_millisecond();
        clock.learn(at(100), at(104), 1_000_102);
        let first = then();
        assert!((1_000_197..=1_000_203).contains(&first), "{first}");
        clock.learn(at(300), at(900), 1_000_301);
        assert_eq!(then(), first, "a slow answer proves nothing");
        for said_ms in [5_000_000, 1_000_000, 9_000_000] {
            clock.learn(at(100), at(102), said_ms);
            assert!((said_ms + 97..=said_ms + 103).contains(&then()), "a step is followed at once");
        }
    }
}
