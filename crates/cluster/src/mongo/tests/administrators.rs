//! Lists and reports of administrators have permits of their own, and keep them until the database has finished.

use futures_util::{FutureExt, future::join_all};
use seatkeeper_core::{
    ids::PaymentId,
    ports::{BookingFilter, Ledger, PageRequest, Sales},
};
use seatkeeper_testbed::shared_mongo_url;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::mongo::{ADMIN_CALLS_AT_ONCE_MAX, MongoStore, fault::Fault};

async fn open() -> MongoStore {
    let url = shared_mongo_url(&format!("test_{}", Uuid::new_v4().simple())).await;
    MongoStore::open(&url).await.unwrap()
}

#[tokio::test]
async fn blocked_lists_of_administrators_do_not_delay_a_sale() {
    let store = open().await;
    let taken = join_all((0..ADMIN_CALLS_AT_ONCE_MAX).map(|_| store.admin_permits.take())).await;
    let filter = BookingFilter::default();
    let mut list = store.list_bookings(&filter, PageRequest::FIRST);
    assert!(list.as_mut().now_or_never().is_none(), "the list waits");
    assert_eq!(store.find_payment(PaymentId::from_uuid(Uuid::nil())).await.unwrap(), None);
    assert!(list.as_mut().now_or_never().is_none(), "the list still waits");
    drop(taken);
    assert!(list.await.unwrap().items.is_empty());
}

#[tokio::test]
async fn query_whose_caller_has_gone_keeps_its_permit_until_the_database_has_finished() {
    let store = open().await;
    let (finish, finished) = oneshot::channel::<()>();
    let (begins, began) = oneshot::channel::<()>();
    let query = store.admin_call(async move {
        begins.send(()).unwrap();
        finished.await.unwrap();
        Ok(())
    });
    let mut query = Box::pin(query);
    assert!(query.as_mut().now_or_never().is_none());
    began.await.unwrap();
    drop(query);
    let mut others = Vec::new();
    for _ in 1..ADMIN_CALLS_AT_ONCE_MAX {
        others.push(store.admin_permits.take().await.unwrap());
    }
    let mut next = Box::pin(store.admin_permits.take());
    assert!(next.as_mut().now_or_never().is_none(), "the query still has its permit");
    finish.send(()).unwrap();
    assert!(next.await.is_ok());
}

#[tokio::test]
async fn panic_in_a_query_is_named_as_the_cause() {
    let store = open().await;
    let query = async {
        let answer = Err::<(), _>(Fault::Late);
        assert!(answer.is_ok(), "a bug");
        answer
    };
    let failed = store.admin_call(query).await.unwrap_err();
    assert!(failed.to_string().contains("the query has panicked"), "{failed}");
}
