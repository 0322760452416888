//! The payment provider's side, for what it says and does without being asked.

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

/// How long the server may keep the store to itself.
const STORE_WAIT_MAX: Duration = Duration::from_secs(10);

/// What the messages of these tests are signed with.
pub(crate) const SECRET: &str = "a secret of sixteen and more";
/// The flag that tells the server.
pub(crate) const SECRET_FLAG: &str = "--payment-callback-secret=a secret of sixteen and more";

impl TestApp {
    /// Signs a message of the provider, that long ago, and sends it as it would: without cookie or `Origin`.
    pub(crate) async fn report_signed(&self, payment: &str, secret: &str, ago: SignedDuration) -> Answer {
        let body = json!({"payment_id": payment}).to_string();
        let at: Timestamp = now().checked_sub(ago).unwrap();
        let signature = sign(secret.as_bytes(), at, body.as_bytes());
        self.report_raw("mock", &signature, &body).await
    }

    /// The provider says something about a payment.
    pub(crate) async fn report(&self, payment: &str) -> Answer {
        self.report_signed(payment, SECRET, SignedDuration::ZERO).await
    }

    pub(crate) async fn report_raw(&self, provider: &str, signature: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("x-seatkeeper-signature", signature)];
        let path = format!("/api/payments/callback/{provider}");
        self.stranger().raw("POST", &path, &headers, body.to_owned()).await
    }

    /// Money moves at the provider without a word to the server: the payer's bank was slow.
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

    /// What the provider's own books say of a payment.
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

    /// The file of an embedded server, from outside.
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
