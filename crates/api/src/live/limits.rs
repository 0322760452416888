//! Limits of the live seat maps, each with its unit and its reason.

use std::time::Duration;

/// Sockets of one server: enough for 15,000 viewers, with a reserve.
pub const LIVE_SOCKETS_MAX: usize = 20_000;
/// Sockets of one client address (of one /64 in IPv6): many customers of one mobile network share an address.
pub const LIVE_SOCKETS_PER_ADDRESS_MAX: u32 = 1_000;
/// Screenings whose rooms one server keeps open.
pub const LIVE_ROOMS_MAX: usize = 4_096;
/// Frames that a socket may lag behind its room before it starts over from a snapshot. A power of two.
pub const LIVE_QUEUE_FRAMES_MAX: usize = 32;
/// Frames that a socket may lag behind its person's queue before it starts over: a purchase takes some six frames. There is one
/// queue per signed-in person and room, so it is short. A power of two.
pub(super) const OWN_QUEUE_FRAMES_MAX: usize = 8;
/// Sockets (tabs and devices) of one person in one room that get the person's own frames. Each change of a hold is sent to all
/// of them at once, so without a limit one account could keep a server busy.
pub(super) const OWN_SOCKETS_MAX: usize = 32;
/// Holds of one room that are read concurrently from the lock store.
pub(super) const HOLD_READS_AT_ONCE_MAX: usize = 64;
/// Holds that one server reads concurrently, for all rooms: after a failover every room reads all of its holds again.
pub(super) const HOLD_READS_OF_SERVER_MAX: usize = 64;
/// Pause between two batches of hold reads of one room. Each live change published by a server of the previous version requires
/// all holds of the room to be read.
pub(super) const HOLD_READS_EVERY_MIN: Duration = Duration::from_millis(50);
/// The largest message that a client may send, in bytes; clients need to send none.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1_024;
/// Messages that a client may send between two frames of its room, which come every 10 s at least. A normal client sends only
/// pongs; more than this wastes the server's time.
pub(super) const CLIENT_MESSAGES_PER_FRAME_MAX: u32 = 100;
/// A socket's read buffer, in bytes.
pub(super) const READ_BUFFER_BYTES: usize = 4_096;

/// How long a room without viewers stays open after its last use.
pub(super) const ROOM_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long a request waits for a room's first snapshot; opening a socket then fails with `try_again`.
pub(super) const ROOM_OPEN_WAIT_MAX: Duration = Duration::from_millis(900);
/// Interval of the `alive` heartbeat.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// `alive` frames per ping: a ping every 30 s.
pub(super) const ALIVES_PER_PING: u32 = 3;
/// Unanswered pings before the client counts as gone.
pub(super) const PINGS_UNANSWERED_MAX: u8 = 2;
/// Timeout of sending one frame; the socket is then closed.
pub(super) const FRAME_SEND_MAX: Duration = Duration::from_secs(20);
/// How often the sequences of all open rooms are compared with the lock store's.
pub(super) const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// How long a live change may be in flight before it counts as lost.
pub(super) const FRAMES_UNDER_WAY_MAX: Duration = Duration::from_millis(250);
/// Maximum age of the last comparison for which `alive` is still sent.
pub(super) const COMPARED_AGO_MAX: Duration = Duration::from_secs(10);
/// Screenings per call to the lock store or the store.
pub(super) const STATES_PER_CALL_MAX: usize = 512;
/// How often the screenings of rooms are updated without a notification: sales close by time.
pub(super) const ROOMS_FOLLOWED_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two reloads of a room.
pub(super) const RELOAD_EVERY_MIN: Duration = Duration::from_millis(50);
/// The longest backoff between two attempts to reach the lock store.
pub(super) const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Attempts to take a snapshot, with a load of the missing map after each.
pub(super) const SNAPSHOT_TRIES_MAX: usize = 4;
/// How long counts of taken seats are cached; the contract allows 2 s until they arrive.
pub(super) const COUNTS_CACHED_FOR: Duration = Duration::from_secs(1);
/// Cached counts of taken seats.
pub(super) const COUNTS_CACHED_MAX: usize = 8_192;
/// How long a shutdown waits for sockets to drain.
pub(super) const STOP_MAX: Duration = Duration::from_secs(3);

/// Lower bound of the time between two `changes` frames of a room.
const TICK_MIN: Duration = Duration::from_millis(2);
/// Longest interval between two frames of a room, so that a viewer sees a change well within a second.
const TICK_MAX: Duration = Duration::from_millis(500);
/// A frame costs about 8 µs of CPU per viewer; a tick of five times that limits a room to a fifth of one core.
const TICK_PER_VIEWER: Duration = Duration::from_micros(40);

/// Time between two `changes` frames of a room with this many viewers, within which changes are batched.
pub(super) fn tick_of(viewers: usize) -> Duration {
    let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
    TICK_PER_VIEWER.saturating_mul(viewers).clamp(TICK_MIN, TICK_MAX)
}

/// The limits that tests and load tests change.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Sockets of the whole server.
    pub sockets_max: usize,
    /// Sockets of one client address.
    pub sockets_per_address_max: u32,
    /// Open rooms.
    pub rooms_max: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            sockets_max: LIVE_SOCKETS_MAX,
            sockets_per_address_max: LIVE_SOCKETS_PER_ADDRESS_MAX,
            rooms_max: LIVE_ROOMS_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_grows_with_the_viewers_between_its_bounds() {
        let ticks: Vec<u128> = [0, 1, 200, 1_000, 10_000, usize::MAX].map(|n| tick_of(n).as_millis()).into();
        assert_eq!(ticks, [2, 2, 8, 40, 400, 500]);
    }

    #[test]
    fn frames_to_a_thousand_viewers_are_batched_fifty_to_one() {
        let frames_per_second = 1_000 / tick_of(1_000).as_millis();
        assert!(frames_per_second * 50 <= 2_000, "{frames_per_second} frames/s instead of 2,000");
    }
}
