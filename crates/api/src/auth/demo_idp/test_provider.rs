//! Test fixture: an identity provider at another address, reached over HTTP, whose answers a test can alter.

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, response::IntoResponse, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    HttpRequest, HttpResponse, JsonWebKey, JsonWebKeyId, PrivateSigningKey,
    core::{CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreIdToken, CoreJwsSigningAlgorithm},
};
use parking_lot::Mutex;
use seatkeeper_core::ports::{Clock, Entropy};
use serde_json::{Value, json};
use url::Url;

use super::{DemoIdp, authorize::AuthorizeAnswer, new_key, query::AuthorizeQuery};
use crate::{auth::secrets, config::SiteUrl, extract::parse_query};
use seatkeeper_core::person::Language;

type Spoil = Box<dyn Fn(&DemoIdp, HttpRequest, HttpResponse) -> HttpResponse + Send + Sync>;

/// A provider that listens on its own port until it is dropped.
pub(in crate::auth) struct TestProvider {
    idp: Arc<Mutex<DemoIdp>>,
    spoil: Arc<Mutex<Option<Spoil>>>,
    asked: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for TestProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl TestProvider {
    pub(in crate::auth) async fn start(client: &str, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let home = SiteUrl::new(&format!("http://{}", listener.local_addr().unwrap()));
        let idp = Arc::new(Mutex::new(DemoIdp::at(&home, &SiteUrl::new(client), clock, entropy).unwrap()));
        let (spoil, asked) = (Arc::new(Mutex::new(None::<Spoil>)), Arc::new(Mutex::new(Vec::new())));
        let (served_idp, served_spoil, served_asked) = (idp.clone(), spoil.clone(), asked.clone());
        let answer = async move |request: Request| -> Response {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let request = HttpRequest::from_parts(parts, body.to_vec());
            served_asked.lock().push(request.uri().path().to_owned());
            let idp = served_idp.lock();
            let answer = idp.answer(&request);
            let spoil = served_spoil.lock();
            let answer = match &*spoil {
                Some(spoil) => spoil(&idp, request, answer),
                None => answer,
            };
            answer.map(Body::from).into_response()
        };
        let routes = Router::new().fallback(answer);
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { idp, spoil, asked, server }
    }

    /// Stops listening: connections are refused from now on.
    pub(in crate::auth) async fn close(&mut self) {
        self.server.abort();
        // The result is that of an aborted task.
        drop((&mut self.server).await);
    }

    /// Issuer, client id and client secret of the registered client.
    pub(in crate::auth) fn client(&self) -> (String, String, String) {
        self.idp.lock().registered_client()
    }

    /// Answers the authorization request `there` for this account; returns the callback URL.
    pub(in crate::auth) fn authorize(&self, there: &str, email: &str) -> Url {
        let mut query: AuthorizeQuery = parse_query(Url::parse(there).unwrap().query().unwrap()).unwrap();
        query.login_hint = Some(email.to_owned());
        match self.idp.lock().authorize(&query, Language::En) {
            AuthorizeAnswer::Redirect(back) => back,
            other => panic!("{other:?}"),
        }
    }

    /// Alters all answers from now on with `spoil`.
    pub(in crate::auth) fn spoil(
        &self,
        spoil: impl Fn(&DemoIdp, HttpRequest, HttpResponse) -> HttpResponse + Send + Sync + 'static,
    ) {
        *self.spoil.lock() = Some(Box::new(spoil));
    }

    /// Alters all ID tokens from now on with `change`.
    pub(in crate::auth) fn spoil_token(&self, change: impl Fn(&DemoIdp, &str) -> String + Send + Sync + 'static) {
        self.spoil(move |idp, request, answer| {
            if !request.uri().path().ends_with("/token") || !answer.status().is_success() {
                return answer;
            }
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap();
            body["id_token"] = change(idp, body["id_token"].as_str().unwrap()).into();
            answer.map(|_| body.to_string().into_bytes())
        });
    }

    /// Rotates the signing key, as providers do every few weeks. Codes stay valid.
    pub(in crate::auth) fn change_key(&self) {
        let mut idp = self.idp.lock();
        let key_id = Some(JsonWebKeyId::new(secrets::new_secret(&*idp.entropy)));
        idp.key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&new_key(&*idp.entropy), key_id).unwrap();
    }

    /// Replaces the signing key by another with the same key id.
    pub(in crate::auth) fn change_key_under_its_id(&self) {
        let mut idp = self.idp.lock();
        let key_id = idp.key.as_verification_key().key_id().cloned();
        idp.key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&new_key(&*idp.entropy), key_id).unwrap();
    }

    /// Number of requests for the path so far.
    pub(in crate::auth) fn count_asked(&self, path: &str) -> usize {
        self.asked.lock().iter().filter(|asked| asked.ends_with(path)).count()
    }
}

impl DemoIdp {
    /// A token with these claims and a valid signature. The claims need not be valid.
    pub(in crate::auth) fn signed(&self, claims: Value) -> String {
        let kid = self.key.as_verification_key().key_id().map(|id| id.to_string());
        self.signed_with(&json!({ "alg": "EdDSA", "kid": kid }), &claims)
    }

    /// A token with this header and these claims, signed with the provider's key.
    pub(in crate::auth) fn signed_with(&self, header: &Value, claims: &Value) -> String {
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.key.sign(&CoreJwsSigningAlgorithm::EdDsa, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token with these claims, signed with the client secret (HMAC).
    pub(in crate::auth) fn signed_with_shared_secret(&self, claims: Value) -> String {
        let key = CoreHmacKey::new(self.client_secret.as_bytes());
        let claims = serde_json::from_value(claims).unwrap();
        CoreIdToken::new(claims, &key, CoreJwsSigningAlgorithm::HmacSha256, None, None).unwrap().to_string()
    }
}
