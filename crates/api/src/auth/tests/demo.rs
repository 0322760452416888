//! Tests of the demo identity provider over HTTP, as a browser uses it.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use url::Url;

use super::support::{Browser, SITE, World, query_of, with_provider};

/// The authorization request of a sign-in without `login_hint`.
async fn question(browser: &Browser) -> Url {
    Url::parse(&browser.get("/api/auth/google/login?return_to=/here").await.location()).unwrap()
}

fn with(url: &Url, name: &str, value: Option<&str>) -> String {
    let mut changed = url.clone();
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
    changed.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(value.map(|value| (name, value)));
    changed.to_string()
}

#[tokio::test]
async fn account_page_is_in_the_browsers_language() {
    let world = World::new();
    let mut browser = world.server(|_| {}).browser();
    let page = browser.get(question(&browser).await.as_str()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains("<html lang=\"th\">") && page.body.contains("เลือกบัญชี"));
    browser.headers.insert("accept-language", "en".parse().unwrap());
    let page = browser.get(question(&browser).await.as_str()).await;
    assert!(page.body.contains("<html lang=\"en\">") && page.body.contains("Choose an account"));
    assert!(page.body.contains("value=\"ann@example.test\"") && page.body.contains("สมชาย ใจดี"));
    assert!(!page.body.contains("<script") && !page.body.contains("style="), "nothing inline");
    let style = browser.get("/demo-idp/style.css").await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert!(style.body.contains(":focus-visible"));
}

#[tokio::test]
async fn choosing_an_account_on_the_page_signs_in_as_it() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let question = question(&browser).await;
    let page = browser.get(question.as_str()).await;
    // Submit the form as a browser does: hidden fields and button.
    let mut chosen = Url::parse(&format!("{SITE}/demo-idp/authorize")).unwrap();
    let form = page.body.split("</form>").next().unwrap();
    for field in form.split("type=\"hidden\"").skip(1) {
        let attribute = |name: &str| {
            field.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&")
        };
        chosen.query_pairs_mut().append_pair(&attribute("name"), &attribute("value"));
    }
    chosen.query_pairs_mut().append_pair("login_hint", "somchai@example.test");
    let back = browser.get(chosen.as_str()).await.location();
    assert_eq!(browser.get(&back).await.location(), "/here");
    assert_eq!(browser.me().await.json()["name"], "สมชาย ใจดี");
}

#[tokio::test]
async fn account_typed_on_the_demo_page_has_the_typed_name_or_one_from_its_address() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    for (name, shown) in [(Some("Dr. Eve"), "Dr. Eve"), (Some(""), "eve.x"), (None, "eve.x")] {
        let typed = with(&question(&browser).await, "login_hint", Some("Eve.X@example.test"));
        let typed = with(&Url::parse(&typed).unwrap(), "name", name);
        let back = browser.get(&typed).await.location();
        browser.get(&back).await;
        let me = browser.me().await.json();
        assert_eq!(me["email"], "eve.x@example.test");
        assert_eq!(me["name"].as_str().unwrap().to_lowercase(), shown.to_lowercase());
    }
}

#[tokio::test]
async fn invalid_address_shows_the_page_again_with_escaped_input() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let typed = with(&question(&browser).await, "login_hint", Some("\"><script>alert(1)</script>"));
    let typed = with(&Url::parse(&typed).unwrap(), "state", Some("'\"<&>"));
    let page = browser.get(&typed).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("role=\"alert\"") && page.body.contains("aria-invalid=\"true\""));
    assert!(page.body.contains("&quot;&gt;&lt;script&gt;alert(1)"));
    assert!(page.body.contains("value=\"&#39;&quot;&lt;&amp;&gt;\""));
    assert!(!page.body.contains("<script"));
}

#[tokio::test]
async fn cancelling_on_the_page_returns_access_denied() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let page = browser.get(question(&browser).await.as_str()).await;
    let cancel = page.body.split("<a href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(browser.get(&cancel).await.location(), "/sign-in?error=access_denied&return_to=%2Fhere");
}

#[tokio::test]
async fn unknown_client_or_redirect_uri_is_refused_without_redirect() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let question = question(&browser).await;
    let changes = [
        ("client_id", Some("other")),
        ("client_id", None),
        ("redirect_uri", Some("https://evil.test/api/auth/google/callback")),
        ("redirect_uri", Some("http://127.0.0.1:8080/api/auth/google/callback/")),
        ("redirect_uri", Some("http://127.0.0.1:8080/api/auth/google/callback?x=y")),
        ("redirect_uri", Some("http://127.0.0.1:8080@evil.test/api/auth/google/callback")),
        ("redirect_uri", None),
    ];
    for (name, value) in changes {
        let answer = browser.get(&with(&question, name, value)).await;
        assert_eq!(answer.problem(), (400, "bad_request".to_owned()), "{name} {value:?}");
    }
}

#[tokio::test]
async fn authorization_request_without_pkce_or_with_wrong_parameters_redirects_with_an_error() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let question = question(&browser).await;
    let long = "a".repeat(501);
    let changes = [
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", None, "unsupported_response_type"),
        ("scope", Some("email"), "invalid_scope"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge", Some("short"), "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("nonce", Some(long.as_str()), "invalid_request"),
        ("prompt", Some("none"), "login_required"),
    ];
    for (name, value, error) in changes {
        let back = Url::parse(&browser.get(&with(&question, name, value)).await.location()).unwrap();
        assert_eq!(query_of(&back, "error").as_deref(), Some(error), "{name} {value:?}");
        assert_eq!(query_of(&back, "state"), query_of(&question, "state"));
        assert_eq!(query_of(&back, "code"), None);
    }
}

#[tokio::test]
async fn demo_back_channel_answers_over_http() {
    let world = World::new();
    let browser = world.server(|_| {}).browser();
    let configuration = browser.get("/demo-idp/.well-known/openid-configuration").await.json();
    assert_eq!(configuration["issuer"], format!("{SITE}/demo-idp"));
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let address = configuration[endpoint].as_str().unwrap();
        assert!(address.starts_with(&format!("{SITE}/demo-idp/")), "{address}");
    }
    let keys = browser.get("/demo-idp/jwks").await.json();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
    assert!(keys["keys"][0].get("d").is_none(), "the private key is not published");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = Body::from("grant_type=authorization_code&code=x&client_id=seatkeeper&client_secret=guess");
    let answer = browser.send(Method::POST, "/demo-idp/token", &form, body).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#));
    assert_eq!(browser.get("/demo-idp/token").await.problem(), (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn demo_provider_is_not_found_with_a_real_provider_in_the_settings() {
    let world = World::new();
    let browser =
        world.server(|config| config.sign_in = with_provider("https://id.example", "cinema", "secret")).browser();
    for path in ["authorize?client_id=seatkeeper", "style.css", "jwks", ".well-known/openid-configuration"] {
        assert_eq!(browser.get(&format!("/demo-idp/{path}")).await.problem(), (404, "not_found".to_owned()), "{path}");
    }
}
