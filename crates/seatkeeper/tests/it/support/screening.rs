//! Screenings for tests, created through the administrators' API.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{TestApp, TestPerson};

/// The first delay, in seconds, until the start of a screening that starts soon. It suffices on a machine that is not
/// busy, and doubles at each retry …
const SOON_S: i64 = 4;
/// … up to this limit, which suffices on the busiest machine.
const SOON_S_MAX: i64 = 128;

/// A screening. It starts in 24 hours unless stated otherwise.
#[derive(Clone, Debug)]
pub(crate) struct TestScreening {
    pub(crate) id: String,
    pub(crate) movie_id: String,
    pub(crate) hall_id: String,
    pub(crate) start_time: String,
}

/// Parses a drawing of a hall, with one letter per seat: `"ss_ss/pp"` is row A with an aisle, and row B with two seats
/// for pairs.
pub(crate) fn layout(picture: &str) -> Value {
    let kind = |c| match c {
        's' => json!("seat"),
        'p' => json!("pair"),
        'w' => json!("wheelchair"),
        'c' => json!("companion"),
        'x' => json!("blocked"),
        _ => Value::Null,
    };
    let rows: Vec<Value> = ('A'..='Z')
        .zip(picture.split('/'))
        .map(|(label, cells)| json!({"label": label, "category": "standard", "cells": cells.chars().map(kind).collect::<Vec<_>>()}))
        .collect();
    json!({ "rows": rows })
}

impl TestApp {
    /// Creates a film, a hall of this layout and a screening that starts in 24 hours, at 200 baht per seat.
    pub(crate) async fn screening(&self, picture: &str) -> TestScreening {
        self.screening_in(picture, SignedDuration::from_hours(24)).await
    }

    /// Like `screening`, with this time until the start.
    pub(crate) async fn screening_in(&self, picture: &str, from_now: SignedDuration) -> TestScreening {
        let (movie, hall) = TestScreening::create_film_and_hall(self.admin(), picture).await;
        // The start is counted from here, because the creation of film and hall may take longer than the time until a
        // start that is soon.
        let start = now().checked_add(from_now).unwrap();
        let start = Timestamp::from_second(start.as_second()).unwrap();
        TestScreening::schedule(self.admin(), &movie, &hall, start).await
    }

    /// Creates a screening that starts soon, and returns it with the result of `prepare`. `prepare` returns `None` when
    /// the screening has started before it was done, as on a busy machine; then it is retried with a screening whose
    /// start is twice as far away.
    pub(crate) async fn screening_soon<T>(
        &self,
        picture: &str,
        prepare: impl AsyncFn(TestScreening) -> Option<T>,
    ) -> (TestScreening, T) {
        let mut from_now = SOON_S;
        loop {
            let screening = self.screening_in(picture, SignedDuration::from_secs(from_now)).await;
            if let Some(prepared) = prepare(screening.clone()).await {
                return (screening, prepared);
            }
            from_now *= 2;
            assert!(from_now <= SOON_S_MAX, "no screening could be prepared before its start");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests live in real time, like the program that they start")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

impl TestScreening {
    pub(crate) async fn create(admin: &TestPerson, picture: &str, start: Timestamp) -> Self {
        let (movie, hall) = Self::create_film_and_hall(admin, picture).await;
        Self::schedule(admin, &movie, &hall, start).await
    }

    async fn create_film_and_hall(admin: &TestPerson, picture: &str) -> (Value, Value) {
        let movie = json!({"title": "A Test of Time", "title_th": "บททดสอบ", "duration_min": 100});
        let movie = admin.post("/api/admin/movies", movie).await.expect(201);
        let hall = json!({"name": "Test Hall", "name_th": "โรงทดสอบ", "layout": layout(picture)});
        let hall = admin.post("/api/admin/halls", hall).await.expect(201);
        (movie, hall)
    }

    async fn schedule(admin: &TestPerson, movie: &Value, hall: &Value, start: Timestamp) -> Self {
        let screening = json!({
            "movie_id": movie["id"], "hall_id": hall["id"], "start_time": start.to_string(),
            "prices": {"standard": {"amount": 20_000, "currency": "THB"}},
        });
        let screening = admin.post("/api/admin/screenings", screening).await.expect(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            id: text(&screening["id"]),
            movie_id: text(&movie["id"]),
            hall_id: text(&hall["id"]),
            start_time: start.to_string(),
        }
    }

    /// The seats that are not AVAILABLE, each as `id:STATUS`.
    pub(crate) async fn taken(&self, person: &TestPerson) -> Vec<String> {
        let map = person.get(&format!("/api/screenings/{}/seats", self.id)).await.expect(200);
        let seats = map["seats"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        seats
            .filter(|seat| seat["status"] != "AVAILABLE")
            .map(|seat| format!("{}:{}", text(&seat["id"]), text(&seat["status"])))
            .collect()
    }
}
