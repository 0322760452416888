//! Acts as the mock payment provider: sends callbacks, and changes the state of payments at the provider.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
#[cfg(feature = "cluster")]
use seatkeeper_core::{ids::PaymentId, ports::MockBook};
use seatkeeper_embedded::mock_provider::sign;
use serde_json::json;
use uuid::Uuid;

use super::{Answer, TestApp, screening::now};
#[cfg(feature = "cluster")]
use super::{Cluster, Parts};

/// Busy timeout of the connection with which a test itself opens the database.
const STORE_WAIT_MAX: Duration = Duration::from_secs(10);

/// The key with which tests sign callbacks.
pub(crate) const SECRET: &str = "a secret of sixteen and more";
/// The server's flag for [`SECRET`].
pub(crate) const SECRET_FLAG: &str = "--payment-callback-secret=a secret of sixteen and more";

impl TestApp {
    /// Sends a callback that was signed `ago`, without cookie or `Origin`, as the provider does.
    pub(crate) async fn report_signed(&self, payment: &str, secret: &str, ago: SignedDuration) -> Answer {
        let body = json!({"payment_id": payment}).to_string();
        let at: Timestamp = now().checked_sub(ago).unwrap();
        let signature = sign(secret.as_bytes(), at, body.as_bytes());
        self.report_raw("mock", &signature, &body).await
    }

    /// Sends a correctly signed callback about a payment.
    pub(crate) async fn report(&self, payment: &str) -> Answer {
        self.report_signed(payment, SECRET, SignedDuration::ZERO).await
    }

    pub(crate) async fn report_raw(&self, provider: &str, signature: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("x-seatkeeper-signature", signature)];
        let path = format!("/api/payments/callback/{provider}");
        self.stranger().raw("POST", &path, &headers, body.to_owned()).await
    }

    /// Changes the state of a payment at the provider without a callback, as when the payer's bank is slow.
    pub(crate) async fn move_at_provider(&self, payment: &str, answer: &str) {
        let id = Uuid::parse_str(payment).unwrap();
        #[cfg(feature = "cluster")]
        if let Parts::Cluster(cluster) = &*self.parts {
            let (book, id) = (book_of(cluster).await, PaymentId::from_uuid(id));
            let answer = serde_json::from_value(json!(answer)).unwrap();
            let now = book.find_entry(id).await.unwrap();
            assert_eq!(book.put_entry(id, now, answer).await.unwrap(), Some(answer));
            return;
        }
        let sql = "INSERT INTO mock_book (payment_id, answer) VALUES (?1, ?2) \
             ON CONFLICT (payment_id) DO UPDATE SET answer = excluded.answer";
        self.store().execute(sql, (id.as_bytes().as_slice(), format!("\"{answer}\""))).unwrap();
    }

    /// The state of the payment in the provider's own records.
    pub(crate) async fn stands_at_provider(&self, payment: &str) -> Option<String> {
        let id = Uuid::parse_str(payment).unwrap();
        #[cfg(feature = "cluster")]
        if let Parts::Cluster(cluster) = &*self.parts {
            let entry = book_of(cluster).await.find_entry(PaymentId::from_uuid(id)).await.unwrap();
            return entry.map(|entry| json!(entry).as_str().unwrap().to_owned());
        }
        let sql = "SELECT answer FROM mock_book WHERE payment_id = ?1";
        let answer: Result<String, _> = self.store().query_row(sql, [id.as_bytes().as_slice()], |row| row.get(0));
        answer.ok().map(|answer| answer.trim_matches('"').to_owned())
    }

    /// Opens the database of an embedded server.
    pub(crate) fn store(&self) -> Connection {
        let store = Connection::open(self.data_dir().join("seatkeeper.db")).unwrap();
        store.busy_timeout(STORE_WAIT_MAX).unwrap();
        store
    }
}

#[cfg(feature = "cluster")]
async fn book_of(cluster: &Cluster) -> impl MockBook {
    seatkeeper_cluster::mongo::MongoStore::open(&cluster.mongodb).await.unwrap()
}
