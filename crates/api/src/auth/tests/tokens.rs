//! Tests that invalid ID tokens are refused.

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{provider::Abroad, support::World};

pub(super) fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Replaces the header or payload of a token and keeps its signature, which does not match any more.
fn with_part(token: &str, index: usize, value: &Value) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[index] = URL_SAFE_NO_PAD.encode(value.to_string());
    parts.join(".")
}

pub(super) async fn refused(abroad: &Abroad, what: &str) {
    let answer = abroad.sign_in("ann@example.test").await;
    assert_eq!(answer.location(), "/sign-in?error=sign_in_failed", "{what}");
    assert!(answer.cookies().is_empty(), "{what}");
    assert_eq!(abroad.browser.me().await.status, StatusCode::UNAUTHORIZED, "{what}");
}

#[tokio::test]
async fn token_without_a_valid_signature_is_refused() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.provider.spoil_token(|_, token| {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        signature[20] ^= 1;
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    });
    refused(&abroad, "one bit of the signature").await;
    abroad.provider.spoil_token(|_, token| {
        let mut claims = claims_of(token);
        claims["sub"] = "the administrator".into();
        with_part(token, 1, &claims)
    });
    refused(&abroad, "another subject under the same signature").await;
    abroad.provider.spoil_token(|_, token| {
        let unsigned = with_part(token, 0, &json!({"alg": "none"}));
        format!("{}.", unsigned.rsplit_once('.').unwrap().0)
    });
    refused(&abroad, "alg none").await;
    abroad.provider.spoil_token(|idp, token| idp.signed_with_shared_secret(claims_of(token)));
    refused(&abroad, "signed with the client's secret").await;
    abroad.provider.spoil_token(|_, token| with_part(token, 0, &json!({"alg": "EdDSA", "kid": "another"})));
    refused(&abroad, "an unknown key").await;
    abroad.provider.spoil_token(|_, _| "nonsense".to_owned());
    let answer = abroad.sign_in("ann@example.test").await;
    assert!(answer.location().starts_with("/sign-in?error="), "not a token at all");
    abroad.provider.spoil_token(|_, token| token.to_owned());
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/", "the genuine token is accepted");
}

#[tokio::test]
async fn token_with_wrong_issuer_audience_subject_nonce_or_time_is_refused() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    let now_s = world.clock.now_ms() / 1_000;
    let changes = [
        ("iss", json!("https://evil.example")),
        ("iss", json!("http://127.0.0.1:8080/demo-idp")),
        ("aud", json!("another client")),
        ("aud", json!(["another client"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("azp", json!("another client")),
        ("azp", json!(7)),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", Value::Null),
        ("sub", json!("s".repeat(256))),
        ("nonce", json!("another question's")),
        ("nonce", Value::Null),
        ("exp", Value::Null),
        ("exp", json!("later")),
        ("iat", Value::Null),
        ("exp", json!(now_s)),
        ("exp", json!(now_s - 3_600)),
        ("iat", json!(now_s - 11 * 60)),
        ("iat", json!(now_s + 6 * 60)),
    ];
    for (claim, value) in changes {
        let what = format!("{claim} {value}");
        abroad.provider.spoil_token(move |idp, token| {
            let mut claims = claims_of(token);
            claims[claim] = value.clone();
            idp.signed(claims)
        });
        refused(&abroad, &what).await;
    }
    abroad.provider.spoil_token(|idp, token| idp.signed(claims_of(token)));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/", "an unchanged claim set is accepted");
}

#[tokio::test]
async fn token_without_a_verified_valid_address_is_refused() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    for (claim, value) in [("email", Value::Null), ("email", json!("not an address")), ("email_verified", json!(false))]
    {
        let what = format!("{claim} {value}");
        abroad.provider.spoil_token(move |idp, token| {
            let mut claims = claims_of(token);
            claims[claim] = value.clone();
            idp.signed(claims)
        });
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/sign-in?error=no_email", "{what}");
    }
}

#[tokio::test]
async fn name_and_picture_from_the_token_are_sanitized() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    for (picture, kept) in
        [("https://pictures.example/ann.jpg", Some("https://pictures.example/ann.jpg")), ("javascript:alert(1)", None)]
    {
        abroad.provider.spoil_token(move |idp, token| {
            let mut claims = claims_of(token);
            claims["name"] = "Ann\u{202e}\n Lee".into();
            claims["picture"] = picture.into();
            idp.signed(claims)
        });
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
        let me = abroad.browser.me().await.json();
        assert_eq!((me["name"].as_str(), me["picture_url"].as_str()), (Some("Ann Lee"), kept));
    }
}
