//! `/api/admin`: changing films, halls and screenings.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{TestApp, TestPerson, invalid_field, layout, now};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn thb(amount: i64) -> Value {
    json!({"amount": amount, "currency": "THB"})
}

/// The time `minutes` from now, in whole seconds.
fn in_minutes(minutes: i64) -> Timestamp {
    let then = now().checked_add(SignedDuration::from_mins(minutes)).unwrap();
    Timestamp::from_second(then.as_second()).unwrap()
}

fn path(list: &str, thing: &Value) -> String {
    format!("/api/admin/{list}/{}", thing["id"].as_str().unwrap())
}

async fn nothing_of(admin: &TestPerson, list: &str, code: &str) {
    for unknown in ["nonsense", NOBODY] {
        let path = format!("/api/admin/{list}/{unknown}");
        admin.get(&path).await.refused(404, code);
        admin.patch(&path, json!({})).await.refused(404, code);
        admin.delete(&path).await.refused(404, code);
    }
}

#[tokio::test]
async fn films_are_created_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let least = admin.post("/api/admin/movies", json!({"title": "Bare", "duration_min": 1})).await.expect(201);
    let expected = json!({
        "id": least["id"], "title": "Bare", "title_th": null, "synopsis": null, "synopsis_th": null, "genres": [],
        "duration_min": 1, "rating": null, "poster_url": null,
    });
    assert_eq!(least, expected);
    let whole = json!({
        "title": "ก".repeat(200), "title_th": "เต็ม", "synopsis": "One.\nTwo.", "synopsis_th": "หนึ่ง", "genres": ["drama"],
        "duration_min": 1440, "rating": "20+", "poster_url": "/posters/tiger-street-blues.svg",
    });
    let film = admin.post("/api/admin/movies", whole.clone()).await.expect(201);
    let mut expected = whole;
    expected["id"] = film["id"].clone();
    assert_eq!(film, expected);
    assert_eq!(admin.get(&path("movies", &film)).await.expect(200), film);
    for (change, field) in [
        (json!({"title": ""}), "title"),
        (json!({"title": " "}), "title"),
        (json!({"title": "a".repeat(201)}), "title"),
        (json!({"title": null}), ""),
        (json!({"title": 7}), "title"),
        (json!({"title_th": "a".repeat(201)}), "title_th"),
        (json!({"duration_min": 0}), "duration_min"),
        (json!({"duration_min": 1441}), "duration_min"),
        (json!({"duration_min": 1.5}), "duration_min"),
        (json!({"duration_min": -1}), "duration_min"),
        (json!({"genres": "drama"}), "genres"),
        (json!({"poster_url": "https://evil.example/p.png"}), "poster_url"),
        (json!({"poster_url": "//evil.example/p.png"}), "poster_url"),
        (json!({"poster_url": "posters/p.png"}), "poster_url"),
    ] {
        let mut made = json!({"title": "T", "duration_min": 90});
        made.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        if !field.is_empty() {
            assert_eq!(invalid_field(admin.patch(&path("movies", &film), change.clone()).await), field, "{change}");
            assert_eq!(invalid_field(admin.post("/api/admin/movies", made).await), field, "{change}");
        } else {
            assert_eq!(invalid_field(admin.post("/api/admin/movies", made).await), "title", "{change}");
        }
    }
    assert_eq!(invalid_field(admin.post("/api/admin/movies", json!({"title": "T"})).await), "duration_min");
    assert_eq!(admin.get(&path("movies", &film)).await.expect(200), film, "refused calls change nothing");
    // PATCH accepts any subset of the fields. Null removes an optional value.
    let change = json!({"title": "New", "synopsis": null, "rating": "G", "unknown": 1});
    let changed = admin.patch(&path("movies", &film), change).await.expect(200);
    let mut expected = film.clone();
    (expected["title"], expected["synopsis"], expected["rating"]) = (json!("New"), Value::Null, json!("G"));
    assert_eq!(changed, expected);
    assert_eq!(admin.patch(&path("movies", &film), json!({})).await.expect(200), expected);
    nothing_of(admin, "movies", "movie_not_found").await;

    let screening = app.screening("ss").await;
    let busy = json!({"id": screening.movie_id});
    admin.delete(&path("movies", &busy)).await.refused(409, "has_screenings");
    assert_eq!(admin.delete(&path("movies", &film)).await.status, 204);
    admin.delete(&path("movies", &film)).await.refused(404, "movie_not_found");
    app.get(&format!("/api/movies/{}", film["id"].as_str().unwrap())).await.refused(404, "movie_not_found");
    assert!(!admin.list_all("/api/admin/movies").await.contains(&film));
    app.finish().await;
}

#[tokio::test]
async fn halls_are_created_within_the_layout_limits() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let cells = json!(["seat", "seat", null, "wheelchair", "companion", "pair", "blocked"]);
    let drawn = json!({"name": "Small", "layout": {"rows": [{"label": "A", "cells": cells}, {"label": "bc", "category": "sofa", "cells": [null, "pair"]}]}});
    let hall = admin.post("/api/admin/halls", drawn).await.expect(201);
    let rows = json!([
        {"label": "A", "category": "standard", "cells": cells},
        {"label": "bc", "category": "sofa", "cells": [null, "pair"]},
    ]);
    assert_eq!(hall, json!({"id": hall["id"], "name": "Small", "name_th": null, "layout": {"rows": rows}}));
    assert_eq!(admin.get(&path("halls", &hall)).await.expect(200), hall);
    let row = |label: &str, cells: usize| json!({"label": label, "cells": vec!["seat"; cells]});
    let label =
        |index: usize| format!("{}{}", char::from(b'A' + (index / 26) as u8), char::from(b'A' + (index % 26) as u8));
    let many = |rows: usize| (0..rows).map(|index| row(&label(index), 1)).collect::<Vec<_>>();
    for (rows, field) in [
        (json!([]), "layout.rows"),
        (json!([{"label": "A", "cells": [null, null]}]), "layout.rows"),
        (json!([row("A", 101)]), "layout.rows[0].cells"),
        (json!(many(61)), "layout.rows"),
        (json!([row("A", 1), row("A", 1)]), "layout.rows[1].label"),
        (json!([row("ABCD", 1)]), "layout.rows[0].label"),
        (json!([row("", 1)]), "layout.rows[0].label"),
        (json!([row("A1", 1)]), "layout.rows[0].label"),
        (json!([row("ก", 1)]), "layout.rows[0].label"),
        (json!([{"label": "A", "category": "", "cells": ["seat"]}]), "layout.rows[0].category"),
        (json!([{"label": "A", "cells": ["throne"]}]), "layout.rows[0].cells[0]"),
        (json!([{"label": "A"}]), "layout.rows[0].cells"),
        (json!("A1"), "layout.rows"),
    ] {
        let made = json!({"name": "Hall", "layout": {"rows": rows}});
        assert_eq!(invalid_field(admin.post("/api/admin/halls", made).await), field, "{rows}");
        let change = json!({"layout": {"rows": rows}});
        assert_eq!(invalid_field(admin.patch(&path("halls", &hall), change).await), field, "{rows}");
    }
    for name in ["", "  ", &"a".repeat(201)] {
        let made = json!({"name": name, "layout": layout("s")});
        assert_eq!(invalid_field(admin.post("/api/admin/halls", made).await), "name");
        assert_eq!(invalid_field(admin.patch(&path("halls", &hall), json!({"name": name})).await), "name");
        let made = json!({"name": "Hall", "name_th": name, "layout": layout("s")});
        assert_eq!(invalid_field(admin.post("/api/admin/halls", made).await), "name_th");
        assert_eq!(invalid_field(admin.patch(&path("halls", &hall), json!({"name_th": name})).await), "name_th");
    }
    let largest = json!({"rows": (0..60).map(|index| row(&label(index), 100)).collect::<Vec<_>>()});
    admin.post("/api/admin/halls", json!({"name": "Largest", "layout": largest})).await.expect(201);
    let renamed = admin.patch(&path("halls", &hall), json!({"name": "Renamed"})).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["layout"]), (&json!("Renamed"), &hall["layout"]));
    // PATCH without `name_th` keeps the Thai name; null removes it.
    for (change, name_th) in [
        (json!({"name_th": "โรงเล็ก"}), json!("โรงเล็ก")),
        (json!({"name": "Small"}), json!("โรงเล็ก")),
        (json!({"name_th": null}), Value::Null),
    ] {
        assert_eq!(
            admin.patch(&path("halls", &hall), change.clone()).await.expect(200)["name_th"],
            name_th,
            "{change}"
        );
        assert_eq!(admin.get(&path("halls", &hall)).await.expect(200)["name_th"], name_th, "{change}");
    }
    nothing_of(admin, "halls", "hall_not_found").await;

    // A screening has its own copy of the layout of its hall. A hall with future screenings cannot be deleted.
    let screening = app.screening("ss").await;
    let place = json!({"id": screening.hall_id});
    admin.patch(&path("halls", &place), json!({"layout": layout("ssss/ssss")})).await.expect(200);
    let detail = app.get(&format!("/api/screenings/{}", screening.id)).await.expect(200);
    assert_eq!(detail["layout"], layout("ss"));
    admin.delete(&path("halls", &place)).await.refused(409, "has_screenings");
    assert_eq!(admin.delete(&path("halls", &hall)).await.status, 204);
    admin.get(&path("halls", &hall)).await.refused(404, "hall_not_found");
    app.finish().await;
}

#[tokio::test]
async fn screening_is_refused_when_it_overlaps_or_lacks_a_price() {
    let app = TestApp::with(&["--cleaning-minutes=20"]).await;
    let admin = app.admin();
    let film = admin.post("/api/admin/movies", json!({"title": "Film", "duration_min": 100})).await.expect(201);
    let mut rows = layout("ss/ss")["rows"].clone();
    rows[1]["category"] = json!("sofa");
    let hall = admin.post("/api/admin/halls", json!({"name": "H", "layout": {"rows": rows}})).await.expect(201);
    let start = in_minutes(24 * 60);
    let at = |minutes: i64| start.checked_add(SignedDuration::from_mins(minutes)).unwrap().to_string();
    let prices = json!({"standard": thb(0), "sofa": thb(10_000_000)});
    let body = |minutes: i64| json!({"movie_id": film["id"], "hall_id": hall["id"], "start_time": at(minutes), "prices": prices});
    let post = |body: Value| async move { admin.post("/api/admin/screenings", body).await };
    let with = |field: &str, value: Value| {
        let mut body = body(0);
        body[field] = value;
        body
    };
    for (field, value, named) in [
        ("prices", json!({"standard": thb(-1), "sofa": thb(0)}), "prices.standard"),
        ("prices", json!({"standard": thb(0), "sofa": thb(10_000_001)}), "prices.sofa"),
        ("prices", json!({"standard": {"amount": 100, "currency": "USD"}}), "prices.standard.currency"),
        ("prices", json!({"standard": {"amount": 1.5, "currency": "THB"}}), "prices.standard.amount"),
        ("prices", json!({"standard": 100}), "prices.standard"),
        ("start_time", json!("tomorrow"), "start_time"),
        ("start_time", json!(17), "start_time"),
        ("start_time", json!("2226-11-23T12:30:00Z"), "start_time"),
    ] {
        assert_eq!(invalid_field(post(with(field, value.clone())).await), named, "{value}");
    }
    for unknown in ["nonsense", NOBODY] {
        post(with("movie_id", json!(unknown))).await.refused(404, "movie_not_found");
        post(with("hall_id", json!(unknown))).await.refused(404, "hall_not_found");
    }
    // The body is validated before film and hall are looked up.
    let mut both = with("movie_id", json!(NOBODY));
    both["prices"]["sofa"] = thb(-1);
    assert_eq!(invalid_field(post(both).await), "prices.sofa");
    let missing = post(with("prices", json!({"standard": thb(100)}))).await.refused(422, "price_missing");
    assert_eq!(missing["errors"][0]["field"], "prices.sofa");
    post(with("start_time", json!(in_minutes(-1).to_string()))).await.refused(422, "starts_in_past");

    let first = post(body(0)).await.expect(201);
    assert_eq!((&first["start_time"], &first["end_time"]), (&json!(at(0)), &json!(at(100))));
    assert_eq!(first["hall_free_at"], json!(at(120)), "only administrators see the cleaning time");
    assert_eq!((&first["movie_id"], &first["hall_id"], &first["prices"]), (&film["id"], &hall["id"], &prices));
    assert_eq!((&first["movie_title"], &first["hall_name"]), (&json!("Film"), &json!("H")));
    assert_eq!(first["hall_name_th"], Value::Null);
    assert_eq!(admin.get(&path("screenings", &first)).await.expect(200), first);
    for overlap in [0, 119, -119, 60, -1] {
        post(body(overlap)).await.refused(409, "hall_busy");
    }
    let next = post(body(120)).await.expect(201);
    let before = post(body(-120)).await.expect(201);
    // The same time is accepted in another hall.
    let twin = admin.post("/api/admin/halls", json!({"name": "Twin", "layout": {"rows": rows}})).await.expect(201);
    post(with("hall_id", twin["id"].clone())).await.expect(201);

    let change = |thing: &Value, change: Value| {
        let path = path("screenings", thing);
        async move { admin.patch(&path, change).await }
    };
    change(&next, json!({"start_time": at(119)})).await.refused(409, "hall_busy");
    change(&next, json!({"hall_id": twin["id"], "start_time": at(60)})).await.refused(409, "hall_busy");
    change(&next, json!({"start_time": in_minutes(-60).to_string()})).await.refused(422, "starts_in_past");
    change(&next, json!({"prices": {"standard": thb(1)}})).await.refused(422, "price_missing");
    change(&next, json!({"movie_id": NOBODY})).await.refused(404, "movie_not_found");
    change(&next, json!({"hall_id": NOBODY})).await.refused(404, "hall_not_found");
    let moved = change(&next, json!({"start_time": at(121)})).await.expect(200);
    assert_eq!((&moved["start_time"], &moved["end_time"]), (&json!(at(121)), &json!(at(221))));
    assert_eq!(moved["hall_free_at"], json!(at(241)));
    change(&next, json!({"start_time": at(120)})).await.expect(200);
    let dearer = json!({"standard": thb(5), "sofa": thb(6)});
    let priced = change(&next, json!({"prices": dearer})).await.expect(200);
    assert_eq!((&priced["prices"], &priced["start_time"]), (&dearer, &json!(at(120))));
    nothing_of(admin, "screenings", "screening_not_found").await;
    assert_eq!(admin.delete(&path("screenings", &before)).await.status, 204);
    admin.get(&path("screenings", &before)).await.refused(404, "screening_not_found");
    app.get(&format!("/api/screenings/{}", before["id"].as_str().unwrap())).await.refused(404, "screening_not_found");
    app.finish().await;
}

#[tokio::test]
async fn screening_with_locks_or_bookings_cannot_be_moved_or_deleted() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let (locked, sold) = (app.screening("ss").await, app.screening("ss").await);
    ann.lock(&locked, &["A1"]).await.expect(200);
    ann.buy(&sold, &["A1"]).await;
    let other = app.screening("ss").await;
    for screening in [&locked, &sold] {
        let path = format!("/api/admin/screenings/{}", screening.id);
        let later = in_minutes(72 * 60).to_string();
        for change in
            [json!({"start_time": later}), json!({"hall_id": other.hall_id}), json!({"movie_id": other.movie_id})]
        {
            // The hall that is asked for is also occupied at that time, but `has_bookings` is checked first.
            let answer = admin.patch(&path, change.clone()).await;
            assert_eq!((answer.status, answer.code()), (409, "has_bookings"), "{change}");
        }
        admin.delete(&path).await.refused(409, "has_bookings");
        let dearer = json!({"prices": {"standard": thb(25_000)}});
        admin.patch(&path, dearer).await.expect(200);
    }
    // A payment charges the screening's current price.
    let payment = ann.start_payment(&locked).await.expect(201);
    assert_eq!(payment["amount"], thb(25_000));
    ann.cancel(payment["id"].as_str().unwrap()).await.expect(200);
    ann.unlock(&locked, &["A1"]).await.expect(200);
    let path = format!("/api/admin/screenings/{}", locked.id);
    admin.patch(&path, json!({"start_time": in_minutes(72 * 60).to_string()})).await.expect(200);
    assert_eq!(admin.delete(&path).await.status, 204);
    ann.lock(&locked, &["A1"]).await.refused(404, "screening_not_found");
    app.finish().await;
}
