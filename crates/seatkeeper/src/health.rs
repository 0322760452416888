//! Readiness check of a running server, for containers and scripts on machines without an HTTP client.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect::Policy};
use url::Url;

/// A server that takes longer to answer counts as not ready.
const ANSWER_FOR_MAX: Duration = Duration::from_secs(2);

/// `GET /readyz` of the server at `site`.
///
/// # Errors
/// The server does not answer, or reports which of its parts is not ready.
pub async fn ask_whether_ready(site: &Url) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_FOR_MAX).build()?;
    let answer = client.get(site.join("/readyz")?).send().await?;
    match answer.status() {
        StatusCode::OK => Ok(()),
        status => Err(format!("{status}: {}", answer.text().await?).into()),
    }
}
