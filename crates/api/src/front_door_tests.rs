//! Tests of the middleware `front_door` (request id, limits, timeout, panics, common headers of the answers), through
//! the whole router with a SQLite store.

use std::{convert::Infallible, pin::pin, sync::Arc, task::Poll};

use axum::{
    body::Body,
    http::{Method, header},
};
use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::{
    auth::tests::support::{Answer, Browser, Server, World, with_provider},
    config::{SignInConfig, SiteUrl},
};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

async fn send(browser: &Browser, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    browser.send(method, path, headers, Body::from(body.to_owned())).await
}

/// Makes the browser send this `Host` header.
fn of_host(mut browser: Browser, host: &str) -> Browser {
    browser.headers.insert(header::HOST, host.parse().unwrap());
    browser
}

#[tokio::test]
async fn every_answer_has_its_own_request_id_and_errors_repeat_it() {
    let world = World::new();
    let browser = world.server(|_| ()).browser();
    let good = browser.get("/api/site").await;
    let bad = send(&browser, Method::GET, "/api/nope", &[("x-request-id", "mine")], "").await;
    assert_ne!(header(&good, "x-request-id"), header(&bad, "x-request-id"));
    assert_ne!(header(&bad, "x-request-id"), "mine", "a client's own id is ignored");
    assert_eq!(bad.json()["request_id"], header(&bad, "x-request-id"));
    assert_eq!(bad.problem(), (404, "not_found".into()));
    for answer in [&good, &bad] {
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(answer, "cache-control"), "no-store");
    }
}

#[tokio::test]
async fn unknown_host_on_loopback_is_refused_or_redirected() {
    let world = World::new();
    let server = world.server(|_| ());
    let stranger = of_host(server.browser(), "evil.example");
    assert_eq!(stranger.get("/api/site").await.problem(), (421, "misdirected".into()));
    assert_eq!(stranger.get("/api/nope").await.problem(), (421, "misdirected".into()), "before 404");
    let page = send(&stranger, Method::GET, "/movies?x=1", &[("accept", "text/html")], "").await;
    assert_eq!((page.status.as_u16(), header(&page, "location")), (307, "http://127.0.0.1:8080/movies?x=1"));
    let call = send(&stranger, Method::GET, "/api/site", &[("accept", "text/html")], "").await;
    assert_eq!(call.status.as_u16(), 421);
    let partner = of_host(server.browser(), "partner.example");
    assert_eq!(partner.get("/api/site").await.status.as_u16(), 200);
    let public = world.server(|config| config.listen_is_loopback = false);
    assert_eq!(of_host(public.browser(), "evil.example").get("/api/site").await.status.as_u16(), 200);
}

/// A table of path, `Host`, `Accept` and the expected answer of a server on loopback behind a proxy.
#[tokio::test]
async fn only_health_checks_on_loopback_answer_unknown_hosts() {
    let world = World::new();
    let server = world.server(|config| config.public_url = SiteUrl::new("https://tickets.example:8443"));
    const PUBLIC: &str = "https://tickets.example:8443";
    for host in ["127.0.0.1:8080", "localhost", "evil.example", "tickets.example:9", ""] {
        for (path, accept, status, location) in [
            ("/healthz", "*/*", 200, ""),
            ("/readyz", "text/html", 200, ""),
            ("/healthz/x", "*/*", 421, ""),
            ("/metrics", "*/*", 421, ""),
            ("/api/site", "text/html", 421, ""),
            ("/", "*/*", 421, ""),
            ("/", "text/html", 307, "/"),
        ] {
            let answer = send(&of_host(server.browser(), host), Method::GET, path, &[("accept", accept)], "").await;
            let expected = if location.is_empty() { String::new() } else { format!("{PUBLIC}{location}") };
            assert_eq!((answer.status.as_u16(), header(&answer, "location")), (status, &*expected), "{host} {path}");
        }
    }
    for host in
        ["tickets.example", "tickets.example:443", "tickets.example:8443", "tickets.example.", "Tickets.Example"]
    {
        for path in ["/", "/api/site", "/metrics", "/healthz"] {
            let answer =
                send(&of_host(server.browser(), host), Method::GET, path, &[("accept", "text/html")], "").await;
            assert_eq!((answer.status.as_u16(), header(&answer, "location")), (200, ""), "{host} {path}");
        }
    }
}

#[tokio::test]
async fn redirect_loop_of_a_proxy_that_replaces_host_is_refused() {
    let world = World::new();
    let server = world.server(|config| config.public_url = SiteUrl::new("https://tickets.example"));
    let browser = of_host(server.browser(), "127.0.0.1:8080");
    let first = send(&browser, Method::GET, "/", &[("accept", "text/html")], "").await;
    assert_eq!((first.status.as_u16(), header(&first, "location")), (307, "https://tickets.example/"));
    let second = send(&browser, Method::GET, "/", &[("accept", "text/html")], "").await;
    assert_eq!(second.problem(), (421, "misdirected".into()));
    assert!(second.body.contains("Host"), "it says what the proxy must do: {}", second.body);
}

#[tokio::test]
async fn two_host_or_origin_headers_are_refused() {
    let world = World::new();
    let server = world.server(|_| ());
    for name in [header::HOST, header::ORIGIN] {
        let mut browser = server.browser();
        for value in ["127.0.0.1:8080", "evil.example"] {
            browser.headers.append(&name, value.parse().unwrap());
        }
        assert_eq!(browser.get("/api/site").await.problem(), (400, "bad_request".into()), "{name}");
    }
}

#[tokio::test]
async fn demo_sign_in_refuses_requests_of_a_proxy_unless_allowed() {
    let world = World::new();
    let server = world.server(|_| ());
    let sign_in = ["/api/auth/google/login", "/api/auth/google/callback", "/demo-idp/authorize", "/demo-idp/style.css"];
    for name in ["x-forwarded-for", "x-forwarded-proto", "X-Forwarded-Host", "x-forwarded-anything", "forwarded", "via"]
    {
        for path in sign_in {
            let refused = send(&server.browser(), Method::GET, path, &[(name, "x")], "").await;
            assert_eq!(refused.problem(), (421, "misdirected".into()), "{name} {path}");
        }
        let token = send(&server.browser(), Method::POST, "/demo-idp/token", &[(name, "x")], "").await;
        assert_eq!(token.problem(), (421, "misdirected".into()), "{name}");
        let site = send(&server.browser(), Method::GET, "/api/site", &[(name, "x")], "").await;
        assert_eq!(site.status.as_u16(), 200, "{name}: only the sign-in is refused");
    }
    let in_browser = [("via", "1.1 proxy"), ("accept", "text/html")];
    let page = send(&server.browser(), Method::GET, sign_in[0], &in_browser, "").await;
    assert_eq!((page.status.as_u16(), header(&page, "refresh")), (421, "0; url=/sign-in?error=misdirected"));

    let allowed = world.server(|config| config.sign_in = SignInConfig::Demo { is_allowed_behind_proxies: true });
    let real = world.server(|config| config.sign_in = with_provider("https://id.example", "cinema", "secret"));
    let behind_proxy = |server: &Server| {
        let mut browser = server.browser();
        browser.headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
        browser
    };
    assert_eq!(behind_proxy(&allowed).sign_in("ann@example.test").await.location(), "/here");
    let begun = behind_proxy(&real).get("/api/auth/google/login?return_to=//x").await;
    assert_eq!(begun.problem(), (400, "bad_return_to".into()), "a real provider is used behind a proxy");
}

/// A request and the refusal expected for it: person, method, path, headers, body, status, code.
type Case =
    (&'static str, Method, &'static str, &'static [(&'static str, &'static str)], &'static str, u16, &'static str);

#[tokio::test]
async fn request_with_several_faults_is_refused_in_the_order_of_the_contract() {
    let world = World::new();
    let server = world.server(|config| config.rate_limit = true);
    let (ann, nobody) = (server.browser(), server.browser());
    ann.sign_in("ann@example.test").await;
    const ELSEWHERE: (&str, &str) = ("origin", "https://evil.example");
    const JSON: (&str, &str) = ("content-type", "application/json");
    let cases: [Case; 14] = [
        ("nobody", Method::PUT, "/api/lock", &[ELSEWHERE], "x", 405, "method_not_allowed"),
        ("nobody", Method::POST, "/api/lock", &[ELSEWHERE], "x", 401, "sign_in_required"),
        ("ann", Method::POST, "/api/lock", &[ELSEWHERE], "x", 403, "bad_origin"),
        ("ann", Method::POST, "/api/lock", &[("origin", "null")], "x", 403, "bad_origin"),
        ("ann", Method::POST, "/api/lock", &[("sec-fetch-site", "cross-site")], "x", 403, "bad_origin"),
        ("ann", Method::POST, "/api/lock", &[], "x", 415, "unsupported_media_type"),
        ("ann", Method::POST, "/api/lock", &[JSON, ("content-length", "70000")], "x", 413, "too_large"),
        ("ann", Method::POST, "/api/lock", &[JSON], "x", 400, "bad_request"),
        ("ann", Method::POST, "/api/lock", &[JSON], r#"{"screening_id":"x","seat_ids":[]}"#, 422, "invalid"),
        (
            "ann",
            Method::POST,
            "/api/lock",
            &[JSON],
            r#"{"screening_id":"x","seat_ids":["A1"]}"#,
            404,
            "screening_not_found",
        ),
        ("nobody", Method::PUT, "/api/admin/movies", &[], "", 401, "sign_in_required"),
        ("nobody", Method::GET, "/api/admin/no/such", &[], "", 401, "sign_in_required"),
        ("ann", Method::GET, "/api/admin/no/such", &[], "", 404, "not_found"),
        ("ann", Method::PUT, "/api/admin/movies", &[], "", 405, "method_not_allowed"),
    ];
    for (who, method, path, headers, body, status, code) in cases {
        let browser = if who == "ann" { &ann } else { &nobody };
        let answer = send(browser, method.clone(), path, headers, body).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{who} {method} {path} {headers:?} {body}");
    }
    let bob = server.browser();
    bob.sign_in("bob@example.test").await;
    let forbidden = send(&bob, Method::GET, "/api/admin/no/such", &[], "").await;
    assert_eq!(forbidden.problem(), (403, "forbidden".into()));
}

#[tokio::test]
async fn requests_above_the_rate_limit_get_429_with_retry_after() {
    let world = World::new();
    let server = world.server(|config| config.rate_limit = true);
    let (ann, bob) = (server.browser(), server.browser());
    ann.sign_in("ann@example.test").await;
    bob.sign_in("bob@example.test").await;
    let mut refused = None;
    for _ in 0..1_000 {
        let answer = ann.get("/api/auth/me").await;
        if answer.status.as_u16() == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a person's burst is below a thousand requests");
    assert_eq!(refused.problem(), (429, "rate_limited".into()));
    assert!(header(&refused, "retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(bob.get("/api/auth/me").await.status.as_u16(), 200, "other people are not limited");
    assert_eq!(ann.get("/api/site").await.status.as_u16(), 200, "calls without sign-in are not limited");
}

#[tokio::test]
async fn requests_to_admin_paths_count_for_the_rate_limit() {
    let world = World::new();
    for (method, path) in
        [(Method::GET, "/api/admin/no/such"), (Method::PUT, "/api/admin/movies"), (Method::GET, "/api/admin")]
    {
        let browser = world.server(|config| config.rate_limit = true).browser();
        let mut refusals = Vec::new();
        for _ in 0..4_000 {
            let refusal = send(&browser, method.clone(), path, &[], "").await.problem();
            let is_last = refusal.0 == 429;
            refusals.push(refusal);
            if is_last {
                break;
            }
        }
        assert_eq!(refusals[0], (401, "sign_in_required".into()), "{method} {path}");
        assert_eq!(refusals.last(), Some(&(429, "rate_limited".into())), "{method} {path}");
    }
}

/// A body that never arrives.
fn endless() -> Body {
    Body::from_stream(futures_util::stream::pending::<Result<&str, Infallible>>())
}

#[tokio::test]
async fn slow_bodies_leave_the_permits_of_their_address_to_other_requests() {
    let world = World::new();
    let server = world.server(|config| config.rate_limit = true);
    let ann = server.browser();
    ann.sign_in("ann@example.test").await;
    let signature = format!("t={},v1={}", server.app.office.now().as_second(), "0".repeat(64));
    let slow = |path: &'static str, headers: Vec<(&'static str, String)>| {
        let browser = server.browser();
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            browser.send(Method::POST, path, &headers, endless()).await
        }
        .boxed()
    };
    let mut waiting: Vec<_> = (0..300)
        .flat_map(|_| {
            let signed = vec![("x-seatkeeper-signature", signature.clone())];
            [slow("/api/payments/callback/mock", signed), slow("/demo-idp/token", vec![])]
        })
        .collect();
    assert!(waiting.iter_mut().all(|slow| slow.now_or_never().is_none()), "all 600 are waited for");
    assert_eq!(ann.get("/api/site").await.status.as_u16(), 200);
    const JSON: (&str, &str) = ("content-type", "application/json");
    let lock = r#"{"screening_id":"x","seat_ids":["A1"]}"#;
    let locked = send(&ann, Method::POST, "/api/lock", &[JSON], lock).await;
    assert_eq!(locked.problem(), (404, "screening_not_found".into()), "a body that is there is read");
    drop(waiting);
}

/// Every call of the API that may have a body, sent by an administrator with a body that does not arrive.
#[tokio::test]
async fn no_route_holds_a_permit_while_it_waits_for_a_body() {
    let world = World::new();
    let server = world.server(|_| ());
    let admin = server.browser();
    admin.sign_in("ann@example.test").await;
    let signature = format!("t={},v1={}", server.app.office.now().as_second(), "0".repeat(64));
    let mut calls = vec![(Method::POST, "/demo-idp/token".to_owned())];
    for (path, item) in crate::openapi_document().paths.paths {
        let path = path.replace("{provider}", "mock").replace("{id}", "0195d3c0-0000-7000-8000-000000000001");
        let methods = [
            (Method::POST, item.post),
            (Method::PUT, item.put),
            (Method::PATCH, item.patch),
            (Method::DELETE, item.delete),
        ];
        let here = methods.into_iter().filter_map(|(method, call)| call.map(|_| method));
        calls.extend(here.map(|method| (method, path.clone())));
    }
    // Without a session most calls are refused before their body.
    calls.retain(|(_, path)| path != "/api/auth/logout");
    let mut waited = Vec::new();
    for (method, path) in &calls {
        for kind in ["application/json", "image/png"] {
            let asked = Arc::new(Notify::new());
            let is_asked = Arc::clone(&asked);
            let body = Body::from_stream(futures_util::stream::poll_fn(move |_| {
                is_asked.notify_one();
                Poll::<Option<Result<&str, Infallible>>>::Pending
            }));
            let headers = [("content-type", kind), ("x-seatkeeper-signature", signature.as_str())];
            let call = pin!(admin.send(method.clone(), path, &headers, body));
            tokio::select! {
                biased;
                _ = call => {}
                () = asked.notified() => {
                    assert_eq!(server.app.permits.running(), 0, "{method} {path}");
                    waited.push(format!("{method} {path}"));
                }
            }
            assert_eq!(server.app.permits.running(), 0, "{method} {path}, afterwards");
        }
    }
    for call in ["/demo-idp/token", "/api/payments/callback/mock", "/api/lock", "/api/payments", "/api/admin/posters"] {
        assert!(waited.contains(&format!("POST {call}")), "{call} reads a body: {waited:?}");
    }
}

#[tokio::test]
async fn sign_ins_from_an_address_are_rate_limited() {
    let world = World::new();
    let browser = world.server(|config| config.rate_limit = true).browser();
    let mut statuses = Vec::new();
    for _ in 0..100 {
        // This sign-in is refused without a call to the store, but still counts for the rate limit.
        statuses.push(browser.get("/api/auth/google/login?return_to=//x").await.status.as_u16());
    }
    assert_eq!(statuses[0], 400);
    assert!(statuses.contains(&429));
    // A browser that navigates gets the sign-in page with the reason.
    let mut shown = Vec::new();
    for _ in 0..100 {
        let html = [("accept", "text/html,*/*;q=0.8")];
        shown.push(send(&browser, Method::GET, "/api/auth/google/login?return_to=//x", &html, "").await);
    }
    let refused = shown.iter().find(|answer| answer.status.as_u16() == 429).unwrap();
    assert_eq!(header(refused, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(refused, "refresh"), "0; url=/sign-in?error=rate_limited");
    assert!(!header(refused, "retry-after").is_empty());
    assert_eq!(browser.get("/api/site").await.status.as_u16(), 200);
}

#[tokio::test]
async fn sign_in_at_a_busy_server_shows_the_sign_in_page_to_a_browser() {
    let world = World::new();
    let server = world.server(|_| ());
    let browser = server.browser();
    let taken: Vec<_> = std::iter::from_fn(|| server.app.permits.take(None)).collect();
    let login = "/api/auth/google/login";
    assert_eq!(browser.get(login).await.problem(), (503, "try_again".into()), "a program");
    for path in [login, "/api/auth/google/callback?code=x&state=y"] {
        let refused = send(&browser, Method::GET, path, &[("accept", "text/html")], "").await;
        assert_eq!((refused.status.as_u16(), header(&refused, "content-type")), (503, "text/html; charset=utf-8"));
        assert_eq!(header(&refused, "refresh"), "0; url=/sign-in?error=try_again", "{path}");
    }
    let other = send(&browser, Method::GET, "/api/site", &[("accept", "text/html")], "").await;
    assert_eq!(other.problem(), (503, "try_again".into()), "no call of a sign-in");
    drop(taken);
    assert!(browser.get(login).await.location().contains("/demo-idp/"));
}

#[tokio::test]
async fn page_is_the_fallback_for_paths_outside_the_api() {
    let world = World::new();
    let browser = world.server(|_| ()).browser();
    let page = browser.get("/movies/some-film").await;
    assert_eq!((page.status.as_u16(), header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    for unknown in ["/no-such-page", "/movies", "/movies/x/y", "/admin/nothing", "/demo-idp/nothing", "/index.php"] {
        let known = [("if-none-match", "*"), ("accept", "*/*")];
        let answer = send(&browser, Method::GET, unknown, &known, "").await;
        let seen = (answer.status.as_u16(), header(&answer, "content-type"), header(&answer, "etag"));
        assert_eq!(seen, (404, "text/html; charset=utf-8", ""), "{unknown}");
        assert_eq!(answer.body, page.body, "{unknown}");
        assert!(header(&answer, "content-security-policy").contains("default-src 'self'"), "{unknown}");
        let head = send(&browser, Method::HEAD, unknown, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (404, ""), "{unknown}");
        assert_eq!(send(&browser, Method::POST, unknown, &[], "").await.problem(), (404, "not_found".into()));
    }
    let icon = browser.get("/favicon.ico").await;
    assert_eq!((icon.status.as_u16(), header(&icon, "content-type")), (200, "image/svg+xml"));
    let robots = browser.get("/robots.txt").await;
    assert_eq!((robots.status.as_u16(), header(&robots, "content-type")), (200, "text/plain; charset=utf-8"));
    assert!(robots.body.contains("Disallow: /admin\n"), "{}", robots.body);
    assert!(header(&page, "content-security-policy").contains("default-src 'self'"));
    assert!(header(&page, "strict-transport-security").is_empty(), "not over plain HTTP");
    assert_eq!(browser.get("/assets/no-such-file.js").await.problem(), (404, "not_found".into()));
    for path in ["/movies/x", "/robots.txt"] {
        let posted = send(&browser, Method::POST, path, &[], "").await;
        assert_eq!((posted.problem().0, header(&posted, "allow")), (405, "GET, HEAD"), "{path}");
    }
    assert_eq!(browser.get("/api").await.problem(), (404, "not_found".into()));
    let head = send(&browser, Method::HEAD, "/api/movies", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn docs_page_loads_nothing_from_other_sites() {
    let world = World::new();
    let browser = world.server(|_| ()).browser();
    let document = browser.get("/api/openapi.json").await;
    assert_eq!(document.json()["info"]["title"], "Seatkeeper");
    for (path, kind) in [("/docs", "text/html"), ("/docs/docs.js", "text/javascript"), ("/docs/docs.css", "text/css")] {
        let file = browser.get(path).await;
        assert!(header(&file, "content-type").starts_with(kind), "{path}");
        assert!(!file.body.contains("https://") && !file.body.contains("http://"), "{path} names another site");
    }
    assert_eq!(browser.get("/docs/other.js").await.problem(), (404, "not_found".into()));
}

#[tokio::test]
async fn posters_are_served_as_uploaded_and_invalid_ones_are_refused() {
    let world = World::new();
    let browser = world.server(|_| ()).browser();
    browser.sign_in("ann@example.test").await;
    let drawing = "<svg xmlns=\"x\"><script>alert(1)</script></svg>";
    let kind = [("content-type", "image/svg+xml")];
    let kept = send(&browser, Method::POST, "/api/admin/posters", &kind, drawing).await;
    assert_eq!(kept.status.as_u16(), 201, "{}", kept.body);
    let place = kept.json()["poster_url"].as_str().unwrap().to_owned();
    let shown = browser.get(&place).await;
    assert_eq!((shown.body.as_str(), header(&shown, "content-type")), (drawing, "image/svg+xml"));
    assert!(header(&shown, "content-security-policy").ends_with("sandbox"), "scripts in it do not run");
    assert!(header(&shown, "cache-control").contains("immutable"));
    let lie = send(&browser, Method::POST, "/api/admin/posters", &[("content-type", "image/png")], drawing).await;
    assert_eq!(lie.problem(), (422, "invalid".into()));
    let other = send(&browser, Method::POST, "/api/admin/posters", &[("content-type", "image/gif")], drawing).await;
    assert_eq!(other.problem(), (415, "unsupported_media_type".into()));
    let length = [kind[0], ("content-length", "5242881")];
    let large = send(&browser, Method::POST, "/api/admin/posters", &length, drawing).await;
    assert_eq!(large.problem(), (413, "too_large".into()));
    assert_eq!(browser.get("/posters/none").await.problem(), (404, "not_found".into()));
}

#[tokio::test]
async fn files_are_compressed_and_revalidated_by_etag() {
    let world = World::new();
    let browser = world.server(|_| ()).browser();
    for path in ["/api/openapi.json", "/docs/docs.js", "/docs/docs.css"] {
        for coding in ["br", "gzip"] {
            let answer = send(&browser, Method::HEAD, path, &[("accept-encoding", coding)], "").await;
            assert_eq!((header(&answer, "content-encoding"), header(&answer, "vary")), (coding, "accept-encoding"));
            let known = [("if-none-match", header(&answer, "etag")), ("accept-encoding", coding)];
            let again = send(&browser, Method::GET, path, &known, "").await;
            assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{path}");
            assert_eq!(header(&again, "vary"), "accept-encoding", "{path}");
        }
        let plain = browser.get(path).await;
        assert_eq!((header(&plain, "content-encoding"), header(&plain, "vary")), ("", "accept-encoding"), "{path}");
        assert_eq!(header(&plain, "cache-control"), "no-cache", "{path}");
    }
}

#[tokio::test]
async fn long_answers_are_compressed_but_not_answers_about_a_persons_locks() {
    let world = World::new();
    let browser = world.server(|_| ()).browser();
    browser.sign_in("ann@example.test").await;
    let long = send(&browser, Method::HEAD, "/api/openapi.json", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(header(&long, "content-encoding"), "gzip");
    let hold = send(&browser, Method::GET, "/api/lock?screening_id=x", &[("accept-encoding", "gzip")], "").await;
    assert!(header(&hold, "content-encoding").is_empty() && header(&hold, "vary").is_empty());
}
