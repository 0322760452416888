//! Revisions of screenings: calls with an outdated revision are refused, and viewers get frames about changes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, TestPerson, TestScreening, Viewer, eventually, invalid_field};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn thb(amount: i64) -> Value {
    json!({"amount": amount, "currency": "THB"})
}

fn admin_path(screening: &TestScreening) -> String {
    format!("/api/admin/screenings/{}", screening.id)
}

async fn set_price(app: &TestApp, screening: &TestScreening, amount: i64) -> Value {
    let prices = json!({"prices": {"standard": thb(amount)}});
    app.admin().patch(&admin_path(screening), prices).await.expect(200)
}

async fn lock(person: &TestPerson, screening: &TestScreening, seat: &str, revision: Value) -> Answer {
    let body = json!({"screening_id": screening.id, "seat_ids": [seat], "revision": revision});
    person.post("/api/lock", body).await
}

async fn pay(person: &TestPerson, screening: &TestScreening, more: Value) -> Answer {
    let mut body = json!({"screening_id": screening.id, "method": "mock_card"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.post("/api/payments", body).await
}

/// Marks a screening as cancelled directly in the database of an embedded server, because the API has no call for it,
/// and waits until the server has read the change.
async fn cancel(app: &TestApp, screening: &TestScreening) {
    let id = uuid::Uuid::parse_str(&screening.id).unwrap();
    let sql = "UPDATE screenings SET is_cancelled = 1, revision = revision + 1 WHERE id = ?1";
    assert_eq!(app.store().execute(sql, [id.as_bytes().as_slice()]).unwrap(), 1);
    app.store().execute("UPDATE counters SET value = value + 1 WHERE name = 'programme_revision'", []).unwrap();
    eventually("the server knows that it is cancelled", || async {
        let found = app.get(&format!("/api/screenings/{}", screening.id)).await.expect(200);
        (found["state"] == "CANCELLED").then_some(())
    })
    .await;
}

#[tokio::test]
async fn revision_increases_with_prices_and_times_and_is_in_every_response() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let screening = app.screening("ss").await;
    let of_now = || async {
        let detail = app.get(&format!("/api/screenings/{}", screening.id)).await.expect(200);
        let listed = app.get("/api/screenings").await.expect(200)["items"][0].clone();
        let movie = app.get(&format!("/api/movies/{}", screening.movie_id)).await.expect(200);
        let seats = app.get(&format!("/api/screenings/{}/seats", screening.id)).await.expect(200);
        let of_admin = admin.get(&admin_path(&screening)).await.expect(200);
        let all = [&detail, &listed, &movie["screenings"][0], &seats, &of_admin];
        let revisions = all.map(|object| object["revision"].as_u64().unwrap());
        assert!(revisions.iter().all(|revision| *revision == revisions[0]), "{revisions:?}");
        revisions[0]
    };
    assert_eq!(of_now().await, 1);
    assert_eq!(set_price(&app, &screening, 25_000).await["revision"], 2);
    assert_eq!(of_now().await, 2);
    for nothing in
        [json!({}), json!({"prices": {"standard": thb(25_000)}}), json!({"start_time": screening.start_time})]
    {
        let same = admin.patch(&admin_path(&screening), nothing).await.expect(200);
        assert_eq!(same["revision"], 2, "a change without effect does not increase the revision");
    }
    admin.patch(&format!("/api/admin/movies/{}", screening.movie_id), json!({"title": "T"})).await.expect(200);
    for names in [json!({"name": "H"}), json!({"name_th": "โรงใหม่"})] {
        admin.patch(&format!("/api/admin/halls/{}", screening.hall_id), names).await.expect(200);
    }
    assert_eq!(of_now().await, 2, "neither do titles and names");
    let detail = app.get(&format!("/api/screenings/{}", screening.id)).await.expect(200);
    assert_eq!((&detail["hall_name"], &detail["hall_name_th"]), (&json!("H"), &json!("โรงใหม่")), "which show at once");
    let later = screening.start_time.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(1);
    let moved = admin.patch(&admin_path(&screening), json!({"start_time": later.to_string()})).await.expect(200);
    assert_eq!(moved["revision"], 3);
    app.finish().await;
}

#[tokio::test]
async fn lock_is_refused_when_its_revision_is_outdated() {
    let app = TestApp::start().await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("ss").await;
    lock(&ann, &screening, "A1", json!(1)).await.expect(200);
    set_price(&app, &screening, 25_000).await;
    let refused = lock(&ann, &screening, "A2", json!(1)).await.refused(409, "screening_changed");
    let detail = app.get(&format!("/api/screenings/{}", screening.id)).await.expect(200);
    assert_eq!(refused["screening"], detail, "the same as GET returns");
    assert_eq!(screening.taken(&ann).await, ["A1:LOCKED"]);
    // `screening_changed` is checked before `unknown_seat`.
    lock(&ann, &screening, "Z9", json!(1)).await.refused(409, "screening_changed");
    lock(&ann, &screening, "Z9", json!(2)).await.refused(422, "unknown_seat");
    lock(&ann, &screening, "A2", json!(2)).await.expect(200);
    lock(&ann, &screening, "A2", Value::Null).await.expect(200);
    lock(&ann, &screening, "A2", json!(99)).await.expect(200);
    assert_eq!(invalid_field(lock(&ann, &screening, "A2", json!(-1)).await), "revision");
    app.finish().await;
}

#[tokio::test]
async fn payment_is_refused_without_extending_locks_when_its_total_is_outdated() {
    let app = TestApp::with(&["--lock-ttl=5m", "--payment-ttl=9m"]).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("sss").await;
    ann.lock(&screening, &["A1", "A2"]).await.expect(200);
    let hold = ann.hold(&screening).await;
    set_price(&app, &screening, 25_000).await;
    let old = json!({"revision": 1, "total": thb(40_000)});
    let refused = pay(&ann, &screening, old).await.refused(409, "screening_changed");
    assert_eq!(refused["screening"]["prices"]["standard"], thb(25_000));
    for wrong in [json!({"total": thb(40_000)}), json!({"revision": 2, "total": thb(0)})] {
        let refused = pay(&ann, &screening, wrong).await.refused(409, "price_changed");
        assert_eq!(refused["total"], thb(50_000));
        assert_eq!(refused["seats"], json!([{"id": "A1", "price": thb(25_000)}, {"id": "A2", "price": thb(25_000)}]));
        assert_eq!(ann.hold(&screening).await, hold, "no payment lock was set and no lock extended");
    }
    assert_eq!(
        invalid_field(pay(&ann, &screening, json!({"total": {"amount": 1, "currency": "USD"}})).await),
        "total.currency"
    );
    let payment = pay(&ann, &screening, json!({"revision": 2, "total": thb(50_000)})).await.expect(201);
    assert_eq!(payment["amount"], thb(50_000));
    app.finish().await;
}

/// Each call also has every problem that is checked later than the one that is expected.
#[tokio::test]
async fn checks_of_a_payment_are_applied_in_the_documented_order() {
    let app = TestApp::embedded().await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("sss").await;
    set_price(&app, &screening, 25_000).await;
    let wrong = json!({"revision": 2, "total": thb(1)});
    let paying = |person: &TestPerson, more: Value| {
        let (person, screening) = (person.clone(), screening.clone());
        async move { pay(&person, &screening, more).await }
    };
    paying(&ann, json!({"screening_id": NOBODY, "method": "shells", "total": thb(1)}))
        .await
        .refused(404, "screening_not_found");
    paying(&ann, json!({"method": "shells", "revision": 1, "total": thb(1)})).await.refused(422, "unknown_method");
    paying(&ann, json!({"revision": 1, "total": thb(1)})).await.refused(409, "screening_changed");
    paying(&ann, wrong.clone()).await.refused(409, "nothing_locked");
    ann.lock(&screening, &["A1"]).await.expect(200);
    bob.lock(&screening, &["A2"]).await.expect(200);
    let started = paying(&ann, json!({})).await.expect(201);
    let refused = paying(&ann, wrong.clone()).await.refused(409, "payment_in_progress");
    assert_eq!(refused["payment_id"], started["id"]);
    // The lock store is wrong: it says that bob holds A2, while ann has the claim on it in the store.
    app.store().execute("UPDATE seat_claims SET seat_id = 'A2'", []).unwrap();
    let refused = paying(&bob, wrong.clone()).await.refused(409, "seat_taken");
    assert_eq!(refused["seat_ids"], json!(["A2"]));
    app.store().execute("UPDATE seat_claims SET seat_id = 'A1'", []).unwrap();
    ann.cancel(started["id"].as_str().unwrap()).await.expect(200);
    bob.lock(&screening, &["A3"]).await.expect(200);
    paying(&bob, wrong.clone()).await.refused(409, "price_changed");

    let id = uuid::Uuid::parse_str(&screening.id).unwrap();
    let now = "UPDATE screenings SET start_time = 1000, film_ms = 1, end_time = 2000 WHERE id = ?1";
    app.store().execute(now, [id.as_bytes().as_slice()]).unwrap();
    app.store().execute("UPDATE counters SET value = value + 1 WHERE name = 'programme_revision'", []).unwrap();
    eventually("the server knows that it is over", || async {
        (paying(&bob, wrong.clone()).await.code() == "sales_closed").then_some(())
    })
    .await;
    paying(&bob, json!({"revision": 1, "total": thb(1)})).await.refused(409, "screening_changed");
    let detail = app.get(&format!("/api/screenings/{}", screening.id)).await.expect(200);
    assert_eq!(detail["state"], "CLOSED");
    cancel(&app, &screening).await;
    paying(&bob, json!({"revision": 1, "total": thb(1)})).await.refused(409, "screening_cancelled");
    lock(&bob, &screening, "Z9", json!(1)).await.refused(409, "screening_cancelled");
    app.finish().await;
}

#[tokio::test]
async fn cancelled_screening_can_be_read_but_not_sold_or_changed() {
    let app = TestApp::embedded().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let screening = app.screening("ss").await;
    let mut viewer = Viewer::join(&app, &screening).await;
    cancel(&app, &screening).await;
    let frame = viewer.next().await;
    assert_eq!(
        (&frame["type"], &frame["state"], &frame["revision"]),
        (&json!("screening"), &json!("CANCELLED"), &json!(2))
    );
    ann.lock(&screening, &["A1"]).await.refused(409, "screening_cancelled");
    let by_show = json!({"movie_id": screening.movie_id, "start_time": screening.start_time, "seat_ids": ["A1"]});
    ann.post("/api/lock", by_show).await.refused(409, "screening_cancelled");
    ann.start_payment(&screening).await.refused(409, "screening_cancelled");
    assert_eq!(app.get("/api/screenings").await.expect(200)["items"], json!([]));
    let movie = app.get(&format!("/api/movies/{}", screening.movie_id)).await.expect(200);
    assert_eq!(movie["screenings"], json!([]));
    assert_eq!(admin.list_all("/api/admin/screenings").await[0]["state"], "CANCELLED");
    admin.patch(&admin_path(&screening), json!({})).await.refused(409, "screening_cancelled");
    admin.delete(&admin_path(&screening)).await.refused(409, "screening_cancelled");
    let instead = json!({
        "movie_id": screening.movie_id, "hall_id": screening.hall_id, "start_time": screening.start_time,
        "prices": {"standard": thb(100)},
    });
    admin.post("/api/admin/screenings", instead).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn changed_film_duration_changes_the_ends_of_its_screenings() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let screening = app.screening("ss").await;
    let start: Timestamp = screening.start_time.parse().unwrap();
    let at = |minutes: i64| (start + SignedDuration::from_mins(minutes)).to_string();
    let other = admin.post("/api/admin/movies", json!({"title": "Next", "duration_min": 60})).await.expect(201);
    let next = json!({
        "movie_id": other["id"], "hall_id": screening.hall_id, "start_time": at(120), "prices": {"standard": thb(100)},
    });
    let next = admin.post("/api/admin/screenings", next).await.expect(201);
    let mut viewer = Viewer::join(&app, &screening).await;
    let film = format!("/api/admin/movies/{}", screening.movie_id);
    let refused = admin.patch(&film, json!({"duration_min": 150})).await.refused(409, "hall_busy");
    let mut both = vec![json!(screening.id), next["id"].clone()];
    both.sort_by_key(ToString::to_string);
    assert_eq!(refused["screening_ids"], json!(both));
    assert_eq!(admin.get(&film).await.expect(200)["duration_min"], 100);
    admin.patch(&film, json!({"duration_min": 105})).await.expect(200);
    let changed = admin.get(&admin_path(&screening)).await.expect(200);
    assert_eq!((&changed["end_time"], &changed["hall_free_at"]), (&json!(at(105)), &json!(at(120))));
    assert_eq!(changed["revision"], 2);
    let frame = viewer.next().await;
    let expected = json!({
        "type": "screening", "revision": 2, "start_time": screening.start_time, "end_time": at(105),
        "hall_name": "Test Hall", "hall_name_th": "โรงทดสอบ", "prices": {"standard": thb(20_000)}, "state": "ON_SALE",
    });
    assert_eq!(frame, expected);
    app.finish().await;
}

#[tokio::test]
async fn viewers_get_a_frame_when_the_hall_changes_and_when_sales_close() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let screening = app.screening("ss").await;
    let mut viewer = Viewer::join(&app, &screening).await;
    let larger = json!({"name": "Larger", "name_th": "โรงใหญ่", "layout": crate::support::layout("ssss")});
    let larger = admin.post("/api/admin/halls", larger).await.expect(201);
    admin.patch(&admin_path(&screening), json!({"hall_id": larger["id"]})).await.expect(200);
    let frame = viewer.next().await;
    assert_eq!((&frame["type"], &frame["hall_name"]), (&json!("screening"), &json!("Larger")));
    assert_eq!(frame["hall_name_th"], "โรงใหญ่");
    let again = viewer.next().await;
    assert_eq!((&again["type"], &again["revision"]), (&json!("snapshot"), &json!(2)), "new seats, new snapshot");

    let soon = app.screening_in("ss", SignedDuration::from_secs(4)).await;
    let mut viewer = Viewer::join(&app, &soon).await;
    let frame = viewer.next().await;
    assert_eq!(
        (&frame["type"], &frame["state"], &frame["revision"]),
        (&json!("screening"), &json!("CLOSED"), &json!(1))
    );
    app.finish().await;
}

#[tokio::test]
async fn viewers_are_disconnected_when_the_screening_is_deleted() {
    let app = TestApp::start().await;
    let screening = app.screening("ss").await;
    let viewer = Viewer::join(&app, &screening).await;
    assert_eq!(app.admin().delete(&admin_path(&screening)).await.status, 204);
    viewer.until_closed().await;
    app.finish().await;
}

/// The server of the viewer learns of the change, which another server made, from the store.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_on_another_server_get_the_screening_frame() {
    use crate::support::{Cluster, Parts};
    let parts = std::sync::Arc::new(Parts::of(Cluster::start().await));
    let one = TestApp::on(std::sync::Arc::clone(&parts), &[]).await.with_admin().await;
    let two = TestApp::on(parts, &[]).await;
    let screening = one.screening("ss").await;
    let (mut here, mut there) = (Viewer::join(&one, &screening).await, Viewer::join(&two, &screening).await);
    let changed = set_price(&one, &screening, 25_000).await;
    // Immediately after the change: a page has got the new revision from the first server and calls the second one,
    // which must read the screening again.
    let ann = two.sign_in("ann").await;
    lock(&ann, &screening, "A1", changed["revision"].clone()).await.expect(200);
    let total = json!({"revision": changed["revision"], "total": thb(25_000)});
    pay(&ann, &screening, total).await.expect(201);
    for viewer in [&mut here, &mut there] {
        let frame = loop {
            let frame = viewer.next().await;
            if frame["type"] == "screening" {
                break frame;
            }
        };
        assert_eq!((&frame["revision"], &frame["prices"]["standard"]), (&json!(2), &thb(25_000)));
    }
    one.finish().await;
    two.finish().await;
}
