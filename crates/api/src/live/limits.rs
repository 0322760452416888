//! How much of everything: each limit with its unit and its reason.

use std::time::Duration;

/// Sockets of one server: what 15,000 viewers need, and a little more.
pub const LIVE_SOCKETS_MAX: usize = 20_000;
/// Sockets of one client address (of one /64 in IPv6): many customers of one mobile network share an address.
pub const LIVE_SOCKETS_PER_ADDRESS_MAX: u32 = 1_000;
/// Screenings whose rooms one server keeps open.
pub const LIVE_ROOMS_MAX: usize = 4_096;
/// Frames that a socket may be behind the room before it is told to start over. A power of two.
pub const LIVE_QUEUE_FRAMES_MAX: usize = 32;
/// Frames that a socket may be behind its own person's queue before it is told to start over: a purchase is some six
/// frames. Every signed-in person has such a queue, so it is short. A power of two.
pub(super) const OWN_QUEUE_FRAMES_MAX: usize = 8;
/// Sockets of one person in one room that are sent their own frames: tabs and devices. Each change of a hold goes to all of them
/// at once, so that one account with many sockets must not keep a server busy.
pub(super) const OWN_SOCKETS_MAX: usize = 32;
/// Holds of one room that are read from the lock store at once.
pub(super) const HOLD_READS_AT_ONCE_MAX: usize = 64;
/// Holds that one server reads at once, of all rooms: after a failover every room reads all of its own.
pub(super) const HOLD_READS_OF_SERVER_MAX: usize = 64;
/// The shortest time between two reads of one room. While a server of the version before is there, each of its changes makes
/// all holds of the room be read.
pub(super) const HOLD_READS_EVERY_MIN: Duration = Duration::from_millis(50);
/// The largest message that a client may send, in bytes; clients have nothing to say.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1_024;
/// How many messages a client may send between two frames of its room, which come every 10 s at least: a pong now and
/// then. More of them is somebody who keeps the server busy.
pub(super) const CLIENT_MESSAGES_PER_FRAME_MAX: u32 = 100;
/// A socket's read buffer, in bytes.
pub(super) const READ_BUFFER_BYTES: usize = 4_096;

/// How long a room stays open after the last who looked or asked.
pub(super) const ROOM_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long somebody waits for a room's first snapshot before the answer is `try_again`.
pub(super) const ROOM_OPEN_WAIT_MAX: Duration = Duration::from_millis(900);
/// How often `alive` is sent.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Every so many `alive` frames a ping goes with it: every 30 s.
pub(super) const ALIVES_PER_PING: u32 = 3;
/// How many pings may stay unanswered before the peer counts as gone.
pub(super) const PINGS_UNANSWERED_MAX: u8 = 2;
/// How long one frame may take to leave before the socket is closed.
pub(super) const FRAME_SEND_MAX: Duration = Duration::from_secs(20);
/// How often the sequences of all open rooms are compared with the lock store's.
pub(super) const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// How long a change that the lock store knows may be under way before it counts as lost.
pub(super) const FRAMES_UNDER_WAY_MAX: Duration = Duration::from_millis(250);
/// How old the last comparison may be for `alive` to be true.
pub(super) const COMPARED_AGO_MAX: Duration = Duration::from_secs(10);
/// How many screenings are asked for in one call.
pub(super) const STATES_PER_CALL_MAX: usize = 512;
/// How often rooms are shown their screening again, changed or not: sales close by time.
pub(super) const ROOMS_FOLLOWED_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two reloads of a room.
pub(super) const RELOAD_EVERY_MIN: Duration = Duration::from_millis(50);
/// The longest pause between two attempts to reach the lock store.
pub(super) const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often a snapshot is asked for again because the map was not loaded.
pub(super) const SNAPSHOT_TRIES_MAX: usize = 4;
/// How long numbers of free seats are kept; they may be 2 s old when they arrive.
pub(super) const COUNTS_KEPT_FOR: Duration = Duration::from_secs(1);
/// How many numbers of free seats are kept.
pub(super) const COUNTS_KEPT_MAX: usize = 8_192;
/// How long a stop waits for viewers to be told.
pub(super) const STOP_MAX: Duration = Duration::from_secs(3);

/// The shortest time between two frames of a room while changes come fast.
const TICK_MIN: Duration = Duration::from_millis(2);
/// The longest, so that a change is seen well within a second.
const TICK_MAX: Duration = Duration::from_millis(500);
/// A frame costs about 8 µs of CPU for each viewer; five times as long between frames leaves a room at most a fifth of
/// one core.
const TICK_PER_VIEWER: Duration = Duration::from_micros(40);

/// The shortest time between two frames of a room with so many viewers.
pub(super) fn tick_of(viewers: usize) -> Duration {
    let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
    TICK_PER_VIEWER.saturating_mul(viewers).clamp(TICK_MIN, TICK_MAX)
}

/// The limits that an operator or a load test may move.
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

impl LiveLimits {
    /// Without a limit for one address, for load tests that come from one (`--rate-limit off`).
    #[must_use]
    pub fn without_addresses() -> Self {
        Self { sockets_per_address_max: u32::MAX, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tick_grows_with_the_room_and_has_ends() {
        let ticks: Vec<u128> = [0, 1, 200, 1_000, 10_000, usize::MAX].map(|n| tick_of(n).as_millis()).into();
        assert_eq!(ticks, [2, 2, 8, 40, 400, 500]);
    }

    #[test]
    fn a_storm_in_a_full_house_costs_a_fiftieth() {
        let frames_per_second = 1_000 / tick_of(1_000).as_millis();
        assert!(frames_per_second * 50 <= 2_000, "{frames_per_second} frames/s instead of 2,000");
    }
}
