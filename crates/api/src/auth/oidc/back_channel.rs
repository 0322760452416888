//! Calls to the identity provider: over https, or in process to the demo provider.

use std::{sync::OnceLock, time::Duration};

use openidconnect::{HttpRequest, HttpResponse};

/// Timeout of connecting to the identity provider.
const CONNECT_FOR_MAX: Duration = Duration::from_secs(3);
/// Timeout of a whole call to the identity provider. The person who signs in sees an empty page meanwhile.
const ANSWER_FOR_MAX: Duration = Duration::from_secs(8);
/// Maximum size of the provider's answer, in bytes. Google's are below 8 KiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The transport to the provider.
pub(in crate::auth) enum BackChannel {
    /// HTTPS to a remote provider. The HTTP client is built at the first use.
    Https(OnceLock<reqwest::Client>),
    /// Calls of a provider in this process, with the same requests and answers as over HTTP.
    InProcess(Box<dyn Fn(&HttpRequest) -> HttpResponse + Send + Sync>),
}

/// Why a call to the provider failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::auth) enum BackChannelError {
    /// The connection failed or timed out.
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The answer exceeds [`ANSWER_BYTES_MAX`].
    #[error("an answer of more than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    /// The answer is not valid HTTP.
    #[error("not HTTP")]
    NotHttp(#[source] openidconnect::http::Error),
}

impl BackChannel {
    /// The transport to a remote provider.
    pub(in crate::auth) fn https() -> Self {
        Self::Https(OnceLock::new())
    }

    pub(super) async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, BackChannelError> {
        match self {
            Self::InProcess(answer) => Ok(answer(&request)),
            Self::Https(client) => ask_over_https(made(client)?, request).await,
        }
    }
}

fn made(client: &OnceLock<reqwest::Client>) -> Result<&reqwest::Client, BackChannelError> {
    if let Some(made) = client.get() {
        return Ok(made);
    }
    // A redirect from a provider's back channel is an attack or a mistake, so redirects are not followed.
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let built = builder.connect_timeout(CONNECT_FOR_MAX).timeout(ANSWER_FOR_MAX).build();
    let built = built.map_err(BackChannelError::NoAnswer)?;
    // Another first call may have stored its client meanwhile; then that one is used.
    Ok(client.get_or_init(|| built))
}

async fn ask_over_https(client: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, BackChannelError> {
    let request = reqwest::Request::try_from(request).map_err(BackChannelError::NoAnswer)?;
    let mut answer = client.execute(request).await.map_err(BackChannelError::NoAnswer)?;
    let mut response = openidconnect::http::Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = std::mem::take(answer.headers_mut());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(BackChannelError::NoAnswer)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(BackChannelError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    response.body(body).map_err(BackChannelError::NotHttp)
}
