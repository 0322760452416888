//! Names of Redis keys and channels. All keys of one screening, and the sweeper's keys for it, share one hash tag, so
//! that a Redis Cluster stores them on one node and one function can use all of them.

use std::sync::LazyLock;

use seatkeeper_core::ids::ScreeningId;
use uuid::fmt::Hyphenated;

/// Prefix of all keys. The number in it is the version of the data format.
const PREFIX: &str = "seatkeeper1";

/// Number of hash tags: enough to spread the screenings over many nodes, few enough to sweep all tags in one pipeline.
pub(super) const TAGS: u8 = 64;

/// One of the [`TAGS`] hash tags, over which the screenings are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Tag(u8);

static TAG_KEYS: LazyLock<Vec<TagKeys>> = LazyLock::new(|| Tag::all().map(TagKeys::new).collect());

/// The names of the keys that all screenings of one tag share.
pub(super) struct TagKeys {
    /// Prefix of the keys of the tag's seat maps; a screening's id follows.
    board_prefix: String,
    /// A sorted set of seat locks and payment locks, ordered by their expiry.
    pub(super) due: String,
    /// A stream of lock releases that are not in the outbox yet.
    pub(super) releases: String,
    /// The key that health checks write.
    pub(super) ping: String,
}

impl TagKeys {
    fn new(tag: Tag) -> Self {
        let of = |name: &str| format!("{PREFIX}:{{{:02x}}}:{name}", tag.0);
        Self { board_prefix: of(""), due: of("due"), releases: of("releases"), ping: of("ping") }
    }
}

impl Tag {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..TAGS).map(Self)
    }

    /// The screening's tag: an FNV-1a hash of its id. All servers of all versions must compute the same tag.
    pub(super) fn of(screening: ScreeningId) -> Self {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = screening.as_uuid().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix);
        Self((hash ^ (hash >> 32)) as u8 % TAGS)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn keys(self) -> &'static TagKeys {
        &TAG_KEYS[self.index()]
    }
}

/// The key of the hash with a screening's seat map. It is also the name of the screening's channel for messages of
/// version 1.
pub(super) fn board_key(screening: ScreeningId) -> String {
    let prefix = &Tag::of(screening).keys().board_prefix;
    let mut key = String::with_capacity(prefix.len() + Hyphenated::LENGTH);
    key.push_str(prefix);
    key.push_str(screening.as_uuid().hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
    key
}

/// Suffix of a screening's channel for messages of version 2. Servers of the previous version use the channel without
/// the suffix.
const CHANNEL_SUFFIX: &str = ":v2";

/// A screening's two channels, in the order in which to subscribe: first the previous version's, then this version's.
/// When the first channel has more subscribers than the second, the functions assume that servers of the previous
/// version are running. A server that subscribed in the other order would for a moment hide one of those servers.
pub(super) fn channels_of(screening: ScreeningId) -> [String; 2] {
    let old = board_key(screening);
    let new = format!("{old}{CHANNEL_SUFFIX}");
    [old, new]
}

/// The screening to which a channel of either version belongs.
pub(super) fn screening_of(channel: &[u8]) -> Option<ScreeningId> {
    let board = channel.strip_suffix(CHANNEL_SUFFIX.as_bytes()).unwrap_or(channel);
    let id = board.get(board.len().checked_sub(Hyphenated::LENGTH)?..)?;
    let screening = ScreeningId::parse(std::str::from_utf8(id).ok()?)?;
    (board_key(screening).as_bytes() == board).then_some(screening)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn screening_is_read_from_its_channels_and_from_no_other_name() {
        let screening = ScreeningId::from_uuid(Uuid::from_u128(7));
        let key = board_key(screening);
        assert_eq!(key, "seatkeeper1:{39}:00000000-0000-0000-0000-000000000007", "servers of all versions agree");
        for channel in channels_of(screening) {
            assert_eq!(screening_of(channel.as_bytes()), Some(screening));
        }
        for other in ["", "x", ":v2", "seatkeeper1:{39}:due", "seatkeeper1:{3a}:00000000-0000-0000-0000-000000000007"] {
            assert_eq!(screening_of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn screenings_spread_over_all_tags() {
        let ids = (0..2_000u128).map(|n| ScreeningId::from_uuid(Uuid::from_u128(n)));
        assert_eq!(ids.map(Tag::of).collect::<HashSet<_>>().len(), usize::from(TAGS));
    }
}
