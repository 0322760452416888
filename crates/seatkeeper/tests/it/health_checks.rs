//! Health checks and the web page of a server on loopback that has another public host name, behind a proxy.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::{TestApp, program};

/// Runs `seatkeeper health` as a container does. Returns the exit code and standard error.
async fn health(arguments: &[&str], listen: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.arg("health").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(listen) = listen {
        command.env("SEATKEEPER_LISTEN", listen);
    }
    let output = command.output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn health_check_succeeds_whatever_the_public_url_is() {
    let app =
        TestApp::with_public_url("https://tickets.example:8443", &["--allow-demo-sign-in", "--allow-test-payments"])
            .await;
    let address = app.url().trim_start_matches("http://").to_owned();
    let port = address.rsplit(':').next().unwrap();
    for (arguments, listen) in [
        (vec![app.url()], None),
        // Without an argument the command asks the server at the listen address of the settings.
        (vec![], Some(address.clone())),
        (vec![], Some(format!("0.0.0.0:{port}"))),
    ] {
        assert_eq!(health(&arguments, listen.as_deref()).await, (Some(0), String::new()), "{arguments:?} {listen:?}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.get(path).await.expect(200)["status"], "ok", "{path}");
    }
    app.get("/metrics").await.refused(421, "misdirected");
    app.finish().await;
    let (code, said) = health(&[&format!("http://{address}")], None).await;
    assert_eq!(code, Some(1), "{said}");
}

/// Demo sign-in refuses requests that come through a proxy, and the log warns about proxies.
#[tokio::test]
async fn demo_sign_in_behind_a_proxy_is_refused_and_warned_about() {
    let app = TestApp::start().await;
    for header in [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("via", "1.1 proxy")] {
        app.stranger().raw("GET", "/api/auth/google/login", &[header], "").await.refused(421, "misdirected");
        app.stranger().raw("GET", "/demo-idp/authorize", &[header], "").await.refused(421, "misdirected");
        app.stranger().raw("GET", "/api/site", &[header], "").await.expect(200);
    }
    assert!(app.log().contains("it must never stand behind a proxy"), "{}", app.log());
    app.finish().await;
    let public = ["--allow-demo-sign-in", "--allow-test-payments", "--trusted-proxies=127.0.0.1"];
    let app = TestApp::with_public_url("https://tickets.example", &public).await;
    let through = [("x-forwarded-for", "203.0.113.9"), ("host", "tickets.example")];
    let login = app.stranger().raw("GET", "/api/auth/google/login", &through, "").await;
    assert_eq!(login.status, 302, "{}", login.text);
    assert!(app.log().contains("lets everybody who opens the site sign in as anybody"), "{}", app.log());
    app.finish().await;
}

/// nginx with `proxy_set_header Host $host` passes the host name on without the port.
#[tokio::test]
async fn page_behind_a_proxy_that_drops_the_port_is_served_and_not_redirected() {
    let app =
        TestApp::with_public_url("https://tickets.example:8443", &["--allow-demo-sign-in", "--allow-test-payments"])
            .await;
    for host in ["tickets.example", "tickets.example:8443", "tickets.example:443", "tickets.example."] {
        let page = app.stranger().raw("GET", "/movies/1", &[("host", host), ("accept", "text/html")], "").await;
        assert_eq!((page.status, page.header("location")), (200, ""), "{host}");
        app.stranger().raw("GET", "/api/site", &[("host", host)], "").await.expect(200);
    }
    app.finish().await;
}
