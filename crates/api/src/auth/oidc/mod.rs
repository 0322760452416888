//! The relying party, which is this site as a client of the identity provider: OpenID Connect's authorization code flow
//! with PKCE, `state` and `nonce`. The crate `openidconnect` verifies signatures; the claims are checked in [`claims`].

mod back_channel;
mod claims;
mod discovery;
mod error;
mod exchange;
mod json;
mod jws;
mod provider;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use seatkeeper_core::{
    person::{Identity, Language, Person, SignInAttempt},
    ports::Clock,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

pub(super) use self::{back_channel::BackChannel, error::OidcError, exchange::Registration};
use self::{
    claims::{About, Expected},
    discovery::Metadata,
    error::refused,
    exchange::{Grant, Tokens, UserInfo},
    jws::JwsError,
    provider::Provider,
};
use super::profile::{self, Profile};
use crate::config::SiteUrl;

/// Path of the redirect URI, below the public URL. The full URL is registered with Google.
pub(super) const CALLBACK_PATH: &str = "/api/auth/google/callback";
/// The requested claims: who the person is, the e-mail address, and name and picture.
const SCOPES: &str = "openid email profile";

/// Parameters of an authorization request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'q> {
    /// The sign-in attempt in the store, with state, nonce and PKCE verifier.
    pub(super) attempt: &'q SignInAttempt,
    /// The e-mail address with which the person may want to sign in.
    pub(super) login_hint: Option<&'q str>,
    /// Language of the provider's pages.
    pub(super) language: Language,
}

/// This site as a client of one identity provider.
pub(super) struct RelyingParty {
    registration: Registration,
    redirect_uri: String,
    back: Arc<BackChannel>,
    provider: Provider,
    clock: Arc<dyn Clock>,
}

impl RelyingParty {
    /// Creates a client that calls its provider over `back`.
    pub(super) fn new(
        registration: Registration,
        public_url: &SiteUrl,
        back: BackChannel,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let redirect_uri = format!("{}{CALLBACK_PATH}", public_url.as_str());
        let back = Arc::new(back);
        let provider = Provider::new(registration.issuer.clone(), Arc::clone(&back), Arc::clone(&clock));
        Self { registration, redirect_uri, back, provider, clock }
    }

    /// Whether the person signed in with the current provider, and not with one from earlier settings.
    pub(super) fn vouches_for(&self, person: &Person) -> bool {
        person.issuer == self.registration.people_issuer
    }

    /// Returns the URL of the authorization request, to which the browser must be redirected.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Url, OidcError> {
        let Question { attempt, login_hint, language } = question;
        let mut url = self.provider.metadata().await?.authorization_endpoint.clone();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&attempt.pkce_verifier));
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.registration.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", SCOPES)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("ui_locales", language.as_ref());
        if let Some(hint) = login_hint {
            query.append_pair("login_hint", hint);
        }
        drop(query);
        Ok(url)
    }

    /// Exchanges the authorization code for an ID token, verifies it, and asks the UserInfo endpoint for what the token
    /// leaves out.
    pub(super) async fn identify(
        &self,
        code: &str,
        named_issuer: Option<&str>,
        attempt: &SignInAttempt,
        language: Language,
    ) -> Result<Identity, OidcError> {
        let metadata = self.provider.metadata().await?;
        self.check_named_issuer(&metadata, named_issuer)?;
        let grant = Grant { code, redirect_uri: &self.redirect_uri, pkce_verifier: &attempt.pkce_verifier };
        let tokens = exchange::exchange(&metadata, &self.registration, grant, &self.back).await?;
        let claims = self.verify(&metadata, &tokens.id_token).await?;
        let (issuer, client_id) = (metadata.issuer.as_str(), self.registration.client_id.as_str());
        let expected = Expected { issuer, client_id, nonce: &attempt.nonce, now: self.clock.now() };
        let subject = claims::check_id_token(&claims, &expected)?;
        let about = self.complete(About::of(&claims), subject, &metadata, &tokens).await?;
        self.identity(subject, about, language)
    }

    /// Checks the issuer named by the callback. Defence against mix-up attacks: a code of another provider must not be
    /// sent to this one (RFC 9207, RFC 9700 4.4).
    fn check_named_issuer(&self, metadata: &Metadata, named: Option<&str>) -> Result<(), OidcError> {
        match named {
            Some(issuer) if issuer == self.registration.issuer => Ok(()),
            None if !metadata.is_named => Ok(()),
            _ => Err(refused("the answer is not this provider's")),
        }
    }

    /// Returns the payload of a token that the provider has signed. If no known key verifies the signature, the
    /// provider may have changed its keys since they were fetched, with or without a new key id.
    async fn verify(&self, metadata: &Arc<Metadata>, token: &str) -> Result<Value, OidcError> {
        let verified = match jws::verify(token, &metadata.keys) {
            Err(JwsError::WrongKey) => match self.provider.with_new_keys(metadata).await? {
                Some(renewed) => jws::verify(token, &renewed.keys),
                None => Err(JwsError::WrongKey),
            },
            verified => verified,
        };
        verified.map_err(|error| refused(error.to_string()))
    }

    /// Adds the claims of the UserInfo endpoint if the ID token lacks some. A failure of that request is ignored only
    /// if the ID token has the address and `email_verified`: otherwise UserInfo might state that the address is not
    /// verified. An answer about another person is always refused, because it indicates an attack (OpenID Connect Core
    /// 5.3.2).
    async fn complete(
        &self,
        about: About,
        subject: &str,
        metadata: &Arc<Metadata>,
        tokens: &Tokens,
    ) -> Result<About, OidcError> {
        let (Some(endpoint), Some(access)) = (&metadata.user_info_endpoint, &tokens.access_token) else {
            return Ok(about);
        };
        if !about.is_incomplete() {
            return Ok(about);
        }
        match self.user_info(endpoint, access, metadata).await {
            Ok(more) if json::text(&more, "sub") == Some(subject) => Ok(about.completed_by(About::of(&more))),
            Ok(_) => Err(refused("the UserInfo is about another person")),
            Err(error) if about.email.is_none() || about.email_verified.is_none() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "the UserInfo endpoint did not answer; the ID token has the address");
                Ok(about)
            }
        }
    }

    async fn user_info(&self, endpoint: &Url, access: &str, metadata: &Arc<Metadata>) -> Result<Value, OidcError> {
        let claims = match exchange::ask_user_info(endpoint, access, &self.back).await? {
            UserInfo::Claims(claims) => claims,
            UserInfo::Token(token) => self.verify(metadata, &token).await?,
        };
        claims::check_user_info(&claims, &metadata.issuer, &self.registration.client_id)?;
        Ok(claims)
    }

    fn identity(&self, subject: &str, about: About, language: Language) -> Result<Identity, OidcError> {
        // An unverified address may belong to somebody else, so no mail is sent to it.
        let email = about.email.filter(|_| about.email_verified != Some(false)).ok_or(OidcError::NoEmail)?;
        let profile = Profile::new(about.name.as_deref(), &email).ok_or(OidcError::NoEmail)?;
        Ok(Identity {
            issuer: self.registration.people_issuer.clone(),
            subject: subject.to_owned(),
            name: profile.name,
            email: profile.email,
            is_email_verified: about.email_verified == Some(true),
            picture_url: about.picture.as_deref().and_then(profile::picture_url),
            language,
        })
    }
}
