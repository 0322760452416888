//! Tests of rooms together with their background tasks, with paused time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, advance, timeout},
};

use super::{
    stage::{Stage, screening, seat_id},
    viewer::{Then, Viewer},
};
use crate::live::{
    LiveLimits,
    compare::LastCompared,
    hub::NoRoom,
    limits::{ALIVE_EVERY, COMPARED_AGO_MAX, ROOM_IDLE_MAX, ROOM_OPEN_WAIT_MAX, tick_of},
    room::{Frame, Room, Subscription},
};

/// A viewer's subscription, together with the seat map that a client builds from its frames.
struct Looking {
    subscription: Subscription,
    viewer: Viewer,
}

impl Looking {
    fn at(room: &Arc<Room>) -> Self {
        let subscription = room.subscribe(Instant::now(), None).unwrap();
        let mut viewer = Viewer::default();
        assert_eq!(viewer.take(&subscription.snapshot), Then::GoOn);
        Self { subscription, viewer }
    }

    async fn on(stage: &Stage) -> Self {
        Self::at(&stage.rooms.open(stage.id()).await.unwrap())
    }

    /// Waits for the next frame; returns its text.
    async fn next(&mut self) -> String {
        loop {
            if let Frame::Text(text) = self.subscription.frames.recv().await.unwrap() {
                assert_eq!(self.viewer.take(&text), Then::GoOn, "{text}");
                return text.to_string();
            }
        }
    }

    fn has_nothing_new(&self) -> bool {
        self.subscription.frames.is_empty()
    }
}

fn stage() -> Stage {
    Stage::new(&["A1"], LiveLimits::default())
}

#[tokio::test(start_paused = true)]
async fn first_viewer_of_a_screening_gets_the_map_with_sold_seats() {
    let stage = stage();
    let looking = Looking::on(&stage).await;
    assert_eq!(looking.viewer.seats, stage.truth().await);
    assert_eq!(looking.viewer.seats["A1"], "BOOKED");
}

#[tokio::test(start_paused = true)]
async fn first_change_is_sent_at_once_and_rapid_changes_are_batched() {
    let stage = stage();
    let mut looking = Looking::on(&stage).await;
    let start = Instant::now();
    stage.lock_seat("A2").await;
    looking.next().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    for seat in ["B1", "B2", "B3"] {
        stage.lock_seat(seat).await;
    }
    stage.sell("B3").await;
    stage.release(Some(&[seat_id("B1")])).await;
    let together = looking.next().await;
    assert_eq!(start.elapsed(), tick_of(1));
    assert_eq!(together.matches("\"id\"").count(), 3, "each seat once, with its last status: {together}");
    assert_eq!(looking.viewer.seats, stage.truth().await);
    assert!(looking.has_nothing_new());
}

#[tokio::test(start_paused = true)]
async fn viewer_who_joins_while_changes_are_batched_misses_no_change() {
    let stage = stage();
    let mut early = Looking::on(&stage).await;
    stage.lock_seat("A2").await;
    early.next().await;
    stage.lock_seat("A3").await;
    // Let the room's task apply the change and wait for the end of the tick.
    tokio::task::yield_now().await;
    let mut late = Looking::on(&stage).await;
    assert_eq!(late.viewer, Viewer { snapshots: 1, ..early.viewer.clone() }, "as of the last frame sent");
    assert_eq!(late.next().await, early.next().await, "then the same bytes");
    assert_eq!(late.viewer.seats, stage.truth().await);
}

#[tokio::test(start_paused = true)]
async fn lost_change_is_detected_within_two_seconds() {
    let stage = Stage::new(&[], LiveLimits::default());
    stage.wire.lose.store(1, Ordering::SeqCst);
    let mut looking = Looking::on(&stage).await;
    let start = Instant::now();
    stage.lock_seat("C4").await;
    let frame = looking.next().await;
    assert!(frame.starts_with(r#"{"type":"snapshot""#), "{frame}");
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(looking.viewer.seats, stage.truth().await);
}

#[tokio::test(start_paused = true)]
async fn gap_in_the_sequence_is_detected_at_once() {
    let stage = Stage::new(&[], LiveLimits::default());
    stage.wire.lose.store(1, Ordering::SeqCst);
    let mut looking = Looking::on(&stage).await;
    let start = Instant::now();
    stage.lock_seat("C3").await;
    stage.lock_seat("C4").await;
    let frame = looking.next().await;
    assert!(frame.starts_with(r#"{"type":"snapshot""#), "{frame}");
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    assert_eq!(looking.viewer.seats, stage.truth().await);
    assert_eq!(stage.wire.subscriptions.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn closed_feed_is_reopened_without_missing_a_change() {
    let stage = Stage::new(&[], LiveLimits::default());
    // A feed that loses one change is forwarded through a task, which `cut` can stop.
    stage.wire.lose.store(1, Ordering::SeqCst);
    let mut looking = Looking::on(&stage).await;
    stage.wire.cut();
    stage.lock_seat("C4").await;
    while looking.viewer.seats != stage.truth().await {
        looking.next().await;
    }
    assert!(stage.wire.subscriptions.load(Ordering::SeqCst) >= 2);
}

#[tokio::test(start_paused = true)]
async fn lagging_viewer_gets_a_new_snapshot_and_does_not_delay_other_viewers() {
    let stage = stage();
    let room = stage.rooms.open(stage.id()).await.unwrap();
    let (mut slow, mut quick) = (Looking::at(&room), Looking::at(&room));
    for _ in 0..40 {
        stage.lock_seat("B1").await;
        quick.next().await;
        stage.release(None).await;
        quick.next().await;
    }
    stage.lock_seat("B2").await;
    quick.next().await;
    assert!(matches!(slow.subscription.frames.recv().await, Err(RecvError::Lagged(_))));
    let slow = Looking::at(&room);
    assert_eq!(slow.viewer.seats, quick.viewer.seats);
    assert_eq!(quick.viewer.snapshots, 1, "the quick viewer never started over");
}

#[tokio::test(start_paused = true)]
async fn alive_is_sent_every_ten_seconds() {
    let stage = stage();
    let mut looking = Looking::on(&stage).await;
    let start = Instant::now();
    for beat in 1..=4 {
        let frame = looking.next().await;
        assert!(frame.starts_with(r#"{"type":"alive""#), "{frame}");
        assert_eq!(start.elapsed(), ALIVE_EVERY * beat);
    }
}

#[tokio::test(start_paused = true)]
async fn comparison_is_recent_for_ten_seconds_after_its_confirmation() {
    let compared = LastCompared::now();
    advance(COMPARED_AGO_MAX).await;
    assert!(compared.is_recent());
    advance(Duration::from_millis(1)).await;
    assert!(!compared.is_recent());
    compared.confirm();
    assert!(compared.is_recent());
}

#[tokio::test(start_paused = true)]
async fn room_stays_open_while_it_has_viewers_and_closes_when_idle() {
    let stage = stage();
    let mut looking = Looking::on(&stage).await;
    let room = stage.rooms.open(stage.id()).await.unwrap();
    let start = Instant::now();
    while start.elapsed() < ROOM_IDLE_MAX * 3 {
        looking.next().await;
    }
    assert!(!room.is_closed());
    drop(looking);
    let left = Instant::now();
    while !room.is_closed() {
        advance(Duration::from_millis(500)).await;
        tokio::task::yield_now().await;
        assert!(left.elapsed() <= ROOM_IDLE_MAX * 2, "never closed");
    }
    assert!(stage.rooms.open(stage.id()).await.is_ok(), "the next viewer opens a new room");
}

#[tokio::test(start_paused = true)]
async fn room_is_refused_at_the_limit_until_another_room_has_no_viewers() {
    let stage = Stage::new(&[], LiveLimits { rooms_max: 1, ..LiveLimits::default() });
    let looking = Looking::on(&stage).await;
    let other = screening(2);
    assert_eq!(stage.rooms.open(other.screening.id).await.err(), Some(NoRoom::Full));
    let map = stage.rooms.seat_map(&other).await.unwrap();
    assert!(map.seats.is_empty(), "the map can still be read");
    drop(looking);
    assert!(stage.rooms.open(other.screening.id).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn opening_a_room_times_out_while_the_lock_store_is_unavailable_and_succeeds_later() {
    let stage = stage();
    stage.wire.is_away.store(true, Ordering::SeqCst);
    let start = Instant::now();
    assert_eq!(stage.rooms.open(stage.id()).await.err(), Some(NoRoom::NoMap));
    assert_eq!(start.elapsed(), ROOM_OPEN_WAIT_MAX);
    stage.wire.is_away.store(false, Ordering::SeqCst);
    let back = timeout(Duration::from_secs(2), async { while stage.rooms.open(stage.id()).await.is_err() {} });
    assert!(back.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn map_read_after_a_lock_contains_the_lock() {
    let stage = stage();
    let mut looking = Looking::on(&stage).await;
    let start = Instant::now();
    for seat in ["A2", "A3", "A4", "B1"] {
        stage.lock_seat(seat).await;
        let map = stage.rooms.seat_map(&stage.screening).await.unwrap();
        assert!(map.seats.iter().any(|change| change.id == seat_id(seat)), "{seat}");
    }
    while looking.viewer.seats != stage.truth().await {
        looking.next().await;
    }
    assert!(start.elapsed() <= tick_of(1) * 4, "reading the map does not delay viewers: {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn seat_map_body_is_cached_between_two_changes() {
    let stage = stage();
    let body = async || stage.rooms.seat_map_body(&stage.screening).await.unwrap();
    let (first, again) = (body().await, body().await);
    assert!(Arc::ptr_eq(&first, &again));
    stage.lock_seat("A2").await;
    let after = body().await;
    assert_ne!(first.etag, after.etag);
}

#[tokio::test(start_paused = true)]
async fn available_seats_exclude_locked_ones_only_once_the_lock_store_has_loaded_the_map() {
    let stage = stage();
    let screenings = [stage.screening.clone(), screening(2)];
    let count = async || stage.rooms.seats_available(&screenings).await.unwrap();
    assert_eq!(count().await, [11, 11], "not loaded: sold and claimed seats count");
    let _open = Looking::on(&stage).await;
    stage.lock_seat("A2").await;
    advance(Duration::from_secs(2)).await;
    assert_eq!(count().await, [10, 11], "loaded: locked seats count too");
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_rooms_after_their_queues_are_drained() {
    let stage = stage();
    let mut looking = Looking::on(&stage).await;
    stage.lock_seat("A2").await;
    looking.next().await;
    stage.rooms.shut_down().await;
    assert_eq!(looking.subscription.frames.recv().await, Err(RecvError::Closed));
    assert_eq!(stage.rooms.open(stage.id()).await.err(), Some(NoRoom::Closed));
}
