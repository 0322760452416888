//! The command `health`: asks a running server whether it is ready, for containers and scripts on machines without an
//! HTTP client.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect::Policy};
use url::Url;

/// Time limit of the answer. A server that takes longer counts as not ready.
const ANSWER_FOR_MAX: Duration = Duration::from_secs(2);

/// Requests `GET /readyz` of the server at `site`.
///
/// # Errors
/// The server does not answer, or answers that one of its parts is not ready.
pub async fn ask_whether_ready(site: &Url) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_FOR_MAX).build()?;
    let answer = client.get(site.join("/readyz")?).send().await?;
    match answer.status() {
        StatusCode::OK => Ok(()),
        status => Err(format!("{status}: {}", answer.text().await?).into()),
    }
}
