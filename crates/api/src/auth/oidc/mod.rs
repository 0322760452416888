//! The relying party, which is this site as a client of the identity provider: OpenID Connect's authorization code flow
//! with PKCE, `state` and `nonce`. The crate `openidconnect` checks the signature, issuer, audience, expiry and nonce
//! of ID tokens; `iat`, `azp` and `iss` (RFC 9207) are checked here.

mod back_channel;
mod error;
mod provider;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, LanguageTag, LoginHint, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
        CoreJwsSigningAlgorithm,
    },
};
use seatkeeper_core::{
    person::{Identity, Language, Person, SignInAttempt},
    ports::Clock,
};
use url::Url;

pub(super) use self::{back_channel::BackChannel, error::OidcError};
use self::{
    error::{unavailable, whole_story},
    provider::{Metadata, Provider},
};
use super::profile::{self, Profile};
use crate::config::SiteUrl;

/// Path of the redirect URI, below the public URL. The full URL is registered with Google.
pub(super) const CALLBACK_PATH: &str = "/api/auth/google/callback";
/// How far a provider's clock may be ahead of ours.
const CLOCK_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Maximum age of an ID token. A genuine one is a second old; one that is much older was not issued for this exchange.
const TOKEN_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// Accepted signature algorithms: asymmetric ones only, never `none` or a shared secret.
const SIGNATURES: [CoreJwsSigningAlgorithm; 5] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

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

/// A client registered at a provider.
#[derive(Default)]
pub(super) struct Registration {
    /// The provider's issuer URL.
    pub(super) issuer: String,
    /// The issuer that is stored with each person. For the demo provider it is a constant, so that its people stay the
    /// same when the public URL changes.
    pub(super) people_issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

/// This site as a client of one identity provider.
pub(super) struct RelyingParty {
    registration: Registration,
    redirect_uri: String,
    back: BackChannel,
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
        Self { registration, redirect_uri, back, provider: Provider::default(), clock }
    }

    /// Whether the person signed in with the current provider, and not with one from earlier settings.
    pub(super) fn vouches_for(&self, person: &Person) -> bool {
        person.issuer == self.registration.people_issuer
    }

    /// Returns the URL of the authorization request, to which the browser must be redirected.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Url, OidcError> {
        let Question { attempt, login_hint, language } = question;
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let (state, nonce) = (CsrfToken::new(attempt.state.clone()), Nonce::new(attempt.nonce.clone()));
        let verifier = PkceCodeVerifier::new(attempt.pkce_verifier.clone());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, move || state, move || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .add_ui_locale(LanguageTag::new(language.as_ref().to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if let Some(hint) = login_hint {
            request = request.set_login_hint(LoginHint::new(hint.to_owned()));
        }
        Ok(request.url().0)
    }

    /// Exchanges the authorization code for an ID token and verifies it.
    pub(super) async fn identify(
        &self,
        code: String,
        named_issuer: Option<&str>,
        attempt: &SignInAttempt,
        language: Language,
    ) -> Result<Identity, OidcError> {
        let metadata = self.metadata().await?;
        self.check_named_issuer(&metadata, named_issuer)?;
        let token = self.exchange(&metadata, code, &attempt.pkce_verifier).await?;
        let nonce = Nonce::new(attempt.nonce.clone());
        let claims = match self.check(&metadata, &token, &nonce) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // The provider may have rotated its keys since they were fetched.
                let renewed = self.provider.with_new_keys(&self.back, self.clock.now()).await?;
                self.check(renewed.as_ref().unwrap_or(&metadata), &token, &nonce)
            }
            checked => checked,
        };
        let claims = claims.map_err(|error| OidcError::Refused(whole_story(&error)))?;
        self.check_authorized_party(&claims)?;
        self.identity(&claims, language)
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, OidcError> {
        let issuer = IssuerUrl::new(self.registration.issuer.clone())
            .map_err(|error| OidcError::Refused(whole_story(&error)))?;
        self.provider.metadata(&issuer, &self.back, self.clock.now()).await
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, OidcError> {
        let (id, secret) = (
            ClientId::new(self.registration.client_id.clone()),
            ClientSecret::new(self.registration.client_secret.clone()),
        );
        let redirect_uri =
            RedirectUrl::new(self.redirect_uri.clone()).map_err(|error| OidcError::Refused(whole_story(&error)))?;
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret)).set_redirect_uri(redirect_uri);
        let ways = metadata.token_endpoint_auth_methods_supported();
        let takes_basic = ways.is_none_or(|ways| ways.contains(&CoreClientAuthMethod::ClientSecretBasic));
        Ok(if takes_basic { client } else { client.set_auth_type(AuthType::RequestBody) })
    }

    /// Checks the issuer named by the callback. Defence against mix-up attacks: a code of another provider must not be
    /// sent to this one (RFC 9207, RFC 9700 4.4).
    fn check_named_issuer(&self, metadata: &Metadata, named: Option<&str>) -> Result<(), OidcError> {
        match named {
            Some(issuer) if issuer == self.registration.issuer => Ok(()),
            None if !metadata.additional_metadata().is_named => Ok(()),
            _ => Err(OidcError::Refused("the answer is not this provider's".to_owned())),
        }
    }

    async fn exchange(&self, metadata: &Metadata, code: String, verifier: &str) -> Result<CoreIdToken, OidcError> {
        let client = self.client(metadata)?;
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(|error| unavailable(&error))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let answer = request.request_async(&self.back).await.map_err(|error| match &error {
            RequestTokenError::ServerResponse(refusal) => OidcError::Refused(refusal.to_string()),
            RequestTokenError::Request(_) | RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                unavailable(&error)
            }
        })?;
        answer.id_token().cloned().ok_or_else(|| OidcError::Refused("no ID token".to_owned()))
    }

    fn check(
        &self,
        metadata: &Metadata,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let now = self.clock.now();
        let offered = metadata.id_token_signing_alg_values_supported();
        let (id, issuer) = (ClientId::new(self.registration.client_id.clone()), metadata.issuer().clone());
        // Verify as a public client, so that tokens signed with a shared secret (HMAC) are never accepted.
        let verifier = CoreIdTokenVerifier::new_public_client(id, issuer, metadata.jwks().clone())
            .set_allowed_algs(SIGNATURES.into_iter().filter(|signature| offered.contains(signature)))
            .set_time_fn(move || to_chrono(now))
            .set_issue_time_verifier_fn(move |issued| check_issue_time(issued, now));
        token.claims(&verifier, nonce).cloned()
    }

    /// Refuses a token that was issued to another client of the same provider.
    fn check_authorized_party(&self, claims: &CoreIdTokenClaims) -> Result<(), OidcError> {
        match claims.authorized_party() {
            Some(party) if party.as_str() != self.registration.client_id => {
                Err(OidcError::Refused("made for another client".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn identity(&self, claims: &CoreIdTokenClaims, language: Language) -> Result<Identity, OidcError> {
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
        let picture = claims.picture().and_then(|picture| picture.get(None)).map(|picture| picture.as_str());
        // An unverified address may belong to somebody else, so no mail is sent to it.
        let email = claims.email().filter(|_| claims.email_verified() != Some(false)).map(|email| email.as_str());
        let profile = Profile::new(name, email.ok_or(OidcError::NoEmail)?).ok_or(OidcError::NoEmail)?;
        Ok(Identity {
            issuer: self.registration.people_issuer.clone(),
            subject: claims.subject().as_str().to_owned(),
            name: profile.name,
            email: profile.email,
            picture_url: picture.and_then(profile::picture_url),
            language,
        })
    }
}

fn check_issue_time(issued: DateTime<Utc>, now: Timestamp) -> Result<(), String> {
    let age = SignedDuration::from_secs(now.as_second().saturating_sub(issued.timestamp()));
    if age > TOKEN_AGE_MAX || age < -CLOCK_AHEAD_MAX { Err(format!("issued at {issued}")) } else { Ok(()) }
}

fn to_chrono(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.as_millisecond()).unwrap_or_default()
}
