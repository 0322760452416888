//! The contract suite of [`LockStore`] and [`LiveChanges`], for every lock store.
//!
//! Each adapter runs the suite with one line, [`seatkeeper_core::seat_locks_contract`]. Each case has its own
//! screenings, so that cases may run concurrently and on a shared lock store.

mod clock_steps;
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

pub use clock_steps::*;
pub use contest::*;
pub use holds::*;
pub use live::*;
pub use paying::*;
pub use releases::*;
pub use seats::*;
pub use truth::*;
pub use withdrawing::*;

use seatkeeper_core::{
    locks::Millis,
    ports::{LiveChanges, LockStore},
};

/// A lock store under test.
#[async_trait]
pub trait LocksFixture: Send + Sync {
    /// The lock store; in a cluster, as one server sees it.
    fn locks(&self) -> Arc<dyn LockStore>;
    /// The live changes; in a cluster, as another server receives them.
    fn live(&self) -> Arc<dyn LiveChanges>;
    /// The current time by the lock store's clock, in milliseconds since 1970.
    fn now_ms(&self) -> Millis;
    /// How long a lock lasts, in milliseconds. Long with a manual clock, short where the test has to wait for it.
    fn ttl_ms(&self) -> Millis {
        300_000
    }
    /// Advances the lock store's clock, or waits.
    async fn advance(&self, by: Duration);
}

/// Makes one test for each case of the suite, each with a new `$fixture`.
#[macro_export]
macro_rules! seat_locks_contract {
    ($fixture:expr) => {
        $crate::seat_locks_contract!(
            $fixture,
            lock_is_refused_before_the_map_is_loaded,
            load_of_a_seat_map_is_refused_when_its_sequence_has_moved,
            reload_of_a_seat_map_corrects_differences_from_the_ledger,
            load_turns_a_claim_into_a_lock_with_a_payment_lock,
            states_of_seat_maps_are_listed_in_the_requested_order,
            lock_of_several_seats_takes_all_or_none,
            relocking_held_seats_keeps_their_expiry,
            lock_is_refused_above_the_limit_per_person,
            refusals_of_a_lock_have_a_fixed_order_of_precedence,
            expired_lock_is_free_without_a_sweep,
            release_ignores_seats_of_other_people,
            hold_has_all_locks_of_one_person_at_one_screening,
            payment_restarts_the_expiry_of_a_lock_once,
            lock_and_release_are_refused_while_the_holder_pays,
            payment_lock_is_ended_only_by_its_own_payment_id,
            payment_without_held_seats_is_not_started,
            payment_lock_expires_with_its_seats,
            extended_locks_return_to_their_own_expiry_when_the_payment_ends,
            extension_never_shortens_a_lock_that_expires_later,
            recorded_sale_marks_seats_sold_even_if_another_person_has_locked_them,
            refund_frees_only_sold_seats,
            releases_are_listed_oldest_first_until_removed,
            takeover_of_an_expired_lock_writes_its_release_first,
            concurrent_sweeps_release_each_lock_once,
            subscribers_receive_each_changed_hold_with_its_holder,
            hold_carries_the_sequence_number_of_its_seat_map,
            change_of_a_payment_lock_alone_gets_a_sequence_number,
            payment_status_reaches_the_subscribers_of_its_screening,
            withdrawn_seats_are_published_and_refused_like_sold_ones,
            withdrawing_changes_nothing_when_one_seat_is_held_or_sold,
            withdrawn_seats_are_set_by_a_load_and_restored_to_sale,
            subscriber_receives_every_change_in_order,
            subscriber_receives_changes_of_its_own_screening_only,
            expiry_of_a_lock_is_published_to_subscribers_once,
            snapshot_has_no_expired_locks_and_the_next_change_follows_it,
            one_of_a_thousand_concurrent_requests_gets_the_seat,
            concurrent_locks_of_overlapping_seats_take_all_or_none,
            concurrent_locks_and_sales_leave_one_owner_per_seat,
        );
    };
    ($fixture:expr, $($case:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::locks::$case(&$fixture).await;
            }
        )+
    };
}
