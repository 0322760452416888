//! A fixed list of requests that many people repeat, as fast as they are answered.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{
    outcome::Outcome,
    times::Times,
    visitor::{Call, Visitor},
};

/// Answered requests of a load.
pub(super) struct Answered {
    pub(super) times: Times,
    pub(super) took: Duration,
}

impl Answered {
    pub(super) fn per_second(&self) -> f64 {
        self.times.total() as f64 / self.took.as_secs_f64()
    }
}

/// Every person sends all calls in turn, until the time is up. Fails at the first answer that is not a success.
pub(super) async fn repeat(people: Vec<Visitor>, calls: &[Call], duration: Duration) -> Outcome<Answered> {
    let started = Instant::now();
    let mut busy = JoinSet::new();
    for person in people {
        busy.spawn(repeat_alone(person, calls.to_vec(), started + duration));
    }
    let mut times = Times::new()?;
    while let Some(done) = busy.join_next().await {
        times.merge(&done??)?;
    }
    Ok(Answered { times, took: started.elapsed() })
}

async fn repeat_alone(mut person: Visitor, calls: Vec<Call>, end: Instant) -> Outcome<Times> {
    let mut times = Times::new()?;
    while Instant::now() < end {
        for call in &calls {
            let asked = Instant::now();
            let answer = person.send(call).await?;
            times.add(asked.elapsed());
            if !answer.status.is_success() {
                return Err(format!("{} {} was answered {}", call.method, call.path, answer.status).into());
            }
        }
    }
    Ok(times)
}
