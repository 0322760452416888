//! The check at the end of every test: seats, bookings, money, events and mails must be consistent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{TestPerson, eventually};

/// Waits until every event is relayed and every mail queued, and then checks the consistency.
pub(crate) async fn check(admin: &TestPerson) {
    let bookings = admin.list_all("/api/admin/bookings").await;
    let mut sold = BTreeSet::new();
    let mut revenue = 0;
    let mut confirmed = 0;
    for booking in bookings.iter().filter(|booking| booking["status"] == "CONFIRMED") {
        let seats = booking["seats"].as_array().unwrap();
        assert!(!seats.is_empty(), "{booking}");
        for seat in seats {
            let key = (text(&booking["screening_id"]), text(&seat["id"]));
            assert!(sold.insert(key.clone()), "sold twice: {key:?}");
        }
        let sum: i64 = seats.iter().map(|seat| seat["price"]["amount"].as_i64().unwrap()).sum();
        assert_eq!(booking["total"]["amount"], sum, "{booking}");
        revenue += sum;
        confirmed += 1;
    }
    let totals = admin.get("/api/admin/bookings?limit=1").await.expect(200)["totals"].clone();
    assert_eq!(totals["bookings"], confirmed, "{totals}");
    assert_eq!(totals["seats"], sold.len(), "{totals}");
    assert_eq!(totals["revenue"]["amount"], revenue, "{totals}");
    check_maps(admin, &sold).await;
    check_events(admin, &bookings).await;
    check_mails(admin, &bookings).await;
}

/// Each seat map must show exactly the booked seats as BOOKED.
async fn check_maps(admin: &TestPerson, sold: &BTreeSet<(String, String)>) {
    let mut by_screening: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (screening, seat) in sold {
        by_screening.entry(screening).or_default().insert(seat);
    }
    for (screening, expected) in by_screening {
        let map = admin.get(&format!("/api/screenings/{screening}/seats")).await.expect(200);
        let booked: BTreeSet<&str> = map["seats"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|seat| seat["status"] == "BOOKED")
            .map(|seat| seat["id"].as_str().unwrap())
            .collect();
        assert_eq!(booked, expected, "the map of {screening}");
    }
}

/// There must be one BOOKING_SUCCESS event per booking, and no event may occur twice.
async fn check_events(admin: &TestPerson, bookings: &[Value]) {
    let expected: BTreeSet<String> = bookings.iter().map(|booking| text(&booking["id"])).collect();
    eventually("every booking is in the event log", || async {
        (list_events(admin, "BOOKING_SUCCESS").await.len() >= expected.len()).then_some(())
    })
    .await;
    let told = list_events(admin, "BOOKING_SUCCESS").await;
    let ids: BTreeSet<String> = told.iter().map(|event| text(&event["id"])).collect();
    assert_eq!(ids.len(), told.len(), "a duplicate event in the log");
    let booked: Vec<String> = told.iter().map(|event| text(&event["data"]["booking_id"])).collect();
    assert_eq!(booked.len(), expected.len(), "events and bookings");
    assert_eq!(booked.into_iter().collect::<BTreeSet<_>>(), expected);
}

async fn list_events(admin: &TestPerson, kind: &str) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    loop {
        let after = items.last().map_or(0, |event| event["position"].as_i64().unwrap());
        let path = format!("/api/admin/events?type={kind}&after={after}&limit=200");
        let page = admin.get(&path).await.expect(200)["items"].as_array().unwrap().clone();
        if page.is_empty() {
            return items;
        }
        items.extend(page);
    }
}

/// There must be one mail per booking.
async fn check_mails(admin: &TestPerson, bookings: &[Value]) {
    let expected: BTreeSet<String> = bookings.iter().map(|booking| text(&booking["code"])).collect();
    let mails = eventually("every booking has its mail", || async {
        let mails = admin.list_all("/api/admin/mail").await;
        (mails.len() >= expected.len()).then_some(mails)
    })
    .await;
    let codes: Vec<String> = mails.iter().map(|mail| text(&mail["booking_code"])).collect();
    assert_eq!(codes.len(), expected.len(), "mails and bookings");
    assert_eq!(codes.into_iter().collect::<BTreeSet<_>>(), expected);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}
