//! Upgrade in embedded mode: this version opens a data folder of the previous version in which work of every kind is
//! unfinished.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{ClosedMailServer, Parts, SECRET_FLAG, TestApp, TestPerson, TestScreening, eventually};

async fn started(person: &TestPerson, screening: &TestScreening, seat: &str) -> String {
    person.lock(screening, &[seat]).await.expect(200);
    text(&person.start_payment(screening).await.expect(201)["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Refunds a payment at the provider, which reports it to the server.
async fn refund(app: &TestApp, payment: &str) {
    eventually("the money is captured", || async {
        (app.stands_at_provider(payment).await.as_deref() == Some("captured")).then_some(())
    })
    .await;
    app.move_at_provider(payment, "refunded").await;
    assert_eq!(app.report(payment).await.status, 204);
}

async fn status(person: &TestPerson, payment: &str) -> Value {
    person.get(&format!("/api/payments/{payment}")).await.expect(200)["status"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_version_sells_and_refunds_with_a_data_folder_of_the_previous_version() {
    let closed = ClosedMailServer::new();
    let flags = [&closed.flag(), SECRET_FLAG, "--mock-payment=callback=never"];
    let mut app = TestApp::of_old_version(Arc::new(Parts::Embedded), &flags).await.with_admin().await;
    let screening = app.screening("sssssssssssssss").await;
    let names = ["ann", "bob", "cat", "dan", "eve", "fay"];
    let mut people = Vec::new();
    for name in names {
        people.push(app.sign_in(name).await);
    }
    let [ann, bob, cat, dan, eve, fay] = people.as_slice() else { panic!("six people") };

    // One seat in each state: sold, refunded, payment pending, paid without a callback, payment cancelled, locked. No
    // mail could be sent yet.
    let sold = started(ann, &screening, "A1").await;
    let ticket = ann.confirm(&sold, "success").await.expect(200)["booking"].clone();
    let refunded = started(bob, &screening, "A3").await;
    let taken_back = bob.confirm(&refunded, "success").await.expect(200)["booking"].clone();
    refund(&app, &refunded).await;
    let pending = started(cat, &screening, "A5").await;
    let paid_silently = started(dan, &screening, "A7").await;
    app.move_at_provider(&paid_silently, "authorised").await;
    let cancelled = started(eve, &screening, "A9").await;
    eve.cancel(&cancelled).await.expect(200);
    fay.lock(&screening, &["A11"]).await.expect(200);
    eventually("both mails are pending", || async {
        (app.admin().list_all("/api/admin/mail?status=PENDING").await.len() == 2).then_some(())
    })
    .await;

    assert_eq!(app.stop().await, 0, "{}", app.log());
    app.upgrade().await;

    // After the upgrade nothing is lost, and everybody can continue.
    let mine = ann.get("/api/bookings").await.expect(200)["items"].clone();
    for field in ["id", "code", "status", "seats", "total", "start_time", "screening_id"] {
        assert_eq!(mine[0][field], ticket[field], "{field}");
    }
    assert_eq!(status(bob, &refunded).await, "REFUNDED");
    assert_eq!(status(eve, &cancelled).await, "CANCELLED");
    assert_eq!(fay.hold(&screening).await["seat_ids"], json!(["A11"]));
    cat.confirm(&pending, "success").await.expect(200);
    assert_eq!(app.report(&paid_silently).await.status, 204);
    assert_eq!(status(dan, &paid_silently).await, "SUCCEEDED");
    eve.unlock(&screening, &["A9"]).await.expect(200);
    fay.buy(&screening, &["A11", "A12"]).await;
    bob.buy(&screening, &["A3"]).await;
    bob.lock(&screening, &["A1"]).await.refused(409, "seat_taken");
    // This version refunds a sale of the previous version.
    refund(&app, &sold).await;
    assert_eq!(status(ann, &sold).await, "REFUNDED");
    assert_eq!(screening.taken(ann).await, ["A3:BOOKED", "A5:BOOKED", "A7:BOOKED", "A11:BOOKED", "A12:BOOKED"]);
    bob.buy(&screening, &["A1"]).await;

    let server = closed.open();
    eventually("no mail is pending", || async {
        app.admin().list_all("/api/admin/mail?status=PENDING").await.is_empty().then_some(())
    })
    .await;
    let bookings = app.admin().list_all("/api/admin/bookings?status=CONFIRMED").await;
    assert_eq!(server.taken().len(), bookings.len(), "one mail for each confirmed booking");
    for booking in [&ticket, &taken_back] {
        let id = format!("Message-ID: <booking.{}@", text(&booking["id"]));
        assert!(server.taken().iter().all(|mail| !mail.contains(&id)), "a refunded booking was mailed");
    }
    app.finish().await;
}
