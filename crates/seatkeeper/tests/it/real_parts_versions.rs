//! Servers of two versions run on the same Redis, MongoDB and Kafka, as during a rolling upgrade.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Cluster, Parts, SECRET_FLAG, TestApp, TestPerson, TestScreening, Viewer, eventually, served};

/// Row A is for single calls. In row B many people buy at the same time.
const SEATS: &str = "ssssssssss/ssssssssss";
const CROWD: usize = 10;

const FLAGS: &[&str] = &[SECRET_FLAG, "--mock-payment=callback=never"];

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_of_this_version_joins_one_of_the_previous_version_and_both_sell() {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let old = TestApp::of_old_version(Arc::clone(&parts), FLAGS).await;
    let new = TestApp::on(parts, FLAGS).await;
    sell_at_both(old, new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_of_the_previous_version_joins_one_of_this_version_and_both_sell() {
    let parts = Arc::new(Parts::of(Cluster::start().await));
    let new = TestApp::on(Arc::clone(&parts), FLAGS).await;
    let old = TestApp::of_old_version(parts, FLAGS).await;
    sell_at_both(old, new).await;
}

async fn sell_at_both(mut old: TestApp, new: TestApp) {
    let new = new.with_admin().await;
    let screening = new.screening(SEATS).await;
    let mut viewers = [Viewer::join(&old, &screening).await, Viewer::join(&new, &screening).await];
    let (ann, bob) = (new.sign_in("ann").await, old.sign_in("bob").await);

    // A person holds, pays and buys alternately at the servers of both versions.
    for (person, seat, one, other) in [(&ann, "A1", &old, &new), (&bob, "A3", &new, &old)] {
        let held = person.at(one).lock(&screening, &[seat]).await.expect(200);
        assert_eq!(person.at(other).hold(&screening).await["seat_ids"], held["seat_ids"]);
        for viewer in &mut viewers {
            viewer.until(seat, "LOCKED").await;
        }
        let somebody = one.sign_in("cat").await;
        for server in [one, other] {
            somebody.at(server).lock(&screening, &[seat]).await.refused(409, "seat_taken");
        }
        let payment = text(&person.at(other).start_payment(&screening).await.expect(201)["id"]);
        assert_eq!(person.at(one).hold(&screening).await["payment_id"], payment);
        person.at(one).unlock(&screening, &[seat]).await.refused(409, "payment_in_progress");
        let sold = person.at(one).confirm(&payment, "success").await.expect(200);
        for viewer in &mut viewers {
            viewer.until(seat, "BOOKED").await;
        }
        let again = person.at(other).confirm(&payment, "success").await.expect(200);
        assert_eq!(again["booking"]["id"], sold["booking"]["id"]);

        // A refund at one server makes the seat available at both.
        eventually("the money is captured", || async {
            (one.stands_at_provider(&payment).await.as_deref() == Some("captured")).then_some(())
        })
        .await;
        one.move_at_provider(&payment, "refunded").await;
        assert_eq!(other.report(&payment).await.status, 204);
        for viewer in &mut viewers {
            viewer.until(seat, "AVAILABLE").await;
        }
    }

    rush(&old, &new, &screening).await;
    for viewer in &mut viewers {
        for number in 1..=CROWD {
            viewer.until(&format!("B{number}"), "BOOKED").await;
        }
    }
    let booked: BTreeMap<String, String> = (1..=CROWD).map(|n| (format!("B{n}"), "BOOKED".to_owned())).collect();
    assert!(viewers.iter().all(|viewer| viewer.seats == booked), "{:?} {:?}", viewers[0].seats, viewers[1].seats);
    for server in [&old, &new] {
        let map = server.get(&format!("/api/screenings/{}/seats", screening.id)).await.expect(200);
        let seats = map["seats"].as_array().unwrap().iter().filter(|seat| seat["status"] == "BOOKED");
        assert_eq!(seats.map(|seat| text(&seat["id"])).collect::<Vec<_>>(), booked_in_order());
    }

    // The upgrade continues: the new server finishes a payment that the old server began.
    let payment = {
        let there = ann.at(&old);
        served(|| there.lock(&screening, &["A5"])).await.expect(200);
        text(&served(|| there.start_payment(&screening)).await.expect(201)["id"])
    };
    old.kill().await;
    let here = ann.at(&new);
    served(|| here.confirm(&payment, "success")).await.expect(200);
    let [_, at_new] = &mut viewers;
    at_new.until("A5", "BOOKED").await;
    old.upgrade().await;
    let there = bob.at(&old);
    served(|| there.lock(&screening, &["A7"])).await.expect(200);
    at_new.until("A7", "LOCKED").await;
    old.finish().await;
    new.finish().await;
}

fn booked_in_order() -> Vec<String> {
    (1..=CROWD).map(|number| format!("B{number}")).collect()
}

/// As many people as there are seats in row B, half of them at each server, try to buy at the same time. Each buys one
/// seat.
async fn rush(old: &TestApp, new: &TestApp, screening: &TestScreening) {
    let mut crowd = Vec::new();
    for index in 0..CROWD {
        let server = if index % 2 == 0 { old } else { new };
        crowd.push(server.sign_in(&format!("crowd{index}")).await);
    }
    let bought = join_all(crowd.iter().map(|person| buy_any(person, screening))).await;
    let mut seats: Vec<String> = bought.iter().map(|booking| text(&booking["seats"][0]["id"])).collect();
    seats.sort_by_key(|seat| (seat.len(), seat.clone()));
    assert_eq!(seats, booked_in_order(), "everybody has one seat, and no seat is sold twice");
    let of_all = join_all(crowd.iter().map(|person| person.list_all("/api/bookings"))).await;
    assert!(of_all.iter().all(|bookings| bookings.len() == 1));
}

/// Buys the first seat of row B that is still available.
async fn buy_any(person: &TestPerson, screening: &TestScreening) -> Value {
    eventually("a seat is free", || async {
        for number in 1..=CROWD {
            let seat = format!("B{number}");
            let wanted = [seat.as_str()];
            let answer = served(|| person.lock(screening, &wanted)).await;
            if answer.code() == "seat_taken" {
                continue;
            }
            answer.expect(200);
            let body = json!({"screening_id": screening.id, "method": "mock_card"});
            let payment = served(|| person.post("/api/payments", body.clone())).await.expect(201);
            let id = text(&payment["id"]);
            let confirmed = eventually("the outcome is known", || async {
                let answer = served(|| person.confirm(&id, "success")).await;
                (answer.status != 202).then_some(answer)
            })
            .await;
            return Some(confirmed.expect(200)["booking"].clone());
        }
        None
    })
    .await
}
