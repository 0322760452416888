//! Sends the mock payment provider's callbacks to this server as a real provider would: signed, over HTTP.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, header::HOST};
use seatkeeper_core::ports::Clock;
use seatkeeper_embedded::mock_provider::{CallbackMessage, CallbackSink, SIGNATURE_HEADER, sign};

use crate::config::local_address;

/// Timeout of one callback.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Sends callbacks to this server.
pub struct MockCallbacks {
    client: Client,
    url: String,
    host: String,
    secret: Vec<u8>,
    clock: Arc<dyn Clock>,
}

impl MockCallbacks {
    /// Sends the callbacks to the server that listens on `bound`, with `host` as the Host header.
    ///
    /// # Errors
    /// The HTTP client cannot be created.
    pub fn new(bound: SocketAddr, host: &str, secret: Vec<u8>, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let target = local_address(bound);
        let client = Client::builder().timeout(ANSWER_WAIT_MAX).no_proxy().build()?;
        let url = format!("http://{target}/api/payments/callback/mock");
        Ok(Self { client, url, host: host.to_owned(), secret, clock })
    }

    async fn post(&self, message: CallbackMessage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let body = serde_json::to_vec(&message)?;
        let request = self
            .client
            .post(&self.url)
            .header(HOST, &self.host)
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, sign(&self.secret, self.clock.now(), &body));
        request.body(body).send().await?.error_for_status()?;
        Ok(())
    }
}

#[async_trait]
impl CallbackSink for MockCallbacks {
    async fn deliver(&self, message: CallbackMessage) {
        if let Err(error) = self.post(message).await {
            tracing::debug!(payment = %message.payment_id, %error, "the mock provider's callback could not be delivered");
        }
    }
}
