//! A person's own frames in a room: the hold, every change of it, payments. On a clock that stands.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use seatkeeper_core::{ids::PersonId, payment::PaymentStatus, ports::SeatLocks as _};
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

/// A socket of a person, without the socket.
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

    /// The next of the person's own frames.
    async fn next(&mut self) -> Value {
        let frame = timeout(Duration::from_secs(5), self.own.next()).await.expect("no frame of one's own").unwrap();
        serde_json::from_str(&frame).unwrap()
    }

    /// The hold of the next frame, which is one.
    async fn next_hold(&mut self) -> Value {
        let mut frame = self.next().await;
        assert_eq!(frame["type"], "hold", "{frame}");
        assert_eq!(frame["seq"], frame["hold"]["seq"]);
        frame["hold"].take()
    }

    /// Nothing of one's own comes for a second.
    async fn has_nothing_new(&mut self) {
        let next = timeout(Duration::from_secs(1), self.own.next()).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// The next frame of the room.
    async fn next_of_room(&mut self) -> String {
        loop {
            if let Frame::Text(text) = self.frames.recv().await.unwrap() {
                assert_eq!(self.viewer.take(&text), Then::GoOn, "{text}");
                return text.to_string();
            }
        }
    }
}

/// The hold as the lock store has it, as the contract writes it.
async fn hold_of(stage: &Stage, person: PersonId) -> Value {
    serde_json::to_value(Hold::of(stage.id(), &stage.hold_of(person).await)).unwrap()
}

fn stage() -> Stage {
    Stage::new(&[], LiveLimits::default())
}

#[tokio::test(start_paused = true)]
async fn a_subscription_of_somebody_begins_with_their_hold_even_if_it_is_empty() {
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
    assert_eq!(stage.slow.reads.load(Ordering::SeqCst), reads, "the hold of the first socket serves the second too");
}

#[tokio::test(start_paused = true)]
async fn a_hold_frame_reaches_every_socket_of_its_person_on_every_server_and_nobody_else() {
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
            assert_eq!(phone.next_hold().await, *hold, "each change, in order, the same everywhere");
        }
    }
    // What strangers get next is about themselves.
    stage.lock_as(bob, &[seat_id("C1")]).await;
    for stranger in &mut strangers {
        assert_eq!(stranger.next_hold().await["seat_ids"], serde_json::json!(["C1"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_frame_comes_no_later_than_the_changes_of_the_same_sequence() {
    let stage = stage();
    let mut phone = Phone::on(&stage.rooms, &stage, person(1)).await;
    phone.next_hold().await;
    // The first change goes at once, the second waits for the room's tick; neither hold does.
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
async fn a_payment_frame_goes_to_the_payers_sockets_alone() {
    let stage = stage();
    let other = stage.other_server();
    let (ann, bob) = (person(1), person(2));
    let mut phones = [Phone::on(&stage.rooms, &stage, ann).await, Phone::on(&other, &stage, ann).await];
    let mut stranger = Phone::on(&other, &stage, bob).await;
    for phone in phones.iter_mut().chain([&mut stranger]) {
        phone.next_hold().await;
    }
    stage.tell_payment(ann, payment(7), PaymentStatus::Pending).await;
    stage.tell_payment(bob, payment(8), PaymentStatus::Declined).await;
    for phone in &mut phones {
        let frame = serde_json::json!({"type": "payment", "id": payment(7).to_string(), "status": "PENDING"});
        assert_eq!(phone.next().await, frame);
    }
    assert_eq!(stranger.next().await["id"], payment(8).to_string());
}

#[tokio::test(start_paused = true)]
async fn a_payment_lock_alone_is_an_empty_change_and_the_chain_stays_whole() {
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
    // What comes next follows on it, and GET counts the same way.
    stage.lock_seat("A2").await;
    phone.next_of_room().await;
    assert_eq!(phone.viewer.seats, stage.truth().await);
    let map = stage.rooms.seat_map(&stage.screening).await.unwrap();
    assert_eq!(phone.viewer.seq, Some(wire_seq(map.seq)));
    assert_eq!(stage.wire.subscriptions.load(Ordering::SeqCst), 1, "nobody started over");
}

#[tokio::test(start_paused = true)]
async fn a_lost_change_of_a_payment_lock_alone_is_found_and_the_hold_read_again() {
    let stage = stage();
    let ann = person(1);
    // Another server has the map loaded.
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
async fn a_queue_of_ones_own_that_lags_starts_over_with_the_latest_hold() {
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
async fn a_change_that_does_not_say_whose_it_is_makes_the_holds_of_those_here_be_read() {
    let stage = stage();
    stage.wire.is_old.store(true, Ordering::SeqCst);
    let (ann, bob) = (person(1), person(2));
    let (mut phone, mut stranger) =
        (Phone::on(&stage.rooms, &stage, ann).await, Phone::on(&stage.rooms, &stage, bob).await);
    phone.next_hold().await;
    stranger.next_hold().await;
    stage.lock_seat("A1").await;
    assert_eq!(phone.next_hold().await["seat_ids"], serde_json::json!(["A1"]));
    // Many changes within a pause of the reader cost a reading or two for each person.
    phone.has_nothing_new().await;
    let reads = stage.slow.reads.load(Ordering::SeqCst);
    for number in 1..=50 {
        stage.lock(&[seatkeeper_core::ids::SeatId::new("C", number).unwrap()]).await;
    }
    let whole = hold_of(&stage, ann).await;
    while phone.next_hold().await["seat_ids"] != whole["seat_ids"] {}
    phone.has_nothing_new().await;
    let reads = stage.slow.reads.load(Ordering::SeqCst) - reads;
    assert!(reads <= 6, "{reads} readings for 50 changes and two people");
}

#[tokio::test(start_paused = true)]
async fn after_the_room_has_started_over_every_hold_is_read_again() {
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
async fn a_hold_that_cannot_be_read_is_read_later_and_the_map_is_there_meanwhile() {
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
async fn a_change_between_reading_a_hold_and_its_answer_is_not_overwritten() {
    let stage = stage();
    let ann = person(1);
    stage.rooms.open(stage.id()).await.unwrap();
    stage.lock_seat("A1").await;
    // The room has taken it in: whoever comes now must have their hold read.
    stage.rooms.seat_map(&stage.screening).await.unwrap();
    stage.slow.hold_answers();
    let mut phone = Phone::on(&stage.rooms, &stage, ann).await;
    while stage.slow.reads.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // The answer on its way knows nothing of this.
    stage.lock_seat("A2").await;
    assert_eq!(phone.next_hold().await["seat_ids"], serde_json::json!(["A1", "A2"]));
    stage.slow.answers.add_permits(1_000);
    stage.lock_seat("A3").await;
    assert_eq!(
        phone.next_hold().await["seat_ids"],
        serde_json::json!(["A1", "A2", "A3"]),
        "the old answer is not sent"
    );
    phone.has_nothing_new().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_the_room_started_over_says_nothing_after_it() {
    let stage = stage();
    let ann = person(1);
    let room = stage.rooms.open(stage.id()).await.unwrap();
    let mut phone = Phone::at(&room, ann);
    phone.next_hold().await;
    stage.lock_seat("A1").await;
    let now = phone.next_hold().await;
    // Generation 0 was over when the first map came.
    let lost = seatkeeper_core::locks::Hold { seq: u64::MAX, ..Default::default() };
    room.put_hold(0, ann, &lost);
    let mut again = Phone::at(&room, ann);
    assert_eq!(again.next_hold().await, now);
}

#[tokio::test(start_paused = true)]
async fn a_room_forgets_people_with_their_last_socket() {
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
    let _nobody = room.subscribe(Instant::now(), None).unwrap();
    assert_eq!(room.count_people(), 0, "a viewer who is not signed in costs nothing here");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_seat_is_a_live_change_in_frames_snapshots_and_maps() {
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
