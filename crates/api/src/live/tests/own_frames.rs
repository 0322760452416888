//! Tests of the frames that a room sends only to one person: the hold (the seats that the person has locked), every
//! change of it, and payments. With paused time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use seatkeeper_core::{
    ids::PersonId,
    payment::PaymentStatus,
    ports::{SeatLocks as _, SeatMaps as _},
};
use serde_json::Value;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, timeout},
};

use super::{
    stage::{Stage, payment, person, seat_id},
    viewer::{Then, Viewer},
};
use crate::{
    live::{
        LiveLimits,
        hub::Rooms,
        limits::OWN_QUEUE_FRAMES_MAX,
        room::{Frame, OwnFrames, Room, Subscription},
    },
    wire::{Hold, wire_seq},
};

/// A signed-in client's subscription, without a socket.
struct Phone {
    own: OwnFrames,
    frames: tokio::sync::broadcast::Receiver<Frame>,
    viewer: Viewer,
}

impl Phone {
    fn at(room: &Arc<Room>, person: PersonId) -> Self {
        let Subscription { frames, snapshot, own } = room.subscribe(Instant::now(), Some(person)).unwrap();
        let mut viewer = Viewer::default();
        assert_eq!(viewer.take(&snapshot), Then::GoOn);
        Self { own: own.unwrap(), frames, viewer }
    }

    async fn on(rooms: &Rooms, stage: &Stage, person: PersonId) -> Self {
        Self::at(&rooms.open(stage.id()).await.unwrap(), person)
    }

    /// Waits for the next of the person's own frames.
    async fn next(&mut self) -> Value {
        let frame = timeout(Duration::from_secs(5), self.own.next()).await.expect("no own frame in time").unwrap();
        serde_json::from_str(&frame).unwrap()
    }

    /// Waits for the next own frame, which must be a `hold` frame; returns its hold.
    async fn next_hold(&mut self) -> Value {
        let mut frame = self.next().await;
        assert_eq!(frame["type"], "hold", "{frame}");
        assert_eq!(frame["seq"], frame["hold"]["seq"]);
        frame["hold"].take()
    }

    /// Asserts that no own frame arrives within a second.
    async fn has_nothing_new(&mut self) {
        let next = timeout(Duration::from_secs(1), self.own.next()).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// Waits for the next frame that the room sends to all viewers.
    async fn next_of_room(&mut self) -> String {
        loop {
            if let Frame::Text(text) = self.frames.recv().await.unwrap() {
                assert_eq!(self.viewer.take(&text), Then::GoOn, "{text}");
                return text.to_string();
            }
        }
    }
}

/// The person's hold in the lock store, as the JSON of the API contract.
async fn hold_of(stage: &Stage, person: PersonId) -> Value {
    serde_json::to_value(Hold::of(stage.id(), &stage.hold_of(person).await)).unwrap()
}

fn stage() -> Stage {
    Stage::new(&[], LiveLimits::default())
}

#[tokio::test(start_paused = true)]
async fn subscription_of_a_person_begins_with_the_hold_even_if_empty() {
    let stage = stage();
    let ann = person(1);
    let mut first = Phone::on(&stage.rooms, &stage, ann).await;
    let empty = first.next_hold().await;
    assert_eq!((&empty["seat_ids"], &empty["payment_id"]), (&serde_json::json!([]), &Value::Null));
    stage.lock_seat("A1").await;
    assert_eq!(first.next_hold().await, hold_of(&stage, ann).await);
    let reads = stage.slow.reads.load(Ordering::SeqCst);
    let mut second = Phone::on(&stage.rooms, &stage, ann).await;
    assert_eq!(second.next_hold().await, hold_of(&stage, ann).await);
    assert_eq!(stage.slow.reads.load(Ordering::SeqCst), reads, "the second socket gets the cached hold");
}

#[tokio::test(start_paused = true)]
async fn hold_frame_reaches_all_sockets_of_its_person_on_all_servers_only() {
    let stage = stage();
    let (ann, bob) = (person(1), person(2));
    let other = stage.other_server();
    let mut phones = [
        Phone::on(&stage.rooms, &stage, ann).await,
        Phone::on(&stage.rooms, &stage, ann).await,
        Phone::on(&other, &stage, ann).await,
    ];
    let mut strangers = [Phone::on(&stage.rooms, &stage, bob).await, Phone::on(&other, &stage, bob).await];
    for phone in phones.iter_mut().chain(&mut strangers) {
        assert_eq!(phone.next_hold().await["seat_ids"], serde_json::json!([]));
    }
    let mut told = Vec::new();
    for seats in [&["A1", "A2"][..], &["B1"]] {
        let seats: Vec<_> = seats.iter().map(|seat| seat_id(seat)).collect();
        stage.lock_as(ann, &seats).await;
        told.push(hold_of(&stage, ann).await);
    }
    stage.start_payment(ann, payment(7)).await;
    told.push(hold_of(&stage, ann).await);
    assert_eq!(told.last().unwrap()["payment_id"], payment(7).to_string());
    stage.locks.mark_sold(stage.id(), payment(7), &[seat_id("A1"), seat_id("A2"), seat_id("B1")]).await.unwrap();
    told.push(hold_of(&stage, ann).await);
    for phone in &mut phones {
        for hold in &told {
            assert_eq!(phone.next_hold().await, *hold, "all changes, in order, on every server");
        }
    }
    // The next frame of the other person's sockets is about that person's own hold.
    stage.lock_as(bob, &[seat_id("C1")]).await;
    for stranger in &mut strangers {
        assert_eq!(stranger.next_hold().await["seat_ids"], serde_json::json!(["C1"]));
    }
}

#[tokio::test(start_paused = true)]
async fn hold_frame_is_sent_no_later_than_the_changes_frame_with_its_sequence() {
    let stage = stage();
    let mut phone = Phone::on(&stage.rooms, &stage, person(1)).await;
    phone.next_hold().await;
    // The first seat change is sent at once, the second waits for the room's tick; `hold` frames never wait.
    for seat in ["A1", "A2"] {
        let start = Instant::now();
        stage.lock_seat(seat).await;
        let hold = phone.next_hold().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        phone.next_of_room().await;
        assert_eq!(phone.viewer.seq, hold["seq"].as_i64());
    }
}

#[tokio::test(start_paused = true)]
async fn payment_frame_is_sent_to_the_payers_sockets_only() {
    let stage = stage();
    let other = stage.other_server();
    let (ann, bob) = (person(1), person(2));
    let mut phones = [Phone::on(&stage.rooms, &stage, ann).await, Phone::on(&other, &stage, ann).await];
    let mut stranger = Phone::on(&other, &stage, bob).await;
    for phone in phones.iter_mut().chain([&mut stranger]) {
        phone.next_hold().await;
    }
    stage.publish_payment(ann, payment(7), PaymentStatus::Pending).await;
    stage.publish_payment(bob, payment(8), PaymentStatus::Declined).await;
    for phone in &mut phones {
        let frame = serde_json::json!({"type": "payment", "id": payment(7).to_string(), "status": "PENDING"});
        assert_eq!(phone.next().await, frame);
    }
    assert_eq!(stranger.next().await["id"], payment(8).to_string());
}

#[tokio::test(start_paused = true)]
async fn start_and_end_of_a_payment_send_changes_frames_with_an_empty_list() {
    let stage = stage();
    let ann = person(1);
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    phone.next_hold().await;
    stage.lock_seat("A1").await;
    phone.next_of_room().await;
    stage.start_payment(ann, payment(7)).await;
    phone.next_of_room().await;
    stage.locks.end_payment(stage.id(), ann, payment(7)).await.unwrap();
    let frame = phone.next_of_room().await;
    assert!(frame.ends_with(r#""changes":[]}"#), "{frame}");
    let holds = [phone.next_hold().await, phone.next_hold().await, phone.next_hold().await];
    let payments = holds.each_ref().map(|hold| hold["payment_id"].as_str().map(str::to_owned));
    assert_eq!(payments, [None, Some(payment(7).to_string()), None]);
    assert_eq!(phone.viewer.seq, holds[2]["seq"].as_i64());
    // The next change continues the sequence numbers, and GET returns the same number.
    stage.lock_seat("A2").await;
    phone.next_of_room().await;
    assert_eq!(phone.viewer.seats, stage.truth().await);
    let map = stage.rooms.seat_map(&stage.screening).await.unwrap();
    assert_eq!(phone.viewer.seq, Some(wire_seq(map.seq)));
    assert_eq!(stage.wire.subscriptions.load(Ordering::SeqCst), 1, "nobody started over");
}

#[tokio::test(start_paused = true)]
async fn lost_change_of_a_payment_lock_is_detected_and_the_hold_read_again() {
    let stage = stage();
    let ann = person(1);
    // Another server also has a room with the map.
    let other = stage.other_server();
    other.open(stage.id()).await.unwrap();
    stage.lock_seat("A1").await;
    stage.start_payment(ann, payment(7)).await;
    stage.wire.lose.store(1, Ordering::SeqCst);
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    assert_eq!(phone.next_hold().await["payment_id"], payment(7).to_string());
    let start = Instant::now();
    stage.locks.end_payment(stage.id(), ann, payment(7)).await.unwrap();
    assert_eq!(phone.own.next().await, Err(RecvError::Closed), "the room starts over");
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    let hold = phone.next_hold().await;
    assert_eq!((&hold, &hold["payment_id"]), (&hold_of(&stage, ann).await, &Value::Null));
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn socket_that_lags_behind_its_persons_queue_gets_the_latest_hold_when_it_subscribes_again() {
    let stage = stage();
    let ann = person(1);
    let mut slow = Phone::on(&stage.rooms, &stage, ann).await;
    let mut quick = Phone::on(&stage.rooms, &stage, ann).await;
    quick.next_hold().await;
    slow.next_hold().await;
    for _ in 0..OWN_QUEUE_FRAMES_MAX {
        stage.lock_seat("A1").await;
        quick.next_hold().await;
        stage.release(None).await;
        quick.next_hold().await;
    }
    stage.lock_seat("B1").await;
    let last = quick.next_hold().await;
    assert!(matches!(slow.own.next().await, Err(RecvError::Lagged(_))));
    let mut again = Phone::on(&stage.rooms, &stage, ann).await;
    assert_eq!(again.next_hold().await, last);
}

#[tokio::test(start_paused = true)]
async fn change_without_holders_makes_all_holds_of_the_room_be_read() {
    let stage = stage();
    stage.wire.is_old.store(true, Ordering::SeqCst);
    let (ann, bob) = (person(1), person(2));
    let (mut phone, mut stranger) =
        (Phone::on(&stage.rooms, &stage, ann).await, Phone::on(&stage.rooms, &stage, bob).await);
    phone.next_hold().await;
    stranger.next_hold().await;
    stage.lock_seat("A1").await;
    assert_eq!(phone.next_hold().await["seat_ids"], serde_json::json!(["A1"]));
    // Many changes within one pause between two batches of hold reads cost only one or two reads per person.
    phone.has_nothing_new().await;
    let reads = stage.slow.reads.load(Ordering::SeqCst);
    for number in 1..=50 {
        stage.lock(&[seatkeeper_core::ids::SeatId::new("C", number).unwrap()]).await;
    }
    let whole = hold_of(&stage, ann).await;
    while phone.next_hold().await["seat_ids"] != whole["seat_ids"] {}
    phone.has_nothing_new().await;
    let reads = stage.slow.reads.load(Ordering::SeqCst) - reads;
    assert!(reads <= 6, "{reads} reads for 50 changes and two people");
}

#[tokio::test(start_paused = true)]
async fn holds_are_read_again_after_the_room_is_reloaded() {
    let stage = stage();
    let ann = person(1);
    stage.wire.lose.store(1, Ordering::SeqCst);
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    phone.next_hold().await;
    let start = Instant::now();
    stage.lock_seat("C4").await;
    assert_eq!(phone.own.next().await, Err(RecvError::Closed), "the room starts over");
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    assert_eq!(phone.viewer.seats, stage.truth().await);
    assert_eq!(phone.next_hold().await, hold_of(&stage, ann).await);
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn failed_hold_read_is_retried_while_the_map_is_available() {
    let stage = stage();
    stage.rooms.open(stage.id()).await.unwrap();
    stage.lock_seat("A1").await;
    stage.rooms.seat_map(&stage.screening).await.unwrap();
    stage.slow.failing.store(3, Ordering::SeqCst);
    let mut phone = Phone::on(&stage.rooms, &stage, person(1)).await;
    assert_eq!(phone.viewer.snapshots, 1);
    assert_eq!(phone.next_hold().await, hold_of(&stage, person(1)).await);
    assert_eq!(stage.slow.reads.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn late_hold_read_does_not_overwrite_a_newer_hold_from_a_live_change() {
    let stage = stage();
    let ann = person(1);
    stage.rooms.open(stage.id()).await.unwrap();
    stage.lock_seat("A1").await;
    // The room has applied the change already, so the next subscriber does not get the hold from a live change, and it
    // is read from the lock store.
    stage.rooms.seat_map(&stage.screening).await.unwrap();
    stage.slow.hold_answers();
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    while stage.slow.reads.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // The pending read was made before this change, so its result does not contain the change.
    stage.lock_seat("A2").await;
    assert_eq!(phone.next_hold().await["seat_ids"], serde_json::json!(["A1", "A2"]));
    stage.slow.answers.add_permits(1_000);
    stage.lock_seat("A3").await;
    assert_eq!(
        phone.next_hold().await["seat_ids"],
        serde_json::json!(["A1", "A2", "A3"]),
        "the stale answer is not sent"
    );
    phone.has_nothing_new().await;
}

#[tokio::test(start_paused = true)]
async fn hold_read_requested_before_a_room_was_reloaded_is_discarded() {
    let stage = stage();
    let ann = person(1);
    let room = stage.rooms.open(stage.id()).await.unwrap();
    let mut phone = Phone::at(&room, ann);
    phone.next_hold().await;
    stage.lock_seat("A1").await;
    let now = phone.next_hold().await;
    // Generation 0 ended when the room loaded its first map.
    let lost = seatkeeper_core::locks::Hold { seq: u64::MAX, ..Default::default() };
    room.put_hold(0, ann, &lost);
    let mut again = Phone::at(&room, ann);
    assert_eq!(again.next_hold().await, now);
}

#[tokio::test(start_paused = true)]
async fn person_is_removed_from_the_room_when_the_persons_last_socket_closes() {
    let stage = stage();
    let room = stage.rooms.open(stage.id()).await.unwrap();
    let (one, two, other) = (Phone::at(&room, person(1)), Phone::at(&room, person(1)), Phone::at(&room, person(2)));
    assert_eq!(room.count_people(), 2);
    drop(one);
    assert_eq!(room.count_people(), 2);
    drop(two);
    assert_eq!(room.count_people(), 1);
    drop(other);
    assert_eq!(room.count_people(), 0);
    let _anonymous_subscription = room.subscribe(Instant::now(), None).unwrap();
    assert_eq!(room.count_people(), 0, "a viewer who is not signed in costs nothing here");
}

#[tokio::test(start_paused = true)]
async fn withdrawn_seat_is_shown_in_frames_snapshots_and_maps() {
    let stage = stage();
    let mut phone = Phone::on(&stage.rooms, &stage, person(1)).await;
    stage.locks.withdraw(stage.id(), &[seat_id("A1")]).await.unwrap();
    phone.next_of_room().await;
    assert_eq!(phone.viewer.seats["A1"], "UNAVAILABLE");
    let late = Phone::on(&stage.rooms, &stage, person(1)).await;
    assert_eq!(late.viewer.seats["A1"], "UNAVAILABLE");
    let body = stage.rooms.seat_map_body(&stage.screening).await.unwrap();
    let body: Value = serde_json::from_slice(&body.json).unwrap();
    assert_eq!((&body["seats"][0]["id"], &body["seats"][0]["status"]), (&"A1".into(), &"UNAVAILABLE".into()));
    stage.locks.restore_to_sale(stage.id(), &[seat_id("A1")]).await.unwrap();
    phone.next_of_room().await;
    assert!(!phone.viewer.seats.contains_key("A1"));
}
