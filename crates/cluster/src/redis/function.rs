//! The library of Lua functions that Redis runs for the lock store.

use redis::Cmd;
use seatkeeper_core::ids::ScreeningId;

use super::keys::{Tag, board_key};

/// The Lua text of the library. Changed code needs a new version number in its names, because servers of two versions
/// share one Redis during an upgrade, and each calls its own library.
pub(super) const LIBRARY: &str = concat!(
    include_str!("function/board.lua"),
    include_str!("function/calls.lua"),
    include_str!("function/library.lua")
);

/// A function of the library; each variant implements one method of the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Lock,
    Release,
    StartPayment,
    /// Extends the locks of a payment that is still running.
    ExtendPayment,
    EndPayment,
    MarkSold,
    /// Frees seats whose sale was refunded.
    MarkFreed,
    Withdraw,
    RestoreToSale,
    /// Replaces the sold, withdrawn and claimed seats of the seat map with those of the store.
    Load,
    /// Removes the expired seat locks and payment locks of all screenings of one tag.
    Sweep,
    Snapshot,
    FindHold,
    ListStates,
    /// Deletes releases from the stream of releases after a server has copied them to the outbox.
    ForgetReleases,
    /// Writes a key, as a health check.
    Ping,
}

impl Function {
    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "seatkeeper_v3_lock",
            Self::Release => "seatkeeper_v3_release",
            Self::StartPayment => "seatkeeper_v3_start_payment",
            Self::ExtendPayment => "seatkeeper_v3_keep_payment",
            Self::EndPayment => "seatkeeper_v3_end_payment",
            Self::MarkSold => "seatkeeper_v3_mark_sold",
            Self::MarkFreed => "seatkeeper_v3_mark_freed",
            Self::Withdraw => "seatkeeper_v3_withdraw",
            Self::RestoreToSale => "seatkeeper_v3_restore_to_sale",
            Self::Load => "seatkeeper_v3_load",
            Self::Sweep => "seatkeeper_v3_sweep",
            Self::Snapshot => "seatkeeper_v3_snapshot",
            Self::FindHold => "seatkeeper_v3_find_hold",
            Self::ListStates => "seatkeeper_v3_list_states",
            Self::ForgetReleases => "seatkeeper_v3_forget_releases",
            Self::Ping => "seatkeeper_v3_ping",
        }
    }

    /// A call of this function with these keys, which must share one hash tag. The caller appends the arguments.
    pub(super) fn on_keys(self, keys: &[&str]) -> Cmd {
        let mut call = Cmd::new();
        call.arg("FCALL").arg(self.name()).arg(keys.len()).arg(keys);
        call
    }

    /// A call of this function on a screening's seat map. The caller appends the arguments.
    pub(super) fn on_board(self, screening: ScreeningId) -> Cmd {
        let tag = Tag::of(screening).keys();
        self.on_keys(&[&board_key(screening), &tag.due, &tag.releases])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the library that contain code, without trailing whitespace. A comment after code counts as code.
    fn code_lines() -> impl Iterator<Item = &'static str> {
        let lines = LIBRARY.lines().map(str::trim_end);
        lines.filter(|line| {
            let text = line.trim_start();
            !text.is_empty() && !text.starts_with("--")
        })
    }

    /// Servers of one version overwrite each other's library, so its code must not change within a version. Lines that
    /// are only a comment are not hashed: they do not affect what Redis runs, so they may be reworded without a new
    /// version.
    #[test]
    fn library_code_of_a_shipped_version_has_not_changed() {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let bytes = code_lines().flat_map(|line| line.bytes().chain([b'\n']));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, mix);
        assert_eq!(
            hash, 0xb750_497f_a9c9_40d5,
            "once this version has shipped, changed functions need the next version number"
        );
    }

    #[test]
    fn every_called_function_is_registered_under_this_version() {
        let all = [
            Function::Lock,
            Function::Release,
            Function::StartPayment,
            Function::ExtendPayment,
            Function::EndPayment,
            Function::MarkSold,
            Function::MarkFreed,
            Function::Withdraw,
            Function::RestoreToSale,
            Function::Load,
            Function::Sweep,
            Function::Snapshot,
            Function::FindHold,
            Function::ListStates,
            Function::ForgetReleases,
            Function::Ping,
        ];
        let version = "seatkeeper_v3";
        assert!(LIBRARY.starts_with(&format!("#!lua name={version}\n")));
        assert!(LIBRARY.contains(&format!("function_name = '{version}_' .. name")));
        for function in all {
            let name = function.name().strip_prefix(version).and_then(|name| name.strip_prefix('_')).unwrap();
            assert!(LIBRARY.contains(&format!("register('{name}', ")), "{name}");
        }
        assert_eq!(LIBRARY.matches("\nregister('").count(), all.len());
    }
}
