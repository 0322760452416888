//! Draws seat maps as text: `.` available, `a` `b` `c` held by that person, `A` held by that person while paying, `#`
//! sold, `x` withdrawn, `~` locked with an expired lock that was not swept yet.

use std::fmt::Write;

use expect_test::Expect;
use uuid::Uuid;

use crate::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        ClaimedSeat, Effects, Hold, LoadReply, LockReply, Millis, ReleaseReason, ReleaseReply, SeatBoard, SeatStatus,
        SeatTruth, StartReply, WithdrawReply, transaction::Seat,
    },
};

/// The time at which every scene begins, in milliseconds.
pub(super) const START: Millis = 1_000;
/// How long a lock lasts, in milliseconds.
pub(super) const TTL: Millis = 300;
/// How long a lock lasts from the start of a payment, in milliseconds.
pub(super) const PAYMENT_TTL: Millis = 500;
/// How many seats one person may hold.
pub(super) const SEATS_MAX: usize = 4;

pub(super) fn person(letter: char) -> PersonId {
    PersonId::from_uuid(Uuid::from_u128(u128::from(letter.to_ascii_lowercase())))
}

pub(super) fn payment(number: u128) -> PaymentId {
    PaymentId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn seats_of(names: &str) -> Vec<SeatId> {
    names.split_whitespace().map(|name| SeatId::parse(name).expect(name)).collect()
}

/// A seat map and the current time. Each method makes a call and returns its reply, live change and releases as text.
pub(super) struct Scene {
    pub(super) board: SeatBoard,
    pub(super) now: Millis,
    row_len: u8,
}

/// Draws the seat map `before`, runs `act`, and compares the map afterwards and the text that `act` returned with
/// `after`.
pub(super) fn check(before: &str, act: impl FnOnce(&mut Scene) -> String, after: Expect) {
    let mut scene = Scene::draw(before);
    assert_eq!(scene.picture(), before, "the picture before");
    let said = act(&mut scene);
    after.assert_eq(format!("{}\n{said}", scene.picture()).trim_end());
}

impl Scene {
    /// Builds a seat map of one row from its text: locks are fresh, and each payment has the number of its person's
    /// letter (a = 1).
    fn draw(picture: &str) -> Self {
        let row = picture.strip_prefix("A: ").expect("a picture of row A");
        let mut board = SeatBoard::new(ScreeningId::from_uuid(Uuid::from_u128(1)));
        let seat = |index: usize| SeatId::new("A", u8::try_from(index + 1).expect("a short row")).expect("a seat");
        let at = |wanted: char| move |(index, c): (usize, char)| (c == wanted).then(|| seat(index));
        let sold = row.chars().enumerate().filter_map(at('#')).collect();
        board.load(0, 0, &SeatTruth { sold, ..SeatTruth::default() });
        for letter in ['a', 'b', 'c'] {
            let paying = letter.to_ascii_uppercase();
            let mut held: Vec<SeatId> = row.chars().enumerate().filter_map(at(letter)).collect();
            held.extend(row.chars().enumerate().filter_map(at(paying)));
            board.lock(START, person(letter), &held, &[], TTL, SEATS_MAX);
            if row.contains(paying) {
                board.start_payment(START, person(letter), payment(number_of(letter)), PAYMENT_TTL);
            }
        }
        Self { board, now: START, row_len: u8::try_from(row.len()).expect("a short row") }
    }

    /// Moves the clock to `now`.
    pub(super) fn at(&mut self, now: Millis) -> &mut Self {
        self.now = now;
        self
    }

    pub(super) fn lock(&mut self, who: char, seats: &str) -> String {
        self.lock_some(who, seats, "")
    }

    pub(super) fn lock_some(&mut self, who: char, seats: &str, not_for_sale: &str) -> String {
        let (seats, not_for_sale) = (seats_of(seats), seats_of(not_for_sale));
        let (reply, effects) = self.board.lock(self.now, person(who), &seats, &not_for_sale, TTL, SEATS_MAX);
        let reply = match reply {
            LockReply::Held(hold) => format!("held {}", draw_hold(&hold)),
            LockReply::Paying(lock) => format!("paying until {}", lock.until),
            LockReply::TooMany => "too many".to_owned(),
            LockReply::Taken(seats) => format!("taken {seats:?}"),
            LockReply::NotLoaded { seq } => format!("not loaded, at {seq}"),
        };
        said(reply, &effects)
    }

    pub(super) fn release(&mut self, who: char, seats: Option<&str>) -> String {
        let seats = seats.map(seats_of);
        let (reply, effects) = self.board.release(self.now, person(who), seats.as_deref());
        let reply = match reply {
            ReleaseReply::Left(hold) => format!("left {}", draw_hold(&hold)),
            ReleaseReply::Paying(lock) => format!("paying until {}", lock.until),
        };
        said(reply, &effects)
    }

    pub(super) fn start(&mut self, who: char, number: u128) -> String {
        let (reply, effects) = self.board.start_payment(self.now, person(who), payment(number), PAYMENT_TTL);
        let reply = match reply {
            StartReply::Started(hold) => format!("started {}", draw_hold(&hold)),
            StartReply::NothingHeld => "nothing held".to_owned(),
            StartReply::Paying(lock) => format!("paying until {}", lock.until),
            StartReply::NotLoaded { seq } => format!("not loaded, at {seq}"),
        };
        said(reply, &effects)
    }

    pub(super) fn withdraw(&mut self, seats: &str) -> String {
        let (reply, effects) = self.board.withdraw(self.now, &seats_of(seats));
        let reply = match reply {
            WithdrawReply::Withdrawn => "withdrawn".to_owned(),
            WithdrawReply::Taken(seats) => format!("taken {seats:?}"),
            WithdrawReply::NotLoaded { seq } => format!("not loaded, at {seq}"),
        };
        said(reply, &effects)
    }

    pub(super) fn restore(&mut self, seats: &str) -> String {
        let effects = self.board.restore_to_sale(self.now, &seats_of(seats));
        said("restored".to_owned(), &effects)
    }

    pub(super) fn keep(&mut self, who: char, number: u128, seats: &str, until: Millis) -> String {
        let effects = self.board.extend_payment(self.now, person(who), payment(number), &seats_of(seats), until);
        said(format!("kept {}", draw_hold(&self.board.hold_of(self.now, person(who)))), &effects)
    }

    pub(super) fn end(&mut self, who: char, number: u128) -> String {
        let effects = self.board.end_payment(self.now, person(who), payment(number));
        said(format!("ended, holds {}", draw_hold(&self.board.hold_of(self.now, person(who)))), &effects)
    }

    pub(super) fn sell(&mut self, number: u128, seats: &str) -> String {
        said("sold".to_owned(), &self.board.mark_sold(self.now, payment(number), &seats_of(seats)))
    }

    pub(super) fn free(&mut self, seats: &str) -> String {
        said("freed".to_owned(), &self.board.mark_freed(self.now, &seats_of(seats)))
    }

    pub(super) fn sweep(&mut self) -> String {
        said("swept".to_owned(), &self.board.sweep(self.now))
    }

    /// Loads a state of the ledger: sold seats, and claims such as `"A1 A2"` of `who` for payment `number`, which
    /// expire at 2000.
    pub(super) fn load(&mut self, expected_seq: u64, sold: &str, claims: &[(char, u128, &str)]) -> String {
        let claim = |(who, number, seats): &(char, u128, &str)| {
            let (holder, payment) = (person(*who), payment(*number));
            seats_of(seats).into_iter().map(move |id| ClaimedSeat {
                id,
                holder,
                payment,
                until: 2_000,
                extended_from: None,
            })
        };
        let truth = SeatTruth {
            sold: seats_of(sold),
            claimed: claims.iter().flat_map(claim).collect(),
            ..SeatTruth::default()
        };
        let (reply, effects) = self.board.load(self.now, expected_seq, &truth);
        let reply = match reply {
            LoadReply::Loaded => format!("loaded, at {}", self.board.seq()),
            LoadReply::Moved { seq } => format!("moved to {seq}"),
        };
        said(reply, &effects)
    }

    fn picture(&self) -> String {
        let mut picture = "A: ".to_owned();
        for number in 1..=self.row_len {
            let seat = SeatId::new("A", number).expect("a seat");
            picture.push(match self.board.seats.get(&seat) {
                None => '.',
                Some(Seat::Sold) => '#',
                Some(Seat::Withdrawn) => 'x',
                Some(Seat::Locked(lock)) if lock.until <= self.now => '~',
                Some(Seat::Locked(lock)) => {
                    let letter = ['a', 'b', 'c'].into_iter().find(|letter| person(*letter) == lock.holder);
                    let paying = self.board.payment_of(self.now, lock.holder).is_some();
                    letter.map_or('?', |l| if paying { l.to_ascii_uppercase() } else { l })
                }
            });
        }
        picture
    }
}

fn number_of(letter: char) -> u128 {
    u128::from(u32::from(letter) - u32::from('a') + 1)
}

fn draw_hold(hold: &Hold) -> String {
    if hold.seats.is_empty() {
        return "nothing".to_owned();
    }
    let mut text: Vec<String> = hold.seats.iter().map(|seat| format!("{}@{}", seat.id, seat.until)).collect();
    text.extend(hold.payment.map(|payment| format!("paying {}", payment.as_uuid().as_u128())));
    text.join(" ")
}

pub(super) fn said(reply: String, effects: &Effects) -> String {
    let mut text = reply;
    for release in &effects.releases {
        let who = release.holder.as_uuid().as_u128();
        let who = u8::try_from(who).map_or('?', char::from);
        let why = match release.reason {
            ReleaseReason::UserUnlocked => "unlocked",
            ReleaseReason::Expired => "expired",
        };
        let _ = write!(text, "\nrelease of {who}: {:?} {why} at {}, seq {}", release.seats, release.at, release.seq);
    }
    if let Some(live) = &effects.live {
        let _ = write!(text, "\nviewers {} -> {}:", live.prev, live.seq);
        for change in &live.changes {
            let _ = match change.status {
                SeatStatus::Available => write!(text, " {} free", change.id),
                SeatStatus::Locked { until } => write!(text, " {} locked until {until}", change.id),
                SeatStatus::Booked => write!(text, " {} booked", change.id),
                SeatStatus::Unavailable => write!(text, " {} unavailable", change.id),
            };
        }
        for change in live.holds.iter().flatten() {
            let who = u8::try_from(change.holder.as_uuid().as_u128()).map_or('?', char::from);
            let _ = write!(text, "\nto {who}: {}", draw_hold(&change.hold));
        }
    }
    text
}
