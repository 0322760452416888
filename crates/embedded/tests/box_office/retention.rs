//! Old entries of the audit log are deleted after the times of the settings.

use jiff::SignedDuration;
use seatkeeper_core::{
    box_office::forget_audit,
    event::{Event, EventKind, ReleasedBecause},
    ports::{AuditFilter, PageRequest},
};
use seatkeeper_testing::event_of;

use crate::office::TestOffice;

#[tokio::test]
async fn audit_log_keeps_releases_and_refused_attempts_for_the_days_of_the_settings() {
    let test = TestOffice::new();
    let office = &*test.office;
    let released = EventKind::SeatReleased { seat_ids: Vec::new(), reason: ReleasedBecause::UserUnlocked };
    let released = Event::new(office.now(), &*office.entropy, released);
    let refused = event_of(&*office.entropy, office.now(), "admin_refused");
    let changed = event_of(&*office.entropy, office.now(), "movie_created");
    office.stores.audit.append_audit(&[released.clone(), refused.clone(), changed.clone()]).await.unwrap();
    let left = async || {
        while forget_audit(office).await.unwrap() {}
        let page = office.stores.audit.list_audit(&AuditFilter::default(), PageRequest::FIRST).await.unwrap();
        [&released, &refused, &changed].map(|event| page.items.contains(event))
    };
    let day = SignedDuration::from_hours(24);
    test.clock.advance(30 * day);
    assert_eq!(left().await, [true, true, true], "30 days are not over");
    test.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(left().await, [false, true, true]);
    test.clock.advance(60 * day);
    assert_eq!(left().await, [false, false, true]);
    test.clock.advance(3_650 * day);
    assert_eq!(left().await, [false, false, true], "changes are kept for good");
}
