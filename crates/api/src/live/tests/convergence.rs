//! For any history of changes, joins, lags, lost changes, closed feeds and rolled-back counters: whoever looks sees the
//! seats as they were at the sequence they have, never a mixture; and in the end as they are.

use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Effects, LiveChange, LoadReply, Millis, SeatBoard, SeatTruth},
    testing::SAMPLE_NOW_MS,
};
use tokio::{
    sync::{
        broadcast::{self, error::TryRecvError},
        mpsc,
    },
    time::Instant,
};
use uuid::Uuid;

use super::viewer::{Seats, Then, Viewer, seats_of};
use crate::live::{
    frames::wire_seq,
    room::{Fed, Frame, Room},
};

const FEED_CHANGES_MAX: usize = 64;
const LOCK_MS: Millis = 5_000;

#[derive(Clone, Debug)]
enum Op {
    /// Somebody does something to a seat.
    Act {
        person: u8,
        seat: u8,
        what: u8,
        is_lost: bool,
    },
    /// Time goes by, for the board and for the room.
    Wait {
        ms: u16,
    },
    /// The room's task runs.
    Run,
    /// The feed closes.
    CloseFeed,
    /// The once-a-second comparison.
    Compare,
    /// The lock store forgets the last changes and counts from an earlier number.
    RollBack,
    Alive,
    Join,
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
        12 => (0..3u8, 0..6u8, 0..6u8, prop::bool::weighted(0.04))
            .prop_map(|(person, seat, what, is_lost)| Op::Act { person, seat, what, is_lost }),
        4 => (0..1_500u16).prop_map(|ms| Op::Wait { ms }),
        6 => Just(Op::Run),
        1 => Just(Op::CloseFeed),
        2 => Just(Op::Compare),
        1 => Just(Op::RollBack),
        1 => Just(Op::Alive),
        2 => Just(Op::Join),
        1 => Just(Op::Get),
        1 => any::<u8>().prop_map(|viewer| Op::Leave { viewer }),
        6 => (any::<u8>(), 1..40u8).prop_map(|(viewer, frames)| Op::Read { viewer, frames }),
    ]
}

struct Looking {
    frames: broadcast::Receiver<Frame>,
    viewer: Viewer,
}

struct World {
    now_ms: Millis,
    now: Instant,
    board: SeatBoard,
    /// What the store would bring back after a failure.
    old_board: SeatBoard,
    /// Seats by sequence, in every life of the lock store.
    history: HashMap<i64, Vec<Seats>>,
    room: Room,
    feed: Option<mpsc::Sender<Arc<LiveChange>>>,
    viewers: Vec<Looking>,
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
            room: Room::new(screening, now),
            feed: None,
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

    fn act(&mut self, person: u8, seat: u8, what: u8, is_lost: bool) {
        let holder = PersonId::from_uuid(Uuid::from_u128(u128::from(person)));
        let payment = PaymentId::from_uuid(Uuid::from_u128(u128::from(person)));
        let seats = [SeatId::new("A", seat + 1).unwrap(), SeatId::new("B", seat / 2 + 1).unwrap()];
        let (now, board) = (self.now_ms, &mut self.board);
        let effects = match what {
            0 | 1 => board.lock(now, holder, &seats[..=usize::from(what)], &[], LOCK_MS, 10).1,
            2 => board.release(now, holder, Some(&seats[..1])).1,
            3 => board.mark_sold(now, payment, &seats[1..]),
            4 => board.mark_freed(now, &seats[1..]),
            _ => board.sweep(now),
        };
        self.tell(effects, is_lost);
    }

    fn tell(&mut self, effects: Effects, is_lost: bool) {
        let Some(change) = effects.live else { return };
        self.remember();
        if let Some(feed) = self.feed.as_ref().filter(|_| !is_lost)
            && feed.try_send(Arc::new(change)).is_err()
        {
            self.feed = None;
        }
    }

    /// What the room's task does, up to where it would wait.
    fn run(&mut self) {
        loop {
            match self.room.poll_feed(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Fed::Lost) => {
                    let (feed, receiver) = mpsc::channel(FEED_CHANGES_MAX);
                    self.feed = Some(feed);
                    // Between the subscription and the snapshot something happens: it is in both.
                    self.act(2, 5, 0, false);
                    self.room.start_over(receiver, &self.board.snapshot().unwrap());
                }
                Poll::Ready(Fed::Changes) => {}
                Poll::Pending => break,
            }
        }
        self.room.send_if_due(self.now);
    }

    fn compare(&self) {
        if self.room.known_seq().is_some_and(|seq| seq != self.board.seq()) {
            self.room.lose_step();
        }
    }

    fn read(&mut self, index: usize, frames: usize) {
        let looking = &mut self.viewers[index];
        for _ in 0..frames {
            match looking.frames.try_recv() {
                Ok(Frame::Text(text)) => {
                    if looking.viewer.take(&text) == Then::Reload {
                        *looking = look(&self.room, self.now);
                    }
                }
                Ok(Frame::Ping) => {}
                Err(TryRecvError::Lagged(_)) => *looking = look(&self.room, self.now),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => panic!("nobody closed the room"),
            }
            check(&looking.viewer, &self.history);
        }
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Act { person, seat, what, is_lost } => self.act(person, seat, what, is_lost),
            Op::Wait { ms } => {
                self.now_ms += Millis::from(ms);
                self.now += Duration::from_millis(ms.into());
            }
            Op::Run => self.run(),
            Op::CloseFeed => self.feed = None,
            Op::Compare => self.compare(),
            Op::RollBack => {
                // A failover takes longer than the changes that it loses: their numbers are milliseconds.
                self.now_ms += 1_000;
                std::mem::swap(&mut self.board, &mut self.old_board);
                self.old_board = self.board.clone();
            }
            Op::Alive => self.room.send_alive(true, true, self.now),
            Op::Join => self.viewers.push(look(&self.room, self.now)),
            Op::Get => {
                // A client that looks at both: its queue began before it asked.
                let mut looking = look(&self.room, self.now);
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

    /// Nothing more happens: the comparison finds what was lost, the queues run empty.
    fn settle(&mut self) {
        for _ in 0..2 {
            self.compare();
            self.now += Duration::from_secs(1);
            self.run();
        }
        let (seq, seats) = (wire_seq(self.board.seq()), seats_of(&self.board.snapshot().unwrap()));
        for index in 0..self.viewers.len() {
            self.read(index, usize::MAX);
            let viewer = &self.viewers[index].viewer;
            assert_eq!((viewer.seq, &viewer.seats), (Some(seq), &seats));
        }
    }
}

fn look(room: &Room, now: Instant) -> Looking {
    let seat = room.join(now).unwrap();
    let mut viewer = Viewer::default();
    assert_eq!(viewer.take(&seat.snapshot), Then::GoOn);
    Looking { frames: seat.frames, viewer }
}

fn check(viewer: &Viewer, history: &HashMap<i64, Vec<Seats>>) {
    let seq = viewer.seq.unwrap();
    let lives = history.get(&seq).unwrap_or_else(|| panic!("nothing ever had the sequence {seq}"));
    assert!(lives.contains(&viewer.seats), "at {seq} the seats were {lives:?}, not {:?}", viewer.seats);
}

/// Histories at least; `PROPTEST_CASES` asks for more.
const CASES_MIN: u32 = 1_000;

fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(CASES_MIN), failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn everybody_sees_the_seats_as_they_were_and_in_the_end_as_they_are(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in &ops {
            world.step(op);
        }
        world.settle();
    }
}
