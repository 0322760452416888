//! Load: ten times as many buyers as the server can serve at once. It should sell as much as before, and be normal soon after.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    buy::{SEATS_PER_SECOND, Sale},
    outcome::Outcome,
    report::{Report, Unit},
    server::Server,
    times::Times,
    visitor::Visitor,
};

/// So many buyers keep a server on two cores busy.
const ENOUGH: usize = 32;
const TOO_MANY: usize = 10 * ENOUGH;
/// Purchases of one person, to learn how long one takes normally.
const NORMAL_PURCHASES: u32 = 20;
/// A purchase is normal again when it takes at most so many times the normal time, so many times in a row.
const NORMAL_FACTOR: f64 = 2.0;
const NORMAL_IN_ROW: u32 = 3;
/// Longest wait for normal purchases.
const NORMAL_WITHIN: Duration = Duration::from_secs(60);
/// The phases in which people buy as much as they can, and as many seats again for the purchases of one person.
const PHASES: u64 = 3;

/// Needs a server to which nobody has signed in yet.
pub(super) async fn run(server: &Server, seconds: u64) -> Outcome<Report> {
    let time = Duration::from_secs(seconds);
    let mut people = Visitor::sign_in_people(server, TOO_MANY as u64).await?;
    let mut single = Visitor::sign_in(server, "bench-single@example.test").await?;
    let first = people.first_mut().ok_or("there are no people")?;
    let sale = Arc::new(Sale::open(first, SEATS_PER_SECOND * seconds * PHASES).await?);
    for person in &mut people {
        person.reconnect(server).await?;
    }
    single.reconnect(server).await?;
    let mut times = Times::new()?;
    for _ in 0..NORMAL_PURCHASES {
        times.add(buy_once(&sale, &mut single).await?);
    }
    let normal_ms = times.percentile_ms(50.0);
    let others = people.split_off(ENOUGH);
    let (mut people, best) = sale.sell(people, time).await?;
    people.extend(others);
    let (_, overloaded) = sale.sell(people, time).await?;
    single.reconnect(server).await?;
    let normal_again_s = time_until_normal(&sale, &mut single, normal_ms).await?;

    let mut report = Report::default();
    report.lines.extend(best.lines(ENOUGH as u64));
    report.lines.extend(overloaded.lines(TOO_MANY as u64));
    let percent = overloaded.per_second() / best.per_second() * 100.0;
    report.add_figure("P11", format!("{TOO_MANY} buyers: sales, of those of {ENOUGH}"), Unit::Rate("%"), percent, None);
    let what = format!("after {TOO_MANY} buyers, until a purchase is normal");
    report.add_figure("P11", what, Unit::Cost("s"), normal_again_s, None);
    Ok(report)
}

/// How long one purchase takes.
async fn buy_once(sale: &Sale, person: &mut Visitor) -> Outcome<Duration> {
    let began = Instant::now();
    sale.buy_next(person).await?.ok_or("all seats are sold")?;
    Ok(began.elapsed())
}

/// Seconds from now until the first of several normal purchases in a row begins.
async fn time_until_normal(sale: &Sale, person: &mut Visitor, normal_ms: f64) -> Outcome<f64> {
    let started = Instant::now();
    let (mut in_row, mut since) = (0, started);
    while in_row < NORMAL_IN_ROW {
        if started.elapsed() > NORMAL_WITHIN {
            return Err(format!("purchases are not normal {} s after the overload", NORMAL_WITHIN.as_secs()).into());
        }
        let began = Instant::now();
        let took_ms = buy_once(sale, person).await?.as_secs_f64() * 1e3;
        if took_ms > normal_ms * NORMAL_FACTOR {
            in_row = 0;
            continue;
        }
        if in_row == 0 {
            since = began;
        }
        in_row += 1;
    }
    Ok((since - started).as_secs_f64())
}
