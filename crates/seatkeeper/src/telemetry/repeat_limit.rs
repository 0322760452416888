//! Limits repeated warnings and errors to one log line per cause and second. A full disk makes every request fail, and
//! a line for each failure would fill it further.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// A cause that occurs again is logged again after this time.
const REPEATED_AFTER: Duration = Duration::from_secs(1);
/// Limit of the remembered causes, far above the number of log statements. At the limit each new cause evicts another;
/// the worst result is that too many lines are logged.
const CAUSES_MAX: usize = 1_024;
/// The fields that identify a cause, together with the log statement. Other fields contain ids, which differ in every
/// line.
const CAUSE_FIELDS: [&str; 7] = ["message", "error", "part", "job", "consumer", "worker", "panic"];

/// A layer of `tracing` that drops repeated lines.
#[derive(Default)]
pub(super) struct RepeatLimit(Mutex<HashMap<u64, Instant>>);

impl RepeatLimit {
    fn admits(&self, cause: u64, now: Instant) -> bool {
        let mut logged = self.0.lock();
        let is_repeated = |at: &Instant| now.saturating_duration_since(*at) < REPEATED_AFTER;
        if logged.get(&cause).is_some_and(is_repeated) {
            return false;
        }
        if logged.len() >= CAUSES_MAX {
            logged.retain(|_, at| is_repeated(at));
            if logged.len() >= CAUSES_MAX
                && let Some(&any) = logged.keys().next()
            {
                logged.remove(&any);
            }
        }
        logged.insert(cause, now);
        true
    }
}

impl<S: Subscriber> Layer<S> for RepeatLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::WARN || self.admits(cause_of(event), Instant::now()) {
            return true;
        }
        metrics::counter!("seatkeeper_log_lines_repeated_total").increment(1);
        false
    }
}

fn cause_of(event: &Event<'_>) -> u64 {
    let mut cause = Cause(DefaultHasher::new());
    event.metadata().callsite().hash(&mut cause.0);
    event.record(&mut cause);
    cause.0.finish()
}

struct Cause(DefaultHasher);

impl Visit for Cause {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if CAUSE_FIELDS.contains(&field.name()) {
            format!("{value:?}").hash(&mut self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn repeated_cause_is_logged_once_per_second() {
        let (limit, begin) = (RepeatLimit::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        assert!(limit.admits(1, at(0)) && limit.admits(2, at(0)));
        assert!(!limit.admits(1, at(999)) && limit.admits(1, at(1_000)) && !limit.admits(1, at(1_999)));
        for cause in 0..10 * CAUSES_MAX as u64 {
            assert!(limit.admits(1_000 + cause, at(2_000)));
        }
        assert!(limit.0.lock().len() <= CAUSES_MAX);
    }

    #[test]
    fn repeated_warnings_of_one_cause_are_dropped_and_lines_below_warning_level_are_not() {
        let lines = Lines::default();
        let fmt = tracing_subscriber::fmt::layer().with_writer(lines.clone()).with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(RepeatLimit::default()).with(fmt);
        tracing::subscriber::with_default(subscriber, || {
            for request in 0..50 {
                for part in ["store", "locks"] {
                    tracing::warn!(request, part, error = %"disk full", "a part did not answer");
                }
                tracing::error!(request, part = "store", "another place in the code");
                tracing::info!(request, "not limited");
            }
        });
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
        // On a slow machine the loop may run across two boundaries between seconds.
        assert!((2..=6).contains(&count("did not answer")), "{text}");
        assert!((1..=3).contains(&count("another place")), "{text}");
        assert_eq!(count("not limited"), 50);
    }
}
