//! Query plans: the frequently used statements use indexes and never scan a growing table.

use rusqlite::{Params, Transaction, params_from_iter};
use seatkeeper_core::{
    ids::{HallId, MovieId, ScreeningId},
    ports::{BookingFilter, PageRequest, Programme, ProgrammeChange, ScreeningFilter},
};
use seatkeeper_testing::{SeededEntropy, event_of, hall_of, movie_of, sample_now, screening_of};
use tempfile::TempDir;

use crate::sqlite::{
    SqliteStore, audit, claims, event_log, ledger, mail, outbox,
    rows::{self, Fault, list},
    sales, sales_reports, screenings, times,
};

fn plan(tx: &Transaction<'_>, sql: &str, params: impl Params) -> Result<String, Fault> {
    let steps: Vec<String> = list(tx, &format!("EXPLAIN QUERY PLAN {sql}"), params, |row| Ok(row.get("detail")?))?;
    Ok(steps.join("\n"))
}

/// Asserts that a query plan uses these indexes. A scan is allowed over an index, a list of arguments, or a subquery.
fn check(plan: &str, indexes: &[&str]) {
    for index in indexes {
        assert!(plan.contains(index), "{index} is not used:\n{plan}");
    }
    for step in plan.lines().filter(|step| step.starts_with("SCAN")) {
        let is_small = step.contains("USING INDEX") || step.contains("USING COVERING INDEX");
        let is_made = step.contains("VIRTUAL TABLE") || step.contains("CONSTANT ROW") || step.contains("subquery");
        assert!(is_small || is_made, "a whole table is scanned:\n{plan}");
    }
}

#[tokio::test]
async fn frequent_statements_use_their_indexes() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let checked = store.read(|tx| {
        let id = [0u8; 16];
        check(&plan(tx, outbox::UNSENT, [1])?, &["outbox_unsent"]);
        check(&plan(tx, "SELECT count(*) FROM outbox WHERE sent = 0", [])?, &["outbox_unsent"]);
        check(&plan(tx, event_log::NEXT, ("x", 1))?, &["SEARCH events USING INTEGER PRIMARY KEY"]);
        check(&plan(tx, mail::DUE, (0, 1))?, &["mails_due"]);
        check(&plan(tx, mail::FORGET_SENT, (0, 1))?, &["mails_by_status"]);
        check(&plan(tx, audit::RELEASED, (0, 1))?, &["audit_by_type"]);
        check(&plan(tx, audit::ACTIONS, (0, id, 0, 1))?, &["audit_by_type"]);
        let unfinished = ["payments_pending", "payments_confirming", "payments_money_task"];
        check(&plan(tx, ledger::UNFINISHED, (0, 1, 0, id))?, &unfinished);
        check(&plan(tx, ledger::TRUTH, (id, 0))?, &["SEARCH c USING PRIMARY KEY (screening_id=?)"]);
        check(&plan(tx, ledger::TAKEN, ("[]", 0))?, &["SEARCH c USING PRIMARY KEY (screening_id=?)"]);
        check(&plan(tx, sales::SOLD_SEATS, ["[]"])?, &["SEARCH c USING PRIMARY KEY (screening_id=?)"]);
        check(&plan(tx, claims::OF_PERSON, (id, id, 0))?, &["seat_claims_by_person"]);
        for (sql, index) in times::FUTURE_PAYMENTS.iter().zip(["payments_pending", "payments_confirming"]) {
            check(&plan(tx, sql, [0])?, &[index]);
        }
        check(&plan(tx, times::CALL_LEASES, (0, 0))?, &["reservations_by_time (created_at>?)"]);
        check(&plan(tx, times::ENDS[1].0, [0])?, &["USING INDEX mails"]);
        let one = "SELECT * FROM seat_claims WHERE screening_id = ?1 AND seat_id = ?2";
        check(&plan(tx, one, (id, "A1"))?, &["USING PRIMARY KEY (screening_id=? AND seat_id=?)"]);
        Ok(())
    });
    checked.await.unwrap();
}

#[tokio::test]
async fn pages_of_bookings_are_read_in_index_order_without_a_sort() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let movie = MovieId::from_uuid(uuid::Uuid::nil());
    let all = BookingFilter::default();
    for (filter, index) in [
        (BookingFilter { movie_id: Some(movie), ..all.clone() }, "bookings_by_movie"),
        (BookingFilter { text: Some("ann".to_owned()), ..all.clone() }, "bookings_by_time"),
        (all, "bookings_by_time"),
    ] {
        let checked = store.read(move |tx| {
            let (sql, values) = sales::list_statement(&filter, PageRequest::FIRST);
            let plan = plan(tx, &sql, params_from_iter(values))?;
            check(&plan, &[index]);
            assert!(!plan.contains("TEMP B-TREE"), "the plan sorts:\n{plan}");
            Ok(())
        });
        checked.await.unwrap();
    }
}

/// The rows of bookings and of people are several times as long as their entries in these indexes, so reading rows would read
/// several times as many bytes.
#[tokio::test]
async fn totals_reports_and_searches_read_indexes_and_no_rows() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let (bookings, people) = ("COVERING INDEX bookings_by_time_for_reports", "COVERING INDEX people_by_search");
    let all = BookingFilter::default();
    let with_text = BookingFilter { text: Some("ann".to_owned()), ..all.clone() };
    let checked = store.read(move |tx| {
        for (filter, indexes) in [(all, &[bookings][..]), (with_text.clone(), &[bookings, people])] {
            let (sql, values) = sales::sum_statement(&filter);
            check(&plan(tx, &sql, params_from_iter(values))?, indexes);
        }
        let (sql, values) = sales::list_statement(&with_text, PageRequest::FIRST);
        check(&plan(tx, &sql, params_from_iter(values))?, &["bookings_by_time_for_reports", people]);
        for sql in [sales_reports::SLICES, sales_reports::SOLD] {
            check(&plan(tx, sql, (0, 1))?, &[bookings]);
        }
        Ok(())
    });
    checked.await.unwrap();
}

#[tokio::test]
async fn lists_of_screenings_are_read_from_an_index_with_every_filter() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let all = ScreeningFilter::default();
    let movie = vec![MovieId::from_uuid(uuid::Uuid::nil())];
    for (index, filter) in [
        ("screenings_by_movie (movie_id=?", ScreeningFilter { movies: Some(movie), ..all.clone() }),
        (
            "screenings_by_hall (hall_id=?",
            ScreeningFilter { hall: Some(HallId::from_uuid(uuid::Uuid::nil())), ..all.clone() },
        ),
        (
            "screenings_by_start (",
            ScreeningFilter { from: Some(sample_now()), before: Some(sample_now()), ..all.clone() },
        ),
        ("screenings_by_start", all),
    ] {
        let checked = store.read(move |tx| {
            let (sql, values) = screenings::list_statement(screenings::SELECT, &filter, PageRequest::FIRST)?;
            check(&plan(tx, &sql, params_from_iter(values))?, &[index]);
            Ok(())
        });
        checked.await.unwrap();
    }
}

#[tokio::test]
async fn list_of_screening_ids_does_not_parse_layouts() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let ids = SeededEntropy::new(4);
    let movie = movie_of(MovieId::from_uuid(ids.next_uuid()), "Often Shown");
    let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall", "ss");
    let screening = screening_of(ScreeningId::from_uuid(ids.next_uuid()), &movie, &hall, sample_now());
    let id = screening.id;
    let event = event_of(&ids, sample_now(), "made");
    for change in [
        ProgrammeChange::PutMovie(movie, 0),
        ProgrammeChange::PutHall(hall, 0),
        ProgrammeChange::PutScreening(screening, 0),
    ] {
        store.change_programme(&change, &event, sample_now()).await.unwrap();
    }
    // The values are replaced by text that cannot be parsed, so that parsing them would fail.
    store.write(|tx| rows::run(tx, "UPDATE screenings SET layout = 'no', prices = 'no'", [])).await.unwrap();
    let all = ScreeningFilter::default();
    assert_eq!(store.list_screening_ids(&all, PageRequest::FIRST).await.unwrap().items, [id]);
    assert!(store.list_screenings(&all, PageRequest::FIRST).await.is_err());
}
