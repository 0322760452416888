//! `/api/admin`: the administrators' list of bookings, its CSV table, and reports.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use crate::support::{TestApp, TestPerson, TestScreening, begin_within_one_day, invalid_field};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn thb(amount: i64) -> Value {
    json!({"amount": amount, "currency": "THB"})
}

/// The calendar day of a time in the cinema's time zone.
pub(crate) fn day_of(time: &Value) -> Date {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.to_zoned_datetime(TimeZone::get("Asia/Bangkok").unwrap()).date()
}

async fn list(admin: &TestPerson, query: &str) -> Value {
    admin.get(&format!("/api/admin/bookings?{query}")).await.expect(200)
}

fn codes(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|booking| booking["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn admin_bookings_are_filtered_by_query_and_summed_up() {
    begin_within_one_day().await;
    let app = TestApp::start().await;
    let admin = app.admin();
    let (ann, bob) = (app.sign_in("Ann_Lee").await, app.sign_in("bob%25").await);
    let (one, two) = (app.screening("ssss").await, app.screening("ssss").await);
    let first = ann.buy(&one, &["A1", "A2"]).await;
    let second = bob.buy(&one, &["A3"]).await;
    let third = ann.buy(&two, &["A1"]).await;
    let code = |booking: &Value| booking["code"].as_str().unwrap().to_owned();
    let (a, b, c) = (code(&first), code(&second), code(&third));

    let all = list(admin, "").await;
    assert_eq!(codes(&all), [c.as_str(), &b, &a], "newest first");
    let mut expected = first.clone();
    expected["customer"] = json!({"id": ann.id, "name": "ann_lee", "email": "ann_lee@example.test"});
    expected["payment_method"] = json!("mock_card");
    let mut shown = all["items"][2].clone();
    let name = shown["customer"]["name"].as_str().unwrap().to_lowercase();
    shown["customer"]["name"] = json!(name);
    assert_eq!(shown, expected);
    let totals = json!({"bookings": 3, "seats": 4, "revenue": thb(80_000)});
    assert_eq!(all["totals"], totals);
    let page = list(admin, "limit=1").await;
    assert_eq!((codes(&page), &page["totals"]), (vec![c.as_str()], &totals), "totals cover all pages");

    let (sale, show) = (day_of(&first["created_at"]), day_of(&first["start_time"]));
    let cases: Vec<(String, Vec<&str>)> = vec![
        (format!("movie_id={}", one.movie_id), vec![&b, &a]),
        (format!("screening_id={}", two.id), vec![&c]),
        (format!("movie_id={}&screening_id={}", one.movie_id, two.id), vec![]),
        (format!("date={sale}"), vec![&c, &b, &a]),
        (format!("date={}", sale.checked_sub(1.day()).unwrap()), vec![]),
        (format!("show_date={show}&screening_id={}", one.id), vec![&b, &a]),
        (format!("show_date={}", show.checked_add(3.days()).unwrap()), vec![]),
        ("q=ANN_l".into(), vec![&c, &a]),
        ("q=bob".into(), vec![&b]),
        ("q=EXAMPLE.test".into(), vec![&c, &b, &a]),
        (format!("q={}", b.to_lowercase()), vec![&b]),
        (format!("q={}", &a[1..]), vec![&a]),
        ("q=%25".into(), vec![&b]),
        ("q=n_l".into(), vec![&c, &a]),
        ("q=n.l".into(), vec![]),
        ("q=nobody".into(), vec![]),
        ("q=".into(), vec![&c, &b, &a]),
        ("status=CONFIRMED".into(), vec![&c, &b, &a]),
        ("status=REFUNDED".into(), vec![]),
        (format!("movie_id={NOBODY}"), vec![]),
        ("movie_id=nonsense".into(), vec![]),
        (format!("screening_id={NOBODY}"), vec![]),
        ("screening_id=nonsense".into(), vec![]),
    ];
    for (query, expected) in cases {
        let found = list(admin, &query).await;
        assert_eq!(codes(&found), expected, "{query}");
        assert_eq!(found["totals"]["bookings"], expected.len(), "{query}");
        let table = admin.get(&format!("/api/admin/bookings.csv?{query}")).await;
        assert_eq!(table.text.lines().count(), expected.len() + 1, "{query}");
    }
    for (query, field) in [("status=SOLD", "status"), ("date=today", "date"), ("show_date=2026-13-01", "show_date")] {
        assert_eq!(invalid_field(admin.get(&format!("/api/admin/bookings?{query}")).await), field);
        assert_eq!(invalid_field(admin.get(&format!("/api/admin/bookings.csv?{query}")).await), field);
    }
    app.finish().await;
}

#[tokio::test]
async fn csv_table_of_bookings_escapes_spreadsheet_formulas() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("=ann").await);
    let screening = app.screening("ssss").await;
    admin
        .patch(&format!("/api/admin/movies/{}", screening.movie_id), json!({"title": "+A, \"B\" เรื่อง"}))
        .await
        .expect(200);
    admin.patch(&format!("/api/admin/halls/{}", screening.hall_id), json!({"name": "@Hall"})).await.expect(200);
    let booking = ann.buy(&screening, &["A2", "A1"]).await;
    let answer = admin.get("/api/admin/bookings.csv").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/csv"), "{}", answer.header("content-type"));
    let raw =
        admin.request(reqwest::Method::GET, "/api/admin/bookings.csv").send().await.unwrap().bytes().await.unwrap();
    let text = |name: &str| booking[name].as_str().unwrap();
    // The cinema's time zone has had the offset +7 since 1920.
    let in_bangkok = |name: &str| {
        let at: Timestamp = text(name).parse().unwrap();
        (at + 7.hours()).to_string()[..16].replace('T', " ")
    };
    let header = "code,status,movie_title,hall_name,start_time,customer_name,customer_email,seats,total,currency,created_at,\
         payment_method,movie_title_th,refunded";
    let name = admin.get("/api/admin/bookings").await.expect(200)["items"][0]["customer"]["name"].clone();
    assert_eq!(name, "=ann");
    let expected = format!(
        "\u{feff}{header}\r\n{},CONFIRMED,\"'+A, \"\"B\"\" เรื่อง\",'@Hall,{},'=ann,'=ann@example.test,A1 A2,400.00,THB,{},mock_card,บททดสอบ,0.00\r\n",
        text("code"),
        in_bangkok("start_time"),
        in_bangkok("created_at"),
    );
    assert_eq!(String::from_utf8(raw.to_vec()).unwrap(), expected);
    app.finish().await;
}

#[tokio::test]
async fn reports_list_every_day_and_every_film() {
    begin_within_one_day().await;
    let app = TestApp::start().await;
    let (admin, ann) = (app.admin(), app.sign_in("ann").await);
    let (dear, cheap) = (app.screening("ssx/pp").await, app.screening("ssss").await);
    let booking = ann.buy(&dear, &["A1", "B1", "B2"]).await;
    ann.buy(&cheap, &["A1"]).await;
    let (sale, show) = (day_of(&booking["created_at"]), day_of(&booking["start_time"]));
    let (before, after) = (sale.checked_sub(1.day()).unwrap(), sale.checked_add(1.day()).unwrap());
    let daily = admin.get(&format!("/api/admin/reports/daily?from={before}&to={after}")).await.expect(200);
    let none = |date: Date| json!({"date": date.to_string(), "bookings": 0, "seats": 0, "revenue": thb(0)});
    let sold = json!({"date": sale.to_string(), "bookings": 2, "seats": 4, "revenue": thb(80_000)});
    assert_eq!(daily, json!({"items": [none(before), sold, none(after)], "next_cursor": null}));

    let movies = |from: Date, to: Date| async move {
        admin.get(&format!("/api/admin/reports/movies?from={from}&to={to}")).await.expect(200)["items"].clone()
    };
    let row = |screening: &TestScreening, seats: i64, sold: bool, occupancy: Value| {
        json!({
            "movie_id": screening.movie_id, "movie_title": "A Test of Time", "movie_title_th": "บททดสอบ", "bookings": i64::from(sold),
            "seats": seats, "revenue": thb(seats * 20_000), "occupancy": occupancy,
        })
    };
    // The seats were sold today for a later day. The occupancy is the number of sold seats divided by four; the blocked
    // seat does not count.
    let both = movies(sale, show).await;
    assert_eq!(both, json!([row(&dear, 3, true, json!(0.75)), row(&cheap, 1, true, json!(0.25))]));
    if show > sale {
        assert_eq!(
            movies(sale, sale).await,
            json!([row(&dear, 3, true, Value::Null), row(&cheap, 1, true, Value::Null)])
        );
        let shown = movies(show, show).await;
        let occupancies: Vec<&Value> = shown.as_array().unwrap().iter().map(|film| &film["occupancy"]).collect();
        assert_eq!(occupancies.len(), 2);
        assert!(occupancies.contains(&&json!(0.75)) && shown[0]["revenue"] == thb(0), "{shown}");
    }
    for report in ["daily", "movies"] {
        let ask = |query: &str| {
            let path = format!("/api/admin/reports/{report}?{query}");
            async move { admin.get(&path).await }
        };
        ask("from=2026-01-01&to=2027-02-04").await.expect(200);
        for (query, field) in [
            ("from=2026-01-01&to=2027-02-05", "to"),
            ("from=2026-01-02&to=2026-01-01", "to"),
            ("to=2026-01-01", "from"),
            ("from=2026-01-01", "to"),
            ("from=x&to=2026-01-01", "from"),
        ] {
            assert_eq!(invalid_field(ask(query).await), field, "{query}");
        }
    }
    app.finish().await;
}
