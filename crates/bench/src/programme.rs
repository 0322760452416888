//! A programme with enough seats to sell during a load.

use hyper::{Method, body::Bytes};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{outcome::Outcome, visitor::Visitor};

/// A hall of ordinary size, so that a sale costs what it costs in a cinema.
const ROWS: usize = 20;
const ROW_SEATS: usize = 15;
/// Prices do not matter, but each category needs one.
const PRICE_SATANG: u64 = 20_000;
const YEAR_HOURS: i64 = 365 * 24;

/// A seat to sell.
#[derive(Clone, Debug)]
pub(super) struct ForSale {
    pub(super) screening_id: String,
    pub(super) seat_id: String,
}

/// Creates a film, a hall and as many screenings as are needed for `seats`. The person must be an administrator.
pub(super) async fn open(admin: &mut Visitor, seats: u64) -> Outcome<Vec<ForSale>> {
    let film = create(admin, "movies", &json!({ "title": "Benchmark", "duration_min": 30 })).await?;
    let label = |row: usize| char::from(b'A' + u8::try_from(row).unwrap_or(0)).to_string();
    let rows: Vec<Value> =
        (0..ROWS).map(|row| json!({ "label": label(row), "cells": vec!["seat"; ROW_SEATS] })).collect();
    let hall = create(admin, "halls", &json!({ "name": "Benchmark", "layout": { "rows": rows } })).await?;
    #[expect(clippy::disallowed_methods, reason = "a load has no clock port")]
    let now = Timestamp::now();
    let mut for_sale = Vec::new();
    for index in 0.. {
        if for_sale.len() as u64 >= seats {
            break;
        }
        let price = json!({ "standard": { "amount": PRICE_SATANG, "currency": "THB" } });
        let screening =
            json!({ "movie_id": film, "hall_id": hall, "start_time": start_time(now, index), "prices": price });
        let screening_id = create(admin, "screenings", &screening).await?;
        let ids = (0..ROWS).flat_map(|row| (1..=ROW_SEATS).map(move |number| format!("{}{number}", label(row))));
        for_sale.extend(ids.map(|seat_id| ForSale { screening_id: screening_id.clone(), seat_id }));
    }
    Ok(for_sale)
}

/// One screening an hour, beginning a year from now: no two overlap, and none has begun.
fn start_time(now: Timestamp, index: i64) -> String {
    let second = (now + SignedDuration::from_hours(YEAR_HOURS + index)).as_second();
    Timestamp::from_second(second).unwrap_or(now).to_string()
}

async fn create(admin: &mut Visitor, list: &str, body: &Value) -> Outcome<String> {
    let path = format!("/api/admin/{list}");
    let created = admin.ask_json(Method::POST, &path, Bytes::from(body.to_string())).await?;
    Ok(created["id"].as_str().ok_or_else(|| format!("{path} answered no id"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screenings_start_an_hour_apart_in_whole_seconds() {
        let now: Timestamp = "2026-11-30T12:00:00.5Z".parse().unwrap();
        assert_eq!(start_time(now, 0), "2027-11-30T12:00:00Z");
        assert_eq!(start_time(now, 25), "2027-12-01T13:00:00Z");
    }
}
