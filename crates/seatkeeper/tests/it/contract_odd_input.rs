//! Robustness: malformed input gets a response or a problem document, never a 5xx.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, layout};

/// Asserts that the status is below 500, and that a refusal is a well-formed problem document.
#[track_caller]
fn no_surprise(answer: Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {}", answer.text);
    if answer.status >= 400 {
        let (status, code) = (answer.status, answer.code().to_owned());
        answer.refused(status, &code);
    }
}

#[tokio::test]
async fn malformed_queries_are_answered_without_a_server_error() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let screening = app.screening("ssss").await;
    for _ in 0..2 {
        app.screening("s").await;
    }
    let lists = ["movies", "screenings", "bookings", "admin/bookings", "admin/audit", "admin/movies", "admin/halls"];
    let lists = lists.into_iter().chain(["admin/screenings", "admin/events", "admin/mail", "admin/dead-letters"]);
    let lists: Vec<String> = lists.map(|list| format!("/api/{list}")).collect();
    let mut cursors = vec!["0".to_owned(), "%00".into(), "%FF".into(), "9".repeat(40), "a".repeat(5_000)];
    for list in &lists {
        cursors
            .extend(admin.get(&format!("{list}?limit=1")).await.expect(200)["next_cursor"].as_str().map(str::to_owned));
    }
    assert!(cursors.len() >= 5 + 4, "{cursors:?}");
    // The cursors of each list are also passed to the other lists.
    for list in &lists {
        for cursor in &cursors {
            let path = format!("{list}?cursor={cursor}");
            no_surprise(admin.get(&path).await, &path);
        }
        for query in ["limit=1&limit=2", "limit=", "cursor=", "%FF=1", "a=%FF&=&&x", "limit=1%00"] {
            let path = format!("{list}?{query}");
            no_surprise(admin.get(&path).await, &path);
        }
    }
    let ids = ["%FF", "%00", "..", "%2e%2e%2f", "a%2Fb", "%F0%9F%8E%AC", &"x".repeat(4_000), "-1", "null"];
    for id in ids {
        for path in ["movies", "screenings", "payments", "bookings", "admin/movies", "admin/halls", "admin/screenings"]
        {
            let path = format!("/api/{path}/{id}");
            let answer = admin.get(&path).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
        no_surprise(admin.get(&format!("/posters/{id}")).await, id);
        no_surprise(admin.get(&format!("/api/screenings/{id}/seats")).await, id);
    }
    let days = [
        "9999-12-31",
        "-009999-01-01",
        "-9999-01-01",
        "0000-01-01",
        "1969-12-31",
        "2026-02-30",
        "2026-W01",
        "99999-01-01",
    ];
    for day in days {
        for path in [
            format!("/api/screenings?date={day}"),
            format!("/api/screenings?start_time={day}T00:00:00Z"),
            format!("/api/admin/bookings?date={day}&show_date={day}"),
            format!("/api/admin/bookings.csv?date={day}"),
            format!("/api/admin/reports/daily?from={day}&to={day}"),
            format!("/api/admin/reports/movies?from={day}&to={day}"),
            format!("/api/admin/audit?from={day}&to={day}"),
            format!("/api/lock?movie_id={}&start_time={day}T23:59:59%2B14:00", screening.movie_id),
        ] {
            no_surprise(admin.get(&path).await, &path);
        }
    }
    for text in ["%00", "%27%22%5C", "%25_%5C", "%F0%9F%8E%AC", "%E0%B8%81", &"q".repeat(8_000)] {
        let path = format!("/api/admin/bookings?q={text}");
        assert_eq!(admin.get(&path).await.expect(200)["items"], json!([]), "{path}");
    }
    no_surprise(admin.get("/api/admin/events?after=9223372036854775807").await, "the last position");
    no_surprise(admin.get("/api/admin/events?after=9223372036854775808").await, "after the last position");
    app.finish().await;
}

#[tokio::test]
async fn malformed_bodies_are_answered_without_a_server_error() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let screening = app.screening("ssss").await;
    let hall = json!({"name": "Hall", "layout": layout("ss")});
    let hall = admin.post("/api/admin/halls", hall).await.expect(201)["id"].clone();
    let calls = [
        ("POST", "/api/lock".to_owned()),
        ("DELETE", "/api/lock".into()),
        ("POST", "/api/payments".into()),
        ("POST", "/api/payments/nothing/confirm".into()),
        ("PATCH", "/api/auth/me".into()),
        ("POST", "/api/admin/movies".into()),
        ("POST", "/api/admin/halls".into()),
        ("POST", "/api/admin/screenings".into()),
        ("PATCH", format!("/api/admin/movies/{}", screening.movie_id)),
        ("PATCH", format!("/api/admin/halls/{}", screening.hall_id)),
        ("PATCH", format!("/api/admin/screenings/{}", screening.id)),
        ("POST", "/api/payments/callback/mock".into()),
    ];
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let bodies = [
        "null",
        "true",
        "0",
        "\"\"",
        "[]",
        "[[]]",
        "{}",
        "{\"a\":1e999}",
        "\u{feff}{}",
        "{\"seat_ids\":null}",
        deep.as_str(),
        "{\"seat_ids\":[\"\u{0}\",\"A1\\u0000\",\"ก1\",\"A99999999999999999999\"],\"screening_id\":\"x\"}",
        "{\"title\":\"\\ud800\",\"duration_min\":1}",
        "{\"title\":\"a\\u0000b\",\"duration_min\":99999999999999999999}",
        "{\"name\":\"H\",\"layout\":{\"rows\":[{\"label\":\"A\",\"label\":\"B\",\"cells\":[]}]}}",
        "{\"language\":\"th\",\"language\":\"en\"}",
    ];
    for (method, path) in &calls {
        for body in bodies {
            let answer = admin.raw(method, path, &[("content-type", "application/json")], body.to_owned()).await;
            no_surprise(answer, &format!("{method} {path} {}", body.chars().take(80).collect::<String>()));
        }
        let answer = admin
            .raw(method, path, &[("content-type", "application/json")], b"\xff\xfe{\"a\":\"\x80\"}".to_vec())
            .await;
        no_surprise(answer, path);
    }
    let many: Vec<String> = (0..5_000).map(|number| format!("A{number}")).collect();
    admin.post("/api/lock", json!({"screening_id": screening.id, "seat_ids": many})).await.refused(422, "unknown_seat");
    let same = vec!["A1"; 5_000];
    let held = admin.post("/api/lock", json!({"screening_id": screening.id, "seat_ids": same})).await.expect(200);
    assert_eq!(held["seat_ids"], json!(["A1"]));
    let times = [
        "9999-12-31T23:59:59Z",
        "9999-12-30T22:00:00Z",
        "-009999-01-01T00:00:00Z",
        "2027-01-01T00:00:60Z",
        "2027-01-01T00:00:00.123456789Z",
    ];
    for start in times {
        let body = json!({
            "movie_id": screening.movie_id, "hall_id": hall, "start_time": start,
            "prices": {"standard": {"amount": 1, "currency": "THB"}, ("x".repeat(500)): {"amount": 1, "currency": "THB"}},
        });
        no_surprise(admin.post("/api/admin/screenings", body.clone()).await, start);
        let mut plain = body;
        plain["prices"] = json!({"standard": {"amount": 1, "currency": "THB"}});
        let made = admin.post("/api/admin/screenings", plain).await;
        if made.status == 201 {
            let again = admin.get(&format!("/api/admin/screenings/{}", made.body["id"].as_str().unwrap())).await;
            assert_eq!(again.expect(200), made.body);
        }
        if let Some(id) = made.body["id"].as_str().map(str::to_owned) {
            // Every screening that was created can be read and sold.
            for path in [
                format!("/api/screenings/{id}"),
                format!("/api/screenings/{id}/seats"),
                "/api/movies".into(),
                "/api/screenings".into(),
            ] {
                admin.get(&path).await.expect(200);
            }
            admin.post("/api/lock", json!({"screening_id": id, "seat_ids": ["A1"]})).await.expect(200);
            let payment =
                admin.post("/api/payments", json!({"screening_id": id, "method": "promptpay"})).await.expect(201);
            admin.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
        } else {
            no_surprise(made, start);
        }
    }
    // A refusal that the server sends before it has received the whole body must still arrive: the server reads the
    // rest of the body instead of resetting the connection.
    let user = app.sign_in("user").await;
    let big = vec![b'x'; 4 * 1024 * 1024];
    let kind = [("content-type", "image/png")];
    let refused = join_all((0..8).map(|_| user.raw("POST", "/api/admin/posters", &kind, big.clone()))).await;
    for answer in refused {
        answer.refused(403, "forbidden");
    }
    let left: Vec<Value> = admin.list_all("/api/admin/dead-letters").await;
    assert_eq!(left, Vec::<Value>::new());
    app.finish().await;
}
