//! Releases (locks that ended without a sale), as the lock store records them for the outbox.

use super::{
    LocksFixture,
    hall::{Hall, seats, someone, sure},
};
use seatkeeper_core::locks::{Release, ReleaseReason};

/// The number of servers that sweep concurrently.
const SERVERS: usize = 8;

fn summary(release: &Release) -> (String, ReleaseReason) {
    let names: Vec<String> = release.seats.iter().map(ToString::to_string).collect();
    (names.join(" "), release.reason)
}

/// Releases are listed oldest first until they are removed. Removing one does not remove others.
pub async fn releases_are_listed_oldest_first_until_removed(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(ann, "A1 A2 A3").await;
    hall.take(bob, "B1").await;
    hall.release(ann, Some("A2 A1")).await;
    hall.release(bob, None).await;
    hall.release(bob, None).await;
    fixture.advance(hall.lock_time()).await;
    hall.sweep().await;
    let releases = hall.releases().await;
    let (let_go, run_out) = (ReleaseReason::UserUnlocked, ReleaseReason::Expired);
    let all = [("A1 A2".to_owned(), let_go), ("B1".to_owned(), let_go), ("A3".to_owned(), run_out)];
    assert_eq!(releases.iter().map(summary).collect::<Vec<_>>(), all);
    assert_eq!(releases.iter().map(|release| release.holder).collect::<Vec<_>>(), [ann, bob, ann]);
    assert!(releases.is_sorted_by_key(|release| release.seq));
    assert!(releases.is_sorted_by_key(|release| release.at));
    assert_eq!(sure(hall.locks.list_releases(Some(hall.screening), 1).await), releases[..1]);
    assert_eq!(sure(hall.locks.list_releases(None, 1).await).len(), 1);
    assert_eq!(sure(hall.locks.list_releases(None, 0).await).len(), 0);

    sure(hall.locks.forget_releases(&releases[1..2]).await);
    assert_eq!(hall.releases().await, [releases[0].clone(), releases[2].clone()]);
    sure(hall.locks.forget_releases(&releases).await);
    sure(hall.locks.forget_releases(&[]).await);
    assert_eq!(hall.releases().await, []);
}

/// A call that locks a seat with an expired lock records the release of that lock first; the sweep does not record it
/// again.
pub async fn takeover_of_an_expired_lock_writes_its_release_first(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(ann, "A1").await;
    fixture.advance(hall.lock_time()).await;
    hall.take(bob, "A1").await;
    let releases = hall.releases().await;
    assert_eq!(releases.iter().map(summary).collect::<Vec<_>>(), [("A1".to_owned(), ReleaseReason::Expired)]);
    assert_eq!(releases[0].holder, ann);
    hall.sweep().await;
    assert_eq!(hall.releases().await, releases);
    assert_eq!(hall.hold_of(bob).await.seats.len(), 1);
}

/// Each expired lock is released once, even if several servers sweep concurrently.
pub async fn concurrent_sweeps_release_each_lock_once(fixture: &dyn LocksFixture) {
    let hall = Hall::loaded(fixture).await;
    let (ann, bob) = (someone(), someone());
    hall.take(ann, "A1 A2").await;
    hall.take(bob, "A3").await;
    fixture.advance(hall.lock_time()).await;
    hall.sweep_concurrently(SERVERS).await;
    let mut released: Vec<_> = hall.releases().await.iter().flat_map(|release| release.seats.to_vec()).collect();
    released.sort_unstable();
    assert_eq!(released, seats("A1 A2 A3"));
    assert_eq!(hall.map().await, "");
}
