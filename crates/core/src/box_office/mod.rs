//! The use cases: functions over [`BoxOffice`], a struct of ports and settings.
//!
//! Files import only from files before them: `maps`, `payment_end`, `holds`, `payment_start`, `settling`, then
//! `reconciling` and `late_money`.
//!
//! Several servers may run the same use case at once, and a server may crash between any two calls of ports. Only a
//! single call of the store is atomic.

mod best_effort;
mod consuming;
mod dead_letters;
mod hold_limits;
mod holds;
mod late_money;
mod mailing;
mod maps;
mod office;
mod pauses;
mod payment_end;
mod payment_frames;
mod payment_start;
mod programme;
mod reconciling;
mod relay;
mod reports;
mod retention;
mod screening_cache;
mod screenings;
mod settling;
mod whats_on;

pub use consuming::handle_events;
pub use dead_letters::replay_dead_letter;
pub use hold_limits::{Buyer, HoldLimits, HoldRules, NetworkFull};
pub use holds::{LockOutcome, ReleaseOutcome, SeatSelection, find_hold, lock_seats, release_seats};
pub use late_money::provider_reported;
pub use mailing::{MailRetry, retry_mail};
pub use maps::{compare_map, list_loaded_maps, load_screening, mend_screening};
pub use office::{BoxOffice, Settings};
pub use pauses::{MAIL_TRIES_FOR_MAX, OUTCOME_POLLED_EVERY, OUTCOME_WITHIN, next_mail_attempt};
pub use payment_end::{CancelOutcome, cancel_payment, find_payment_of, find_unfinished_payment};
pub use payment_start::{StartPaymentOutcome, start_payment};
pub use programme::{
    ChangeOutcome, Editor, START_AHEAD_MAX, ScreeningDetails, check_prices, create_hall, create_movie,
    create_screening, delete_hall, delete_movie, delete_screening, update_hall, update_movie, update_screening,
};
pub use reconciling::{UNFINISHED_PAYMENTS_MAX, list_unfinished, resume_payment};
pub use relay::{RELAY_EVENTS_MAX, end_lease, publish_releases, relay_events};
pub use reports::{DailySales, REPORT_DAYS_MAX, day_span, find_booking_of, list_daily_sales, list_movie_sales};
pub use retention::forget_audit;
pub use screening_cache::{SCREENINGS_CACHED_MAX, ScreeningCache};
pub use screenings::{NamedScreening, ScreeningCheck, ScreeningName};
pub use settling::{ConfirmAnswer, confirm_payment, settle_payment};
pub use whats_on::{MovieOnShow, list_movies_on_show, list_upcoming, movie_on_show};
