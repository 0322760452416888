//! `/api/bookings`: a person's own bookings.

use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn person_lists_own_bookings_newest_first_with_the_data_of_the_sale() {
    let app = TestApp::start().await;
    let (admin, ann, bob) = (app.admin(), app.sign_in("ann").await, app.sign_in("bob").await);
    let screening = app.screening("ssw_c/pp").await;
    let first = ann.buy(&screening, &["B1", "A3"]).await;
    let price = json!({"amount": 20_000, "currency": "THB"});
    let seat = |id: &str, kind: &str| json!({"id": id, "kind": kind, "price": price});
    for (field, expected) in [
        ("status", json!("CONFIRMED")),
        ("movie_title", json!("A Test of Time")),
        ("movie_title_th", json!("บททดสอบ")),
        ("hall_name", json!("Test Hall")),
        ("hall_name_th", json!("โรงทดสอบ")),
        ("screening_id", json!(screening.id)),
        ("start_time", json!(screening.start_time)),
        ("seats", json!([seat("A3", "wheelchair"), seat("B1", "pair")])),
        ("total", json!({"amount": 40_000, "currency": "THB"})),
    ] {
        assert_eq!(first[field], expected, "{field}");
    }
    let fields: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "code created_at hall_name hall_name_th id movie_title movie_title_th screening_id seats start_time status total";
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    assert_eq!(sorted.join(" "), expected);
    let code = first["code"].as_str().unwrap();
    assert!(code.len() >= 6 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{code}");

    // Later changes of the programme do not change existing bookings.
    admin.patch(&format!("/api/admin/movies/{}", screening.movie_id), json!({"title": "Renamed"})).await.expect(200);
    admin
        .patch(&format!("/api/admin/halls/{}", screening.hall_id), json!({"name": "Renamed", "name_th": null}))
        .await
        .expect(200);
    let dearer = json!({"prices": {"standard": {"amount": 30_000, "currency": "THB"}}});
    admin.patch(&format!("/api/admin/screenings/{}", screening.id), dearer).await.expect(200);
    let second = ann.buy(&screening, &["A1"]).await;
    assert_eq!((&second["movie_title"], &second["total"]["amount"]), (&json!("Renamed"), &json!(30_000)));
    assert_eq!((&second["hall_name"], &second["hall_name_th"]), (&json!("Renamed"), &Value::Null));
    let third = bob.buy(&screening, &["A2"]).await;
    assert_ne!(second["code"], first["code"]);

    let mine = ann.get("/api/bookings").await.expect(200);
    assert_eq!(mine, json!({"items": [second, first], "next_cursor": null}));
    let page = ann.get("/api/bookings?limit=1").await.expect(200);
    assert_eq!(page["items"], json!([second]));
    let next = format!("/api/bookings?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(ann.get(&next).await.expect(200), json!({"items": [first], "next_cursor": null}));
    let path = |booking: &Value| format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(ann.get(&path(&first)).await.expect(200), first);
    for person in [&bob, admin] {
        person.get(&path(&first)).await.refused(404, "booking_not_found");
    }
    ann.get(&path(&third)).await.refused(404, "booking_not_found");
    for unknown in ["nonsense", "00000000-0000-0000-0000-000000000001"] {
        ann.get(&format!("/api/bookings/{unknown}")).await.refused(404, "booking_not_found");
    }
    assert_eq!(admin.get("/api/bookings").await.expect(200)["items"], json!([]));
    app.stranger().get("/api/bookings").await.refused(401, "sign_in_required");
    app.stranger().get(&path(&first)).await.refused(401, "sign_in_required");
    app.finish().await;
}
