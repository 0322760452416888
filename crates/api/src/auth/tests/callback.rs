//! Tests of the identity provider's callback, which is accepted only once, in time, and from the browser that began the
//! sign-in.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use jiff::SignedDuration;
use url::Url;

use super::support::{SITE, World, query_of};

const BAD_STATE: (u16, &str) = (400, "bad_state");

#[tokio::test]
async fn authorization_request_is_a_code_flow_with_pkce() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let answer = browser.get("/api/auth/google/login").await;
    let url = Url::parse(&answer.location()).unwrap();
    assert!(url.as_str().starts_with(&format!("{SITE}/demo-idp/authorize?")));
    let value = |name| query_of(&url, name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(value("response_type"), "code");
    assert_eq!(value("redirect_uri"), format!("{SITE}/api/auth/google/callback"));
    assert_eq!(value("scope"), "openid email profile");
    assert_eq!(value("code_challenge_method"), "S256");
    let secrets =
        [value("state"), value("nonce"), value("code_challenge"), browser.cookie("seatkeeper_sign_in").unwrap()];
    for (n, secret) in secrets.iter().enumerate() {
        assert_eq!(secret.len(), 43, "{secret}");
        assert!(!secrets[..n].contains(secret), "all are different");
    }
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn sign_in_returns_to_return_to_with_a_new_session() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let answer = browser.sign_in("ann@example.test").await;
    assert_eq!(answer.location(), "/here");
    assert_eq!(answer.cookies().len(), 1);
    let me = browser.me().await.json();
    assert_eq!((me["name"].as_str(), me["email"].as_str()), (Some("Ann Wongsuwan"), Some("ann@example.test")));
    assert_eq!((me["role"].as_str(), me["language"].as_str()), (Some("ADMIN"), Some("th")));
    assert!(me["picture_url"].is_null() && me["id"].is_string());
    let id = me["id"].as_str().unwrap();
    assert_eq!(
        world.audit().await,
        [format!(r#"admin_added {id} {{"role":"ADMIN"}}"#), r#"sign_in  {"issuer":"demo","role":"ADMIN"}"#.to_owned(),]
    );
}

#[tokio::test]
async fn unknown_state_is_refused() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let back = browser.sign_in_up_to_callback("ann@example.test").await;
    let code = query_of(&back, "code").unwrap();
    let wrong = "A".repeat(43);
    for query in [
        format!("code={code}&state={wrong}"),
        format!("code={code}&state="),
        format!("code={code}"),
        "error=access_denied".to_owned(),
        String::new(),
    ] {
        let answer = browser.get(&format!("/api/auth/google/callback?{query}")).await;
        assert_eq!(answer.problem(), (BAD_STATE.0, BAD_STATE.1.to_owned()), "{query}");
        assert!(answer.cookies().is_empty());
    }
    assert_eq!(browser.me().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get(back.as_str()).await.location(), "/here", "the right state is still valid");
}

#[tokio::test]
async fn state_is_valid_once() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let back = browser.sign_in_up_to_callback("ann@example.test").await;
    assert_eq!(browser.get(back.as_str()).await.location(), "/here");
    assert_eq!(browser.get(back.as_str()).await.problem(), (400, "bad_state".to_owned()));
}

#[tokio::test]
async fn refused_callback_redirects_a_browser_to_the_sign_in_page_and_answers_a_program_with_json() {
    let browser = World::new().server(|_| {}).browser();
    let accept = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let used = "/api/auth/google/callback?code=a&state=b";
    let answer = browser.send(Method::GET, used, &accept, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers["refresh"], "0; url=/sign-in?error=bad_state");
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(browser.get(used).await.problem(), (400, "bad_state".to_owned()));
}

#[tokio::test]
async fn state_is_valid_for_ten_minutes() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let there = browser.get("/api/auth/google/login?login_hint=ann@example.test").await.location();
    let late = browser.get("/api/auth/google/login?login_hint=ann@example.test").await.location();
    world.clock.advance(SignedDuration::from_mins(10));
    let back = browser.get(&there).await.location();
    assert_eq!(browser.get(&back).await.location(), "/", "to the last moment");
    world.clock.advance(SignedDuration::from_millis(1));
    let back = browser.get(&late).await.location();
    assert_eq!(browser.get(&back).await.problem(), (400, "bad_state".to_owned()));
}

#[tokio::test]
async fn state_is_refused_from_another_browser() {
    let world = World::new();
    let server = world.server(|_| {});
    let (attacker, victim) = (server.browser(), server.browser());
    // Login CSRF: the attacker sends the victim a callback URL that would sign the victim's browser in to the
    // attacker's account.
    let back = attacker.sign_in_up_to_callback("mallory@example.test").await;
    assert_eq!(victim.get(back.as_str()).await.problem(), (400, "bad_state".to_owned()), "no cookie at all");
    victim.get("/api/auth/google/login").await.location();
    let back = attacker.sign_in_up_to_callback("mallory@example.test").await;
    assert_eq!(victim.get(back.as_str()).await.problem(), (400, "bad_state".to_owned()), "a cookie of its own");
    assert_eq!(victim.me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_tabs_can_sign_in_concurrently() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let one = browser.sign_in_up_to_callback("ann@example.test").await;
    let two = browser.sign_in_up_to_callback("ben@example.test").await;
    assert_eq!(browser.get(one.as_str()).await.location(), "/here");
    assert_eq!(browser.get(two.as_str()).await.location(), "/here");
    assert_eq!(browser.me().await.json()["email"], "ben@example.test");
}

#[tokio::test]
async fn error_of_the_identity_provider_redirects_to_the_sign_in_page_with_its_code() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    for (error, shown) in
        [("access_denied", "access_denied"), ("server_error", "server_error"), ("%3Cscript%3E", "sign_in_failed")]
    {
        let back = browser.sign_in_up_to_callback("ann@example.test").await;
        let state = query_of(&back, "state").unwrap();
        let answer = browser.get(&format!("/api/auth/google/callback?error={error}&state={state}")).await;
        assert_eq!(answer.location(), format!("/sign-in?error={shown}&return_to=%2Fhere"));
        assert!(answer.cookies().is_empty());
    }
    assert_eq!(browser.me().await.problem(), (401, "sign_in_required".to_owned()));
}

#[tokio::test]
async fn invalid_used_or_expired_authorization_code_redirects_to_the_sign_in_page() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let first = browser.sign_in_up_to_callback("ann@example.test").await;
    let used = query_of(&first, "code").unwrap();
    assert_eq!(browser.get(first.as_str()).await.location(), "/here");
    browser.post("/api/auth/logout").await;
    for code in [used.as_str(), "nonsense", ""] {
        let state = query_of(&browser.sign_in_up_to_callback("ann@example.test").await, "state").unwrap();
        let answer = browser.get(&format!("/api/auth/google/callback?code={code}&state={state}")).await;
        assert_eq!(answer.location(), "/sign-in?error=sign_in_failed&return_to=%2Fhere", "{code}");
    }
    let late = browser.sign_in_up_to_callback("ann@example.test").await;
    world.clock.advance(SignedDuration::from_mins(1));
    assert!(browser.get(late.as_str()).await.location().starts_with("/sign-in?error=sign_in_failed"));
    assert_eq!(browser.me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn stolen_authorization_code_is_refused_in_another_sign_in() {
    // Code injection into the attacker's own sign-in fails because the PKCE verifier differs (RFC 9700 4.5).
    let world = World::new();
    let server = world.server(|_| {});
    let stolen = query_of(&server.browser().sign_in_up_to_callback("ann@example.test").await, "code").unwrap();
    let thief = server.browser();
    let state = query_of(&thief.sign_in_up_to_callback("mallory@example.test").await, "state").unwrap();
    let answer = thief.get(&format!("/api/auth/google/callback?code={stolen}&state={state}")).await;
    assert!(answer.location().starts_with("/sign-in?error=sign_in_failed"));
    assert_eq!(thief.me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn callback_with_a_wrong_or_missing_issuer_is_refused() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    for iss in [Some("https://evil.example"), None] {
        let back = browser.sign_in_up_to_callback("ann@example.test").await;
        let (code, state) = (query_of(&back, "code").unwrap(), query_of(&back, "state").unwrap());
        let iss = iss.map(|iss| format!("&iss={iss}")).unwrap_or_default();
        let answer = browser.get(&format!("/api/auth/google/callback?code={code}&state={state}{iss}")).await;
        assert!(answer.location().starts_with("/sign-in?error=sign_in_failed"), "{iss}");
    }
}

#[tokio::test]
async fn sign_in_with_an_invalid_return_path_or_hint_is_refused() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    for bad in [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "/%0d%0aSet-Cookie:a=b",
        "/%09/evil.test",
        "evil",
        "",
        "%2F%2Fevil.test",
    ] {
        let answer = browser.get(&format!("/api/auth/google/login?return_to={bad}")).await;
        assert_eq!(answer.problem(), (400, "bad_return_to".to_owned()), "{bad}");
    }
    let hint = "a".repeat(255);
    for bad in [format!("login_hint={hint}"), "login_hint=a%0Ab".to_owned(), "return_to=/a&return_to=/b".to_owned()] {
        assert_eq!(
            browser.get(&format!("/api/auth/google/login?{bad}")).await.problem(),
            (422, "invalid".to_owned()),
            "{bad}"
        );
    }
    let there =
        browser.get("/api/auth/google/login?return_to=/%E0%B8%81?a=1%23b&login_hint=ann@example.test").await.location();
    let back = browser.get(&there).await.location();
    assert_eq!(browser.get(&back).await.location(), "/%E0%B8%81?a=1#b");
}

#[tokio::test]
async fn exactly_one_of_a_hundred_concurrent_first_people_is_administrator() {
    let world = World::new();
    let server = world.server(|_| {});
    let sign_ins = (0..100).map(|number| {
        let browser = server.browser();
        tokio::spawn(async move {
            assert_eq!(browser.sign_in(&format!("person{number}@example.test")).await.location(), "/here");
            browser.me().await.json()["role"].as_str().unwrap().to_owned()
        })
    });
    let mut roles = Vec::new();
    for sign_in in sign_ins.collect::<Vec<_>>() {
        roles.push(sign_in.await.unwrap());
    }
    assert_eq!(roles.iter().filter(|role| *role == "ADMIN").count(), 1);
    assert_eq!(roles.len(), 100);
}

#[tokio::test]
async fn person_is_identified_by_issuer_and_subject() {
    let world = World::new();
    let server = world.server(|_| {});
    let mut ids = Vec::new();
    for email in ["ann@example.test", "ann@example.test", "ANN@example.test", "ben@example.test"] {
        let browser = server.browser();
        browser.sign_in(email).await;
        ids.push(browser.me().await.json()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[3]);
}
