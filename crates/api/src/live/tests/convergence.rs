//! Property test of the live seat maps. For any history of changes, joins, lags, lost changes, closed feeds and
//! rolled-back sequence numbers, a viewer's map at a sequence number equals the lock store's map at that number, and
//! every viewer's map converges to the lock store's current map. Every signed-in viewer converges to the person's
//! current hold, however long reading it takes.

use std::{
    collections::HashMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Effects, Hold, LiveEvent, LoadReply, Millis, SeatBoard, SeatTruth},
};
use seatkeeper_testing::SAMPLE_NOW_MS;
use tokio::{
    sync::{
        broadcast::{self, error::TryRecvError},
        mpsc,
    },
    time::Instant,
};
use uuid::Uuid;

use super::viewer::{Seats, Then, Viewer, seats_of};
use crate::{
    live::room::{Fed, Frame, OwnFrames, Room, Subscription},
    wire::{self, wire_seq},
};

const FEED_CHANGES_MAX: usize = 64;
const LOCK_MS: Millis = 5_000;
const PEOPLE: u8 = 3;

#[derive(Clone, Debug)]
enum Op {
    /// Somebody calls the lock store, which may publish a live change.
    Act {
        person: u8,
        seat: u8,
        what: u8,
        is_lost: bool,
        /// A server of the previous version locks or releases the seat; its live change contains no holders.
        is_old: bool,
    },
    /// Time passes, for the lock store and for the room.
    Wait {
        ms: u16,
    },
    /// The room's task runs.
    Run,
    /// The room's feed of live changes closes.
    CloseFeed,
    /// The room is compared with the lock store, as happens once a second.
    Compare,
    /// The lock store loses its last changes and continues from an earlier sequence number, as after a failover.
    RollBack,
    Alive,
    /// The lock store answers the pending reads of holds; the answers do not arrive yet.
    AskHolds,
    /// The answers to the reads of holds arrive at the room, perhaps after newer changes.
    AnswerHolds,
    /// A viewer joins, signed in or anonymous.
    Join {
        person: Option<u8>,
    },
    Get,
    Leave {
        viewer: u8,
    },
    Read {
        viewer: u8,
        frames: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        14 => (0..PEOPLE, 0..6u8, 0..8u8, prop::bool::weighted(0.04), prop::bool::weighted(0.1)).prop_map(
            |(person, seat, what, is_lost, is_old)| Op::Act { person, seat, what, is_lost, is_old }
        ),
        4 => (0..1_500u16).prop_map(|ms| Op::Wait { ms }),
        6 => Just(Op::Run),
        1 => Just(Op::CloseFeed),
        2 => Just(Op::Compare),
        1 => Just(Op::RollBack),
        1 => Just(Op::Alive),
        3 => Just(Op::AskHolds),
        3 => Just(Op::AnswerHolds),
        3 => prop::option::weighted(0.7, 0..PEOPLE).prop_map(|person| Op::Join { person }),
        1 => Just(Op::Get),
        1 => any::<u8>().prop_map(|viewer| Op::Leave { viewer }),
        6 => (any::<u8>(), 1..40u8).prop_map(|(viewer, frames)| Op::Read { viewer, frames }),
    ]
}

struct Looking {
    person: Option<u8>,
    frames: broadcast::Receiver<Frame>,
    own: Option<OwnFrames>,
    viewer: Viewer,
}

struct World {
    now_ms: Millis,
    now: Instant,
    board: SeatBoard,
    /// The state to which the next [`Op::RollBack`] resets the lock store.
    old_board: SeatBoard,
    /// All seat maps that the lock store has had, by sequence number. After a roll back the same number may recur with
    /// another map.
    history: HashMap<i64, Vec<Seats>>,
    room: Arc<Room>,
    feed: Option<mpsc::Sender<Arc<LiveEvent>>>,
    /// Holds that have been read but not delivered, with the generation in which they were requested.
    answers: Vec<(u64, PersonId, Hold)>,
    viewers: Vec<Looking>,
}

fn person_id(number: u8) -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(u128::from(number)))
}

impl World {
    fn new() -> Self {
        let screening = ScreeningId::from_uuid(Uuid::nil());
        let mut board = SeatBoard::new(screening);
        let (reply, _) = board.load(SAMPLE_NOW_MS, 0, &SeatTruth::default());
        assert_eq!(reply, LoadReply::Loaded);
        let now = Instant::now();
        let mut world = Self {
            now_ms: SAMPLE_NOW_MS,
            now,
            old_board: board.clone(),
            board,
            history: HashMap::new(),
            room: Arc::new(Room::new(screening, now)),
            feed: None,
            answers: Vec::new(),
            viewers: Vec::new(),
        };
        world.remember();
        world.run();
        world
    }

    fn remember(&mut self) {
        let snapshot = self.board.snapshot().unwrap();
        let seats = seats_of(&snapshot);
        let lives = self.history.entry(wire_seq(snapshot.seq)).or_default();
        if !lives.contains(&seats) {
            lives.push(seats);
        }
    }

    fn act(&mut self, person: u8, seat: u8, what: u8, is_lost: bool, is_old: bool) {
        let holder = person_id(person);
        let payment = PaymentId::from_uuid(Uuid::from_u128(u128::from(person)));
        let seats = [SeatId::new("A", seat + 1).unwrap(), SeatId::new("B", seat / 2 + 1).unwrap()];
        let (now, board) = (self.now_ms, &mut self.board);
        let effects = match what {
            0 | 1 => board.lock(now, holder, &seats[..=usize::from(what)], &[], LOCK_MS, 10).1,
            2 => board.release(now, holder, Some(&seats[..1])).1,
            3 => board.mark_sold(now, payment, &seats[1..]),
            4 => board.mark_freed(now, &seats[1..]),
            5 => board.start_payment(now, holder, payment, LOCK_MS).1,
            6 => board.end_payment(now, holder, payment),
            _ => board.sweep(now),
        };
        self.tell(effects, is_lost, is_old);
    }

    fn tell(&mut self, effects: Effects, is_lost: bool, is_old: bool) {
        let Some(mut change) = effects.live else { return };
        if is_old {
            change.holds = None;
        }
        self.remember();
        if let Some(feed) = self.feed.as_ref().filter(|_| !is_lost)
            && feed.try_send(Arc::new(LiveEvent::Seats(change))).is_err()
        {
            self.feed = None;
        }
    }

    /// Runs the steps of the room's task until it would wait.
    fn run(&mut self) {
        loop {
            match self.room.poll_feed(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Fed::Lost) => {
                    let (feed, receiver) = mpsc::channel(FEED_CHANGES_MAX);
                    self.feed = Some(feed);
                    // A change between the room's subscription and its snapshot is in both the feed and the snapshot.
                    self.act(2, 5, 0, false, false);
                    self.room.start_over(receiver, &self.board.snapshot().unwrap());
                }
                Poll::Ready(Fed::Changes) => {}
                Poll::Pending => break,
            }
        }
        self.room.send_if_due(self.now);
    }

    fn compare(&self) {
        let is_wrong = |seq: Option<u64>| seq.is_some_and(|seq| seq != self.board.seq());
        if is_wrong(self.room.known_seq()) || is_wrong(self.room.sent_seq()) {
            self.room.lose_step();
        }
    }

    /// Reads all holds marked as unread from the lock store, as the room's `read_holds` does.
    fn ask_holds(&mut self) {
        loop {
            let unread = pin!(self.room.unread_holds(2));
            let Poll::Ready(unread) = unread.poll(&mut Context::from_waker(Waker::noop())) else { return };
            let hold = |person| self.board.hold_of(self.now_ms, person);
            self.answers.extend(unread.people.into_iter().map(|person| (unread.generation, person, hold(person))));
        }
    }

    fn answer_holds(&mut self) {
        for (generation, person, hold) in self.answers.drain(..) {
            self.room.put_hold(generation, person, &hold);
        }
    }

    /// Reads a viewer's pending own frames; returns whether the viewer must subscribe again.
    fn read_own(looking: &mut Looking) -> bool {
        let Some(own) = &mut looking.own else { return false };
        loop {
            match pin!(own.next()).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(text)) => assert_eq!(looking.viewer.take(&text), Then::GoOn),
                Poll::Ready(Err(_)) => return true,
                Poll::Pending => return false,
            }
        }
    }

    fn read(&mut self, index: usize, frames: usize) {
        let looking = &mut self.viewers[index];
        for _ in 0..frames {
            // Read the person's own frames before the room's, as a real socket does.
            if Self::read_own(looking) {
                *looking = look(&self.room, self.now, looking.person);
            }
            match looking.frames.try_recv() {
                Ok(Frame::Text(text)) => {
                    if looking.viewer.take(&text) == Then::Reload {
                        *looking = look(&self.room, self.now, looking.person);
                    }
                }
                Ok(Frame::Ping) => {}
                Err(TryRecvError::Lagged(_)) => *looking = look(&self.room, self.now, looking.person),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => panic!("nobody closed the room"),
            }
            check(&looking.viewer, &self.history);
        }
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Act { person, seat, what, is_lost, is_old } => self.act(person, seat, what, is_lost, is_old),
            Op::Wait { ms } => {
                self.now_ms += Millis::from(ms);
                self.now += Duration::from_millis(ms.into());
            }
            Op::Run => self.run(),
            Op::CloseFeed => self.feed = None,
            Op::Compare => self.compare(),
            Op::RollBack => {
                // Sequence numbers are based on milliseconds. Advance the clock, because a failover takes longer than
                // the changes that it loses.
                self.now_ms += 1_000;
                std::mem::swap(&mut self.board, &mut self.old_board);
                self.old_board = self.board.clone();
            }
            Op::Alive => self.room.send_alive(true, true, self.now),
            Op::AskHolds => self.ask_holds(),
            Op::AnswerHolds => self.answer_holds(),
            Op::Join { person } => self.viewers.push(look(&self.room, self.now, person)),
            Op::Get => {
                // This client uses a socket and `GET`: it subscribes before it reads the map.
                let mut looking = look(&self.room, self.now, None);
                if let Some(known) = self.room.known(self.now) {
                    looking.viewer = Viewer::of_map(&known);
                    check(&looking.viewer, &self.history);
                    self.viewers.push(looking);
                }
            }
            Op::Leave { viewer } if !self.viewers.is_empty() => {
                self.viewers.swap_remove(usize::from(viewer) % self.viewers.len());
            }
            Op::Read { viewer, frames } if !self.viewers.is_empty() => {
                self.read(usize::from(viewer) % self.viewers.len(), frames.into());
            }
            Op::Leave { .. } | Op::Read { .. } => {}
        }
    }

    /// Ends the history: without further changes, comparisons with the lock store find lost changes, and all queues are
    /// read.
    fn settle(&mut self) {
        // Let all locks expire first, so that none expires during the comparisons.
        self.act(0, 0, u8::MAX, false, false);
        for _ in 0..2 {
            self.compare();
            self.now += Duration::from_secs(1);
            self.run();
            self.answer_holds();
        }
        for index in 0..self.viewers.len() {
            self.read(index, usize::MAX);
        }
        // Read the holds of viewers who have subscribed again.
        self.ask_holds();
        self.answer_holds();
        let (seq, seats) = (wire_seq(self.board.seq()), seats_of(&self.board.snapshot().unwrap()));
        for index in 0..self.viewers.len() {
            self.read(index, usize::MAX);
            let viewer = &self.viewers[index].viewer;
            assert_eq!((viewer.seq, &viewer.seats), (Some(seq), &seats));
            let held = |hold: &serde_json::Value| (hold["seats"].clone(), hold["payment_id"].clone());
            let own = self.viewers[index].person.map(|person| {
                let hold = self.board.hold_of(self.now_ms, person_id(person));
                held(&serde_json::to_value(wire::Hold::of(self.board.screening(), &hold)).unwrap())
            });
            assert_eq!(viewer.hold.as_ref().map(held), own, "the viewer's hold is the lock store's");
        }
    }
}

fn look(room: &Arc<Room>, now: Instant, person: Option<u8>) -> Looking {
    let Subscription { frames, snapshot, own } = room.subscribe(now, person.map(person_id)).unwrap();
    let mut viewer = Viewer::default();
    assert_eq!(viewer.take(&snapshot), Then::GoOn);
    Looking { person, frames, own, viewer }
}

fn check(viewer: &Viewer, history: &HashMap<i64, Vec<Seats>>) {
    let seq = viewer.seq.unwrap();
    let lives = history.get(&seq).unwrap_or_else(|| panic!("no map ever had the sequence {seq}"));
    assert!(lives.contains(&viewer.seats), "at {seq} the seats were {lives:?}, not {:?}", viewer.seats);
}

/// Minimum number of random histories that are tested; `PROPTEST_CASES` can raise it.
const CASES_MIN: u32 = 1_000;

fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(CASES_MIN), failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn viewers_see_consistent_maps_and_converge_to_the_lock_store(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in &ops {
            world.step(op);
        }
        world.settle();
    }
}
