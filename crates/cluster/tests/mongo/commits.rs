//! The primary steps down, or the result of a commit is unknown. In every case the sale is stored once: one booking and
//! one event.

use std::sync::Arc;

use mongodb::bson::{Document, doc};
use seatkeeper_cluster::mongo::MongoStore;
use seatkeeper_core::ports::{Backend, BookingFilter, CommitBooking, CommitOutcome, Ledger, PageRequest, Sales};
use seatkeeper_testing::sample_now;

use crate::{
    cinema::{Cinema, told},
    stores::OwnServer,
};

struct Scene {
    server: OwnServer,
    store: Arc<MongoStore>,
    cinema: Cinema,
}

impl Scene {
    async fn open() -> Self {
        let server = OwnServer::start().await;
        let store = server.open().await;
        let cinema = Cinema::open(&store).await;
        Self { server, store, cinema }
    }

    async fn sale(&self, seats: &str) -> CommitBooking {
        let payment = self.cinema.confirming(&self.store, seats).await.unwrap();
        self.cinema.sale_of(&payment)
    }

    async fn sell(&self, sale: &CommitBooking) -> Backend<CommitOutcome> {
        self.store.commit_booking(sale, sample_now()).await
    }

    /// Asserts that there is one booking and one event, and that the seats are sold.
    async fn check_sold_once(&self, sale: &CommitBooking) {
        let filter = BookingFilter::default();
        let page = self.store.list_bookings(&filter, PageRequest::FIRST).await.unwrap();
        let bookings: Vec<_> = page.items.into_iter().map(|item| item.booking).collect();
        assert_eq!(bookings, std::slice::from_ref(&sale.booking));
        assert_eq!(told(&self.store).await, [format!("sold {}", sale.booking.payment_id)]);
        let truth = self.store.seat_truth(self.cinema.screening.id, sample_now()).await.unwrap();
        assert_eq!(truth.sold, sale.booking.seats.iter().map(|seat| seat.id).collect::<Vec<_>>());
        assert!(truth.claimed.is_empty());
    }
}

fn times(times: i32) -> Document {
    doc! { "times": times }
}

#[tokio::test]
async fn sale_is_committed_once_when_the_response_to_the_commit_is_lost() {
    let scene = Scene::open().await;
    let sale = scene.sale("A1 A2").await;
    // The primary has committed, but a majority has not acknowledged it: the primary shuts down (91), or the wait for
    // the majority times out (64).
    for code in [91, 64] {
        let error = doc! { "code": code, "errmsg": "who knows", "codeName": "Unknown" };
        let data = doc! { "failCommands": ["commitTransaction"], "writeConcernError": error };
        scene.server.fail(times(2), data).await;
        let sold = scene.sell(&sale).await.unwrap();
        assert_eq!(sold, CommitOutcome::Committed(sale.booking.clone()), "code {code}");
        scene.server.mend().await;
    }
    scene.check_sold_once(&sale).await;
}

#[tokio::test]
async fn sale_is_committed_once_when_the_commit_command_never_arrives() {
    let scene = Scene::open().await;
    let sale = scene.sale("A1 A2").await;
    let data = doc! { "failCommands": ["commitTransaction"], "closeConnection": true };
    scene.server.fail(times(3), data).await;
    assert_eq!(scene.sell(&sale).await.unwrap(), CommitOutcome::Committed(sale.booking.clone()));
    scene.check_sold_once(&sale).await;
}

#[tokio::test]
async fn sale_is_committed_once_when_the_primary_steps_down_during_the_transaction() {
    let scene = Scene::open().await;
    let sale = scene.sale("A1 A2").await;
    for (command, code) in [("find", 10_107), ("update", 189), ("insert", 11_602), ("commitTransaction", 10_107)] {
        let labels = if command == "commitTransaction" {
            vec!["RetryableWriteError"]
        } else {
            vec!["TransientTransactionError"]
        };
        let data = doc! { "failCommands": [command], "errorCode": code, "errorLabels": labels };
        scene.server.fail(times(2), data).await;
        let sold = scene.sell(&sale).await.unwrap();
        assert_eq!(sold, CommitOutcome::Committed(sale.booking.clone()), "{command}");
        scene.server.mend().await;
    }
    scene.check_sold_once(&sale).await;
}

#[tokio::test]
async fn unknown_result_of_a_commit_is_a_retryable_error_and_the_sale_can_be_repeated() {
    let scene = Scene::open().await;
    let sale = scene.sale("A1 A2").await;
    let error = doc! { "code": 64, "errmsg": "no majority", "codeName": "WriteConcernFailed" };
    let data = doc! { "failCommands": ["commitTransaction"], "writeConcernError": error };
    scene.server.fail(times(10_000), data).await;
    let unknown = scene.sell(&sale).await.unwrap_err();
    assert!(unknown.retryable, "{unknown}");
    scene.server.mend().await;
    assert_eq!(scene.sell(&sale).await.unwrap(), CommitOutcome::Committed(sale.booking.clone()));
    scene.check_sold_once(&sale).await;

    let other = scene.sale("A3").await;
    let (commands, label) = (["insert", "update", "find"], "TransientTransactionError");
    let data = doc! { "failCommands": &commands[..], "errorCode": 10_107, "errorLabels": [label] };
    scene.server.fail(times(10_000), data).await;
    let refused = scene.sell(&other).await.unwrap_err();
    assert!(refused.retryable, "{refused}");
    scene.server.mend().await;
    scene.check_claimed(&other).await;
}

impl Scene {
    async fn check_claimed(&self, sale: &CommitBooking) {
        let truth = self.store.seat_truth(self.cinema.screening.id, sample_now()).await.unwrap();
        assert_eq!(truth.claimed.iter().map(|claim| claim.payment).collect::<Vec<_>>(), [sale.booking.payment_id]);
    }
}
