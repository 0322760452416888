//! `GET /demo-idp/authorize`: the authorization endpoint (OpenID Connect Core 3.1.2).

use seatkeeper_core::person::Language;
use url::Url;

use super::{
    CLIENT_ID, DemoIdp,
    codes::{Codes, Grant},
    page::{self, Choice},
    query::AuthorizeQuery,
};
use crate::auth::{profile::Profile, secrets};

/// Maximum length of `state` and of `nonce`, in bytes.
const CARRIED_BYTES_MAX: usize = 500;
/// Length of an S256 challenge, in characters.
const CHALLENGE_CHARS: usize = 43;

/// The answer to an authorization request.
#[derive(Debug)]
pub(super) enum AuthorizeAnswer {
    /// A redirect to the relying party, with a code or an error.
    Redirect(Url),
    /// The HTML page on which to choose an account.
    Page(String),
    /// A 400 answer: without a registered redirect URI the browser must not be redirected.
    Refused(&'static str),
}

impl DemoIdp {
    /// Answers an authorization request; `language` is the browser's preferred one.
    pub(super) fn authorize(&self, query: &AuthorizeQuery, language: Language) -> AuthorizeAnswer {
        let is_known = query.client_id.as_deref() == Some(CLIENT_ID);
        // Exact match (RFC 9700 2.1): a redirect to any other URI would leak the code.
        let is_registered = query.redirect_uri.as_deref() == Some(&self.redirect_uri);
        let Some(back) = Url::parse(&self.redirect_uri).ok().filter(|_| is_known && is_registered) else {
            return AuthorizeAnswer::Refused("unknown client_id, or not its redirect_uri");
        };
        if let Some(error) = find_error(query) {
            return AuthorizeAnswer::Redirect(self.way_back(back, query, "error", error));
        }
        let account =
            query.login_hint.as_deref().and_then(|email| Profile::new(page::find_name(query, email).as_deref(), email));
        match account {
            Some(account) => {
                let code = self.give_code(query, account);
                AuthorizeAnswer::Redirect(self.way_back(back, query, "code", &code))
            }
            None if query.prompt.as_deref() == Some("none") => {
                AuthorizeAnswer::Redirect(self.way_back(back, query, "error", "login_required"))
            }
            None => {
                let cancel = self.way_back(back, query, "error", "access_denied");
                AuthorizeAnswer::Page(page::render(&Choice {
                    query,
                    cancel: cancel.as_str(),
                    language: shown_language(query, language),
                }))
            }
        }
    }

    fn give_code(&self, query: &AuthorizeQuery, account: Profile) -> String {
        let grant = Grant {
            name: account.name,
            email: account.email.to_lowercase(),
            redirect_uri: self.redirect_uri.clone(),
            nonce: query.nonce.clone(),
            code_challenge: query.code_challenge.clone().unwrap_or_default(),
        };
        Codes::give(grant, self.clock.now(), &*self.entropy)
    }

    fn way_back(&self, mut back: Url, query: &AuthorizeQuery, name: &str, value: &str) -> Url {
        let mut pairs = back.query_pairs_mut();
        pairs.append_pair(name, value);
        if let Some(state) = &query.state {
            pairs.append_pair("state", state);
        }
        // Name the issuer of the answer (RFC 9207).
        pairs.append_pair("iss", &self.issuer);
        drop(pairs);
        back
    }
}

fn find_error(query: &AuthorizeQuery) -> Option<&'static str> {
    let is_challenge = |text: &str| text.len() == CHALLENGE_CHARS && secrets::is_secret(text);
    let too_long = [&query.state, &query.nonce].into_iter().flatten().any(|text| text.len() > CARRIED_BYTES_MAX);
    let scopes = query.scope.as_deref().unwrap_or_default();
    if query.response_type.as_deref() != Some("code") {
        Some("unsupported_response_type")
    } else if !scopes.split(' ').any(|scope| scope == "openid") {
        Some("invalid_scope")
    } else if query.code_challenge_method.as_deref() != Some("S256")
        || !query.code_challenge.as_deref().is_some_and(is_challenge)
        || too_long
    {
        Some("invalid_request")
    } else {
        None
    }
}

fn shown_language(query: &AuthorizeQuery, browser: Language) -> Language {
    let wanted = query.ui_locales.as_deref().unwrap_or_default();
    wanted.split(' ').find_map(|tag| tag.split('-').next()?.parse().ok()).unwrap_or(browser)
}
