//! Asks a running server whether it can sell: for containers and scripts on machines without an HTTP client.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect::Policy};
use url::Url;

/// A server that needs longer to say that it is well is not.
const ANSWER_FOR_MAX: Duration = Duration::from_secs(2);

/// `GET /readyz` of the server at `site`.
///
/// # Errors
/// It does not answer, or says which of its parts does not.
pub async fn ask_whether_ready(site: &Url) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_FOR_MAX).build()?;
    let answer = client.get(site.join("/readyz")?).send().await?;
    match answer.status() {
        StatusCode::OK => Ok(()),
        status => Err(format!("{status}: {}", answer.text().await?).into()),
    }
}
