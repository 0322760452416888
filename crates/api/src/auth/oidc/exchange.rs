//! Exchanges an authorization code for tokens (OpenID Connect Core 3.1.3), and asks the UserInfo endpoint (5.3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openidconnect::{
    HttpRequest,
    http::{
        Request, StatusCode,
        header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    },
};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{
    back_channel::BackChannel,
    discovery::Metadata,
    error::{OidcError, refused, unavailable},
    json,
};

/// Maximum length of a provider's error code in the log, in characters.
const CODE_CHARS_MAX: usize = 60;

/// A client registered at a provider.
#[derive(Default)]
pub(in crate::auth) struct Registration {
    /// The provider's issuer URL.
    pub(in crate::auth) issuer: String,
    /// The issuer that is stored with each person. For the demo provider it is a constant, so that its people stay the
    /// same when the public URL changes.
    pub(in crate::auth) people_issuer: String,
    pub(in crate::auth) client_id: String,
    pub(in crate::auth) client_secret: String,
}

/// The tokens of one sign-in. Neither is logged.
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: Option<String>,
}

/// An authorization code and what proves that this client requested it.
#[derive(Clone, Copy)]
pub(super) struct Grant<'g> {
    pub(super) code: &'g str,
    pub(super) redirect_uri: &'g str,
    pub(super) pkce_verifier: &'g str,
}

pub(super) async fn exchange(
    metadata: &Metadata,
    registration: &Registration,
    grant: Grant<'_>,
    back: &BackChannel,
) -> Result<Tokens, OidcError> {
    let request = token_request(metadata, registration, grant).map_err(|error| unavailable(&error))?;
    let answer = json::send(back, request).await?;
    let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
    match body {
        Some(body) if answer.status() == StatusCode::OK => {
            let id_token = json::text(&body, "id_token").ok_or_else(|| refused("no ID token"))?.to_owned();
            Ok(Tokens { id_token, access_token: json::text(&body, "access_token").map(str::to_owned) })
        }
        // The error codes of RFC 6749 5.2.
        Some(body) if answer.status().is_client_error() && json::text(&body, "error").is_some() => {
            let code: String = json::text(&body, "error").unwrap_or_default().chars().take(CODE_CHARS_MAX).collect();
            Err(OidcError::Refused(format!("the token endpoint answered {code:?}")))
        }
        _ => Err(OidcError::Unavailable(format!("the token endpoint answered {} without JSON", answer.status()))),
    }
}

fn token_request(
    metadata: &Metadata,
    registration: &Registration,
    grant: Grant<'_>,
) -> Result<HttpRequest, openidconnect::http::Error> {
    let Registration { client_id, client_secret, .. } = registration;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", grant.code)
        .append_pair("redirect_uri", grant.redirect_uri)
        .append_pair("code_verifier", grant.pkce_verifier);
    let mut request = Request::post(metadata.token_endpoint.as_str())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if metadata.takes_basic {
        let login = STANDARD.encode(format!("{}:{}", percent_encoded(client_id), percent_encoded(client_secret)));
        request = request.header(AUTHORIZATION, format!("Basic {login}"));
    } else {
        form.append_pair("client_id", client_id).append_pair("client_secret", client_secret);
    }
    request.body(form.finish().into_bytes())
}

/// Encodes a client id or secret for HTTP Basic (RFC 6749 2.3.1).
fn percent_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// An answer of the UserInfo endpoint.
pub(super) enum UserInfo {
    /// Plain JSON, which the connection to the provider authenticates.
    Claims(Value),
    /// A token that must be verified.
    Token(String),
}

pub(super) async fn ask_user_info(
    endpoint: &Url,
    access_token: &str,
    back: &BackChannel,
) -> Result<UserInfo, OidcError> {
    let bearer = HeaderValue::try_from(format!("Bearer {access_token}"));
    let bearer = bearer.map_err(|_| refused("the access token is not a header value"))?;
    let request = Request::get(endpoint.as_str()).header(ACCEPT, "application/json, application/jwt");
    let request = request.header(AUTHORIZATION, bearer).body(Vec::new()).map_err(|error| unavailable(&error))?;
    let answer = json::send(back, request).await?;
    let status = answer.status();
    match status {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            return Err(OidcError::Refused(format!("the UserInfo endpoint answered {status}")));
        }
        _ => return Err(OidcError::Unavailable(format!("the UserInfo endpoint answered {status}"))),
    }
    let neither = || OidcError::Unavailable("the UserInfo endpoint answered neither JSON nor a token".to_owned());
    let body = std::str::from_utf8(answer.body()).map_err(|_| neither())?.trim();
    if body.starts_with('{') {
        return serde_json::from_str(body).map(UserInfo::Claims).map_err(|_| neither());
    }
    let is_token = body.starts_with("eyJ") && !body.contains(char::is_whitespace);
    if is_token { Ok(UserInfo::Token(body.to_owned())) } else { Err(neither()) }
}
