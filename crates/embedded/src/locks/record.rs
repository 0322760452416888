//! The records of the lock log. A record has the changes of one call, or the releases that were copied to the outbox.
//!
//! Numbers are little-endian. A payload is one byte that gives its kind, and its fields; a list is its length (`u32`)
//! and its items. A payload with an invalid value or surplus bytes is refused.

use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{LockEntry, Release, ReleaseReason, SeatList},
};
use uuid::Uuid;

const KIND_CHANGE: u8 = 1;
const KIND_TOLD: u8 = 2;
const KIND_PING: u8 = 3;

const ENTRY_LOCK: u8 = 1;
const ENTRY_NO_LOCK: u8 = 2;
const ENTRY_PAYMENT: u8 = 3;
const ENTRY_NO_PAYMENT: u8 = 4;

/// Identifies a release: screening, sequence number, first seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReleaseName {
    screening: ScreeningId,
    seq: u64,
    seat: SeatId,
}

impl ReleaseName {
    /// The name of a release; `None` for a release without seats.
    pub(super) fn of(release: &Release) -> Option<Self> {
        let seat = *release.seats.first()?;
        Some(Self { screening: release.screening, seq: release.seq, seat })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Change { screening: ScreeningId, seq: u64, entries: Vec<LockEntry>, releases: Vec<Release> },
    Forgotten(Vec<ReleaseName>),
    Ping,
}

pub(super) fn put_change<'a>(
    to: &mut Vec<u8>,
    screening: ScreeningId,
    seq: u64,
    entries: impl Iterator<Item = LockEntry>,
    releases: impl ExactSizeIterator<Item = &'a Release>,
) {
    to.push(KIND_CHANGE);
    put_uuid(to, screening.as_uuid());
    to.extend(seq.to_le_bytes());
    let count_at = to.len();
    to.extend([0; 4]);
    let mut count = 0u32;
    for entry in entries {
        put_entry(to, &entry);
        count += 1;
    }
    to[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    put_count(to, releases.len());
    for release in releases {
        put_release(to, release);
    }
}

pub(super) fn put_forgotten(to: &mut Vec<u8>, copied: &[ReleaseName]) {
    to.push(KIND_TOLD);
    put_count(to, copied.len());
    for name in copied {
        put_uuid(to, name.screening.as_uuid());
        to.extend(name.seq.to_le_bytes());
        put_seat(to, name.seat);
    }
}

pub(super) fn put_ping(to: &mut Vec<u8>) {
    to.push(KIND_PING);
}

fn put_entry(to: &mut Vec<u8>, entry: &LockEntry) {
    match *entry {
        LockEntry::Lock { seat, holder, until, restarted } => {
            to.push(ENTRY_LOCK);
            put_seat(to, seat);
            put_uuid(to, holder.as_uuid());
            to.extend(until.to_le_bytes());
            to.push(u8::from(restarted));
        }
        LockEntry::NoLock { seat } => {
            to.push(ENTRY_NO_LOCK);
            put_seat(to, seat);
        }
        LockEntry::Payment { holder, payment, since, until, extended_from } => {
            to.push(ENTRY_PAYMENT);
            put_uuid(to, holder.as_uuid());
            put_uuid(to, payment.as_uuid());
            to.extend(since.to_le_bytes());
            to.extend(until.to_le_bytes());
            to.push(u8::from(extended_from.is_some()));
            to.extend(extended_from.unwrap_or(0).to_le_bytes());
        }
        LockEntry::NoPayment { holder } => {
            to.push(ENTRY_NO_PAYMENT);
            put_uuid(to, holder.as_uuid());
        }
    }
}

fn put_release(to: &mut Vec<u8>, release: &Release) {
    to.extend(release.seq.to_le_bytes());
    put_uuid(to, release.holder.as_uuid());
    to.push(match release.reason {
        ReleaseReason::UserUnlocked => 1,
        ReleaseReason::Expired => 2,
    });
    to.extend(release.at.to_le_bytes());
    put_count(to, release.seats.len());
    for seat in &release.seats {
        put_seat(to, *seat);
    }
}

fn put_uuid(to: &mut Vec<u8>, uuid: Uuid) {
    to.extend_from_slice(uuid.as_bytes());
}

fn put_seat(to: &mut Vec<u8>, seat: SeatId) {
    let mut bytes = [0; 4];
    let label = seat.row().as_bytes();
    bytes[..label.len()].copy_from_slice(label);
    bytes[3] = seat.number();
    to.extend(bytes);
}

fn put_count(to: &mut Vec<u8>, count: usize) {
    // A list longer than `u32::MAX` exceeds the size limit of a record anyway, so the log refuses it.
    to.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

impl Record {
    /// Parses a payload; `None` when it is not exactly one record.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut from = Reader(payload);
        let record = match from.byte()? {
            KIND_CHANGE => {
                let screening = ScreeningId::from_uuid(from.uuid()?);
                let seq = from.u64()?;
                let entries = from.list(Reader::entry)?;
                let releases = from.list(|from| from.release(screening))?;
                Self::Change { screening, seq, entries, releases }
            }
            KIND_TOLD => Self::Forgotten(from.list(|from| {
                let screening = ScreeningId::from_uuid(from.uuid()?);
                Some(ReleaseName { screening, seq: from.u64()?, seat: from.seat()? })
            })?),
            KIND_PING => Self::Ping,
            _ => return None,
        };
        from.0.is_empty().then_some(record)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn bool(&mut self) -> Option<bool> {
        self.byte().filter(|byte| *byte < 2).map(|byte| byte == 1)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn millis(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    fn seat(&mut self) -> Option<SeatId> {
        let [label @ .., number] = self.take::<4>()?;
        let len = label.iter().position(|byte| *byte == 0).unwrap_or(label.len());
        SeatId::new(std::str::from_utf8(&label[..len]).ok()?, number)
    }

    /// Reads a list. Reserves no memory by the stored length, which may be corrupt.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.take().map(u32::from_le_bytes)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Some(items)
    }

    fn entry(&mut self) -> Option<LockEntry> {
        Some(match self.byte()? {
            ENTRY_LOCK => LockEntry::Lock {
                seat: self.seat()?,
                holder: PersonId::from_uuid(self.uuid()?),
                until: self.millis()?,
                restarted: self.bool()?,
            },
            ENTRY_NO_LOCK => LockEntry::NoLock { seat: self.seat()? },
            ENTRY_PAYMENT => LockEntry::Payment {
                holder: PersonId::from_uuid(self.uuid()?),
                payment: PaymentId::from_uuid(self.uuid()?),
                since: self.millis()?,
                until: self.millis()?,
                extended_from: {
                    let is_there = self.bool()?;
                    let at = self.millis()?;
                    is_there.then_some(at)
                },
            },
            ENTRY_NO_PAYMENT => LockEntry::NoPayment { holder: PersonId::from_uuid(self.uuid()?) },
            _ => return None,
        })
    }

    fn release(&mut self, screening: ScreeningId) -> Option<Release> {
        let seq = self.u64()?;
        let holder = PersonId::from_uuid(self.uuid()?);
        let reason = match self.byte()? {
            1 => ReleaseReason::UserUnlocked,
            2 => ReleaseReason::Expired,
            _ => return None,
        };
        let at = self.millis()?;
        let seats = SeatList::from_vec(self.list(Self::seat)?);
        (!seats.is_empty()).then_some(Release { screening, seq, holder, seats, reason, at })
    }
}
