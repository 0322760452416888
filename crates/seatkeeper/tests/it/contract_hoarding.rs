//! The limits against hoarding, with their default values. The other tests of the program lift them.

use serde_json::json;

use crate::{
    storms::sign_in_many,
    support::{TestApp, eventually},
};

/// The default limits.
const DEFAULTS: [&str; 3] = ["--seats-per-person-everywhere=20", "--holders-per-address=200", "--let-go-max=2"];

fn with<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let given = |flag: &&&str| flags.iter().any(|own| own.split('=').next() == flag.split('=').next());
    DEFAULTS.iter().filter(|flag| !given(flag)).chain(flags).copied().collect()
}

#[tokio::test]
async fn person_holds_at_most_twenty_seats_at_all_screenings_together() {
    let app = TestApp::with(&with(&[])).await;
    let ann = app.sign_in("ann").await;
    let ten = ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10"];
    let mut screenings = Vec::new();
    for _ in 0..4 {
        screenings.push(app.screening("sssssssssssss").await);
    }
    ann.lock(&screenings[0], &ten).await.expect(200);
    ann.lock(&screenings[1], &ten).await.expect(200);
    let refused = ann.lock(&screenings[2], &["A1"]).await.refused(422, "too_many_seats_everywhere");
    assert_eq!((&refused["held_elsewhere"], &refused["seats_max"]), (&json!(20), &json!(20)));
    let refused = ann.lock(&screenings[1], &["A11"]).await.refused(422, "too_many_seats");
    assert_eq!(refused["seats_max"], json!(10));
    ann.lock(&screenings[1], &["A1"]).await.expect(200);
    app.admin().lock(&screenings[2], &["A13"]).await.expect(200);

    // The refusal comes before those about single seats, and releases and purchases make room.
    app.sign_in("bob").await.lock(&screenings[2], &["A2"]).await.expect(200);
    ann.lock(&screenings[2], &["A2"]).await.refused(422, "too_many_seats_everywhere");
    ann.unlock(&screenings[0], &["A1"]).await.expect(200);
    ann.lock(&screenings[2], &["A1"]).await.expect(200);
    let payment = ann.start_payment(&screenings[1]).await.expect(201);
    ann.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
    ann.lock(&screenings[3], &ten).await.expect(200);
    ann.lock(&screenings[2], &["A3"]).await.refused(422, "too_many_seats_everywhere");
    // Staff is exempt.
    for screening in &screenings {
        app.admin().lock(screening, &["A12"]).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_locks_of_one_person_at_many_screenings_do_not_exceed_the_limit_together() {
    let app = TestApp::with(&with(&[])).await;
    let ann = app.sign_in("ann").await;
    let mut screenings = Vec::new();
    for _ in 0..12 {
        screenings.push(app.screening("sssssss").await);
    }
    let seats = ["A1", "A2", "A3", "A4", "A5", "A6", "A7"];
    let answers = futures_util::future::join_all(screenings.iter().map(|screening| ann.lock(screening, &seats))).await;
    let mut held = 0;
    for (answer, screening) in answers.into_iter().zip(&screenings) {
        if answer.status != 200 {
            answer.refused(422, "too_many_seats_everywhere");
        }
        held += ann.hold(screening).await["seat_ids"].as_array().unwrap().len();
    }
    assert_eq!(held, 14, "two times seven");
    app.finish().await;
}

#[tokio::test]
async fn seat_that_a_person_released_twice_is_refused_to_that_person_for_one_lock_time() {
    let app = TestApp::with(&with(&[])).await;
    let (ann, bob) = (app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("sss").await;
    for _ in 0..2 {
        ann.lock(&screening, &["A1"]).await.expect(200);
        ann.unlock(&screening, &["A1"]).await.expect(200);
    }
    let refused = ann.lock(&screening, &["A1", "A2"]).await.refused(409, "let_go_too_often");
    assert_eq!((&refused["seat_ids"], &refused["wait_s"]), (&json!(["A1"]), &json!(300)));
    assert_eq!(ann.hold(&screening).await["seat_ids"], json!([]), "all or none");
    ann.lock(&screening, &["A2"]).await.expect(200);
    bob.lock(&screening, &["A1"]).await.expect(200);
    // The refusal comes before `seat_taken`.
    ann.lock(&screening, &["A1"]).await.refused(409, "let_go_too_often");
    for _ in 0..3 {
        app.admin().lock(&screening, &["A3"]).await.expect(200);
        app.admin().unlock(&screening, &["A3"]).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn seat_whose_lock_expired_twice_is_refused_until_it_was_left_alone_for_one_lock_time() {
    let app = TestApp::with(&with(&["--lock-ttl=2s"])).await;
    let ann = app.sign_in("ann").await;
    let screening = app.screening("s").await;
    let renewed = || async {
        let answer = ann.lock(&screening, &["A1"]).await;
        (answer.status == 200 && answer.body["seat_ids"] == json!(["A1"])).then_some(answer.body["expires_at"].clone())
    };
    let first = eventually("the first lock", renewed).await;
    let second = eventually("the lock after one expiry", || async { renewed().await.filter(|until| *until != first) });
    let second = second.await;
    let code = eventually("the second lock has expired", || async {
        let answer = ann.lock(&screening, &["A1"]).await;
        (answer.status != 200 || answer.body["expires_at"] != second).then(|| answer.code().to_owned())
    });
    assert_eq!(code.await, "let_go_too_often");
    eventually("the seat was left alone for one lock time", renewed).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_of_people_of_one_address_who_hold_seats_is_limited() {
    let app = TestApp::with(&with(&["--holders-per-address=3"])).await;
    let screening = app.screening(&["ssssssssss"; 4].join("/")).await;
    let people = sign_in_many(&app, "holder", 12).await;
    let seat = |index: usize| format!("{}{}", char::from(b'A' + u8::try_from(index / 10).unwrap()), index % 10 + 1);
    let seats: Vec<String> = (0..people.len()).map(seat).collect();
    let locks = people.iter().zip(&seats).map(|(person, seat)| {
        let screening = &screening;
        async move { person.lock(screening, &[seat.as_str()]).await }
    });
    let answers = futures_util::future::join_all(locks).await;
    let (held, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().zip(&people).partition(|(answer, _)| answer.status == 200);
    assert_eq!((held.len(), refused.len()), (3, 9));
    for (answer, _) in &refused {
        let after: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&after), "{after}");
        assert_eq!(answer.body["holders_max"], json!(3));
    }
    let (newcomer, holder) = (refused[0].1, held[0].1);
    // 429 comes before every other refusal, also before the body is read.
    newcomer.post("/api/lock", json!("nonsense")).await.refused(429, "rate_limited");
    holder.lock(&screening, &["D1"]).await.expect(200);
    app.admin().lock(&screening, &["D2"]).await.expect(200);
    // Who holds nothing any more makes room.
    holder.delete(&format!("/api/lock?screening_id={}", screening.id)).await.expect(200);
    refused[1].1.lock(&screening, &["D4"]).await.expect(200);
    refused[2].1.lock(&screening, &["D5"]).await.refused(429, "rate_limited");
    app.finish().await;
}

#[tokio::test]
async fn restored_locks_count_after_a_restart_of_an_embedded_server() {
    let mut app = TestApp::embedded().await;
    app.set_flags(&DEFAULTS);
    app.kill_and_restart().await;
    let ann = app.sign_in("ann").await;
    let (one, other) = (app.screening("sssssssssss").await, app.screening("sssssssssss").await);
    let ten = ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10"];
    ann.lock(&one, &ten).await.expect(200);
    ann.lock(&other, &ten).await.expect(200);
    app.kill_and_restart().await;
    let third = app.screening("s").await;
    let refused = ann.lock(&third, &["A1"]).await.refused(422, "too_many_seats_everywhere");
    assert_eq!(refused["held_elsewhere"], json!(20));
    app.finish().await;
}
