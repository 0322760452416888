//! The signed-in people among a room's viewers. Each has a queue of frames that only that person's sockets read.
//!
//! Plain data behind the room's mutex. A person's latest hold (the seats that the person has locked) is cached for that
//! person's next socket. Holds that no live change contains are read from the lock store: see [`super::hold_reads`].

use std::collections::{HashMap, HashSet};

use axum::extract::ws::Utf8Bytes;
use seatkeeper_core::{
    ids::{PersonId, ScreeningId},
    locks::{Hold, LiveChange, PaymentChange},
};
use tokio::sync::broadcast;

use super::{
    frames::{hold_frame, payment_frame},
    limits::{OWN_QUEUE_FRAMES_MAX, OWN_SOCKETS_MAX},
};

/// The signed-in people among a room's viewers. There are never more people than sockets.
#[derive(Debug, Default)]
pub(super) struct People {
    by_id: HashMap<PersonId, Channel>,
    /// People whose hold must be read from the lock store.
    unread: HashSet<PersonId>,
    /// Number of times the room was reloaded from a snapshot. The result of a hold read that was requested in an
    /// earlier generation is discarded.
    generation: u64,
    /// The greatest sequence number of the holds read in this generation. The room may not have received the live
    /// change with that number yet.
    read_seq: u64,
}

/// A person's queue of own frames, for all sockets of that person in the room.
#[derive(Debug)]
struct Channel {
    frames: broadcast::Sender<Utf8Bytes>,
    /// The last `hold` frame sent, with its sequence number.
    hold: Option<(u64, Utf8Bytes)>,
}

/// A batch of people whose holds must be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unread {
    pub(super) generation: u64,
    pub(super) people: Vec<PersonId>,
}

impl People {
    /// Subscribes to the person's queue and returns the last hold frame, if any. `None` when [`OWN_SOCKETS_MAX`] sockets of the
    /// person are subscribed already: the socket then gets only the room's frames.
    pub(super) fn join(&mut self, person: PersonId) -> Option<(broadcast::Receiver<Utf8Bytes>, Option<Utf8Bytes>)> {
        let Self { by_id, unread, .. } = self;
        let channel = by_id.entry(person).or_insert_with(|| {
            unread.insert(person);
            Channel { frames: broadcast::Sender::new(OWN_QUEUE_FRAMES_MAX), hold: None }
        });
        if channel.frames.receiver_count() >= OWN_SOCKETS_MAX {
            return None;
        }
        Some((channel.frames.subscribe(), channel.hold.as_ref().map(|(_, frame)| frame.clone())))
    }

    /// Removes the person if no socket is subscribed to the person's queue any more.
    pub(super) fn leave(&mut self, person: PersonId) {
        if self.by_id.get(&person).is_some_and(|channel| channel.frames.receiver_count() == 0) {
            self.by_id.remove(&person);
            self.unread.remove(&person);
        }
    }

    /// Sends each hold in a live change to the person who has it.
    pub(super) fn take_in(&mut self, change: &LiveChange) {
        if self.by_id.is_empty() {
            return;
        }
        match &change.holds {
            Some(holds) => {
                for changed in holds {
                    if let Some(channel) = self.by_id.get_mut(&changed.holder) {
                        channel.offer(change.screening, &changed.hold);
                    }
                }
            }
            // A server of the previous version published this change without its holders: any person's hold may have
            // changed.
            None => self.mark_all_unread(),
        }
    }

    /// Sends a payment's status to its payer.
    pub(super) fn take_in_payment(&self, change: &PaymentChange) {
        if let Some(channel) = self.by_id.get(&change.holder) {
            channel.send(payment_frame(change).into());
        }
    }

    /// Marks all holds to be read from the lock store, because a change of any of them may have been lost.
    pub(super) fn mark_all_unread(&mut self) {
        self.unread.extend(self.by_id.keys());
    }

    /// Handles a reload of the room whose snapshot is sent to viewers: closes all queues, so that the sockets subscribe
    /// again and get their hold after the snapshot.
    pub(super) fn start_over(&mut self) {
        self.by_id.clear();
        self.unread.clear();
        self.generation += 1;
        self.read_seq = 0;
    }

    /// Handles a reload of the room at `seq` that viewers do not notice, because they have that map already. If a hold
    /// with a greater sequence number was sent, which the lock store has lost since, its client would ignore all
    /// smaller numbers until the next snapshot. So the queues are closed in this case too.
    pub(super) fn resume_from(&mut self, seq: u64) {
        let is_later = |channel: &Channel| channel.hold.as_ref().is_some_and(|(sent, _)| *sent > seq);
        if self.by_id.values().any(is_later) {
            return self.start_over();
        }
        self.generation += 1;
        self.read_seq = 0;
        self.mark_all_unread();
    }

    /// Takes up to `people_max` people whose holds must be read from the lock store; `None` when there are none.
    pub(super) fn take_unread(&mut self, people_max: usize) -> Option<Unread> {
        let people: Vec<PersonId> = self.unread.iter().take(people_max).copied().collect();
        for person in &people {
            self.unread.remove(person);
        }
        (!people.is_empty()).then_some(Unread { generation: self.generation, people })
    }

    /// Sends a hold that was read from the lock store, unless the room was reloaded since the read was requested.
    pub(super) fn put_read(&mut self, screening: ScreeningId, generation: u64, person: PersonId, hold: &Hold) {
        if let Some(channel) = self.by_id.get_mut(&person).filter(|_| generation == self.generation) {
            self.read_seq = self.read_seq.max(hold.seq);
            channel.offer(screening, hold);
        }
    }

    /// Marks a person's hold to be read again after a failed read.
    pub(super) fn put_back(&mut self, person: PersonId) {
        if self.by_id.contains_key(&person) {
            self.unread.insert(person);
        }
    }

    /// The greatest sequence number of the holds read since the room was last reloaded.
    pub(super) fn read_seq(&self) -> u64 {
        self.read_seq
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }
}

impl Channel {
    /// Sends a hold unless a newer or equal hold has been sent. Holds from reads and from live changes may arrive out
    /// of order; the greater sequence number is the newer.
    fn offer(&mut self, screening: ScreeningId, hold: &Hold) {
        if self.hold.as_ref().is_some_and(|(seq, _)| *seq > hold.seq) {
            return;
        }
        let frame = Utf8Bytes::from(hold_frame(screening, hold));
        if self.hold.as_ref().is_some_and(|(_, last)| *last == frame) {
            return;
        }
        self.hold = Some((hold.seq, frame.clone()));
        self.send(frame);
    }

    fn send(&self, frame: Utf8Bytes) {
        // Sending fails only when the person has no socket.
        let _ = self.frames.send(frame);
    }
}
