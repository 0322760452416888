//! Implements the lock ports with calls of the Lua functions. The rules of locks are in `function/calls.lua`.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use redis::Cmd;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        Hold, LoadReply, LockReply, Millis, PaymentChange, Release, ReleaseReply, SeatSnapshot, SeatTruth, StartReply,
        WithdrawReply,
    },
    ports::{Backend, BackendError, Health, LiveChanges, LiveFeed, LockSeats, Releases, SeatLocks, SeatMaps},
};
use uuid::{Uuid, fmt::Hyphenated};

use super::{
    PART, RedisLocks,
    failure::Failure,
    function::Function,
    keys::{Tag, board_key, channels_of},
    message::{read_seats, write_payment},
    releases::{RELEASES_WAITING_MAX, add_names, count_entries, list_entries, read_count, read_entries},
    reply::{Code, Reply, bad_reply},
};

/// Longest lifetime of a lock, in milliseconds: about three years, so that expiry times stay exact in Lua's doubles.
const TTL_MS_MAX: Millis = 100_000_000_000;

/// Limit of the expired locks of one tag that one call of `sweep` removes. All tags are swept in one pipeline, which
/// blocks other calls for about 20 ms with this limit. After Redis's clock was set back, one sweep also shortens all locks,
/// without a limit.
const SWEEP_LOCKS_MAX: u64 = 32;

/// Limit of the rounds in which one sweep removes the expired locks of tags that have more than one call may remove.
/// The next sweep removes the rest.
const SWEEP_ROUNDS_MAX: u32 = 200;

/// Time limit for publishing a payment's status. Publishing is best effort and must not delay a sale.
const PUBLISH_WITHIN: Duration = Duration::from_millis(100);

/// Appends an id without an allocation.
fn add_id(call: &mut Cmd, id: Uuid) {
    call.arg(&*id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
}

fn add_seats(call: &mut Cmd, seats: &[SeatId]) {
    for seat in seats {
        call.arg(seat.to_string());
    }
}

fn ttl(ttl_ms: Millis) -> Millis {
    ttl_ms.clamp(1, TTL_MS_MAX)
}

impl RedisLocks {
    /// Calls a function that changes a seat map. The function does nothing when Redis runs it after the call's
    /// deadline.
    async fn change(
        &self,
        function: Function,
        screening: ScreeningId,
        add_words: impl Fn(&mut Cmd),
    ) -> Backend<(Code, Reply)> {
        let make = |not_after: Millis| {
            let mut call = function.on_board(screening);
            call.arg(not_after);
            add_words(&mut call);
            call
        };
        self.call(Tag::of(screening), make).await
    }

    /// Calls a function that changes a seat map and whose reply has no data.
    async fn do_change(&self, function: Function, screening: ScreeningId, add_words: impl Fn(&mut Cmd)) -> Backend<()> {
        match self.change(function, screening, add_words).await? {
            (Code::Done, _) => Ok(()),
            other => Err(bad_reply(other)),
        }
    }

    /// Logs when the stream of releases of a tag becomes full, from when on Redis drops the oldest releases, and when
    /// no stream is full any more. `with_more` are the tags that have more releases than were just read.
    async fn watch_for_drops(&self, with_more: &[Tag]) -> Backend<()> {
        let mut waiting_most = 0;
        if !with_more.is_empty() {
            let calls: Vec<Cmd> = with_more.iter().map(|tag| count_entries(*tag)).collect();
            for answer in self.ask_each(&calls).await? {
                waiting_most = waiting_most.max(read_count(answer)?);
            }
        }
        let drops = waiting_most >= RELEASES_WAITING_MAX;
        if drops != self.drops_releases.swap(drops, Ordering::Relaxed) {
            if drops {
                tracing::warn!(waiting_most, "releases of locks are not published fast enough: Redis drops the oldest");
            } else {
                tracing::info!(waiting_most, "releases of locks are published fast enough again: Redis drops none");
            }
        }
        Ok(())
    }

    async fn unsubscribe_unwatched(&self) -> Backend<()> {
        for screening in self.feeds.take_unwatched() {
            for channel in channels_of(screening).iter().rev() {
                self.within_time(|| async { Ok(self.link.unsubscribe(channel).await?) }).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl SeatLocks for RedisLocks {
    async fn lock(&self, call: &LockSeats<'_>) -> Backend<LockReply> {
        let add_words = |to: &mut Cmd| {
            add_id(to, call.holder.as_uuid());
            to.arg(ttl(call.ttl_ms)).arg(call.seats_max).arg(call.seats.len());
            add_seats(to, call.seats);
            add_seats(to, call.not_for_sale);
        };
        let (code, mut reply) = self.change(Function::Lock, call.screening, add_words).await?;
        match code {
            Code::Held => Ok(LockReply::Held(reply.hold()?)),
            Code::Paying => Ok(LockReply::Paying(reply.payment_lock()?)),
            Code::TooMany => Ok(LockReply::TooMany),
            Code::Taken => Ok(LockReply::Taken(reply.sorted_seats()?)),
            Code::NotLoaded => Ok(LockReply::NotLoaded { seq: reply.seq()? }),
            other => Err(bad_reply(other)),
        }
    }

    async fn release(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        seats: Option<&[SeatId]>,
    ) -> Backend<ReleaseReply> {
        let add_words = |to: &mut Cmd| {
            add_id(to, holder.as_uuid());
            to.arg(if seats.is_some() { "these" } else { "all" });
            add_seats(to, seats.unwrap_or_default());
        };
        let (code, mut reply) = self.change(Function::Release, screening, add_words).await?;
        match code {
            Code::Held => Ok(ReleaseReply::Left(reply.hold()?)),
            Code::Paying => Ok(ReleaseReply::Paying(reply.payment_lock()?)),
            other => Err(bad_reply(other)),
        }
    }

    async fn find_hold(&self, screening: ScreeningId, holder: PersonId) -> Backend<Hold> {
        let make = |_| {
            let mut call = Function::FindHold.on_board(screening);
            add_id(&mut call, holder.as_uuid());
            call
        };
        match self.call(Tag::of(screening), make).await? {
            (Code::Held, mut reply) => reply.hold(),
            other => Err(bad_reply(other)),
        }
    }

    async fn start_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> Backend<StartReply> {
        let add_words = |to: &mut Cmd| {
            add_id(to, holder.as_uuid());
            add_id(to, payment.as_uuid());
            to.arg(ttl(ttl_ms));
        };
        let (code, mut reply) = self.change(Function::StartPayment, screening, add_words).await?;
        match code {
            Code::Held => Ok(StartReply::Started(reply.hold()?)),
            Code::NothingHeld => Ok(StartReply::NothingHeld),
            Code::Paying => Ok(StartReply::Paying(reply.payment_lock()?)),
            Code::NotLoaded => Ok(StartReply::NotLoaded { seq: reply.seq()? }),
            other => Err(bad_reply(other)),
        }
    }

    async fn extend_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()> {
        let add_words = |to: &mut Cmd| {
            add_id(to, holder.as_uuid());
            add_id(to, payment.as_uuid());
            to.arg(ttl(ttl_ms));
            add_seats(to, seats);
        };
        self.do_change(Function::ExtendPayment, screening, add_words).await
    }

    async fn end_payment(&self, screening: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()> {
        let add_words = |to: &mut Cmd| {
            add_id(to, holder.as_uuid());
            add_id(to, payment.as_uuid());
        };
        self.do_change(Function::EndPayment, screening, add_words).await
    }
}

#[async_trait]
impl SeatMaps for RedisLocks {
    async fn mark_sold(&self, screening: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> Backend<()> {
        let add_words = |to: &mut Cmd| {
            add_id(to, payment.as_uuid());
            add_seats(to, seats);
        };
        self.do_change(Function::MarkSold, screening, add_words).await
    }

    async fn mark_freed(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()> {
        self.do_change(Function::MarkFreed, screening, |to| add_seats(to, seats)).await
    }

    async fn withdraw(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<WithdrawReply> {
        let (code, mut reply) = self.change(Function::Withdraw, screening, |to| add_seats(to, seats)).await?;
        match code {
            Code::Done => Ok(WithdrawReply::Withdrawn),
            Code::Taken => Ok(WithdrawReply::Taken(reply.sorted_seats()?)),
            Code::NotLoaded => Ok(WithdrawReply::NotLoaded { seq: reply.seq()? }),
            other => Err(bad_reply(other)),
        }
    }

    async fn restore_to_sale(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()> {
        self.do_change(Function::RestoreToSale, screening, |to| add_seats(to, seats)).await
    }

    async fn load(&self, screening: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> Backend<LoadReply> {
        let mut sold = truth.sold.clone();
        sold.sort_unstable();
        let add_words = |to: &mut Cmd| {
            to.arg(expected_seq).arg(sold.len()).arg(truth.withdrawn.len());
            add_seats(to, &sold);
            add_seats(to, &truth.withdrawn);
            for claim in &truth.claimed {
                to.arg(claim.id.to_string());
                add_id(to, claim.holder.as_uuid());
                add_id(to, claim.payment.as_uuid());
                to.arg(claim.until).arg(claim.extended_from.map(|at| at.to_string()).unwrap_or_default());
            }
        };
        let (code, mut reply) = self.change(Function::Load, screening, add_words).await?;
        match code {
            Code::Loaded => Ok(LoadReply::Loaded),
            Code::Moved => Ok(LoadReply::Moved { seq: reply.seq()? }),
            other => Err(bad_reply(other)),
        }
    }

    async fn snapshot(&self, screening: ScreeningId) -> Backend<Result<SeatSnapshot, u64>> {
        let (code, mut reply) = self.call(Tag::of(screening), |_| Function::Snapshot.on_board(screening)).await?;
        match code {
            Code::NotLoaded => Ok(Err(reply.seq()?)),
            Code::Map => {
                let (seq, text) = (reply.seq()?, reply.text()?);
                let mut seats = read_seats(&text).ok_or_else(|| bad_reply(text))?;
                seats.sort_unstable_by_key(|seat| seat.id);
                Ok(Ok(SeatSnapshot { seq, seats }))
            }
            other => Err(bad_reply(other)),
        }
    }

    async fn list_states(&self, screenings: &[ScreeningId]) -> Backend<Vec<Option<(u64, u32)>>> {
        let mut places: Vec<(Tag, usize)> = screenings.iter().map(|id| Tag::of(*id)).zip(0..).collect();
        places.sort_unstable();
        let of_tags: Vec<&[(Tag, usize)]> = places.chunk_by(|one, two| one.0 == two.0).collect();
        let call = |places: &&[(Tag, usize)]| {
            let keys: Vec<String> = places.iter().map(|(_, place)| board_key(screenings[*place])).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            Function::ListStates.on_keys(&keys)
        };
        let tags: Vec<Tag> = of_tags.iter().map(|places| places[0].0).collect();
        let calls: Vec<Cmd> = of_tags.iter().map(call).collect();
        let mut states = vec![None; screenings.len()];
        for (places, (_, mut reply)) in of_tags.iter().zip(self.call_each(&tags, &calls).await?) {
            for (_, place) in *places {
                let (seq, taken) = (reply.number()?, reply.number()?);
                states[*place] = u64::try_from(seq).ok().map(|seq| (seq, u32::try_from(taken).unwrap_or(u32::MAX)));
            }
        }
        Ok(states)
    }
}

#[async_trait]
impl Releases for RedisLocks {
    async fn sweep(&self) -> Backend<()> {
        let mut tags: Vec<Tag> = Tag::all().collect();
        let find_step = |tag: &Tag| self.clocks.step_back(*tag).map(|step| (*tag, step));
        let mut steps_back: Vec<(Tag, u32)> = tags.iter().filter_map(find_step).collect();
        for _ in 0..SWEEP_ROUNDS_MAX {
            let call = |tag: &Tag| {
                let mut call = Function::Sweep.on_keys(&[&tag.keys().due, &tag.keys().releases]);
                call.arg(SWEEP_LOCKS_MAX);
                if steps_back.iter().any(|(of, _)| of == tag) {
                    call.arg(ttl(self.longest.lock_ms)).arg(ttl(self.longest.payment_ms));
                }
                call
            };
            let calls: Vec<Cmd> = tags.iter().map(call).collect();
            let mut with_more = Vec::new();
            // If this fails or is dropped, the next sweep tries again.
            let swept = self.call_each(&tags, &calls).await?;
            for (tag, step) in steps_back.drain(..) {
                self.clocks.handled_step_back(tag, step);
            }
            for (tag, (_, mut reply)) in tags.iter().zip(swept) {
                if reply.seq()? >= SWEEP_LOCKS_MAX {
                    with_more.push(*tag);
                }
            }
            if with_more.is_empty() {
                break;
            }
            tags = with_more;
        }
        self.unsubscribe_unwatched().await
    }

    async fn list_releases(&self, of: Option<ScreeningId>, limit: usize) -> Backend<Vec<Release>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        // A stream holds the releases of all screenings of its tag, so the whole stream is read to find those of one
        // screening.
        let (tags, limit_each): (Vec<Tag>, usize) = match of {
            Some(screening) => (vec![Tag::of(screening)], RELEASES_WAITING_MAX),
            None => (Tag::all().collect(), limit),
        };
        let calls: Vec<Cmd> = tags.iter().map(|tag| list_entries(*tag, limit_each)).collect();
        let (mut releases, mut with_more) = (Vec::new(), Vec::new());
        for (tag, answer) in tags.iter().zip(self.ask_each(&calls).await?) {
            let of_tag = read_entries(answer)?;
            if of_tag.len() >= limit_each {
                with_more.push(*tag);
            }
            releases.extend(of_tag);
        }
        if of.is_none() {
            self.watch_for_drops(&with_more).await?;
        }
        releases.retain(|release| of.is_none_or(|screening| release.screening == screening));
        // The sort is stable, so releases of one stream with the same time stay in their order.
        releases.sort_by_key(|release| release.at);
        releases.truncate(limit);
        Ok(releases)
    }

    async fn forget_releases(&self, copied: &[Release]) -> Backend<()> {
        let mut of_tags: Vec<(Tag, &Release)> = copied.iter().map(|one| (Tag::of(one.screening), one)).collect();
        of_tags.sort_by_key(|(tag, _)| *tag);
        let call = |of_tag: &[(Tag, &Release)]| {
            let tag = of_tag[0].0;
            let copied: Vec<&Release> = of_tag.iter().map(|(_, release)| *release).collect();
            let mut call = Function::ForgetReleases.on_keys(&[&tag.keys().releases]);
            add_names(&mut call, &copied);
            (tag, call)
        };
        let (tags, calls): (Vec<Tag>, Vec<Cmd>) = of_tags.chunk_by(|one, two| one.0 == two.0).map(call).unzip();
        if !calls.is_empty() {
            self.call_each(&tags, &calls).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl LiveChanges for RedisLocks {
    /// The subscription ends at the first [`SeatLocks::sweep`] after the last feed of the screening was dropped.
    async fn watch(&self, screening: ScreeningId) -> Backend<LiveFeed> {
        let feed = self.feeds.open(screening);
        let feed = feed.ok_or_else(|| BackendError::retryable(PART, "too many watchers of one screening"))?;
        for channel in channels_of(screening) {
            self.within_time(|| async { self.link.subscribe(&channel).await.map_err(Failure::from) }).await?;
        }
        Ok(feed)
    }

    async fn publish_payment(&self, change: PaymentChange) -> Backend<()> {
        let [_, channel] = channels_of(change.screening);
        let mut call = redis::cmd("SPUBLISH");
        call.arg(channel).arg(write_payment(&change));
        match tokio::time::timeout(PUBLISH_WITHIN, self.link.ask(&call)).await {
            Ok(answer) => answer.map(drop).map_err(|error| Failure::from(error).into()),
            Err(_) => Err(BackendError::retryable(PART, "Redis did not publish in time")),
        }
    }
}

#[async_trait]
impl Health for RedisLocks {
    fn part(&self) -> &'static str {
        PART
    }

    /// Writes a key of every tag, and so to every node. Fails when a node is read-only, or out of memory or disk space.
    async fn ping(&self) -> Backend<()> {
        let tags: Vec<Tag> = Tag::all().collect();
        let calls: Vec<Cmd> = tags.iter().map(|tag| Function::Ping.on_keys(&[&tag.keys().ping])).collect();
        self.call_each(&tags, &calls).await.map(drop)
    }
}
