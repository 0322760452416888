//! `/api/admin`: the audit log, events, mails and dead letters.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    contract_admin::day_of,
    support::{TestApp, eventually, invalid_field},
};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn audit_log_and_event_log_list_events_with_filters() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let screening = app.screening("ssss").await;
    let booking = ann.buy(&screening, &["A1"]).await;
    ann.lock(&screening, &["A2"]).await.expect(200);
    ann.unlock(&screening, &["A2"]).await.expect(200);
    let refused = ann.get("/api/admin/mail").await;
    let request = refused.header("x-request-id").to_owned();
    refused.refused(403, "forbidden");
    let audit = |query: String| async move { admin.list_all(&format!("/api/admin/audit?{query}")).await };
    let whole = eventually("all events are in the audit log", || async {
        let found = audit(String::new()).await;
        let has = |kind: &str| found.iter().any(|entry| entry["type"] == kind);
        let noted = found.iter().any(|entry| entry["data"]["action"] == "admin_refused");
        (has("BOOKING_SUCCESS") && has("SEAT_RELEASED") && noted).then_some(found)
    })
    .await;
    let times: Vec<&str> = whole.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    // Times are stored with a precision of milliseconds.
    let millis = |time: &&str| time.parse::<Timestamp>().unwrap().as_millisecond();
    assert!(times.windows(2).all(|pair| millis(&pair[0]) >= millis(&pair[1])), "newest first: {times:?}");
    let find = |action: &str| whole.iter().find(|entry| entry["data"]["action"] == action).unwrap();
    let noted = find("admin_refused");
    assert_eq!((&noted["actor"], &noted["request_id"]), (&json!(ann.id), &json!(request)));
    let made = find("movie_created");
    assert_eq!((&made["actor"], &made["type"]), (&json!(admin.id), &json!("AUDIT_LOG")));
    assert!(made["request_id"].is_string() && made["data"]["subject"] == json!(screening.movie_id), "{made}");
    assert!(find("sign_in")["id"].is_string());
    let released = whole.iter().find(|entry| entry["type"] == "SEAT_RELEASED").unwrap();
    let names = json!({
        "movie_title": "A Test of Time", "movie_title_th": "บททดสอบ", "hall_name": "Test Hall", "hall_name_th": "โรงทดสอบ",
        "start_time": screening.start_time,
    });
    assert_eq!(released["screening"], names);

    assert!(audit(format!("actor={}", ann.id)).await.iter().all(|entry| entry["actor"] == json!(ann.id)));
    let sales = audit("type=BOOKING_SUCCESS".into()).await;
    assert_eq!(sales.len(), 1);
    let today = day_of(&sales[0]["at"]);
    assert_eq!(audit(format!("type=BOOKING_SUCCESS&from={today}&to={today}")).await, sales);
    let yesterday = today.checked_sub(2.days()).unwrap();
    assert_eq!(audit(format!("to={yesterday}")).await, Vec::<Value>::new());
    assert_eq!(audit(format!("from={}", today.checked_add(2.days()).unwrap())).await, Vec::<Value>::new());
    for nobody in [NOBODY, "nonsense"] {
        assert_eq!(audit(format!("actor={nobody}")).await, Vec::<Value>::new());
    }
    for (query, field) in [
        ("type=NOTHING", "type"),
        ("type=booking_success", "type"),
        ("from=x", "from"),
        ("to=x", "to"),
        ("from=2026-01-02&to=2026-01-01", "to"),
    ] {
        assert_eq!(invalid_field(admin.get(&format!("/api/admin/audit?{query}")).await), field, "{query}");
    }

    // The event log lists events in the order of publishing, after a position.
    let events = |query: String| async move {
        admin.get(&format!("/api/admin/events?limit=200&{query}")).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .clone()
    };
    let all = events(String::new()).await;
    let positions: Vec<i64> = all.iter().map(|event| event["position"].as_i64().unwrap()).collect();
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{positions:?}");
    let later = events(format!("after={}", positions[1])).await;
    assert_eq!(later[0]["position"], positions[2], "`after` is exclusive");
    let sold = events("type=BOOKING_SUCCESS".into()).await;
    assert_eq!(sold.len(), 1);
    let payment = &sold[0]["data"]["payment_id"];
    let data = json!({
        "booking_id": booking["id"], "code": booking["code"], "payment_id": payment, "seat_ids": ["A1"],
        "total": booking["total"],
    });
    assert_eq!(sold[0]["data"], data);
    assert_eq!((&sold[0]["screening_id"], &sold[0]["actor"]), (&json!(screening.id), &json!(ann.id)));
    assert_eq!((&sold[0]["version"], &sold[0]["id"]), (&json!(1), &sales[0]["id"]), "the same event in both logs");
    let released = events("type=SEAT_RELEASED".into()).await;
    assert_eq!(released[0]["data"], json!({"seat_ids": ["A2"], "reason": "user_unlocked"}));
    for (query, field) in [("type=X", "type"), ("after=-1", "after"), ("after=x", "after")] {
        assert_eq!(invalid_field(admin.get(&format!("/api/admin/events?{query}")).await), field);
    }
    app.finish().await;
}

#[tokio::test]
async fn mails_are_listed_and_can_be_retried() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let screening = app.screening("ssss").await;
    // A file with the name of the mail folder, so that no mail can be written there.
    let folder = app.data_dir().join("mail");
    std::fs::write(&folder, "in the way").unwrap();
    let booking = ann.buy(&screening, &["A1"]).await;
    let code = booking["code"].as_str().unwrap();
    let mail = eventually("the mail was tried", || async {
        let mails = admin.get("/api/admin/mail?status=PENDING").await.expect(200)["items"].clone();
        mails.get(0).filter(|mail| mail["attempts"].as_i64() >= Some(1)).cloned()
    })
    .await;
    assert_eq!((&mail["booking_code"], &mail["to"]), (&json!(code), &json!("ann@example.test")));
    assert!(mail["last_error"].as_str().is_some_and(|why| !why.is_empty()), "{mail}");
    std::fs::remove_file(&folder).unwrap();
    let retry = format!("/api/admin/mail/{}/retry", mail["id"].as_str().unwrap());
    let due = admin.post(&retry, json!({})).await.expect(202);
    assert_eq!((&due["id"], &due["status"]), (&mail["id"], &json!("PENDING")));
    let sent = eventually("the mail is sent", || async {
        let mails = admin.get("/api/admin/mail?status=SENT").await.expect(200)["items"].clone();
        mails.get(0).cloned()
    })
    .await;
    assert_eq!(sent["id"], mail["id"]);
    admin.post(&retry, json!({})).await.refused(409, "already_sent");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].extension().unwrap(), "eml");
    let eml = std::fs::read_to_string(&files[0]).unwrap();
    assert!(eml.contains(code) && eml.contains("ann@example.test"), "{eml}");
    for status in ["PENDING", "FAILED"] {
        assert_eq!(admin.get(&format!("/api/admin/mail?status={status}")).await.expect(200)["items"], json!([]));
    }
    assert_eq!(invalid_field(admin.get("/api/admin/mail?status=LOST").await), "status");
    for unknown in [NOBODY, "nonsense"] {
        admin.post(&format!("/api/admin/mail/{unknown}/retry"), json!({})).await.refused(404, "mail_not_found");
        let replay = format!("/api/admin/dead-letters/{unknown}/replay");
        admin.post(&replay, json!({})).await.refused(404, "dead_letter_not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn event_that_cannot_be_handled_becomes_a_dead_letter() {
    let app = TestApp::embedded().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let screening = app.screening("ss").await;
    assert_eq!(admin.get("/api/admin/dead-letters").await.expect(200), json!({"items": [], "next_cursor": null}));
    // An event about a sale that does not exist.
    let id = Uuid::new_v4();
    let data = json!({"booking_id": NOBODY, "code": "NOTHING1", "payment_id": NOBODY, "seat_ids": ["A1"], "total": {"amount": 1, "currency": "THB"}});
    let event = json!({
        "id": id.to_string(), "type": "BOOKING_SUCCESS", "data": data, "version": 1, "at": "2026-01-01T00:00:00Z",
        "screening_id": null, "actor": null,
    });
    let sql = "INSERT INTO outbox (id, at, sent, event) VALUES (?1, 0, 0, ?2)";
    app.store().execute(sql, (id.as_bytes().as_slice(), event.to_string())).unwrap();
    let letter = eventually("the event is a dead letter", || async {
        admin.get("/api/admin/dead-letters").await.expect(200)["items"].get(0).cloned()
    })
    .await;
    assert_eq!((&letter["event"]["id"], &letter["event"]["data"]), (&json!(id.to_string()), &data));
    assert_eq!(letter["tries"], 8);
    assert!(letter["error"].as_str().is_some_and(|why| !why.is_empty()), "{letter}");
    let replay = format!("/api/admin/dead-letters/{}/replay", letter["id"].as_str().unwrap());
    let again = admin.post(&replay, json!({})).await.expect(200);
    assert_eq!(again["handled"], false, "{again}");
    assert_eq!(admin.list_all("/api/admin/dead-letters").await.len(), 1, "the dead letter stays");
    // Later events are still handled.
    let booking = ann.buy(&screening, &["A1"]).await;
    eventually("the mail is queued", || async {
        let mails = admin.list_all("/api/admin/mail").await;
        mails.iter().any(|mail| mail["booking_code"] == booking["code"]).then_some(())
    })
    .await;
    app.finish_with_wrong_books().await;
}
