//! Parses the replies of the functions. A reply is a list that begins with Redis's time and a code (see
//! `function/calls.lua`).

use redis::Value;
use seatkeeper_core::{
    ids::{PaymentId, SeatId},
    locks::{HeldSeat, Hold, Millis, PaymentLock, SeatList},
    ports::{Backend, BackendError},
};

use super::PART;

/// A malformed reply. Redis has a different library under the same name.
#[derive(Debug, thiserror::Error)]
#[error("the function in Redis answered {0}")]
struct BadReply(String);

pub(super) fn bad_reply(what: impl std::fmt::Debug) -> BackendError {
    BackendError::lasting(PART, BadReply(format!("{what:?}")))
}

/// The code of a reply. Each variant says which data follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The function ran after its deadline and did nothing.
    Late,
    /// A hold follows.
    Held,
    /// A payment lock follows.
    Paying,
    /// The person would hold more seats than allowed.
    TooMany,
    /// The seats that are already taken follow.
    Taken,
    /// The seat map is not loaded; its sequence number follows.
    NotLoaded,
    NothingHeld,
    Done,
    /// The seat map now agrees with the store.
    Loaded,
    /// The seat map has changed since the store was read, so it was not loaded; its sequence number follows.
    Moved,
    /// The sequence number and the seat map follow.
    Map,
}

impl Code {
    fn of(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Late,
            1 => Self::Held,
            2 => Self::Paying,
            3 => Self::TooMany,
            4 => Self::Taken,
            5 => Self::NotLoaded,
            6 => Self::NothingHeld,
            7 => Self::Done,
            8 => Self::Loaded,
            9 => Self::Moved,
            10 => Self::Map,
            _ => return None,
        })
    }
}

/// A reply, read word by word.
#[derive(Debug)]
pub(super) struct Reply {
    /// When Redis made the reply, by its own clock.
    pub(super) at: Millis,
    words: std::vec::IntoIter<Value>,
}

impl Reply {
    pub(super) fn read(value: Value) -> Backend<Self> {
        let Value::Array(words) = value else { return Err(bad_reply(value)) };
        let mut reply = Self { at: 0, words: words.into_iter() };
        reply.at = reply.number()?;
        Ok(reply)
    }

    pub(super) fn code(&mut self) -> Backend<Code> {
        let number = self.number()?;
        Code::of(number).ok_or_else(|| bad_reply(number))
    }

    pub(super) fn number(&mut self) -> Backend<i64> {
        match self.words.next() {
            Some(Value::Int(number)) => Ok(number),
            other => Err(bad_reply(other)),
        }
    }

    pub(super) fn seq(&mut self) -> Backend<u64> {
        let number = self.number()?;
        u64::try_from(number).map_err(|_| bad_reply(number))
    }

    pub(super) fn text(&mut self) -> Backend<String> {
        match self.words.next() {
            Some(Value::BulkString(bytes)) => String::from_utf8(bytes).map_err(bad_reply),
            other => Err(bad_reply(other)),
        }
    }

    /// Reads a payment's id; `None` when the word is empty.
    fn payment(&mut self) -> Backend<Option<PaymentId>> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        PaymentId::parse(&text).map(Some).ok_or_else(|| bad_reply(text))
    }

    /// Reads the next seat; `None` at the end of the reply.
    fn next_seat(&mut self) -> Backend<Option<SeatId>> {
        if self.words.len() == 0 {
            return Ok(None);
        }
        let text = self.text()?;
        SeatId::parse(&text).map(Some).ok_or_else(|| bad_reply(text))
    }

    pub(super) fn seats<L: Extend<SeatId> + Default>(&mut self) -> Backend<L> {
        let mut seats = L::default();
        while let Some(seat) = self.next_seat()? {
            seats.extend([seat]);
        }
        Ok(seats)
    }

    /// Reads the remaining seats and sorts them, because the functions return seats in any order.
    pub(super) fn sorted_seats(&mut self) -> Backend<SeatList> {
        let mut seats: SeatList = self.seats()?;
        seats.sort_unstable();
        Ok(seats)
    }

    pub(super) fn hold(&mut self) -> Backend<Hold> {
        let (seq, payment) = (self.seq()?, self.payment()?);
        let mut seats = Vec::with_capacity(self.words.len() / 2);
        while let Some(id) = self.next_seat()? {
            seats.push(HeldSeat { id, until: self.number()? });
        }
        Ok(Hold { seq, seats, payment })
    }

    pub(super) fn payment_lock(&mut self) -> Backend<PaymentLock> {
        let payment = self.payment()?.ok_or_else(|| bad_reply("no payment"))?;
        let (since, until) = (self.number()?, self.number()?);
        let extended_from = match self.words.next() {
            Some(Value::Int(number)) => Some(number),
            Some(Value::BulkString(bytes)) if bytes.is_empty() => None,
            other => return Err(bad_reply(other)),
        };
        Ok(PaymentLock { payment, since, until, extended_from })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn malformed_reply_is_a_non_retryable_error() {
        assert!(Reply::read(Value::Nil).is_err());
        assert!(Reply::read(Value::Array(vec![text("x")])).is_err());
        let words = vec![Value::Int(5), Value::Int(99), text("A0")];
        let mut reply = Reply::read(Value::Array(words)).unwrap();
        assert_eq!(reply.at, 5);
        assert!(!reply.code().unwrap_err().retryable);
        assert!(reply.seats::<Vec<SeatId>>().is_err());
        assert!(reply.hold().is_err(), "nothing is left");
    }

    #[test]
    fn hold_is_parsed_from_sequence_payment_and_pairs_of_seat_and_expiry() {
        let words = vec![Value::Int(5), Value::Int(1), Value::Int(7), text(""), text("A1"), Value::Int(9)];
        let mut reply = Reply::read(Value::Array(words)).unwrap();
        assert_eq!(reply.code().unwrap(), Code::Held);
        let hold = reply.hold().unwrap();
        assert_eq!((hold.seq, hold.payment, hold.expires_at()), (7, None, Some(9)));
    }
}
