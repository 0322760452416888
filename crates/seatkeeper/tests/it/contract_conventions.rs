//! Conventions that all calls follow: lists, errors, the order of checks, allowed origins, rate limits.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{TestApp, TestPerson, eventually, invalid_field, layout};

const JSON: (&str, &str) = ("content-type", "application/json");
const EVIL: (&str, &str) = ("origin", "http://evil.example");

#[tokio::test]
async fn every_list_is_paged_by_cursor_and_limit() {
    let app = TestApp::start().await;
    let admin = app.admin();
    for _ in 0..3 {
        app.screening("ss").await;
    }
    let lists = [
        "/api/movies",
        "/api/screenings",
        "/api/bookings",
        "/api/admin/bookings",
        "/api/admin/audit",
        "/api/admin/events",
        "/api/admin/dead-letters",
        "/api/admin/mail",
        "/api/admin/movies",
        "/api/admin/halls",
        "/api/admin/screenings",
    ];
    for list in lists {
        let body = admin.get(list).await.expect(200);
        assert!(body["items"].is_array() && body.get("next_cursor").is_some(), "{list}: {body}");
        for limit in ["0", "201", "-1", "abc", "1.5", "99999999999"] {
            assert_eq!(invalid_field(admin.get(&format!("{list}?limit={limit}")).await), "limit", "{list} {limit}");
        }
        for good in ["1", "200"] {
            admin.get(&format!("{list}?limit={good}")).await.expect(200);
        }
        assert_eq!(invalid_field(admin.get(&format!("{list}?cursor=~nonsense~")).await), "cursor", "{list}");
    }
    for list in ["/api/movies", "/api/screenings", "/api/admin/audit", "/api/admin/halls", "/api/admin/events"] {
        // A consumer writes the audit log, so its entries appear with a delay.
        let whole = eventually("the list is long enough", || async {
            let ids: Vec<_> = admin.list_all(list).await.iter().map(|item| item["id"].clone()).collect();
            (ids.len() >= 3).then_some(ids)
        })
        .await;
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin.get(&format!("{list}?limit=2{cursor}")).await.expect(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2, "{list}: {page}");
            paged.extend(items.iter().map(|item| item["id"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        // New entries may have been added meanwhile. All others appear once each, in the same order.
        paged.retain(|id| whole.contains(id));
        assert_eq!(paged, whole, "{list}");
    }
    for number in 0..50 {
        let hall = json!({"name": format!("Hall {number}"), "layout": layout("s")});
        admin.post("/api/admin/halls", hall).await.expect(201);
    }
    let page = admin.get("/api/admin/halls").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 50, "the default limit");
    assert!(page["next_cursor"].is_string());
    let days = "from=2026-01-01&to=2026-01-02";
    for report in ["daily", "movies"] {
        let body = admin.get(&format!("/api/admin/reports/{report}?{days}")).await.expect(200);
        assert!(body["items"].is_array() && body["next_cursor"].is_null(), "{body}");
    }
    app.finish().await;
}

#[tokio::test]
async fn errors_are_problem_documents_and_responses_have_request_id_and_date() {
    let app = TestApp::start().await;
    let (admin, stranger) = (app.admin(), app.stranger());
    let mut names = BTreeSet::new();
    for path in ["/api/site", "/api/nothing", "/api/auth/me", "/", "/films/1", "/healthz", "/metrics", "/docs"] {
        let answer = stranger.raw("GET", path, &[("x-request-id", "mine")], "").await;
        let name = answer.header("x-request-id").to_owned();
        assert!(!name.is_empty() && name != "mine" && names.insert(name), "{path}");
        let date = answer.header("date");
        assert!(jiff::fmt::rfc2822::parse(date).is_ok(), "{path}: {date}");
    }
    stranger.get("/api/nothing").await.refused(404, "not_found");
    stranger.get("/api").await.refused(404, "not_found");
    stranger.raw("PUT", "/api/lock", &[], "").await.refused(405, "method_not_allowed");
    stranger.raw("POST", "/api/site", &[], "").await.refused(405, "method_not_allowed");
    stranger.get("/api/auth/me").await.refused(401, "sign_in_required");
    let me = |headers: Vec<(&'static str, &'static str)>, body: String| async move {
        admin.raw("PATCH", "/api/auth/me", &headers, body).await
    };
    me(vec![], String::new()).await.refused(415, "unsupported_media_type");
    me(vec![("content-type", "text/plain")], "{}".into()).await.refused(415, "unsupported_media_type");
    for body in ["", "{", "language=th", "{\"language\":\"th\"} x", "\u{0}"] {
        me(vec![JSON], body.into()).await.refused(400, "bad_request");
    }
    assert_eq!(invalid_field(me(vec![JSON], "{}".into()).await), "language");
    assert_eq!(invalid_field(me(vec![JSON], "[]".into()).await), "body");
    assert_eq!(invalid_field(me(vec![JSON], "{\"language\":\"fr\"}".into()).await), "language");
    assert_eq!(invalid_field(me(vec![JSON], "{\"language\":7}".into()).await), "language");
    let sized = |bytes: usize| format!("{{\"language\":\"en\"}}{}", " ".repeat(bytes - 17));
    me(vec![JSON], sized(64 * 1024)).await.expect(200);
    let refused = me(vec![JSON], sized(64 * 1024 + 1)).await.refused(413, "too_large");
    assert_eq!(refused["bytes_max"], 64 * 1024);
    me(vec![("content-type", "application/json; charset=utf-8")], sized(17)).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn checks_of_a_request_are_applied_in_the_documented_order() {
    let app = TestApp::start().await;
    let (admin, user, stranger) = (app.admin(), app.sign_in("user").await, app.stranger());
    let text = ("content-type", "text/plain");
    let host = ("host", "evil.example");
    let big = "x".repeat(64 * 1024 + 1);
    let lock = |who: TestPerson, headers: Vec<(&'static str, &'static str)>, body: String| async move {
        who.raw("POST", "/api/lock", &headers, body).await
    };
    stranger.raw("POST", "/api/nothing", &[host, EVIL], "").await.refused(421, "misdirected");
    stranger.raw("POST", "/api/nothing", &[EVIL, text], big.clone()).await.refused(404, "not_found");
    stranger.raw("PUT", "/api/lock", &[EVIL, text], big.clone()).await.refused(405, "method_not_allowed");
    lock(stranger.clone(), vec![EVIL, text], big.clone()).await.refused(401, "sign_in_required");
    lock(user.clone(), vec![EVIL, text], big.clone()).await.refused(403, "bad_origin");
    lock(user.clone(), vec![text], big.clone()).await.refused(415, "unsupported_media_type");
    lock(user.clone(), vec![JSON], big.clone()).await.refused(413, "too_large");
    lock(user.clone(), vec![JSON], "{".into()).await.refused(400, "bad_request");
    let wrong = r#"{"screening_id":"nothing","seat_ids":"A1"}"#;
    assert_eq!(invalid_field(lock(user.clone(), vec![JSON], wrong.into()).await), "seat_ids");
    let unknown = r#"{"screening_id":"nothing","seat_ids":["A1"]}"#;
    lock(user.clone(), vec![JSON], unknown.into()).await.refused(404, "screening_not_found");

    // Under /api/admin only an administrator can find out which paths exist.
    for (method, path) in [("GET", "/api/admin/nothing"), ("PUT", "/api/admin/movies"), ("POST", "/api/admin/movies")] {
        let headers = [EVIL, text];
        stranger.raw(method, path, &headers[1..], big.clone()).await.refused(401, "sign_in_required");
        user.raw(method, path, &headers[1..], big.clone()).await.refused(403, "forbidden");
        if method != "GET" {
            user.raw(method, path, &headers, big.clone()).await.refused(403, "bad_origin");
            admin.raw(method, path, &headers, big.clone()).await.refused(403, "bad_origin");
        }
    }
    stranger.get("/api/admin").await.refused(401, "sign_in_required");
    admin.get("/api/admin/nothing").await.refused(404, "not_found");
    admin.raw("PUT", "/api/admin/movies", &[], "").await.refused(405, "method_not_allowed");
    // The body is validated before the object is looked up.
    for (path, body) in [
        ("/api/admin/movies/nothing", json!({"duration_min": 0})),
        ("/api/admin/movies/00000000-0000-0000-0000-000000000001", json!({"title": ""})),
        ("/api/admin/halls/nothing", json!({"layout": {"rows": []}})),
        ("/api/admin/halls/00000000-0000-0000-0000-000000000001", json!({"name": ""})),
        ("/api/admin/screenings/nothing", json!({"start_time": "soon"})),
        ("/api/admin/screenings/nothing", json!({"prices": {"standard": {"amount": -1, "currency": "THB"}}})),
    ] {
        let answer = admin.patch(path, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{path} {body}: {}", answer.text);
    }
    let payment = "/api/payments/nothing/confirm";
    assert_eq!(invalid_field(user.post(payment, json!({"outcome": "maybe"})).await), "outcome");
    user.post(payment, json!({"outcome": "success"})).await.refused(404, "payment_not_found");
    app.finish().await;
}

#[tokio::test]
async fn requests_that_change_data_are_refused_from_foreign_origins() {
    let app = TestApp::with(&["--allowed-origins=https://partner.example"]).await;
    let admin = app.admin();
    let change = |headers: Vec<(&'static str, String)>| async move {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain([JSON]).collect();
        admin.raw("PATCH", "/api/auth/me", &headers, r#"{"language":"en"}"#).await
    };
    let own = app.url().to_owned();
    for origin in [own.as_str(), "https://partner.example"] {
        change(vec![("origin", origin.to_owned())]).await.expect(200);
        change(vec![("origin", origin.to_owned()), ("sec-fetch-site", "cross-site".into())]).await.expect(200);
    }
    let others =
        ["null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "http://partner.example", ""];
    for origin in others.map(str::to_owned).into_iter().chain([format!("{own}/"), format!("{own}.evil.example")]) {
        change(vec![("origin", origin)]).await.refused(403, "bad_origin");
    }
    for from in ["same-origin", "none"] {
        change(vec![("sec-fetch-site", from.into())]).await.expect(200);
    }
    for from in ["cross-site", "same-site"] {
        change(vec![("sec-fetch-site", from.into())]).await.refused(403, "bad_origin");
    }
    // Reading is allowed from any origin. Signing out changes data.
    admin.raw("GET", "/api/auth/me", &[EVIL], "").await.expect(200);
    admin.raw("POST", "/api/auth/logout", &[EVIL], "").await.refused(403, "bad_origin");
    admin.get("/api/auth/me").await.expect(200);

    // On loopback, a host name of someone else that resolves to this address is refused (DNS rebinding).
    for host in ["evil.example", "127.0.0.1:1", "localhost:1"] {
        let stranger = app.stranger();
        stranger.raw("GET", "/api/site", &[("host", host)], "").await.refused(421, "misdirected");
        let page = stranger.raw("GET", "/films/1?a=b", &[("host", host), ("accept", "text/html,*/*")], "").await;
        assert_eq!((page.status / 100, page.header("location")), (3, format!("{own}/films/1?a=b").as_str()), "{host}");
    }
    for host in ["partner.example", "127.0.0.1", "127.0.0.1:80"] {
        app.stranger().raw("GET", "/api/site", &[("host", host)], "").await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn requests_over_the_rate_limit_are_refused_with_retry_after() {
    let app =
        TestApp::without_people(&["--rate-limit=on", "--trusted-proxies=127.0.0.0/8", "--allow-demo-sign-in"]).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let flood = |method: &'static str, path: &'static str, headers: Vec<(&'static str, &'static str)>| {
        let (ann, headers) = (ann.clone(), headers.clone());
        async move {
            let asked = (0..200).map(|_| ann.raw(method, path, &headers, ""));
            join_all(asked).await
        }
    };
    let count = |answers: &[crate::support::Answer], status| answers.iter().filter(|a| a.status == status).count();
    let answers = flood("GET", "/api/auth/me", vec![]).await;
    let limited = count(&answers, 429);
    assert!(limited > 0 && count(&answers, 200) >= 60 && limited + count(&answers, 200) == 200, "{limited}");
    answers.into_iter().find(|answer| answer.status == 429).unwrap().refused(429, "rate_limited");
    bob.get("/api/auth/me").await.expect(200);

    // 404 and 405 come before the check of the rate limit, 401 and 403 after it.
    assert_eq!(count(&flood("GET", "/api/nothing", vec![]).await, 404), 200);
    assert_eq!(count(&flood("PUT", "/api/lock", vec![]).await, 405), 200);
    let refused = flood("POST", "/api/lock", vec![EVIL]).await;
    assert!(count(&refused, 429) > 0 && count(&refused, 429) + count(&refused, 403) == 200);

    // Sign-ins are limited by client address, which is that in `X-Forwarded-For` when a trusted proxy sends the
    // request.
    let login = |address: String| {
        let stranger = app.stranger();
        async move { stranger.raw("GET", "/api/auth/google/login", &[("x-forwarded-for", &address)], "").await }
    };
    let one = join_all((0..100).map(|_| login("192.0.2.1".into()))).await;
    assert!(count(&one, 429) > 0 && count(&one, 429) + count(&one, 302) == 100);
    let many = join_all((0..100).map(|n| login(format!("198.51.100.{n}")))).await;
    assert_eq!(count(&many, 302), 100);
    app.finish().await;
}
