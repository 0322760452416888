//! Tests of signing in with providers that differ from Google in one thing.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use openidconnect::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    provider::Abroad,
    support::World,
    tokens::{claims_of, refused},
};
use crate::auth::demo_idp::DemoIdp;

/// Sets of claims without which an ID token does not suffice, so that UserInfo must answer.
const NEEDED_CLAIMS: [&[&str]; 3] = [&["name", "email", "email_verified"], &["email"], &["email_verified"]];

/// The answer of a UserInfo endpoint: status and body.
type UserInfo = (u16, Vec<u8>);

impl Abroad {
    /// Adds a UserInfo endpoint to the provider. `in_token` changes the claims of ID tokens; `answer` makes the
    /// endpoint's answer from the unchanged claims. The endpoint accepts only the access token of the same sign-in.
    fn with_user_info(
        &self,
        in_token: impl Fn(&mut Value) + Send + Sync + 'static,
        answer: impl Fn(&DemoIdp, Value) -> UserInfo + Send + Sync + 'static,
    ) {
        let known = Arc::new(Mutex::new((Value::Null, String::new())));
        self.provider.spoil(move |idp, request, original| match request.uri().path().rsplit('/').next() {
            Some("openid-configuration") => change_body(original, |document| {
                let here = document["issuer"].as_str().unwrap().to_owned();
                document["userinfo_endpoint"] = format!("{here}/userinfo").into();
            }),
            Some("token") if original.status().is_success() => change_body(original, |body| {
                let mut claims = claims_of(body["id_token"].as_str().unwrap());
                *known.lock() = (claims.clone(), format!("Bearer {}", body["access_token"].as_str().unwrap()));
                in_token(&mut claims);
                body["id_token"] = idp.signed(claims).into();
            }),
            Some("userinfo") => {
                let (claims, bearer) = known.lock().clone();
                answer_of(if is_authorized(&request, &bearer) { answer(idp, claims) } else { (401, Vec::new()) })
            }
            _ => original,
        });
    }

    /// Signs in with ID tokens that have these additional or changed claims.
    async fn sign_in_with(&self, changed: Value) -> String {
        self.provider.spoil_token(move |idp, token| {
            let mut claims = claims_of(token);
            claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            idp.signed(claims)
        });
        self.sign_in("ann@example.test").await.location()
    }
}

fn change_body(answer: HttpResponse, change: impl FnOnce(&mut Value)) -> HttpResponse {
    answer.map(|body| {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        change(&mut body);
        body.to_string().into_bytes()
    })
}

fn is_authorized(request: &HttpRequest, bearer: &str) -> bool {
    request.headers().get(header::AUTHORIZATION).is_some_and(|value| value == bearer)
}

fn answer_of((status, body): UserInfo) -> HttpResponse {
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// What a provider's ID token has when it leaves all claims of the scopes to UserInfo.
fn without_profile(claims: &mut Value) {
    for name in ["name", "email", "email_verified"] {
        claims.as_object_mut().unwrap().remove(name);
    }
}

fn json_of(claims: &Value) -> UserInfo {
    (200, claims.to_string().into_bytes())
}

#[tokio::test]
async fn sign_in_uses_claims_of_user_info_when_the_id_token_lacks_them() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.with_user_info(without_profile, |_, claims| json_of(&claims));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    let me = abroad.browser.me().await.json();
    assert_eq!((me["email"].as_str(), me["name"].as_str()), (Some("ann@example.test"), Some("Ann Wongsuwan")));
    abroad.with_user_info(without_profile, |_, mut claims| {
        claims["email_verified"] = false.into();
        json_of(&claims)
    });
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/sign-in?error=no_email", "not verified");
}

#[tokio::test]
async fn user_info_is_not_asked_when_the_id_token_has_all_claims() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.with_user_info(|_| {}, |_, claims| json_of(&claims));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    assert_eq!(abroad.provider.count_asked("/userinfo"), 0);
}

#[tokio::test]
async fn user_info_about_another_person_is_refused() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    let without_name = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove("name"));
    for subject in [json!("the administrator"), Value::Null, json!("")] {
        let what = format!("{subject}");
        let other = subject.clone();
        abroad.with_user_info(without_profile, move |_, mut claims| {
            claims["sub"] = other.clone();
            json_of(&claims)
        });
        refused(&abroad, &what).await;
        abroad.with_user_info(without_name, move |_, mut claims| {
            claims["sub"] = subject.clone();
            json_of(&claims)
        });
        refused(&abroad, &format!("{what}, with the address in the ID token")).await;
    }
}

#[tokio::test]
async fn signed_user_info_is_accepted_only_with_a_valid_signature_issuer_and_audience() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.with_user_info(without_profile, |idp, claims| (200, idp.signed(claims).into_bytes()));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    abroad.browser.post("/api/auth/logout").await;
    for (claim, value) in [("iss", json!("https://evil.example")), ("aud", json!("another client"))] {
        abroad.with_user_info(without_profile, move |idp, mut claims| {
            claims[claim] = value.clone();
            (200, idp.signed(claims).into_bytes())
        });
        refused(&abroad, claim).await;
    }
    abroad.with_user_info(without_profile, |idp, claims| {
        let mut token = idp.signed(claims).into_bytes();
        let last = token.len() - 10;
        token[last] = if token[last] == b'A' { b'B' } else { b'A' };
        (200, token)
    });
    refused(&abroad, "another signature").await;
    abroad.with_user_info(without_profile, |idp, claims| (200, format!("{}.a.b", idp.signed(claims)).into_bytes()));
    refused(&abroad, "encrypted").await;
}

#[tokio::test]
async fn failing_user_info_fails_the_sign_in_only_when_the_address_or_its_verification_is_missing() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    for (answer, shown) in [
        ((500, b"oops".to_vec()), "temporarily_unavailable"),
        ((429, Vec::new()), "temporarily_unavailable"),
        ((200, b"<html>".to_vec()), "temporarily_unavailable"),
        ((200, vec![b' '; 300 * 1024]), "temporarily_unavailable"),
        ((403, b"{}".to_vec()), "sign_in_failed"),
    ] {
        let what = format!("{} {} bytes", answer.0, answer.1.len());
        let same = answer.clone();
        for missing in NEEDED_CLAIMS {
            let answer = answer.clone();
            let without = move |claims: &mut Value| {
                let claims = claims.as_object_mut().unwrap();
                claims.retain(|name, _| !missing.contains(&name.as_str()));
            };
            abroad.with_user_info(without, move |_, _| answer.clone());
            let location = abroad.sign_in("ann@example.test").await.location();
            assert_eq!(location, format!("/sign-in?error={shown}"), "{what}, without {missing:?}");
        }
        abroad.with_user_info(|claims| claims["name"] = Value::Null, move |_, _| same.clone());
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/", "{what}, the ID token has the address");
        abroad.browser.post("/api/auth/logout").await;
    }
}

#[tokio::test]
async fn sign_in_succeeds_when_unused_claims_are_invalid_and_used_ones_have_other_forms() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    let now_s = world.clock.now_ms() / 1_000;
    for odd in [
        json!({ "updated_at": "2026-11-23T12:30:00.000Z" }),
        json!({ "email_verified": "true" }),
        json!({ "address": "1 Some Street" }),
        json!({ "picture": 17 }),
        json!({ "picture": "" }),
        json!({ "locale": { "language": "th" } }),
        json!({ "locale": "not a language!" }),
        json!({ "name": ["Ann"] }),
        json!({ "given_name": 5, "family_name": null, "nickname": {}, "profile": "", "website": "none", "gender": 1 }),
        json!({ "birthdate": 0, "zoneinfo": [], "phone_number": 1, "phone_number_verified": "no" }),
        json!({ "auth_time": "just now", "acr": 1, "amr": "pwd", "at_hash": 5, "c_hash": "x", "jti": 7, "nbf": "0" }),
        json!({ "name#th": 5, "email#": {}, "updated_at#x": "y" }),
        json!({ "exp": f64::from(300) + now_s as f64 + 0.5, "iat": now_s as f64 - 0.25 }),
        json!({ "aud": ["seatkeeper", "project"], "azp": "seatkeeper" }),
        json!({ "aud": ["project", "seatkeeper"] }),
        json!({ "aud": ["seatkeeper", 7] }),
        json!({ "azp": null }),
    ] {
        let what = odd.to_string();
        assert_eq!(abroad.sign_in_with(odd).await, "/", "{what}");
        assert_eq!(abroad.browser.me().await.json()["email"], "ann@example.test", "{what}");
        abroad.browser.post("/api/auth/logout").await;
    }
}

#[tokio::test]
async fn token_header_may_have_another_type_and_no_key_id_but_no_critical_extension() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    for header in [json!({ "alg": "EdDSA" }), json!({ "alg": "EdDSA", "typ": "id+jwt", "x5t": 5 })] {
        abroad.provider.spoil_token(move |idp, token| idp.signed_with(&header, &claims_of(token)));
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
        abroad.browser.post("/api/auth/logout").await;
    }
    let critical = json!({ "alg": "EdDSA", "crit": ["exp"] });
    abroad.provider.spoil_token(move |idp, token| idp.signed_with(&critical, &claims_of(token)));
    refused(&abroad, "a critical extension").await;
}

#[tokio::test]
async fn sign_in_succeeds_when_unused_members_of_discovery_document_and_token_answer_are_invalid() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.provider.spoil(|_, request, answer| match request.uri().path().rsplit('/').next() {
        Some("openid-configuration") => change_body(answer, |document| {
            for (name, value) in [
                ("op_tos_uri", json!("")),
                ("service_documentation", json!(5)),
                ("scopes_supported", json!("openid")),
                ("subject_types_supported", Value::Null),
                ("id_token_signing_alg_values_supported", Value::Null),
                ("claims_parameter_supported", json!("true")),
                ("userinfo_endpoint", json!("")),
            ] {
                document[name] = value;
            }
        }),
        Some("token") => change_body(answer, |body| {
            body["expires_in"] = "3600".into();
            body["scope"] = json!(["openid"]);
            body["token_type"] = Value::Null;
        }),
        Some("jwks") => change_body(answer, |keys| {
            keys["keys"].as_array_mut().unwrap().insert(0, json!({ "kty": "from the future", "kid": 5 }));
        }),
        _ => answer,
    });
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
}

#[tokio::test]
async fn concurrent_sign_ins_after_a_key_rotation_share_one_fetch_of_the_keys() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    abroad.provider.change_key_under_its_id();
    let sign_ins = (0..8).map(|number| {
        let (abroad, email) = (&abroad, format!("p{number}@example.test"));
        async move { abroad.sign_in(&email).await.location() }
    });
    for location in futures_util::future::join_all(sign_ins).await {
        assert_eq!(location, "/");
    }
    assert_eq!(abroad.provider.count_asked("/jwks"), 2);
}

#[tokio::test]
async fn provider_that_refuses_connections_is_reported_as_unavailable_at_login_and_callback() {
    let world = World::new();
    let mut abroad = Abroad::start(&world).await;
    let there = abroad.browser.get("/api/auth/google/login?return_to=/here").await.location();
    let back = abroad.provider.authorize(&there, "ann@example.test");
    abroad.provider.close().await;
    let away = "/sign-in?error=temporarily_unavailable&return_to=%2Fhere";
    assert_eq!(abroad.browser.get(back.as_str()).await.location(), away);
    let mut elsewhere = Abroad::start(&world).await;
    elsewhere.provider.close().await;
    assert_eq!(elsewhere.browser.get("/api/auth/google/login?return_to=/here").await.location(), away);
}
