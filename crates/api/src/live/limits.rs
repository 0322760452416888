//! Limits of the live seat maps, each with its unit and its reason.

use std::time::Duration;

use crate::client_shares::ShareLimits;

/// Maximum number of open WebSockets of one server: enough for 15,000 viewers, with a reserve.
pub const LIVE_SOCKETS_MAX: usize = 20_000;
/// Maximum number of open WebSockets of one client address (for IPv6, of one /64). It is high because many customers of
/// a mobile network share one address.
pub const LIVE_SOCKETS_PER_ADDRESS_MAX: usize = 1_000;
/// Maximum number of open WebSockets of one IPv6 /48: a fifth of the server's.
pub const LIVE_SOCKETS_PER_NETWORK_MAX: usize = 4_000;
/// Maximum number of open rooms of one server; each room serves one screening.
pub const LIVE_ROOMS_MAX: usize = 4_096;
/// Maximum number of the room's frames that a socket may lag behind. Beyond it the socket skips them and gets a new
/// snapshot. A power of two.
pub const LIVE_QUEUE_FRAMES_MAX: usize = 32;
/// Maximum number of the person's own frames that a socket may lag behind before it gets a new snapshot: a purchase
/// takes some six frames. There is one queue per signed-in person and room, so the queue is short. A power of two.
pub(super) const OWN_QUEUE_FRAMES_MAX: usize = 8;
/// Sockets (tabs and devices) of one person in one room that get the person's own frames. Each change of a hold is sent to all
/// of them at once, so without a limit one account could keep a server busy.
pub(super) const OWN_SOCKETS_MAX: usize = 32;
/// Maximum number of concurrent reads of holds from the lock store for one room.
pub(super) const HOLD_READS_AT_ONCE_MAX: usize = 64;
/// Maximum number of concurrent reads of holds for all rooms of a server: after a failover every room reads all of its
/// holds again.
pub(super) const HOLD_READS_OF_SERVER_MAX: usize = 64;
/// Minimum pause between two batches of hold reads of one room. Without it, each live change published by a server of
/// the previous version would make the room read all of its holds.
pub(super) const HOLD_READS_EVERY_MIN: Duration = Duration::from_millis(50);
/// The largest WebSocket message that a client may send, in bytes; clients need not send any.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1_024;
/// Maximum number of messages that a client may send between two frames of its room, which come at least every 10 s. A
/// normal client sends only pongs; a client above the limit is disconnected because it wastes the server's time.
pub(super) const CLIENT_MESSAGES_PER_FRAME_MAX: u32 = 100;
/// Size of a socket's read buffer, in bytes.
pub(super) const READ_BUFFER_BYTES: usize = 4_096;

/// How long a room without viewers stays open after its last use.
pub(super) const ROOM_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long a request waits for a room's first snapshot; opening a socket then fails with `try_again`.
pub(super) const ROOM_OPEN_WAIT_MAX: Duration = Duration::from_millis(900);
/// Interval of the `alive` heartbeat.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// A ping is sent with every third `alive` frame, which is every 30 s.
pub(super) const ALIVES_PER_PING: u32 = 3;
/// Number of consecutive unanswered pings after which the client counts as disconnected.
pub(super) const PINGS_UNANSWERED_MAX: u8 = 2;
/// Timeout of sending one frame to a viewer, after which the socket is closed.
pub(super) const FRAME_SEND_MAX: Duration = Duration::from_secs(20);
/// How often the sequence numbers of all open rooms are compared with the lock store's, to detect lost live changes.
pub(super) const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// How long a live change may take from the lock store to a room before it counts as lost.
pub(super) const FRAMES_UNDER_WAY_MAX: Duration = Duration::from_millis(250);
/// `alive` frames are sent only while the last successful comparison with the lock store is not older than this.
pub(super) const COMPARED_AGO_MAX: Duration = Duration::from_secs(10);
/// Maximum number of screenings in one call to the lock store or the store.
pub(super) const STATES_PER_CALL_MAX: usize = 512;
/// How often rooms update their screening without a notification of a change: sales close by time.
pub(super) const ROOMS_FOLLOWED_EVERY: Duration = Duration::from_secs(1);
/// Minimum time between two reloads of a room's seat map.
pub(super) const RELOAD_EVERY_MIN: Duration = Duration::from_millis(50);
/// Maximum backoff between two attempts of a room to reach the lock store.
pub(super) const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Maximum number of attempts to read a snapshot; after each failed one the missing map is loaded into the lock store.
pub(super) const SNAPSHOT_TRIES_MAX: usize = 4;
/// How long the counts of taken seats are cached; the contract allows them to be 2 s old when a client receives them.
pub(super) const COUNTS_CACHED_FOR: Duration = Duration::from_secs(1);
/// Maximum number of screenings whose count of taken seats is cached.
pub(super) const COUNTS_CACHED_MAX: usize = 8_192;
/// How long a shutdown waits until the sockets have sent their queued frames.
pub(super) const STOP_MAX: Duration = Duration::from_secs(3);

/// Lower bound of the time between two `changes` frames of a room.
const TICK_MIN: Duration = Duration::from_millis(2);
/// Upper bound of the time between two `changes` frames of a room, so that a viewer sees a change well within a second.
const TICK_MAX: Duration = Duration::from_millis(500);
/// Share of one viewer in a room's tick. Sending a frame costs about 8 µs of CPU per viewer, so a tick of five times
/// that limits a room to a fifth of one core.
const TICK_PER_VIEWER: Duration = Duration::from_micros(40);

/// Returns the tick of a room with this many viewers: the time between two `changes` frames, during which changes are
/// batched.
pub(super) fn tick_of(viewers: usize) -> Duration {
    let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
    TICK_PER_VIEWER.saturating_mul(viewers).clamp(TICK_MIN, TICK_MAX)
}

/// The limits that tests and load tests change.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Maximum number of open sockets of the whole server.
    pub sockets_max: usize,
    /// Maximum number of open sockets of one client.
    pub sockets_per_client: ShareLimits,
    /// Maximum number of open rooms.
    pub rooms_max: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            sockets_max: LIVE_SOCKETS_MAX,
            sockets_per_client: ShareLimits {
                per_address_max: LIVE_SOCKETS_PER_ADDRESS_MAX,
                per_network_max: LIVE_SOCKETS_PER_NETWORK_MAX,
            },
            rooms_max: LIVE_ROOMS_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_frames_grows_with_the_number_of_viewers_within_its_bounds() {
        let ticks: Vec<u128> = [0, 1, 200, 1_000, 10_000, usize::MAX].map(|n| tick_of(n).as_millis()).into();
        assert_eq!(ticks, [2, 2, 8, 40, 400, 500]);
    }

    #[test]
    fn room_with_a_thousand_viewers_batches_two_thousand_changes_per_second_fifty_to_one() {
        let frames_per_second = 1_000 / tick_of(1_000).as_millis();
        assert!(frames_per_second * 50 <= 2_000, "{frames_per_second} frames/s instead of 2,000");
    }
}
