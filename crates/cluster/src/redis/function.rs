//! The library of functions that runs inside Redis.

use redis::Cmd;
use seatkeeper_core::ids::ScreeningId;

use super::keys::{Tag, board_key};

/// Its text. Another text needs another version in its names: servers of two versions work side by side, each with its own.
pub(super) const LIBRARY: &str = concat!(
    include_str!("function/board.lua"),
    include_str!("function/calls.lua"),
    include_str!("function/library.lua")
);

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Takes seats.
    Lock,
    /// Lets go of seats.
    Release,
    /// Sets a payment lock.
    StartPayment,
    /// Keeps a payment's seats.
    KeepPayment,
    /// Ends a payment lock.
    EndPayment,
    /// Marks sold.
    MarkSold,
    /// Marks free again.
    MarkFreed,
    /// Withdraws from sale.
    Withdraw,
    /// Offers withdrawn seats for sale again.
    RestoreToSale,
    /// Sets what the store knows.
    Load,
    /// Ends what is over, of one tag.
    Sweep,
    /// Reads a map.
    Snapshot,
    /// Reads what a person holds.
    FindHold,
    /// Reads sequences.
    ListStates,
    /// Forgets releases.
    ForgetReleases,
    /// Checks health.
    Ping,
}

impl Function {
    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "seatkeeper_v2_lock",
            Self::Release => "seatkeeper_v2_release",
            Self::StartPayment => "seatkeeper_v2_start_payment",
            Self::KeepPayment => "seatkeeper_v2_keep_payment",
            Self::EndPayment => "seatkeeper_v2_end_payment",
            Self::MarkSold => "seatkeeper_v2_mark_sold",
            Self::MarkFreed => "seatkeeper_v2_mark_freed",
            Self::Withdraw => "seatkeeper_v2_withdraw",
            Self::RestoreToSale => "seatkeeper_v2_restore_to_sale",
            Self::Load => "seatkeeper_v2_load",
            Self::Sweep => "seatkeeper_v2_sweep",
            Self::Snapshot => "seatkeeper_v2_snapshot",
            Self::FindHold => "seatkeeper_v2_find_hold",
            Self::ListStates => "seatkeeper_v2_list_states",
            Self::ForgetReleases => "seatkeeper_v2_forget_releases",
            Self::Ping => "seatkeeper_v2_ping",
        }
    }

    /// A call over these keys, which are of one tag; arguments follow.
    pub(super) fn on_keys(self, keys: &[&str]) -> Cmd {
        let mut call = Cmd::new();
        call.arg("FCALL").arg(self.name()).arg(keys.len()).arg(keys);
        call
    }

    /// A call over a screening's board.
    pub(super) fn on_board(self, screening: ScreeningId) -> Cmd {
        let tag = Tag::of(screening).keys();
        self.on_keys(&[&board_key(screening), &tag.due, &tag.releases])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers of one version replace each other's functions, so they must be the same ones.
    #[test]
    fn another_text_is_another_version() {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = LIBRARY.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        assert_eq!(
            hash, 0x6ab2_0f43_74c6_5a5a,
            "once this version has shipped, changed functions are the next version's"
        );
    }

    #[test]
    fn what_is_called_is_registered_under_this_version() {
        let all = [
            Function::Lock,
            Function::Release,
            Function::StartPayment,
            Function::KeepPayment,
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
        let version = "seatkeeper_v2";
        assert!(LIBRARY.starts_with(&format!("#!lua name={version}\n")));
        assert!(LIBRARY.contains(&format!("function_name = '{version}_' .. name")));
        for function in all {
            let name = function.name().strip_prefix(version).and_then(|name| name.strip_prefix('_')).unwrap();
            assert!(LIBRARY.contains(&format!("register('{name}', ")), "{name}");
        }
        assert_eq!(LIBRARY.matches("\nregister('").count(), all.len());
    }
}
