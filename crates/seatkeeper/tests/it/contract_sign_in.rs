//! `/api/auth` and `/api/site`: signing in and out, and the public settings.

use futures_util::future::join_all;
use reqwest::{Client, redirect::Policy};
use serde_json::json;

use crate::support::{Answer, TestApp, TestPerson, invalid_field};

/// Follows the redirects of a sign-in up to the URL of the callback, which it returns without requesting it.
async fn walk_to_callback(person: &TestPerson, query: &str) -> String {
    let login = person.get(&format!("/api/auth/google/login?{query}")).await;
    assert_eq!(login.status, 302, "{}", login.text);
    let authorize = local(person, login.header("location"));
    let back = person.get(&authorize).await;
    assert_eq!(back.status, 302, "{}", back.text);
    local(person, back.header("location"))
}

/// The path and query of a URL of the server.
fn local(person: &TestPerson, address: &str) -> String {
    address.strip_prefix(&person.url).unwrap_or(address).to_owned()
}

fn session_cookie(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let session = cookies.into_iter().find(|cookie| cookie.starts_with("seatkeeper_session="));
    session.expect("no session cookie").to_owned()
}

#[tokio::test]
async fn sign_in_is_a_code_flow_with_pkce_state_and_nonce() {
    let app = TestApp::without_people(&[]).await;
    let ann = app.stranger();
    let login =
        ann.get("/api/auth/google/login?return_to=/screenings/1%3Fseats%3DA1&login_hint=ann@example.test").await;
    assert_eq!(login.status, 302);
    let authorize = login.header("location").to_owned();
    let binding = login.header("set-cookie");
    assert!(binding.contains("HttpOnly") && binding.contains("SameSite=Lax"), "{binding}");
    assert!(authorize.starts_with(&format!("{}/demo-idp/authorize?", app.url())), "{authorize}");
    let question = url::Url::parse(&authorize).unwrap();
    let said = |name: &str| question.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(said("response_type").as_deref(), Some("code"));
    assert_eq!(said("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(said("redirect_uri"), Some(format!("{}/api/auth/google/callback", app.url())));
    assert!(said("scope").unwrap().split(' ').any(|scope| scope == "openid"), "{authorize}");
    for secret in ["code_challenge", "state", "nonce"] {
        assert!(said(secret).unwrap().len() >= 43, "{secret} in {authorize}");
    }
    let back = ann.get(&local(&ann, &authorize)).await;
    let callback = local(&ann, back.header("location"));
    assert!(callback.starts_with("/api/auth/google/callback?") && callback.contains("code="), "{callback}");

    // The callback is refused in another browser, with another state, and when it is used twice.
    app.stranger().get(&callback).await.refused(400, "bad_state");
    let callback = walk_to_callback(&ann, "return_to=/screenings/1%3Fseats%3DA1&login_hint=ann@example.test").await;
    let state = callback.split("state=").nth(1).unwrap().split('&').next().unwrap();
    for wrong in [callback.replace(state, &"A".repeat(43)), callback.replace(&format!("state={state}"), "x=y")] {
        ann.get(&wrong).await.refused(400, "bad_state");
    }
    ann.get("/api/auth/me").await.refused(401, "sign_in_required");
    let home = ann.get(&callback).await;
    assert_eq!((home.status, home.header("location")), (302, "/screenings/1?seats=A1"));
    let cookie = session_cookie(&home);
    for part in ["Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.split("; ").any(|attribute| attribute == part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    ann.get(&callback).await.refused(400, "bad_state");

    // The first person is an administrator and the next one is not. Signing in again with the same account is the same
    // person.
    let me = ann.get("/api/auth/me").await.expect(200);
    assert_eq!((&me["role"], &me["email"]), (&json!("ADMIN"), &json!("ann@example.test")));
    assert!(me["name"].is_string() && me.get("picture_url").is_some(), "{me}");
    assert!(["th", "en"].contains(&me["language"].as_str().unwrap()), "{me}");
    let bob = app.sign_in("bob").await;
    assert_eq!(bob.get("/api/auth/me").await.expect(200)["role"], "USER");
    let again = app.sign_in("ann").await;
    assert_eq!(again.id, me["id"]);

    for language in ["th", "en", "th"] {
        let changed = bob.patch("/api/auth/me", json!({"language": language})).await.expect(200);
        assert_eq!((&changed["language"], &changed["id"]), (&json!(language), &json!(bob.id)));
        assert_eq!(bob.get("/api/auth/me").await.expect(200)["language"], language);
    }
    assert_eq!(invalid_field(bob.patch("/api/auth/me", json!({"language": "de"})).await), "language");
    app.stranger().patch("/api/auth/me", json!({"language": "th"})).await.refused(401, "sign_in_required");
    app.finish().await;
}

#[tokio::test]
async fn return_to_must_be_a_local_path_and_errors_of_the_provider_lead_to_the_web_page() {
    let app = TestApp::start().await;
    let stranger = app.stranger();
    for bad in [
        "",
        "films",
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "https://evil.example",
        "/a%0Ab",
        "/a%0D",
        "/%00",
        "javascript:alert(1)",
        "%09/a",
        "/%7F",
    ] {
        let answer = stranger.get(&format!("/api/auth/google/login?return_to={bad}")).await;
        answer.refused(400, "bad_return_to");
    }
    // A valid path begins with a single `/`. Without `return_to` the sign-in leads to the home page.
    for (good, home) in [("/", "/"), ("/films/1", "/films/1"), ("/a//b", "/a//b"), ("/%3Fq%3D//x", "/?q=//x")] {
        let callback = walk_to_callback(&stranger, &format!("return_to={good}&login_hint=eve@example.test")).await;
        assert_eq!(stranger.get(&callback).await.header("location"), home);
    }
    let callback = walk_to_callback(&stranger, "login_hint=eve@example.test").await;
    assert_eq!(stranger.get(&callback).await.header("location"), "/");

    // Without a login hint the provider shows its own page. When the visitor refuses there, the sign-in view of the web
    // page shows an error.
    let login = stranger.get("/api/auth/google/login?return_to=/films/1").await;
    let choose = stranger.get(&local(&stranger, login.header("location"))).await;
    assert_eq!(choose.status, 200);
    assert!(choose.header("content-type").starts_with("text/html"), "{}", choose.text);
    let state = login.header("location").split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let refused = format!("/api/auth/google/callback?error=access_denied&state={state}");
    app.stranger().get(&refused).await.refused(400, "bad_state");
    let login = stranger.get("/api/auth/google/login?return_to=/films/1").await;
    let state = login.header("location").split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let refused = format!("/api/auth/google/callback?error=access_denied&state={state}");
    let answer = stranger.get(&refused).await;
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").starts_with("/sign-in?error=access_denied"), "{}", answer.header("location"));
    stranger.get(&refused).await.refused(400, "bad_state");
    for nothing in ["", "?code=1", "?state=1", "?error=access_denied"] {
        stranger.get(&format!("/api/auth/google/callback{nothing}")).await.refused(400, "bad_state");
    }

    // A command-line client such as `curl -L -c jar` can sign in.
    let curl = Client::builder().cookie_store(true).redirect(Policy::limited(5)).no_proxy().build().unwrap();
    let login = format!("{}/api/auth/google/login?return_to=/&login_hint=carl@example.test", app.url());
    let home = curl.get(login).send().await.unwrap();
    assert_eq!((home.status().as_u16(), home.url().path()), (200, "/"));
    let me = curl.get(format!("{}/api/auth/me", app.url())).send().await.unwrap();
    assert_eq!(me.json::<serde_json::Value>().await.unwrap()["email"], "carl@example.test");
    app.finish().await;
}

#[tokio::test]
async fn session_ends_on_the_server_at_sign_out_and_at_a_new_sign_in() {
    let app = TestApp::start().await;
    let ann = app.stranger();
    let home = ann.get(&walk_to_callback(&ann, "login_hint=ann@example.test").await).await;
    let cookie = session_cookie(&home).split(';').next().unwrap().to_owned();
    let thief = app.stranger();
    let with_cookie = [("cookie", cookie.as_str())];
    thief.raw("GET", "/api/auth/me", &with_cookie, "").await.expect(200);
    let out = ann.raw("POST", "/api/auth/logout", &[], "").await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    let cleared = session_cookie(&out);
    assert!(cleared.starts_with("seatkeeper_session=;") && cleared.contains("Max-Age=0"), "{cleared}");
    thief.raw("GET", "/api/auth/me", &with_cookie, "").await.refused(401, "sign_in_required");
    ann.get("/api/auth/me").await.refused(401, "sign_in_required");
    // Signing out without a session is also answered with 204.
    assert_eq!(ann.raw("POST", "/api/auth/logout", &[], "").await.status, 204);
    assert_eq!(thief.raw("POST", "/api/auth/logout", &with_cookie, "").await.status, 204);
    // Signing in again in the same browser starts a new session and ends the previous one.
    let first = session_cookie(&ann.get(&walk_to_callback(&ann, "login_hint=ann@example.test").await).await);
    let second = session_cookie(&ann.get(&walk_to_callback(&ann, "login_hint=ann@example.test").await).await);
    assert_ne!(first, second);
    let old = [("cookie", first.split(';').next().unwrap())];
    thief.raw("GET", "/api/auth/me", &old, "").await.refused(401, "sign_in_required");
    app.finish().await;
}

#[tokio::test]
async fn cookies_are_secure_when_the_site_uses_https() {
    let site = "https://cinema.example";
    let app = TestApp::with_public_url(site, &["--allow-demo-sign-in", "--allow-test-payments"]).await;
    let stranger = app.stranger();
    let ask = |address: String, cookie: String| {
        let (stranger, path) = (stranger.clone(), address.trim_start_matches(site).to_owned());
        async move { stranger.raw("GET", &path, &[("host", "cinema.example"), ("cookie", &cookie)], "").await }
    };
    let login = ask("/api/auth/google/login?login_hint=ann@example.test".into(), String::new()).await;
    let binding = login.header("set-cookie").to_owned();
    let authorize = login.header("location").to_owned();
    assert!(authorize.starts_with("https://cinema.example/demo-idp/authorize?"), "{authorize}");
    let back = ask(authorize, String::new()).await;
    let home = ask(back.header("location").to_owned(), binding.split(';').next().unwrap().to_owned()).await;
    assert_eq!((home.status, home.header("location")), (302, "/"));
    let session = home.header("set-cookie");
    for cookie in [&binding, session] {
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    }
    let session = session.split(';').next().unwrap().to_owned();
    assert_eq!(ask("/api/auth/me".into(), session).await.expect(200)["email"], "ann@example.test");
    app.finish().await;
}

#[tokio::test]
async fn exactly_one_of_fifty_people_who_sign_in_first_at_the_same_time_is_administrator() {
    let mut app = TestApp::without_people(&[]).await;
    let names: Vec<String> = (0..50).map(|number| format!("person{number}")).collect();
    let people = join_all(names.iter().map(|name| app.sign_in(name))).await;
    let roles = join_all(
        people
            .iter()
            .map(|person| async { person.get("/api/auth/me").await.expect(200)["role"].as_str().unwrap().to_owned() }),
    );
    let roles = roles.await;
    let admins: Vec<_> = people.iter().zip(&roles).filter(|(_, role)| *role == "ADMIN").collect();
    assert_eq!(admins.len(), 1, "{roles:?}");
    assert_eq!(roles.iter().filter(|role| *role == "USER").count(), 49);
    app.set_admin(admins[0].0.clone());
    app.finish().await;
}

#[tokio::test]
async fn site_endpoint_returns_the_settings_that_the_web_page_needs() {
    let app = TestApp::with(&["--lock-ttl=90s", "--payment-ttl=2m", "--seats-per-person=6"]).await;
    let expected = json!({
        "name": "Seatkeeper Cinema", "time_zone": "Asia/Bangkok", "currency": "THB", "languages": ["th", "en"],
        "sign_in": "demo", "seats_per_person": 6, "lock_ttl_s": 90, "payment_ttl_s": 120,
        "payment_methods": ["promptpay", "mock_card"],
    });
    assert_eq!(app.get("/api/site").await.expect(200), expected);
    app.finish().await;

    // With a client id people sign in with the external provider, and the demo provider is off.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seatkeeper.toml");
    let settings =
        "google_client_id = 'cinema'\ngoogle_client_secret = 'not told'\noidc_issuer = 'http://127.0.0.1:1'\n";
    std::fs::write(&file, settings).unwrap();
    let flag = format!("--config={}", file.display());
    let app = TestApp::without_people(&[&flag, "--allow-test-payments"]).await;
    assert_eq!(app.get("/api/site").await.expect(200)["sign_in"], "google");
    app.get("/demo-idp/authorize").await.refused(404, "not_found");
    let login = app.get("/api/auth/google/login?return_to=/films/1").await;
    assert_eq!(login.status, 302);
    assert!(
        login.header("location").starts_with("/sign-in?error=temporarily_unavailable"),
        "{}",
        login.header("location")
    );
    app.finish().await;
}

#[tokio::test]
async fn session_call_answers_200_with_the_person_or_null() {
    let app = TestApp::start().await;
    let guest = app.stranger().get("/api/auth/session").await;
    assert_eq!(guest.header("cache-control"), "no-store");
    assert_eq!(guest.expect(200), json!({"person": null}));
    let me = app.admin().get("/api/auth/me").await.expect(200);
    assert_eq!(app.admin().get("/api/auth/session").await.expect(200), json!({"person": me}));
    app.finish().await;
}
