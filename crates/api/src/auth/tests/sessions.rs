//! Tests of sessions, which are new at every sign-in, are ended on the server, and are cached while in use.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use expect_test::expect;
use jiff::SignedDuration;
use seatkeeper_core::{
    email::EmailKey,
    person::DEMO_ISSUER,
    ports::{AddAdmin, AddAdminOutcome, Clock, People},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::support::{Answer, Browser, Server, World};
use crate::auth::{Admin, Fresh};

const COOKIE: &str = "seatkeeper_session";

async fn patch_me(browser: &Browser, body: &str, headers: &[(&str, &str)]) -> Answer {
    browser.send(Method::PATCH, "/api/auth/me", headers, Body::from(body.to_owned())).await
}

/// Polls until `is_so` returns true.
pub(super) async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let asked = async {
        while !is_so().await {
            // Poll again after a short time: the condition depends on background work or on another server.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), asked).await.expect("condition not met in time");
}

#[tokio::test]
async fn sign_in_creates_a_new_session_and_ends_the_previous_one() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    browser.sign_in("ann@example.test").await;
    let first = browser.cookie(COOKIE).unwrap();
    browser.sign_in("ann@example.test").await;
    let second = browser.cookie(COOKIE).unwrap();
    assert_ne!(first, second);
    browser.set_cookie(COOKIE, &first);
    assert_eq!(browser.me().await.problem(), (401, "sign_in_required".to_owned()));
    browser.set_cookie(COOKIE, &second);
    assert_eq!(browser.me().await.status, StatusCode::OK);
}

#[tokio::test]
async fn planted_session_cookie_is_never_adopted() {
    let world = World::new();
    let server = world.server(|_| {});
    let (attacker, victim) = (server.browser(), server.browser());
    let planted = "B".repeat(43);
    victim.set_cookie(COOKIE, &planted);
    victim.sign_in("ann@example.test").await;
    assert_ne!(victim.cookie(COOKIE).unwrap(), planted);
    attacker.set_cookie(COOKIE, &planted);
    assert_eq!(attacker.me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn malformed_or_unknown_session_cookie_is_refused() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    for cookie in ["", "x", &"A".repeat(43), &"A".repeat(42), &"ก".repeat(43), &"A".repeat(5_000)] {
        browser.set_cookie(COOKIE, cookie);
        assert_eq!(browser.me().await.problem(), (401, "sign_in_required".to_owned()), "{cookie}");
    }
}

#[tokio::test]
async fn logout_ends_the_session_on_the_server_and_is_always_204() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    assert_eq!(browser.post("/api/auth/logout").await.status, StatusCode::NO_CONTENT, "nobody was signed in");
    browser.sign_in("ann@example.test").await;
    let secret = browser.cookie(COOKIE).unwrap();
    assert_eq!(browser.me().await.status, StatusCode::OK);
    let answer = browser.post("/api/auth/logout").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(browser.cookie(COOKIE), None);
    browser.set_cookie(COOKIE, &secret);
    assert_eq!(browser.me().await.status, StatusCode::UNAUTHORIZED, "a copy of the cookie is useless");
    assert_eq!(browser.post("/api/auth/logout").await.status, StatusCode::NO_CONTENT, "again");
}

#[tokio::test]
async fn requests_from_other_origins_cannot_sign_out_or_change_anything() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let evil = [("origin", "https://evil.test"), ("content-type", "application/json")];
    assert_eq!(patch_me(&browser, r#"{"language":"en"}"#, &evil).await.problem(), (401, "sign_in_required".to_owned()));
    browser.sign_in("ann@example.test").await;
    for origin in ["https://evil.test", "null"] {
        let headers = [("origin", origin), ("content-type", "application/json")];
        let answer = browser.send(Method::POST, "/api/auth/logout", &headers, Body::empty()).await;
        assert_eq!(answer.problem(), (403, "bad_origin".to_owned()));
        assert_eq!(
            patch_me(&browser, r#"{"language":"en"}"#, &headers).await.problem(),
            (403, "bad_origin".to_owned())
        );
    }
    assert_eq!(browser.me().await.json()["language"], "th");
}

#[tokio::test]
async fn changed_language_applies_to_all_sessions_and_later_sign_ins() {
    let world = World::new();
    let server = world.server(|_| {});
    let (one, two) = (server.browser(), server.browser());
    one.sign_in("ann@example.test").await;
    two.sign_in("ann@example.test").await;
    two.me().await;
    let json = [("content-type", "application/json")];
    let changed = patch_me(&one, r#"{"language":"en"}"#, &json).await;
    assert_eq!((changed.status, changed.json()["language"].as_str()), (StatusCode::OK, Some("en")));
    assert_eq!(two.me().await.json()["language"], "en", "in every session at once");
    one.sign_in("ann@example.test").await;
    assert_eq!(one.me().await.json()["language"], "en", "the browser's language is only for new people");
    for (body, refusal) in [
        (r#"{"language":"fr"}"#, (422, "invalid")),
        (r"{}", (422, "invalid")),
        (r#"{"language":1}"#, (422, "invalid")),
        ("no", (400, "bad_request")),
    ] {
        assert_eq!(patch_me(&one, body, &json).await.problem(), (refusal.0, refusal.1.to_owned()), "{body}");
    }
    assert_eq!(patch_me(&one, "{}", &[]).await.problem(), (415, "unsupported_media_type".to_owned()));
}

#[tokio::test]
async fn new_person_gets_the_browsers_preferred_language() {
    let world = World::new();
    let mut browser = world.server(|_| {}).browser();
    browser.headers.insert("accept-language", "en-GB,en;q=0.9,th;q=0.5".parse().unwrap());
    browser.sign_in("ann@example.test").await;
    assert_eq!(browser.me().await.json()["language"], "en");
}

#[tokio::test]
async fn session_in_use_is_refreshed_in_the_store_once_a_minute() {
    let world = World::new();
    let server = world.server(|_| {});
    let browser = server.browser();
    browser.sign_in("ann@example.test").await;
    browser.me().await;
    let before = world.sessions.calls();
    for _ in 0..100 {
        assert_eq!(browser.me().await.status, StatusCode::OK);
    }
    // Without a running poll for ended sessions, `SignedIn` still uses the cache.
    assert_eq!(world.sessions.calls(), before);
    world.clock.advance(SignedDuration::from_mins(1));
    for _ in 0..100 {
        assert_eq!(browser.me().await.status, StatusCode::OK);
    }
    // A refresh is two calls to the store: recording the use of the session, and reading it again.
    until(|| async { world.sessions.calls() == before + 2 }).await;
}

#[tokio::test]
async fn session_expires_after_twelve_idle_hours_or_thirty_days() {
    let world = World::new();
    let (here, there) = (world.server(|_| {}), world.server(|_| {}));
    let browser = here.browser();
    browser.sign_in("ann@example.test").await;
    let secret = browser.cookie(COOKIE).unwrap();
    for _ in 0..59 {
        let touched = world.sessions.touched();
        world.clock.advance(SignedDuration::from_mins(12 * 60 - 1));
        assert_eq!(browser.me().await.status, StatusCode::OK);
        until(|| async { world.sessions.touched() > touched }).await;
    }
    let elsewhere = there.browser();
    elsewhere.set_cookie(COOKIE, &secret);
    assert_eq!(elsewhere.me().await.status, StatusCode::OK, "its use is known on other servers");
    world.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(browser.me().await.status, StatusCode::UNAUTHORIZED, "too old by now, and idle");
    browser.sign_in("ann@example.test").await;
    world.clock.advance(SignedDuration::from_hours(12) - SignedDuration::from_secs(1));
    assert_eq!(browser.me().await.status, StatusCode::OK);
    world.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(browser.me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn logout_ends_the_session_on_the_other_server() {
    let world = World::new();
    let (here, there) = (world.server(|_| {}), world.server(|_| {}));
    let (browser, copy) = (here.browser(), there.browser());
    browser.sign_in("ann@example.test").await;
    copy.set_cookie(COOKIE, &browser.cookie(COOKIE).unwrap());
    assert_eq!(copy.me().await.status, StatusCode::OK);
    browser.post("/api/auth/logout").await;
    assert_eq!(copy.me().await.status, StatusCode::OK, "not polled yet");
    let stop = CancellationToken::new();
    let follower = tokio::spawn({
        let (auth, stop) = (there.app.auth.clone(), stop.clone());
        async move { auth.follow_store(stop).await }
    });
    until(|| async { copy.me().await.status == StatusCode::UNAUTHORIZED }).await;
    stop.cancel();
    follower.await.unwrap();
}

#[tokio::test]
async fn cached_session_is_accepted_by_signed_in_but_not_fresh_or_admin_while_the_store_is_unavailable() {
    let world = World::new();
    let server = world.server(|_| {});
    let browser = server.browser();
    browser.sign_in("ann@example.test").await;
    browser.me().await;
    world.sessions.cut(true);
    assert_eq!(browser.me().await.status, StatusCode::OK);
    assert_eq!(admin(&server, &browser).await, Err((503, "try_again".to_owned())));
    assert_eq!(fresh(&server, &browser).await, Err((503, "try_again".to_owned())));
    let stranger = server.browser();
    stranger.set_cookie(COOKIE, &"C".repeat(43));
    assert_eq!(stranger.me().await.problem(), (503, "try_again".to_owned()), "not cached");
    assert_eq!(browser.post("/api/auth/logout").await.problem(), (503, "try_again".to_owned()), "it has not ended");
    world.sessions.cut(false);
    assert_eq!(fresh(&server, &browser).await, Ok("ann@example.test".to_owned()));
}

#[tokio::test]
async fn cached_session_is_not_fresh_after_half_a_minute_without_a_poll() {
    let world = World::new();
    let server = world.server(|_| {});
    let browser = server.browser();
    browser.sign_in("ann@example.test").await;
    browser.me().await;
    let stop = CancellationToken::new();
    let follower = tokio::spawn({
        let (auth, stop) = (server.app.auth.clone(), stop.clone());
        async move { auth.follow_store(stop).await }
    });
    let calls = world.sessions.calls();
    // After a successful poll, `Fresh` needs no call to the store.
    until(|| async {
        let before = world.sessions.calls();
        fresh(&server, &browser).await.unwrap();
        world.sessions.calls() == before
    })
    .await;
    assert!(calls <= world.sessions.calls());
    stop.cancel();
    follower.await.unwrap();
    world.sessions.cut(true);
    world.clock.advance(SignedDuration::from_secs(30));
    assert!(fresh(&server, &browser).await.is_ok(), "to the last moment");
    world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(fresh(&server, &browser).await, Err((503, "try_again".to_owned())));
    assert_eq!(browser.me().await.status, StatusCode::OK);
}

/// The person that `Fresh` extracts for a call that moves money.
async fn fresh(server: &Server, browser: &Browser) -> Result<String, (u16, String)> {
    server.extract::<Fresh>(browser, "/api/payments").await.map(|Fresh(person)| person.email.clone())
}

/// The person that `Admin` extracts for an administrator's call.
async fn admin(server: &Server, browser: &Browser) -> Result<String, (u16, String)> {
    server.extract::<Admin>(browser, "/api/admin/bookings").await.map(|Admin(person)| person.email.clone())
}

#[tokio::test]
async fn sign_in_sign_out_and_refusals_are_written_to_the_audit_log() {
    let world = World::new();
    let server = world.server(|_| {});
    let (ann, ben, nobody) = (server.browser(), server.browser(), server.browser());
    ann.sign_in("ann@example.test").await;
    assert_eq!(admin(&server, &ann).await, Ok("ann@example.test".to_owned()));
    ben.sign_in("ben@example.test").await;
    for _ in 0..5 {
        assert_eq!(admin(&server, &ben).await, Err((403, "forbidden".to_owned())));
        assert_eq!(admin(&server, &nobody).await, Err((401, "sign_in_required".to_owned())));
    }
    until(|| async { world.audit().await.len() == 5 }).await;
    world.clock.advance(SignedDuration::from_secs(10));
    assert_eq!(admin(&server, &ben).await, Err((403, "forbidden".to_owned())));
    until(|| async { world.audit().await.len() == 6 }).await;
    ben.sign_in("ben@example.test").await;
    ben.post("/api/auth/logout").await;
    let id = ann.me().await.json()["id"].as_str().unwrap().to_owned();
    expect![[r#"
        admin_added ANN {"role":"ADMIN"}
        sign_in  {"issuer":"demo","role":"ADMIN"}
        sign_in  {"issuer":"demo","role":"USER"}
        admin_refused GET /api/admin/bookings {"code":"forbidden"}
        admin_refused GET /api/admin/bookings {"code":"sign_in_required"}
        admin_refused GET /api/admin/bookings {"code":"forbidden"}
        sign_out  {"reason":"signed_in_again"}
        sign_in  {"issuer":"demo","role":"USER"}
        sign_out  null"#]]
    .assert_eq(&world.audit().await.join("\n").replace(&id, "ANN"));
}

#[tokio::test]
async fn cookies_are_secure_over_https() {
    let world = World::new();
    let server = world.server(|config| {
        config.public_url = crate::config::SiteUrl::new("https://cinema.example");
        config.listen_is_loopback = false;
    });
    let browser = server.browser();
    let answer = browser.get("/api/auth/google/login?login_hint=ann@example.test").await;
    assert!(answer.cookies()[0].starts_with("__Host-seatkeeper_sign_in=") && answer.cookies()[0].contains("; Secure"));
    let there = answer.location().replace("https://cinema.example", "");
    let back = browser.get(&there).await.location().replace("https://cinema.example", "");
    let answer = browser.get(&back).await;
    assert!(answer.cookies()[0].starts_with("__Host-seatkeeper_session=") && answer.cookies()[0].contains("; Secure"));
    assert_eq!(browser.me().await.status, StatusCode::OK);
}

#[tokio::test]
async fn session_call_returns_the_signed_in_person_and_null_for_a_guest() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let guest = browser.get("/api/auth/session").await;
    assert_eq!((guest.status, guest.body.as_str()), (StatusCode::OK, r#"{"person":null}"#));
    assert_eq!(guest.headers["cache-control"], "no-store");
    browser.sign_in("ann@example.test").await;
    let signed_in = browser.get("/api/auth/session").await;
    assert_eq!(signed_in.json()["person"], browser.me().await.json());
    browser.post("/api/auth/logout").await;
    browser.set_cookie(COOKIE, &"C".repeat(43));
    assert!(browser.get("/api/auth/session").await.json()["person"].is_null(), "no such session");
    world.sessions.cut(true);
    assert_eq!(browser.get("/api/auth/session").await.problem(), (503, "try_again".to_owned()), "it is not known");
}

/// The test changes the role in the store, as another process does with the command `admin add`.
#[tokio::test]
async fn cached_session_has_the_new_role_after_the_next_poll() {
    let world = World::new();
    let server = world.server(|_| {});
    let (boss, ann) = (server.browser(), server.browser());
    boss.sign_in("boss@example.test").await;
    ann.sign_in("ann@example.test").await;
    assert_eq!(ann.me().await.json()["role"], "USER");
    let heard = server.app.auth.hear(None).await;
    let email = EmailKey::parse("ann@example.test").unwrap();
    let event = server.app.auth.audit("admin_added", None, None, Value::Null);
    let request = AddAdmin { issuer: DEMO_ISSUER.to_owned(), email, event };
    assert!(matches!(world.store.add_admin(&request, world.clock.now()).await, Ok(AddAdminOutcome::Added(_))));
    assert_eq!(ann.me().await.json()["role"], "USER", "cached, not polled yet");
    assert_eq!(server.app.auth.hear(heard).await, Some(world.clock.now()));
    assert_eq!(ann.me().await.json()["role"], "ADMIN");
}

#[tokio::test]
async fn admin_email_names_the_only_person_who_can_become_the_first_administrator() {
    let world = World::new();
    let server = world.server(|config| config.admin_email = EmailKey::parse("Boss@Example.test"));
    let (ann, boss) = (server.browser(), server.browser());
    ann.sign_in("ann@example.test").await;
    assert_eq!(ann.me().await.json()["role"], "USER", "though the first person");
    boss.sign_in("boss@example.test").await;
    assert_eq!(boss.me().await.json()["role"], "ADMIN");
    let events = world.audit().await;
    assert_eq!(events.len(), 3, "{events:?}");
    let id = boss.me().await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(events[1], format!(r#"admin_added {id} {{"role":"ADMIN"}}"#));
}
