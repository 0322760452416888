//! What every lock store must do, word for word of [`crate::ports`]: the contract of seat locks and live changes.
//!
//! An adapter's tests are one line, [`crate::seat_locks_contract`]. Each case works on screenings of its own, so that they
//! may run at once and on a lock store that others use too.

mod contest;
mod hall;
mod holds;
mod live;
mod paying;
mod releases;
mod seats;
mod truth;
mod withdrawing;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub use contest::*;
pub use holds::*;
pub use live::*;
pub use paying::*;
pub use releases::*;
pub use seats::*;
pub use truth::*;
pub use withdrawing::*;

use crate::{
    locks::Millis,
    ports::{LiveChanges, SeatLocks},
};

/// An adapter under test.
#[async_trait]
pub trait LocksFixture: Send + Sync {
    /// The locks; in a cluster, those of some server.
    fn locks(&self) -> Arc<dyn SeatLocks>;
    /// The live changes; in a cluster, those of another server.
    fn live(&self) -> Arc<dyn LiveChanges>;
    /// The time by the lock store's clock, in milliseconds since 1970.
    fn now_ms(&self) -> Millis;
    /// How long a lock lasts, in milliseconds: long where time is false, short where it must really pass.
    fn ttl_ms(&self) -> Millis {
        300_000
    }
    /// Lets time pass.
    async fn advance(&self, by: Duration);
}

/// One test for each case of the contract, over a new `$fixture` each.
#[macro_export]
macro_rules! seat_locks_contract {
    ($fixture:expr) => {
        $crate::seat_locks_contract!(
            $fixture,
            nothing_is_granted_before_loading,
            a_load_is_refused_when_something_moved,
            a_load_mends_what_differs_from_the_store,
            a_claim_is_a_lock_with_a_payment_lock,
            states_come_in_the_order_asked_for,
            a_lock_takes_all_or_none,
            what_is_mine_stays_mine_and_keeps_its_time,
            nobody_holds_too_many,
            refusals_come_in_their_order,
            a_lock_past_its_time_is_free_without_a_sweep,
            only_the_holder_lets_go,
            a_hold_is_all_that_one_person_holds,
            starting_a_payment_restarts_the_time_once,
            who_pays_changes_no_seats,
            a_payment_lock_ends_by_its_own_id,
            a_payment_without_seats_does_not_start,
            a_payment_lock_ends_with_its_seats,
            kept_seats_outlive_their_time_and_are_given_back,
            a_seat_with_more_time_than_its_payment_keeps_it,
            a_sale_takes_the_seats_whoever_holds_them,
            a_refund_frees_what_was_sold,
            releases_are_told_oldest_first_until_forgotten,
            a_takeover_writes_the_release_first,
            sweeps_of_many_servers_release_once,
            watchers_get_each_changed_hold_with_its_holder,
            hold_answers_carry_the_sequence_of_the_board,
            payment_lock_alone_takes_a_sequence,
            payment_status_reaches_the_watchers_of_its_screening,
            withdrawn_seats_are_published_and_refused_like_sold_ones,
            withdrawing_changes_nothing_when_one_seat_is_held_or_sold,
            withdrawn_seats_are_set_by_a_load_and_restored_to_sale,
            a_watcher_sees_every_change_in_order,
            a_watcher_sees_its_own_screening_alone,
            expiry_is_told_to_watchers_once,
            a_snapshot_is_true_of_its_sequence,
            a_thousand_ask_for_one_seat,
            crossed_sets_are_all_or_none,
            a_storm_leaves_one_holder_a_seat,
        );
    };
    ($fixture:expr, $($case:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::testing::locks::$case(&$fixture).await;
            }
        )+
    };
}
