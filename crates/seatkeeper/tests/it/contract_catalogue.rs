//! The public programme: films, screenings and seat maps.

use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use crate::support::{TestApp, TestScreening, eventually, invalid_field, layout, now};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn film_lists_its_screenings_with_prices_and_numbers_of_available_seats() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let movie = json!({
        "title": "Orbit", "title_th": "วงโคจร", "synopsis": "Up.", "synopsis_th": "ขึ้น", "genres": ["drama", "space"],
        "duration_min": 95, "rating": "13+", "poster_url": "/posters/orbit-of-two.svg",
    });
    let movie_id = admin.post("/api/admin/movies", movie.clone()).await.expect(201)["id"].clone();
    // The cheapest category has only a blocked seat, so `price_from` is the price of another category.
    let mut rows = layout("ss_w/cp/x")["rows"].clone();
    rows[1]["category"] = json!("sofa");
    rows[2]["category"] = json!("broken");
    let hall = admin
        .post("/api/admin/halls", json!({"name": "Hall 9", "name_th": "โรง 9", "layout": {"rows": rows}}))
        .await
        .expect(201);
    let start = now().checked_add(26.hours()).unwrap().round(jiff::Unit::Second).unwrap();
    let thb = |amount: i64| json!({"amount": amount, "currency": "THB"});
    let prices = json!({"standard": thb(20_000), "sofa": thb(50_000), "broken": thb(100)});
    let body = json!({"movie_id": movie_id, "hall_id": hall["id"], "start_time": start.to_string(), "prices": prices});
    let screening = admin.post("/api/admin/screenings", body).await.expect(201);
    let id = screening["id"].as_str().unwrap().to_owned();

    let found = app.get(&format!("/api/movies/{}", movie_id.as_str().unwrap())).await.expect(200);
    let mut expected = movie.clone();
    expected["id"] = movie_id.clone();
    expected["screenings"] = json!([{
        "id": id, "start_time": start.to_string(), "hall_name": "Hall 9", "hall_name_th": "โรง 9", "price_from": thb(20_000),
        "seats_total": 5, "seats_available": 5, "revision": 1, "state": "ON_SALE",
    }]);
    assert_eq!(found, expected);
    assert_eq!(app.get("/api/movies").await.expect(200)["items"], json!([expected]));
    for unknown in [NOBODY, "nonsense"] {
        app.get(&format!("/api/movies/{unknown}")).await.refused(404, "movie_not_found");
        app.get(&format!("/api/screenings/{unknown}")).await.refused(404, "screening_not_found");
        app.get(&format!("/api/screenings/{unknown}/seats")).await.refused(404, "screening_not_found");
    }

    let short = app.get("/api/screenings").await.expect(200)["items"][0].clone();
    let end = start.checked_add(95.minutes()).unwrap();
    let expected = json!({
        "id": id, "movie_id": movie_id, "movie_title": "Orbit", "movie_title_th": "วงโคจร",
        "hall_name": "Hall 9", "hall_name_th": "โรง 9",
        "start_time": start.to_string(), "end_time": end.to_string(), "price_from": thb(20_000),
        "revision": 1, "state": "ON_SALE",
    });
    assert_eq!(short, expected);
    let detail = app.get(&format!("/api/screenings/{id}")).await.expect(200);
    let mut expected = expected;
    expected["layout"] = json!({ "rows": rows });
    expected["prices"] = prices;
    expected["sales_close_at"] = json!(start.to_string());
    assert_eq!(detail, expected);

    // One seat is sold and one locked. The number of available seats shows that within two seconds.
    let screening = TestScreening {
        id: id.clone(),
        movie_id: movie_id.as_str().unwrap().into(),
        hall_id: String::new(),
        start_time: start.to_string(),
    };
    ann.buy(&screening, &["A1"]).await;
    ann.lock(&screening, &["B2"]).await.expect(200);
    eventually("the number of free seats is right", || async {
        let movie = app.get("/api/movies").await.expect(200)["items"][0]["screenings"][0].clone();
        assert_eq!(movie["seats_total"], 5);
        (movie["seats_available"] == 3).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn seat_map_lists_every_seat_and_has_an_etag() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("s_wc/px").await;
    let path = format!("/api/screenings/{}/seats", screening.id);
    let price = json!({"amount": 20_000, "currency": "THB"});
    let seat = |id: &str, row: &str, number: u8, kind: &str, status: &str| json!({"id": id, "row": row, "number": number, "kind": kind, "category": "standard", "price": price, "status": status});
    let first = app.get(&path).await;
    let etag = first.header("etag").to_owned();
    let map = first.expect(200);
    assert_eq!(map["screening_id"], screening.id);
    let expected = json!([
        seat("A1", "A", 1, "seat", "AVAILABLE"),
        seat("A2", "A", 2, "wheelchair", "AVAILABLE"),
        seat("A3", "A", 3, "companion", "AVAILABLE"),
        seat("B1", "B", 1, "pair", "AVAILABLE"),
        seat("B2", "B", 2, "blocked", "UNAVAILABLE"),
    ]);
    assert_eq!(map["seats"], expected);
    let known = [("if-none-match", etag.as_str())];
    let same = bob.raw("GET", &path, &known, "").await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", etag.as_str()));

    ann.buy(&screening, &["A1"]).await;
    let hold = ann.lock(&screening, &["A2"]).await.expect(200);
    let changed = bob.raw("GET", &path, &known, "").await;
    assert_ne!(changed.header("etag"), etag);
    let changed = changed.expect(200);
    assert!(changed["seq"].as_i64().unwrap() > map["seq"].as_i64().unwrap());
    let seats = &changed["seats"];
    assert_eq!(seats[0], seat("A1", "A", 1, "seat", "BOOKED"));
    // `until` is rounded up to a second, by less than a second.
    let until: Timestamp = seats[1]["until"].as_str().unwrap().parse().unwrap();
    let truth: Timestamp = hold["expires_at"].as_str().unwrap().parse().unwrap();
    let later = until.duration_since(truth);
    assert!(SignedDuration::ZERO <= later && later < SignedDuration::from_secs(1), "{until} {truth}");
    assert_eq!(seats[1]["status"], "LOCKED");
    assert!(!changed.to_string().contains(&ann.id), "the map does not say who holds a seat");
    app.finish().await;
}

#[tokio::test]
async fn screenings_are_listed_by_film_start_and_day_until_they_start() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let (soon, ()) = app.screening_soon("ss", async |_| Some(())).await;
    // In UTC, 01:30 in Bangkok is still on the previous day.
    let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
    let day = now().to_zoned_datetime(bangkok.clone()).date().checked_add(3.days()).unwrap();
    let night = day.at(1, 30, 0, 0).to_zoned_datetime(bangkok).unwrap();
    let late = TestScreening::create(admin, "ss", night.timestamp()).await;
    let tomorrow = app.screening("ss").await;

    let found = |query: String| {
        let app = &app;
        async move {
            let list = app.get(&format!("/api/screenings?{query}")).await.expect(200);
            ids(&list).iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()
        }
    };
    let before = day.yesterday().unwrap();
    assert_eq!(found(format!("date={day}")).await, [late.id.as_str()]);
    assert!(!found(format!("date={before}")).await.contains(&late.id));
    assert_eq!(found(format!("movie_id={}", tomorrow.movie_id)).await, [tomorrow.id.as_str()]);
    let by_offset = night.strftime("%Y-%m-%dT%H:%M:%S%%2B07:00").to_string();
    assert_eq!(found(format!("start_time={by_offset}")).await, [late.id.as_str()]);
    assert_eq!(found(format!("start_time={}", late.start_time)).await, [late.id.as_str()]);
    assert_eq!(found(format!("movie_id={}&date={day}", tomorrow.movie_id)).await, Vec::<String>::new());
    for nobody in [NOBODY, "nonsense"] {
        assert_eq!(found(format!("movie_id={nobody}")).await, Vec::<String>::new());
    }
    for (query, field) in [("date=today", "date"), ("date=2026-02-30", "date"), ("start_time=noon", "start_time")] {
        assert_eq!(invalid_field(app.get(&format!("/api/screenings?{query}")).await), field);
    }
    let all = found(String::new()).await;
    let expected = [soon.id.as_str(), tomorrow.id.as_str(), late.id.as_str()];
    assert_eq!(all, expected[3 - all.len()..], "ordered by start time");

    // A screening that has started is not listed any more. It can still be read, and its seats cannot be locked.
    eventually("the screening has started", || async {
        let list = app.get("/api/screenings").await.expect(200);
        (!ids(&list).contains(&soon.id.as_str())).then_some(())
    })
    .await;
    app.get(&format!("/api/screenings/{}", soon.id)).await.expect(200);
    app.get(&format!("/api/screenings/{}/seats", soon.id)).await.expect(200);
    let movie = app.get(&format!("/api/movies/{}", soon.movie_id)).await.expect(200);
    assert_eq!(movie["screenings"], json!([]), "a film without screenings to come is listed with none");
    assert!(ids(&app.get("/api/movies").await.expect(200)).contains(&soon.movie_id.as_str()));
    ann.lock(&soon, &["A1"]).await.refused(409, "sales_closed");
    ann.start_payment(&soon).await.refused(409, "sales_closed");
    // A film and a hall without future screenings may be deleted. Their past screenings can still be read.
    assert_eq!(admin.delete(&format!("/api/admin/movies/{}", soon.movie_id)).await.status, 204);
    assert_eq!(admin.delete(&format!("/api/admin/halls/{}", soon.hall_id)).await.status, 204);
    let past = app.get(&format!("/api/screenings/{}", soon.id)).await.expect(200);
    assert_eq!((&past["movie_title"], &past["hall_name"]), (&json!("A Test of Time"), &json!("Test Hall")));
    app.finish().await;
}
