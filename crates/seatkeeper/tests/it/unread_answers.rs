//! Clients that request much and read nothing: the memory of the server stays bounded, and other clients are served.

use std::net::SocketAddr;

use futures_util::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use std::sync::Arc;

use crate::support::{Parts, TestApp, eventually};

/// Size of a poster that is uploaded.
const POSTER_BYTES: usize = 4_700_000;
/// Number of connections whose clients read nothing.
const DEAF: usize = 64;
/// Loopback addresses of two clients: the one that reads nothing, and another one.
const GREEDY: [u8; 4] = [127, 0, 0, 3];
const OTHER: [u8; 4] = [127, 0, 0, 4];
/// Size of the receive window. Small, because otherwise the kernel would buffer most of a response.
const WINDOW_BYTES: u32 = 4 * 1024;
const MIB: usize = 1024 * 1024;

/// A cinema with rate limits. They do not apply yet while `fill` adds data.
async fn cinema(fill: impl AsyncFnOnce(&TestApp)) -> TestApp {
    let mut app = TestApp::on(Arc::new(Parts::Embedded), &[]).await.with_admin().await;
    fill(&app).await;
    assert_eq!(app.stop().await, 0, "{}", app.log());
    app.set_flags(&["--rate-limit=on"]);
    app.restart().await;
    app
}

/// Sends a request from `address`, and reads only the status of the response.
async fn ask(app: &TestApp, address: [u8; 4], path: &str, headers: &str) -> (u16, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(WINDOW_BYTES).unwrap();
    socket.bind((address, 0).into()).unwrap();
    let host = app.url().trim_start_matches("http://");
    let mut stream = socket.connect(host.parse::<SocketAddr>().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    let status = std::str::from_utf8(&status).unwrap().strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap();
    (status, stream)
}

/// Reads the rest of a response in small pieces. Returns the body.
async fn read_slowly(mut stream: TcpStream) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 2048]);
    loop {
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            bytes => all.extend_from_slice(&piece[..bytes]),
        }
    }
    let body = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    all.split_off(body)
}

/// The memory that the server uses now (VmRSS), in bytes.
fn resident(app: &TestApp) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// The most memory that the server has used (VmHWM), in bytes.
fn peak(app: &TestApp) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn poster() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend((bytes.len()..POSTER_BYTES).map(|index| (index % 251) as u8));
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_responses_of_one_poster_share_its_bytes_and_slow_readers_receive_it_completely() {
    let place = std::sync::OnceLock::new();
    let app = cinema(async |app| {
        let kind = [("content-type", "image/png")];
        let kept = app.admin().raw("POST", "/api/admin/posters", &kind, poster()).await.expect(201);
        place.set(kept["poster_url"].as_str().unwrap().to_owned()).unwrap();
    })
    .await;
    let place = place.get().unwrap();
    app.get("/healthz").await.expect(200);
    let before = resident(&app);

    let deaf = join_all((0..DEAF).map(|_| ask(&app, GREEDY, place, ""))).await;
    assert!(deaf.iter().all(|(status, _)| *status == 200));
    let grown = peak(&app).saturating_sub(before);
    assert!(grown < 60 * MIB, "{} MiB for {} MiB of answers", grown / MIB, DEAF * POSTER_BYTES / MIB);

    for address in [GREEDY, OTHER] {
        let (status, stream) = ask(&app, address, place, "").await;
        assert_eq!((status, read_slowly(stream).await == poster()), (200, true), "{address:?}");
    }
    drop(deaf);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_refused_when_unread_responses_exhaust_the_budget_of_their_network() {
    let app = cinema(async |app| {
        let text = "ก".repeat(4_000);
        let film = json!({"title": "Long", "duration_min": 90, "synopsis": text, "synopsis_th": text});
        for _ in 0..20 {
            let made = (0..10).map(|_| app.admin().post("/api/admin/movies", film.clone()));
            join_all(made).await.into_iter().for_each(|answer| drop(answer.expect(201)));
        }
    })
    .await;
    const LIST: &str = "/api/movies?limit=200";
    let (status, stream) = ask(&app, OTHER, LIST, "").await;
    let size = read_slowly(stream).await.len();
    assert!(status == 200 && size > 4 * MIB, "{status}: {size}");
    let before = peak(&app);

    for coding in ["", "Accept-Encoding: gzip\r\n", "Accept-Encoding: br\r\n"] {
        let deaf = join_all((0..DEAF).map(|_| ask(&app, GREEDY, LIST, coding))).await;
        let count = |wanted| deaf.iter().filter(|(status, _)| *status == wanted).count();
        assert!(count(200) > 0 && count(200) + count(503) == DEAF, "{coding}");
        let grown = peak(&app).saturating_sub(before);
        assert!(grown < 120 * MIB, "{coding}: {} MiB for {} MiB of answers", grown / MIB, DEAF * size / MIB);
        if coding.is_empty() {
            assert!(count(503) > DEAF / 2, "{} of {DEAF} were refused", count(503));
            assert!(app.get("/metrics").await.text.contains("seatkeeper_unsent_refused_total"));
            // Small responses are still sent to the network whose budget is exhausted, and all responses to other
            // networks.
            assert_eq!(ask(&app, GREEDY, "/api/site", "").await.0, 200);
            assert_eq!(ask(&app, OTHER, LIST, "").await.0, 200);
        }
        drop(deaf);
        eventually("the budget is free again", || async {
            let metrics = app.get("/metrics").await.text;
            let unsent = metrics.lines().find_map(|line| line.strip_prefix("seatkeeper_unsent_bytes "));
            (unsent == Some("0")).then_some(())
        })
        .await;
    }
    let (status, stream) = ask(&app, GREEDY, LIST, "").await;
    assert_eq!((status, read_slowly(stream).await.len()), (200, size));
    app.finish().await;
}
