//! Tests of signing in with a remote identity provider, including the provider's failures.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use jiff::SignedDuration;

use super::{
    sessions::until,
    support::{Answer, Browser, SITE, World, with_provider},
};
use crate::{auth::demo_idp::test_provider::TestProvider, config::SiteUrl};

/// A server whose people sign in with a provider over HTTP.
pub(super) struct Abroad {
    pub(super) provider: TestProvider,
    pub(super) browser: Browser,
}

impl Abroad {
    pub(super) async fn start(world: &World) -> Self {
        let provider = TestProvider::start(SITE, world.clock.clone(), Arc::new(super::support::Random)).await;
        let (issuer, id, secret) = provider.client();
        let browser = world.server(|config| config.sign_in = with_provider(&issuer, &id, &secret)).browser();
        Self { provider, browser }
    }

    pub(super) async fn sign_in(&self, email: &str) -> Answer {
        let there = self.browser.get("/api/auth/google/login").await.location();
        let back = self.provider.authorize(&there, email);
        self.browser.get(back.as_str()).await
    }
}

#[tokio::test]
async fn remote_provider_is_discovered_once_an_hour_and_signs_people_in() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    for email in ["ann@example.test", "ben@example.test"] {
        assert_eq!(abroad.sign_in(email).await.location(), "/");
        assert_eq!(abroad.browser.me().await.json()["email"], email);
    }
    let asked = ["/openid-configuration", "/jwks", "/token"].map(|path| abroad.provider.count_asked(path));
    assert_eq!(asked, [1, 1, 2]);
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    // Again after an hour, while the old one is used.
    until(|| async { abroad.provider.count_asked("/openid-configuration") == 2 }).await;
}

#[tokio::test]
async fn keys_are_fetched_again_when_a_signature_fails_at_most_once_a_minute() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    for (round, change_key) in [TestProvider::change_key, TestProvider::change_key_under_its_id].iter().enumerate() {
        let fetched = 1 + 2 * round;
        change_key(&abroad.provider);
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
        assert_eq!(abroad.provider.count_asked("/jwks"), fetched + 1, "at the first signature that fails");
        change_key(&abroad.provider);
        for _ in 0..3 {
            assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/sign-in?error=sign_in_failed");
        }
        assert_eq!(abroad.provider.count_asked("/jwks"), fetched + 1, "fetched less than a minute ago");
        world.clock.advance(SignedDuration::from_mins(1));
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
        assert_eq!(abroad.provider.count_asked("/jwks"), fetched + 2);
        world.clock.advance(SignedDuration::from_mins(1));
    }
}

#[tokio::test]
async fn failed_fetch_of_new_keys_is_reported_as_unavailable_until_the_next_one() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    abroad.provider.change_key();
    abroad.provider.spoil(|_, request, mut answer| {
        if request.uri().path().ends_with("/jwks") {
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
        }
        answer
    });
    for _ in 0..3 {
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/sign-in?error=temporarily_unavailable");
    }
    assert_eq!(abroad.provider.count_asked("/jwks"), 2, "further attempts get the cached failure");
    abroad.provider.spoil(|_, _, answer| answer);
    world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
}

#[tokio::test]
async fn sign_in_redirects_to_the_sign_in_page_while_the_provider_is_unavailable_and_succeeds_later() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.provider.spoil(|_, _, mut answer| {
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    });
    let login = "/api/auth/google/login?return_to=/here";
    let away = "/sign-in?error=temporarily_unavailable&return_to=%2Fhere";
    for _ in 0..5 {
        assert_eq!(abroad.browser.get(login).await.location(), away);
    }
    assert_eq!(abroad.provider.count_asked("/openid-configuration"), 1, "further attempts get the cached failure");
    abroad.provider.spoil(|_, _, answer| answer);
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
}

#[tokio::test]
async fn cached_keys_are_used_for_a_day_while_the_provider_is_unavailable() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    abroad.provider.spoil(|_, request, mut answer| {
        if !request.uri().path().ends_with("/token") {
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
        }
        answer
    });
    world.clock.advance(SignedDuration::from_hours(23));
    assert_eq!(abroad.sign_in("ann@example.test").await.location(), "/");
    world.clock.advance(SignedDuration::from_hours(1));
    let answer = abroad.browser.get("/api/auth/google/login").await;
    assert_eq!(answer.location(), "/sign-in?error=temporarily_unavailable");
}

#[tokio::test]
async fn invalid_answers_of_the_token_endpoint_sign_nobody_in() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    let spoiled = |status: u16, body: Vec<u8>| {
        abroad.provider.spoil(move |_, request, mut answer| {
            if request.uri().path().ends_with("/token") {
                *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("http://127.0.0.1:1/elsewhere"));
                *answer.body_mut() = body.clone();
            }
            answer
        });
    };
    let no_id_token = br#"{"access_token":"x","token_type":"Bearer"}"#.to_vec();
    for (status, body, shown) in [
        (200, b"{}".to_vec(), "sign_in_failed"),
        (200, b"<html>".to_vec(), "temporarily_unavailable"),
        (200, vec![b' '; 300 * 1024], "temporarily_unavailable"),
        (200, no_id_token, "sign_in_failed"),
        (302, Vec::new(), "temporarily_unavailable"),
        (500, b"oops".to_vec(), "temporarily_unavailable"),
        (400, br#"{"error":"invalid_grant"}"#.to_vec(), "sign_in_failed"),
    ] {
        let what = format!("{status} {} bytes", body.len());
        spoiled(status, body);
        assert_eq!(abroad.sign_in("ann@example.test").await.location(), format!("/sign-in?error={shown}"), "{what}");
    }
    assert_eq!(abroad.browser.me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn discovery_document_with_another_issuer_is_refused() {
    let world = World::new();
    let abroad = Abroad::start(&world).await;
    abroad.provider.spoil(|_, _, answer| {
        answer.map(|body| {
            String::from_utf8(body).unwrap().replace("\"issuer\":\"http://127", "\"issuer\":\"http://128").into_bytes()
        })
    });
    let answer = abroad.browser.get("/api/auth/google/login").await;
    assert_eq!(answer.location(), "/sign-in?error=temporarily_unavailable");
}

#[tokio::test]
async fn sessions_of_the_demo_are_invalid_with_a_real_provider_in_the_settings() {
    let world = World::new();
    let demo = world.server(|_| {});
    let (admin, guest) = (demo.browser(), demo.browser());
    admin.sign_in("ann@example.test").await;
    guest.sign_in("ben@example.test").await;
    assert_eq!(admin.me().await.json()["role"], "ADMIN");

    let abroad = Abroad::start(&world).await;
    for browser in [&admin, &guest] {
        abroad.browser.jar.lock().clone_from(&browser.jar.lock());
        assert_eq!(abroad.browser.me().await.problem(), (401, "sign_in_required".to_owned()));
    }
    abroad.sign_in("ann@example.test").await;
    assert_eq!(abroad.browser.me().await.json()["role"], "ADMIN", "the first real person");

    // With the demo provider again, sessions of the real provider are invalid, and nobody of the demo is administrator
    // any more.
    let again = world.server(|_| {}).browser();
    again.jar.lock().clone_from(&abroad.browser.jar.lock());
    assert_eq!(again.me().await.status, StatusCode::UNAUTHORIZED);
    again.sign_in("ann@example.test").await;
    assert_eq!(again.me().await.json()["role"], "USER");
}

#[tokio::test]
async fn people_of_the_demo_stay_the_same_at_another_public_url() {
    let world = World::new();
    let here = world.server(|_| {}).browser();
    here.sign_in("ann@example.test").await;
    let moved = world.server(|config| {
        config.allowed_origins = vec![config.public_url.clone()];
        config.public_url = SiteUrl::new("http://127.0.0.1:9090");
    });
    let moved = moved.browser();
    moved.jar.lock().clone_from(&here.jar.lock());
    assert_eq!(moved.me().await.json()["role"], "ADMIN");
}
