//! `/api/admin/screenings`: the filters of the list, and the numbers of seats.

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::{TestApp, TestPerson, TestScreening, eventually, invalid_field, now};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";
const LIST: &str = "/api/admin/screenings";

/// The day of a start in the cinema's time zone, which has had the offset +7 since 1920.
fn day_of(screening: &TestScreening) -> String {
    let start: Timestamp = screening.start_time.parse().unwrap();
    (start + 7.hours()).to_string()[..10].to_owned()
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// The numbers of seats of a screening: in all, sold and held.
fn seats(screening: &Value) -> [u64; 3] {
    ["seats_total", "seats_sold", "seats_held"].map(|field| screening[field].as_u64().unwrap())
}

async fn get(admin: &TestPerson, screening: &TestScreening) -> Value {
    admin.get(&format!("{LIST}/{}", screening.id)).await.expect(200)
}

#[tokio::test]
async fn administrators_list_of_screenings_is_filtered_by_film_hall_and_days() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let mut shows = Vec::new();
    for days in [1, 3, 5] {
        shows.push(app.screening_in("s", SignedDuration::from_hours(24 * days)).await);
    }
    let id = |at: usize| shows[at].id.as_str();
    let (first, middle) = (day_of(&shows[0]), day_of(&shows[1]));
    for (query, expected) in [
        (String::new(), vec![id(0), id(1), id(2)]),
        (format!("?movie_id={}", shows[1].movie_id), vec![id(1)]),
        (format!("?hall_id={}", shows[2].hall_id), vec![id(2)]),
        (format!("?movie_id={}&hall_id={}", shows[1].movie_id, shows[2].hall_id), vec![]),
        (format!("?from={middle}&to={middle}"), vec![id(1)]),
        (format!("?from={middle}"), vec![id(1), id(2)]),
        (format!("?to={first}"), vec![id(0)]),
        (format!("?hall_id={}&to={first}", shows[2].hall_id), vec![]),
        (format!("?movie_id={NOBODY}"), vec![]),
        (format!("?hall_id={NOBODY}"), vec![]),
        ("?movie_id=nonsense".to_owned(), vec![]),
        ("?hall_id=nonsense".to_owned(), vec![]),
    ] {
        assert_eq!(ids(&admin.list_all(&format!("{LIST}{query}")).await), expected, "{query}");
    }
    for (query, field) in
        [("from=today", "from"), ("to=1", "to"), ("from=2026-11-30&to=2026-11-29", "to"), ("limit=0", "limit")]
    {
        assert_eq!(invalid_field(admin.get(&format!("{LIST}?{query}")).await), field, "{query}");
    }
    // The cursor continues the filtered list.
    let page = admin.get(&format!("{LIST}?from={middle}&limit=1")).await.expect(200);
    assert_eq!(ids(page["items"].as_array().unwrap()), [id(1)]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = admin.get(&format!("{LIST}?from={middle}&limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((ids(page["items"].as_array().unwrap()), &page["next_cursor"]), (vec![id(2)], &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn administrators_see_how_many_seats_are_sold_and_held() {
    let app = TestApp::start().await;
    let (admin, ann, bob) = (app.admin(), app.sign_in("ann").await, app.sign_in("bob").await);
    let (screening, other) = (app.screening("sssx/pp").await, app.screening("ss").await);
    assert_eq!(seats(&get(admin, &screening).await), [5, 0, 0], "blocked cells are no seats, a pair is one");
    ann.buy(&screening, &["A1", "B1"]).await;
    bob.buy(&other, &["A1"]).await;
    bob.lock(&screening, &["A2"]).await.expect(200);
    // Numbers of held seats may be two seconds old.
    let counted = eventually("the locked seat is counted", || async {
        let one = get(admin, &screening).await;
        (seats(&one)[2] == 1).then_some(one)
    })
    .await;
    assert_eq!(seats(&counted), [5, 2, 1]);
    bob.start_payment(&screening).await.expect(201);
    let listed = admin.list_all(LIST).await;
    let of = |id: &str| seats(listed.iter().find(|item| item["id"] == id).unwrap());
    assert_eq!((of(&screening.id), of(&other.id)), ([5, 2, 1], [2, 1, 0]), "a seat that is being paid for is held");
    let prices = json!({"prices": {"standard": {"amount": 30_000, "currency": "THB"}}});
    let changed = admin.patch(&format!("{LIST}/{}", screening.id), prices).await.expect(200);
    assert_eq!(seats(&changed)[..2], [5, 2]);
    let soon = Timestamp::from_second((now() + 240.hours()).as_second()).unwrap();
    let body = json!({
        "movie_id": other.movie_id, "hall_id": other.hall_id, "start_time": soon.to_string(),
        "prices": {"standard": {"amount": 0, "currency": "THB"}},
    });
    assert_eq!(seats(&admin.post(LIST, body).await.expect(201)), [2, 0, 0]);
    app.finish().await;
}
