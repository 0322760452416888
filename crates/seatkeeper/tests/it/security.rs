//! Hostile requests, partly as raw bytes that no HTTP client would send.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Answer, TestApp};

/// Time within which the server closes a connection: longer than its timeouts of a request's head and body.
const CLOSED_WITHIN: Duration = Duration::from_secs(60);

/// Sends bytes and returns everything that the server sends until it closes the connection.
async fn say(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = connect(app).await;
    // A failed write is ignored, because the server may close the connection before it has read everything.
    drop(stream.write_all(bytes).await);
    read_to_end(&mut stream).await
}

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(host(app)).await.unwrap()
}

fn host(app: &TestApp) -> String {
    app.url().trim_start_matches("http://").to_owned()
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = timeout(CLOSED_WITHIN, stream.read_to_end(&mut all)).await.expect("the server did not close");
    // A failed read is ignored: a reset also ends the connection, and what was received before it is returned.
    drop(read);
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends requests without reading the responses, until the server closes the connection. When the send buffers are
/// full, the server reads no more requests, and its last write reaches the write timeout.
async fn ask_and_never_read(mut stream: TcpStream, host: &str) {
    let question = format!("GET /api/openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let asking = async { while stream.write_all(question.as_bytes()).await.is_ok() {} };
    timeout(CLOSED_WITHIN, asking).await.expect("the server did not time out a client that reads nothing");
}

/// Raises the limit of open files, because a test needs more than the usual default of 1,024.
fn raise_limit_of_open_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn malformed_http_requests_are_refused() {
    let app = TestApp::start().await;
    let host = host(&app);
    let head = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
    let long = "x".repeat(100_000);
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    let refused = [
        (head(&format!("GET /api/site?{long}"), ""), "a long address"),
        (head("GET /api/site", &format!("X-Long: {long}\r\n")), "a long header"),
        (head("GET /api/site", &many), "many headers"),
        (head("GET /api/site", "X-Bad: a\0b\r\n"), "a NUL in a header"),
        (head("GET /api/site", "Bad Name: a\r\n"), "a blank in a header's name"),
        (head("POST /api/auth/logout", "Content-Length: 5\r\nContent-Length: 6\r\n"), "two lengths"),
        (head("POST /api/auth/logout", "Content-Length: -1\r\n"), "a length below nothing"),
        (head("POST /api/auth/logout", "Transfer-Encoding: gzip\r\n"), "an encoding that has no end"),
        ("GET /api/site HTTP/3.0\r\n\r\n".to_owned(), "another protocol"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\x03\x03".to_owned() + &"\0".repeat(64) + "\r\n\r\n", "TLS"),
    ];
    for (request, what) in &refused {
        let answer = say(&app, request.as_bytes()).await;
        let is_refused = matches!(status(&answer), 400 | 414 | 431) || answer.is_empty();
        assert!(is_refused, "{what}: {}", answer.lines().next().unwrap_or_default());
    }
    // Request smuggling: `Transfer-Encoding` overrides `Content-Length`, and nothing is read after `Connection: close`.
    let hidden = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let both = head("POST /api/auth/logout", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n");
    let answer = say(&app, format!("{both}0\r\n\r\n{hidden}").as_bytes()).await;
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count()), (204, 1), "{answer}");
    app.get("/api/site").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn idle_and_slow_connections_are_closed_and_delay_no_other_client() {
    let app = TestApp::start().await;
    let mut silent = connect(&app).await;
    let mut slow_head = connect(&app).await;
    slow_head.write_all(b"GET /api/site HTTP/1.1\r\nHo").await.unwrap();
    let begin = async |path: &str| {
        let mut stream = connect(&app).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 16000\r\n\r\n{{", host(&app));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut slow_body = begin("/demo-idp/token").await;
    let mut unsigned = begin("/api/payments/callback/mock").await;
    let (deaf, site) = (connect(&app).await, host(&app));
    let crowd = join_all((0..600).map(|_| connect(&app))).await;
    app.get("/api/site").await.expect(200);
    app.admin().get("/api/auth/me").await.expect(200);
    let answers = tokio::join!(
        read_to_end(&mut silent),
        read_to_end(&mut slow_head),
        read_to_end(&mut slow_body),
        read_to_end(&mut unsigned),
        ask_and_never_read(deaf, &site)
    );
    assert_eq!((status(&answers.2), status(&answers.3)), (400, 401), "{answers:?}");
    assert!(matches!(status(&answers.1), 0 | 408), "{answers:?}");
    drop(crowd);
    app.finish().await;
}

/// Callbacks of the payment provider need no sign-in, and their signature can only be checked with the whole body.
#[tokio::test]
async fn slow_bodies_of_payment_callbacks_do_not_block_other_requests_from_their_address() {
    raise_limit_of_open_files();
    let mut app = TestApp::without_people(&["--rate-limit=on"]).await;
    let boss = app.sign_in("boss").await;
    app.set_admin(boss);
    let now = crate::support::now().as_second();
    let head = format!(
        "POST /api/payments/callback/mock HTTP/1.1\r\nHost: {}\r\nContent-Length: 60000\r\n\
         X-Seatkeeper-Signature: t={now},v1={}\r\n\r\n{{",
        host(&app),
        "0".repeat(64)
    );
    let mut slow = join_all((0..300).map(|_| connect(&app))).await;
    for stream in &mut slow {
        stream.write_all(head.as_bytes()).await.unwrap();
    }
    // The server waits five seconds for the bodies. If they used up a limit of their address, these requests would be
    // refused.
    for _ in 0..20 {
        app.get("/api/site").await.expect(200);
        app.admin().get("/api/auth/me").await.expect(200);
    }
    let first = read_to_end(&mut slow[0]).await;
    assert_eq!(status(&first), 400, "the body did not arrive in time: {first}");
    app.finish().await;
}

#[tokio::test]
async fn connections_of_one_address_are_limited() {
    raise_limit_of_open_files();
    let mut app = TestApp::without_people(&["--rate-limit=on"]).await;
    let boss = app.sign_in("boss").await;
    app.set_admin(boss);
    // Connections beyond the limit of 2,000 are closed without a response.
    let ask = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host(&app));
    let mut crowd = Vec::new();
    for _ in 0..2_000 {
        crowd.push(connect(&app).await);
    }
    let refused = timeout(CLOSED_WITHIN, async {
        // Connections that were idle for too long are closed meanwhile, so further ones can be opened.
        while !say(&app, ask.as_bytes()).await.is_empty() {
            crowd.push(connect(&app).await);
        }
    });
    refused.await.expect("no connection was refused");
    drop(crowd);
    // When those connections are closed, connections are accepted again.
    while app.stranger().request(Method::GET, "/api/site").send().await.is_err() {
        tokio::task::yield_now().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn compressed_and_deeply_nested_bodies_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let json = ("content-type", "application/json");
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let arrays = format!("{{\"seat_ids\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [deep, arrays] {
        let answer = admin.raw("POST", "/api/lock", &[json], body).await;
        assert!(matches!(answer.status, 400 | 422), "{} {}", answer.status, answer.text);
    }
    // A megabyte of blanks, compressed to a kilobyte. The server does not decompress bodies, and the compressed bytes
    // are not JSON.
    let bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xec\xc1\x01\x0d\x00\x00\x00\xc2\xa0".to_vec();
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let answer = admin.raw("POST", "/api/lock", &[json, ("content-encoding", coding)], bomb.clone()).await;
        answer.refused(400, "bad_request");
    }
    app.finish().await;
}

#[tokio::test]
async fn every_response_has_security_headers_and_no_cors_headers() {
    let app = TestApp::start().await;
    let stranger = app.stranger();
    for path in ["/", "/films/1", "/docs", "/assets/nothing.js", "/healthz", "/demo-idp/nothing", "/posters/nothing"] {
        let answer = stranger.get(path).await;
        let policy = answer.header("content-security-policy");
        for rule in ["default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'self'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("script-src") && !policy.contains("unsafe-eval") && !policy.contains('*'), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    for path in ["/api/site", "/api/movies", "/api/auth/me", "/api/nothing", "/api/admin/bookings.csv"] {
        let answer = stranger.raw("GET", path, &[("origin", "https://evil.example")], "").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{path}");
    }
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer: Answer = stranger.raw("OPTIONS", "/api/lock", &preflight, "").await;
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{answer:?}");
    answer.refused(405, "method_not_allowed");
    stranger.raw("TRACE", "/api/site", &[], "").await.refused(405, "method_not_allowed");
    app.finish().await;
}

#[tokio::test]
async fn path_traversal_and_open_redirects_are_refused() {
    let app = TestApp::start().await;
    let host = host(&app);
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/assets/../../../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/posters/..%2f..%2findex.html",
        "/docs/..%2fdocs.html",
        "/docs/%2e%2e%2f%2e%2e%2fCargo.toml",
        "//etc/passwd",
        "/posters/%00",
        "/C:\\windows\\win.ini",
    ] {
        let answer =
            say(&app, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), 200 | 400 | 404), "{path}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains("[workspace]"), "{path}");
        // An unknown path returns the web page, never a redirect.
        assert!(!answer.to_lowercase().contains("\r\nlocation:"), "{path}: {answer}");
    }
    let stranger = app.stranger();
    for elsewhere in [
        "//evil.example",
        "/%5Cevil.example",
        "https://evil.example",
        "/%0d%0aSet-Cookie:%20a=b",
        "/%09/evil.example",
        "",
    ] {
        let login = stranger.get(&format!("/api/auth/google/login?return_to={elsewhere}")).await;
        login.refused(400, "bad_return_to");
    }
    // A request for the page with a foreign host is redirected only to this site, whatever its path looks like.
    for path in ["//evil.example", "/\\evil.example", "/@evil.example", "/.evil.example"] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
        let answer = say(&app, request.as_bytes()).await;
        let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
        let is_refused = location.is_empty() && matches!(status(&answer), 400 | 421);
        assert!(is_refused || location.starts_with(&format!("{}/", app.url())), "{path}: {answer}");
    }
    app.finish().await;
}

#[tokio::test]
async fn svg_poster_is_sandboxed_and_html_is_refused_as_a_poster() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>";
    let kind = ("content-type", "image/svg+xml");
    let place = admin.raw("POST", "/api/admin/posters", &[kind], svg).await.expect(201);
    let answer = app.get(place["poster_url"].as_str().unwrap()).await;
    assert_eq!(answer.header("content-type"), "image/svg+xml");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("sandbox") && !policy.contains("allow-"),
        "{policy}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let page = "<html><script>alert(1)</script></html>";
    for kind in ["image/svg+xml", "image/png", "image/jpeg", "image/webp"] {
        admin.raw("POST", "/api/admin/posters", &[("content-type", kind)], page).await.refused(422, "invalid");
    }
    for kind in ["text/html", "image/gif", "application/xhtml+xml", "image/svg+xml, text/html", ""] {
        let answer = admin.raw("POST", "/api/admin/posters", &[("content-type", kind)], svg).await;
        answer.refused(415, "unsupported_media_type");
    }
    for elsewhere in [
        "https://evil.example/x.png",
        "//evil.example/x.png",
        "javascript:alert(1)",
        "data:image/png,x",
        "/\\evil.example",
    ] {
        let film = serde_json::json!({"title": "A", "duration_min": 90, "poster_url": elsewhere});
        let answer = admin.post("/api/admin/movies", film).await;
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{elsewhere}");
    }
    app.finish().await;
}

#[tokio::test]
async fn data_folder_and_its_files_are_private() {
    let app = TestApp::start().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&app.data_dir()), 0o700);
    // The files are private even if the folder existed before and other users may read it.
    for file in std::fs::read_dir(app.data_dir()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{path:?}");
    }
    app.finish().await;
}
