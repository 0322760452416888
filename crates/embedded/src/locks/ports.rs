//! The ports of [`super::MemoryLocks`].

use async_trait::async_trait;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        Hold, LiveEvent, LoadReply, LockReply, Millis, PaymentChange, Release, ReleaseReply, SeatSnapshot, SeatTruth,
        StartReply, WithdrawReply,
    },
    ports::{Backend, BackendError, Health, LiveChanges, LiveFeed, LockSeats, Releases, SeatLocks, SeatMaps},
};

use super::{MemoryLocks, PART};

#[async_trait]
impl SeatLocks for MemoryLocks {
    async fn lock(&self, call: &LockSeats<'_>) -> Backend<LockReply> {
        let LockSeats { screening, holder, seats, not_for_sale, ttl_ms, seats_max } = *call;
        let reply = self.with_board(screening, |watched, now| {
            self.change(watched, |board| board.lock(now, holder, seats, not_for_sale, ttl_ms, seats_max))
        });
        reply.unwrap_or(Ok(LockReply::NotLoaded { seq: 0 }))
    }

    async fn release(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        seats: Option<&[SeatId]>,
    ) -> Backend<ReleaseReply> {
        let reply =
            self.with_board(screening, |watched, now| self.change(watched, |board| board.release(now, holder, seats)));
        reply.unwrap_or_else(|| Ok(ReleaseReply::Left(Hold::default())))
    }

    async fn find_hold(&self, screening: ScreeningId, holder: PersonId) -> Backend<Hold> {
        Ok(self.with_board(screening, |watched, now| watched.board.hold_of(now, holder)).unwrap_or_default())
    }

    async fn start_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> Backend<StartReply> {
        let reply = self.with_board(screening, |watched, now| {
            self.change(watched, |board| board.start_payment(now, holder, payment, ttl_ms))
        });
        reply.unwrap_or(Ok(StartReply::NotLoaded { seq: 0 }))
    }

    async fn extend_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()> {
        self.with_new_board(screening, |watched, now| {
            let until = now.saturating_add(ttl_ms);
            self.change(watched, |board| ((), board.extend_payment(now, holder, payment, seats, until)))
        })?
    }

    async fn end_payment(&self, screening: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()> {
        let ended = self.with_board(screening, |watched, now| {
            self.change(watched, |board| ((), board.end_payment(now, holder, payment)))
        });
        ended.unwrap_or(Ok(()))
    }
}

#[async_trait]
impl SeatMaps for MemoryLocks {
    async fn mark_sold(&self, screening: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> Backend<()> {
        // Creates the seat board if there is none, so that its sequence number changes: a concurrent load that has read
        // the store before this sale is then refused.
        self.with_new_board(screening, |watched, now| {
            self.change(watched, |board| ((), board.mark_sold(now, payment, seats)))
        })?
    }

    async fn mark_freed(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()> {
        self.with_new_board(screening, |watched, now| self.change(watched, |board| ((), board.mark_freed(now, seats))))?
    }

    async fn withdraw(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<WithdrawReply> {
        let reply = self.with_board(screening, |watched, now| self.change(watched, |board| board.withdraw(now, seats)));
        reply.unwrap_or(Ok(WithdrawReply::NotLoaded { seq: 0 }))
    }

    async fn restore_to_sale(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()> {
        self.with_new_board(screening, |watched, now| {
            self.change(watched, |board| ((), board.restore_to_sale(now, seats)))
        })?
    }

    async fn load(&self, screening: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> Backend<LoadReply> {
        self.with_new_board(screening, |watched, now| {
            self.change(watched, |board| board.load(now, expected_seq, truth))
        })?
    }

    async fn snapshot(&self, screening: ScreeningId) -> Backend<Result<SeatSnapshot, u64>> {
        let snapshot = self.with_board(screening, |watched, now| {
            self.sweep_board(watched, now)?;
            Ok(watched.board.snapshot().ok_or(watched.board.seq()))
        });
        snapshot.unwrap_or(Ok(Err(0)))
    }

    async fn list_states(&self, screenings: &[ScreeningId]) -> Backend<Vec<Option<(u64, u32)>>> {
        let state = |screening: &ScreeningId| {
            let state = self.with_board(*screening, |watched, _| {
                let taken = watched.board.count_taken()?;
                Some((watched.board.seq(), u32::try_from(taken).unwrap_or(u32::MAX)))
            });
            state.flatten()
        };
        Ok(screenings.iter().map(state).collect())
    }
}

#[async_trait]
impl Releases for MemoryLocks {
    async fn sweep(&self) -> Backend<()> {
        self.sweep_all()
    }

    async fn list_releases(&self, of: Option<ScreeningId>, limit: usize) -> Backend<Vec<Release>> {
        Ok(self.list_pending(of, limit))
    }

    async fn forget_releases(&self, copied: &[Release]) -> Backend<()> {
        self.forget_pending(copied)
    }
}

#[async_trait]
impl LiveChanges for MemoryLocks {
    async fn watch(&self, screening: ScreeningId) -> Backend<LiveFeed> {
        let feed = self.with_new_board(screening, |watched, _| watched.watch())?;
        feed.ok_or_else(|| BackendError::retryable(PART, "too many watchers of one screening"))
    }

    async fn publish_payment(&self, change: PaymentChange) -> Backend<()> {
        // A screening without a seat board has no subscribers.
        let _: Option<()> = self.with_board(change.screening, |watched, _| watched.publish(LiveEvent::Payment(change)));
        Ok(())
    }
}

#[async_trait]
impl Health for MemoryLocks {
    fn part(&self) -> &'static str {
        PART
    }

    async fn ping(&self) -> Backend<()> {
        self.try_log()
    }
}
