//! Faults that the mock payment provider can be configured to have: late or lost answers and callbacks.

use std::time::Duration;

use super::parse::parse_duration;

/// Limit of a configured delay. A provider that is down for longer is simulated by `callback=never`.
const DELAY_MAX: Duration = Duration::from_secs(10 * 60);

/// The configured faults of the mock payment provider.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MockPaymentFaults {
    /// Delay of every answer.
    pub answer_delay: Duration,
    /// Probability, from 0 to 1, that the provider does the work and its answer is lost.
    pub lose_answer: f64,
    /// How the provider's callbacks arrive.
    pub callback: MockCallback,
}

/// How the mock payment provider's callbacks arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MockCallback {
    /// Each callback arrives once, immediately.
    #[default]
    OnTime,
    /// Each callback arrives once, after a delay.
    Late {
        /// The delay.
        by: Duration,
    },
    /// Each callback arrives twice.
    Twice,
    /// No callback arrives.
    Never,
}

impl MockPaymentFaults {
    /// Parses a list such as `answer_delay=3s,lose_answer=0.1,callback=late:2s`. An empty text means no faults.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.split_once('=') {
                Some(("answer_delay", delay)) => faults.answer_delay = parse_delay(delay)?,
                Some(("lose_answer", share)) => faults.lose_answer = parse_share(share)?,
                Some(("callback", callback)) => faults.callback = MockCallback::parse(callback)?,
                _ => {
                    return Err(format!(
                        "'{item}' is none of answer_delay=3s, lose_answer=0.1 and callback=late:2s|twice|never"
                    ));
                }
            }
        }
        Ok(faults)
    }
}

impl MockCallback {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "twice" => Ok(Self::Twice),
            None if text == "never" => Ok(Self::Never),
            Some(("late", by)) => Ok(Self::Late { by: parse_delay(by)? }),
            _ => Err(format!("callback '{text}' is none of late:2s, twice and never")),
        }
    }
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    parse_duration(text, Duration::ZERO..=DELAY_MAX)
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| format!("'{text}' is not a share from 0 to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_faults_is_parsed() {
        let faults = MockPaymentFaults::parse("answer_delay=3s, lose_answer=0.1,callback=late:2s").unwrap();
        let expected = MockPaymentFaults {
            answer_delay: Duration::from_secs(3),
            lose_answer: 0.1,
            callback: MockCallback::Late { by: Duration::from_secs(2) },
        };
        assert_eq!(faults, expected);
        assert_eq!(MockPaymentFaults::parse("").unwrap(), MockPaymentFaults::default());
        assert_eq!(MockPaymentFaults::parse("callback=twice").unwrap().callback, MockCallback::Twice);
        assert_eq!(MockPaymentFaults::parse("callback=never").unwrap().callback, MockCallback::Never);
    }

    #[test]
    fn error_for_an_unknown_or_invalid_fault_names_it() {
        for (text, why) in [
            ("slow", "'slow' is none of answer_delay=3s, lose_answer=0.1 and callback=late:2s|twice|never"),
            ("lose_answer=1.5", "'1.5' is not a share from 0 to 1"),
            ("lose_answer=NaN", "'NaN' is not a share from 0 to 1"),
            ("callback=maybe", "callback 'maybe' is none of late:2s, twice and never"),
            ("callback=late", "callback 'late' is none of late:2s, twice and never"),
            ("answer_delay=3", "'3' is not a duration such as 5m or 90s"),
            ("answer_delay=11m", "'11m' is not from 0s to 10m"),
        ] {
            assert_eq!(MockPaymentFaults::parse(text).unwrap_err(), why);
        }
    }
}
