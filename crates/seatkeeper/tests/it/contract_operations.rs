//! Operation of the server: health checks, metrics, the OpenAPI document, the web page, starting and stopping.

use std::{path::Path, process::Stdio};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::{
    contract_locks::without_seq,
    support::{TestApp, eventually, program},
};

async fn serve(flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.arg("serve").args(flags).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn health_checks_metrics_openapi_document_and_web_page_are_served() {
    let app = TestApp::start().await;
    let screening = app.screening("ss").await;
    app.admin().lock(&screening, &["A1"]).await.expect(200);
    assert_eq!(app.get("/healthz").await.expect(200)["status"], "ok");
    assert_eq!(app.get("/readyz").await.expect(200)["status"], "ok");
    let metrics = app.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"), "{}", metrics.header("content-type"));
    assert!(metrics.text.contains("seatkeeper_") && metrics.text.contains("# TYPE"), "{}", metrics.text);

    // The served OpenAPI document equals the committed one and lists the error codes.
    let document = app.get("/api/openapi.json").await;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(committed).unwrap()).unwrap();
    assert!(document.body == committed, "run `make openapi`");
    let codes = document.body["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    for code in ["seat_taken", "payment_in_progress", "hall_busy", "misdirected", "bad_state", "provider_not_found"] {
        assert!(codes.contains(&json!(code)), "{code} in {codes:?}");
    }
    let docs = app.get("/docs").await;
    assert_eq!(docs.status, 200);
    assert!(docs.header("content-type").starts_with("text/html"));
    let mut texts = vec![docs.text.clone()];
    for reference in docs.text.split(['"', '\'']).filter(|part| part.starts_with("/docs/")) {
        let file = app.get(reference).await;
        assert_eq!(file.status, 200, "{reference}");
        texts.push(file.text);
    }
    assert!(texts.len() >= 2, "the page has a script");
    for text in texts {
        let elsewhere = text.split("http").skip(1).filter(|rest| rest.starts_with("://") || rest.starts_with("s://"));
        let elsewhere: Vec<&str> = elsewhere.filter(|rest| !rest.contains("www.w3.org")).collect();
        assert_eq!(elsewhere, Vec::<&str>::new(), "the documents load nothing from other sites");
    }
    app.get("/docs/nothing.js").await.refused(404, "not_found");

    // Every path outside of the API returns the web page, unknown ones with the status 404.
    let home = app.get("/").await;
    assert_eq!(home.status, 200);
    assert!(home.header("content-type").starts_with("text/html"));
    for (path, status) in [
        ("/movies/1", 200),
        ("/admin/bookings", 200),
        ("/sign-in?error=x", 200),
        ("/films/1", 404),
        ("/apix", 404),
        ("/admin/nothing", 404),
    ] {
        let page = app.get(path).await;
        assert_eq!((page.status, &page.text), (status, &home.text), "{path}");
    }
    let robots = app.get("/robots.txt").await;
    assert_eq!((robots.status, robots.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert!(robots.text.contains("User-agent: *\n"), "{}", robots.text);
    let etag = home.header("etag").to_owned();
    let same = app.stranger().raw("GET", "/", &[("if-none-match", &etag)], "").await;
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    let policy = home.header("content-security-policy");
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    app.stranger().raw("POST", "/movies/1", &[], "").await.refused(405, "method_not_allowed");
    app.stranger().raw("POST", "/films/1", &[], "").await.refused(404, "not_found");
    app.get("/assets/nothing.js").await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn shutdown_finishes_requests_and_closes_viewers_with_1012() {
    let mut app = TestApp::with(&["--mock-payment=answer_delay=2s,callback=never"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    let url = format!("{}/api/ws?screening_id={}", app.url().replacen("http", "ws", 1), screening.id);
    let (mut socket, _) = connect_async(url).await.unwrap();
    socket.next().await.unwrap().unwrap();
    ann.lock(&screening, &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screening).await.expect(201)["id"].as_str().unwrap().to_owned();
    let confirming = tokio::spawn({
        let (ann, payment) = (ann.clone(), payment.clone());
        async move { ann.confirm(&payment, "success").await }
    });
    eventually("the provider is being asked", || async {
        let now = ann.get(&format!("/api/payments/{payment}")).await.expect(200);
        (now["status"] == "CONFIRMING").then_some(())
    })
    .await;
    assert_eq!(app.stop().await, 0, "{}", app.log());
    let confirmed = confirming.await.unwrap().expect(200);
    assert_eq!(confirmed["payment"]["status"], "SUCCEEDED", "the request in flight was finished");
    let mut goodbye = None;
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(frame) = message {
            goodbye = frame.map(|frame| u16::from(frame.code));
        }
    }
    assert_eq!(goodbye, Some(1012), "viewers were told to reconnect");
    app.restart().await;
    assert_eq!(screening.taken(&ann).await, ["A1:BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn locks_sessions_payments_and_idempotency_keys_survive_a_restart_and_a_kill_of_the_server() {
    let mut app = TestApp::start().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssss").await;
    let held = ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    bob.lock(&screening, &["A3"]).await.expect(200);
    let payment = bob.start_payment(&screening).await.expect(201);
    for is_killed in [false, true] {
        if is_killed {
            app.kill_and_restart().await;
        } else {
            assert_eq!(app.stop().await, 0);
            app.restart().await;
        }
        // Nobody has read the seat map since the start, and the three locked ones of the four seats are known already.
        let movies = app.get("/api/movies").await.expect(200);
        let available = &movies["items"][0]["screenings"][0]["seats_available"];
        assert_eq!(available, 1, "{movies}");
        let hold = ann.hold(&screening).await;
        assert!(hold["seq"].as_i64() > held["seq"].as_i64(), "loading the map takes a new seq");
        assert_eq!(without_seq(hold), without_seq(held.clone()));
        assert_eq!(bob.hold(&screening).await["payment_id"], payment["id"]);
        assert_eq!(screening.taken(&ann).await, ["A1:LOCKED", "A2:LOCKED", "A3:LOCKED"]);
        bob.lock(&screening, &["A1"]).await.refused(409, "payment_in_progress");
    }
    // After a kill, an idempotency key returns the same response bytes as before.
    let confirm = format!("/api/payments/{}/confirm", payment["id"].as_str().unwrap());
    let confirmed = bob.post_with(("idempotency-key", "k"), &confirm, r#"{"outcome":"success"}"#).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    app.kill_and_restart().await;
    let again = bob.post_with(("idempotency-key", "k"), &confirm, r#"{"outcome":"success"}"#).await;
    assert_eq!((again.status, &again.text), (200, &confirmed.text));
    let code = confirmed.body["booking"]["code"].as_str().unwrap();
    let folder = app.data_dir().join("mail");
    let eml = eventually("the mail is written to a file", || async {
        let file = std::fs::read_dir(&folder).ok()?.next()?.ok()?.path();
        std::fs::read_to_string(file).ok().filter(|text| !text.is_empty())
    })
    .await;
    assert!(eml.contains(code) && eml.contains("bob@example.test") && eml.contains("A3"), "{eml}");
    app.finish().await;
}

#[tokio::test]
async fn invalid_settings_are_refused_at_start() {
    let app = TestApp::embedded().await;
    let data = format!("--data-dir={}", app.data_dir().display());
    let (code, said) = serve(&["--listen=127.0.0.1:0", &data]).await;
    assert_ne!(code, Some(0));
    assert!(said.contains("in use by another server"), "{said}");
    let port = app.url().rsplit(':').next().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = format!("--data-dir={}", elsewhere.path().display());
    let (code, said) = serve(&[&format!("--listen=127.0.0.1:{port}"), &other]).await;
    assert_ne!(code, Some(0));
    assert!(said.contains("cannot listen on"), "{said}");
    app.get("/readyz").await.expect(200);

    let file = elsewhere.path().join("seatkeeper.toml");
    std::fs::write(&file, "lock_tll = '5m'\n").unwrap();
    let config = format!("--config={}", file.display());
    for (flags, names) in [
        (vec!["--lock-ttl=soon"], "lock-ttl"),
        (vec!["--seats-per-person=0"], "seats-per-person"),
        (vec!["--time-zone=Mars/Olympus"], "time-zone"),
        (vec!["--nonsense"], "nonsense"),
        (vec!["--mock-payment=explode"], "mock-payment"),
        (vec![config.as_str()], "lock_tll"),
        (vec!["--listen=0.0.0.0:0"], "public"),
        (vec!["--listen=0.0.0.0:0", "--public-url=http://cinema.example"], "demo"),
        (
            vec!["--listen=0.0.0.0:0", "--public-url=http://cinema.example", "--allow-demo-sign-in"],
            "set --allow-test-payments",
        ),
        (vec!["--promptpay-id=0812223333"], "only with --demo"),
        (
            vec!["--store-url=mongodb://127.0.0.1/x?replicaSet=rs"],
            if cfg!(feature = "cluster") { "locks" } else { "store" },
        ),
        (vec!["--locks-url=redis://127.0.0.1"], "locks"),
        (vec!["--events-url=kafka://127.0.0.1"], "events"),
    ] {
        let all: Vec<&str> = flags.iter().copied().chain([other.as_str()]).collect();
        let (code, said) = serve(&all).await;
        assert_eq!(code, Some(2), "{flags:?}: {said}");
        assert!(said.contains(names), "{flags:?}: {said}");
    }
    app.finish().await;
}
