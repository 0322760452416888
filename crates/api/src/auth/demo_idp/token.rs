//! `POST /demo-idp/token`: exchanges a code for an ID token (OpenID Connect Core 3.1.3).

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::SignedDuration;
use openidconnect::{
    AccessToken, HttpRequest, HttpResponse,
    core::{CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm},
    http::{HeaderMap, StatusCode, header},
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{CLIENT_ID, DemoIdp, answer_json, codes::Grant};
use crate::auth::secrets;

/// Lifetime of an ID token. The relying party verifies it once, immediately.
const TOKEN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The form of a token request.
#[derive(Debug, Deserialize)]
struct TokenForm {
    grant_type: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Why a token request is refused (RFC 6749 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Request,
    Client,
    Grant,
    GrantType,
}

impl Refusal {
    fn answer(self) -> HttpResponse {
        let (status, error) = match self {
            Self::Request => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::Grant => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::GrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        };
        let mut response = answer_json(status, &json!({ "error": error }));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic"));
        }
        response
    }
}

impl DemoIdp {
    pub(super) fn answer_token(&self, request: &HttpRequest) -> HttpResponse {
        let answer = self.exchange(request).and_then(|grant| self.tokens(&grant).ok_or(Refusal::Request));
        answer.unwrap_or_else(Refusal::answer)
    }

    fn exchange(&self, request: &HttpRequest) -> Result<Grant, Refusal> {
        let form: TokenForm = serde_urlencoded::from_bytes(request.body()).map_err(|_| Refusal::Request)?;
        self.check_client(request.headers(), &form)?;
        if form.grant_type.ok_or(Refusal::Request)? != "authorization_code" {
            return Err(Refusal::GrantType);
        }
        let grant = self.codes.take(&form.code.ok_or(Refusal::Request)?, self.clock.now()).ok_or(Refusal::Grant)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.code_verifier.unwrap_or_default().as_bytes()));
        let is_same_client = form.redirect_uri.as_deref() == Some(&grant.redirect_uri);
        let knows_verifier = bool::from(challenge.as_bytes().ct_eq(grant.code_challenge.as_bytes()));
        if is_same_client && knows_verifier { Ok(grant) } else { Err(Refusal::Grant) }
    }

    fn check_client(&self, headers: &HeaderMap, form: &TokenForm) -> Result<(), Refusal> {
        let (id, secret) = match headers.get(header::AUTHORIZATION) {
            Some(value) => basic_login(value).ok_or(Refusal::Client)?,
            None => (form.client_id.clone().unwrap_or_default(), form.client_secret.clone().unwrap_or_default()),
        };
        let knows_secret = bool::from(secret.as_bytes().ct_eq(self.client_secret.as_bytes()));
        if id == CLIENT_ID && knows_secret { Ok(()) } else { Err(Refusal::Client) }
    }

    fn tokens(&self, grant: &Grant) -> Option<HttpResponse> {
        let issued_s = self.clock.now().as_second();
        let claims: CoreIdTokenClaims = serde_json::from_value(json!({
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": subject(&grant.email),
            "iat": issued_s,
            "exp": issued_s + TOKEN_FOR.as_secs(),
            "nonce": grant.nonce,
            "name": grant.name,
            "email": grant.email,
            "email_verified": true,
        }))
        .ok()?;
        // The protocol requires an access token, but it cannot be used: this provider has no user-info endpoint.
        let access_token = AccessToken::new(secrets::new_secret(&*self.entropy));
        let id_token = self.sign(claims, &access_token)?;
        let body = json!({
            "access_token": access_token.secret(),
            "token_type": "Bearer",
            "expires_in": TOKEN_FOR.as_secs(),
            "id_token": id_token.to_string(),
        });
        Some(answer_json(StatusCode::OK, &body))
    }

    pub(super) fn sign(&self, claims: CoreIdTokenClaims, access_token: &AccessToken) -> Option<CoreIdToken> {
        CoreIdToken::new(claims, &self.key, CoreJwsSigningAlgorithm::EdDsa, Some(access_token), None).ok()
    }
}

/// The stable `sub` claim of an account: a hash of its address, ignoring case.
pub(super) fn subject(email: &str) -> String {
    let hash = Sha256::digest(format!("seatkeeper demo account {}", email.to_lowercase()));
    URL_SAFE_NO_PAD.encode(&hash[..16])
}

/// Parses client id and secret from HTTP Basic authentication, each percent-decoded (RFC 6749 2.3.1).
fn basic_login(value: &header::HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    let login = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let login = String::from_utf8(login).ok()?;
    let (id, secret) = login.split_once(':')?;
    Some((percent_decoded(id), percent_decoded(secret)))
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("={text}");
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use seatkeeper_core::person::Language;
    use seatkeeper_testing::{ManualClock, SeededEntropy};

    use super::*;
    use crate::{
        auth::demo_idp::{authorize::AuthorizeAnswer, query::AuthorizeQuery},
        config::SiteUrl,
    };

    const VERIFIER: &str = "the-verifier-that-only-the-one-who-asked-knows";

    fn provider() -> DemoIdp {
        let site = SiteUrl::new("http://127.0.0.1:8080");
        DemoIdp::new(&site, Arc::new(ManualClock::default()), Arc::new(SeededEntropy::new(1))).unwrap()
    }

    fn code(idp: &DemoIdp) -> String {
        let query = AuthorizeQuery {
            response_type: Some("code".to_owned()),
            client_id: Some(CLIENT_ID.to_owned()),
            redirect_uri: Some(idp.redirect_uri.clone()),
            scope: Some("openid".to_owned()),
            code_challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))),
            code_challenge_method: Some("S256".to_owned()),
            login_hint: Some("ann@example.test".to_owned()),
            ..AuthorizeQuery::default()
        };
        match idp.authorize(&query, Language::En) {
            AuthorizeAnswer::Redirect(back) => {
                back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Exchanges a code with some fields of the form changed; returns status and error code of the answer.
    fn exchanged(idp: &DemoIdp, code: &str, changed: &[(&str, &str)]) -> (u16, Option<String>) {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &idp.redirect_uri),
            ("code_verifier", VERIFIER),
            ("client_id", CLIENT_ID),
            ("client_secret", &idp.client_secret),
        ];
        form.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
        form.extend(changed.iter().filter(|(_, value)| !value.is_empty()));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            openidconnect::http::Request::post("http://127.0.0.1:8080/demo-idp/token").body(body.into_bytes());
        let answer = idp.answer(&request.unwrap());
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), body["error"].as_str().map(str::to_owned))
    }

    #[test]
    fn authorization_code_is_exchanged_only_with_matching_client_redirect_uri_and_verifier() {
        let idp = provider();
        let cases: [(&str, &str, u16, &str); 9] = [
            ("code_verifier", "another-verifier-of-the-very-same-length-as-it", 400, "invalid_grant"),
            ("code_verifier", "", 400, "invalid_grant"),
            ("redirect_uri", "http://127.0.0.1:8080/elsewhere", 400, "invalid_grant"),
            ("redirect_uri", "", 400, "invalid_grant"),
            ("grant_type", "password", 400, "unsupported_grant_type"),
            ("grant_type", "", 400, "invalid_request"),
            ("client_id", "another", 401, "invalid_client"),
            ("client_secret", "guess", 401, "invalid_client"),
            ("client_secret", "", 401, "invalid_client"),
        ];
        for (name, value, status, error) in cases {
            let code = code(&idp);
            assert_eq!(exchanged(&idp, &code, &[(name, value)]), (status, Some(error.to_owned())), "{name} {value}");
        }
        let code = code(&idp);
        assert_eq!(exchanged(&idp, &code, &[]), (200, None));
        assert_eq!(exchanged(&idp, &code, &[]), (400, Some("invalid_grant".to_owned())), "used");
    }

    #[test]
    fn authorization_code_is_used_up_by_an_exchange_with_a_wrong_verifier() {
        let idp = provider();
        let code = code(&idp);
        assert_eq!(exchanged(&idp, &code, &[("code_verifier", "guess")]).0, 400);
        assert_eq!(exchanged(&idp, &code, &[]), (400, Some("invalid_grant".to_owned())));
    }

    #[test]
    fn subject_claim_is_a_stable_hash_of_the_email_address() {
        assert_eq!(subject("ann@example.test"), subject("ANN@example.test"));
        assert_ne!(subject("ann@example.test"), subject("ben@example.test"));
        assert!(!subject("ann@example.test").contains("ann"));
    }
}
