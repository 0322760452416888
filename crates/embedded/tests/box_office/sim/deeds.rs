//! The calls that people and workers make in the simulation, and their outcomes as text.

use std::sync::Arc;

use seatkeeper_core::{
    box_office::{
        BoxOffice, Buyer, CancelOutcome, ConfirmAnswer, Editor, LockOutcome, ReleaseOutcome, SeatSelection,
        StartPaymentOutcome, cancel_payment, confirm_payment, find_hold, find_payment_of, lock_seats,
        provider_reported, publish_releases, relay_events, release_seats, start_payment, update_screening,
    },
    catalogue::SharedScreening,
    ids::{PaymentId, PersonId},
    money::Money,
    payment::{ConfirmOutcome, PaymentMethod},
    ports::{Backend, Charge, Consumer, ShownToPayer},
};
use seatkeeper_testing::SeededEntropy;
use uuid::Uuid;

use crate::{books::consume, reconciler::resume_unfinished};

/// The ids of the relays of two servers.
const RELAYS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

#[derive(Clone, Debug)]
pub(super) enum Deed {
    Lock(Vec<String>),
    Release(Vec<String>),
    Hold,
    /// `id` is `None` until an id is chosen. `same`: the call repeats the start of an earlier payment.
    Start {
        id: Option<PaymentId>,
        same: bool,
    },
    Confirm(PaymentId, ConfirmOutcome),
    Cancel(PaymentId),
    Find(PaymentId),
    PayByPhone(PaymentId),
    Report(PaymentId),
    Sweep,
    Resume,
    PublishReleases(usize),
    Relay(usize),
    Consume(Consumer),
    ChangePrice(i64),
}

/// The server, the person and the screening of one call.
pub(super) struct Actor {
    pub(super) office: Arc<BoxOffice>,
    pub(super) person: PersonId,
    pub(super) screening: SharedScreening,
}

impl Deed {
    pub(super) fn draw(dice: &SeededEntropy, screening: &SharedScreening, chosen: Option<PaymentId>) -> Self {
        let draw = |below: u64| dice.next_u64() % below;
        let seats = || {
            let all = screening.plan.seats();
            let some = (0..1 + draw(3)).map(|_| all[draw(all.len() as u64) as usize].id.to_string());
            some.collect::<Vec<_>>()
        };
        match (draw(100), chosen) {
            (0..22, _) => Self::Lock(seats()),
            (22..26, _) => Self::Release(seats()),
            (26..28, _) => Self::Hold,
            (28..44, _) => Self::Start { id: None, same: false },
            (44..46, Some(id)) => Self::Start { id: Some(id), same: true },
            (46..60, Some(id)) => Self::Confirm(id, ConfirmOutcome::Success),
            (60..63, Some(id)) => Self::Confirm(id, ConfirmOutcome::Decline),
            (63..66, Some(id)) => Self::Cancel(id),
            (66..68, Some(id)) => Self::Find(id),
            (68..72, Some(id)) => Self::PayByPhone(id),
            (72..80, Some(id)) => Self::Report(id),
            (80..84, _) => Self::Sweep,
            (84..90, _) => Self::Resume,
            (90..92, _) => Self::PublishReleases(draw(2) as usize),
            (92..95, _) => Self::Relay(draw(2) as usize),
            (95..97, _) => Self::Consume(Consumer::Mail),
            (97..98, _) => Self::Consume(Consumer::Audit),
            (98..100, _) => Self::ChangePrice(100 * (1 + draw(500)) as i64),
            _ => Self::Lock(seats()),
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{self:?}").split("PaymentId").next().unwrap_or_default().to_owned()
    }

    pub(super) fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::Start { id, .. } => *id,
            Self::Confirm(id, _) | Self::Cancel(id) | Self::Find(id) | Self::PayByPhone(id) | Self::Report(id) => {
                Some(*id)
            }
            Self::Lock(_) | Self::Release(_) | Self::Hold | Self::Sweep | Self::Resume => None,
            Self::PublishReleases(_) | Self::Relay(_) | Self::Consume(_) | Self::ChangePrice(_) => None,
        }
    }

    pub(super) fn is_about_a_chosen_payment(&self) -> bool {
        self.payment().is_some() && !matches!(self, Self::Start { same: false, .. })
    }

    /// Makes the call, and returns its outcome as text.
    pub(super) async fn act(self, actor: Actor) -> String {
        match self.try_to(&actor).await {
            Ok(outcome) => outcome,
            Err(error) => {
                assert!(error.retryable, "only injected faults make a call fail: {error}");
                format!("failed: {error}")
            }
        }
    }

    async fn try_to(self, Actor { office, person, screening }: &Actor) -> Backend<String> {
        let (person, id) = (*person, screening.screening.id);
        let buyer = Buyer::alone(person);
        let method = Some(PaymentMethod::Promptpay);
        Ok(match self {
            Self::Lock(names) => {
                let Ok(wanted) = SeatSelection::parse(screening, &names) else { return Ok("no such seats".into()) };
                describe_lock(lock_seats(office, &buyer, screening, &wanted).await?)
            }
            Self::Release(names) => {
                let Ok(which) = SeatSelection::parse(screening, &names) else { return Ok("no such seats".into()) };
                match release_seats(office, person, id, Some(which.seats())).await? {
                    ReleaseOutcome::Left(hold) => format!("left {}", hold.seats.len()),
                    ReleaseOutcome::PaymentInProgress(_) => "is paying".to_owned(),
                }
            }
            Self::Hold => format!("holds {}", find_hold(office, person, id).await?.seats.len()),
            Self::Start { id: Some(id), .. } => {
                describe_start(start_payment(office, &buyer, screening, id, method, ShownToPayer::default()).await?)
            }
            Self::Start { id: None, .. } => "nothing chosen".to_owned(),
            Self::Confirm(id, outcome) => {
                describe_answer(&confirm_payment(office, person, id, outcome).await?).to_owned()
            }
            Self::Cancel(id) => match cancel_payment(office, person, id).await? {
                CancelOutcome::Cancelled(_) => "cancelled".to_owned(),
                CancelOutcome::NotPending(payment) => format!("is {}", payment.status.as_ref()),
                CancelOutcome::NotFound => "not found".to_owned(),
            },
            Self::Find(id) => {
                let found = find_payment_of(office, person, id).await?;
                format!("is {:?}", found.map(|payment| payment.status))
            }
            Self::PayByPhone(id) => pay_by_phone(office, id).await?,
            Self::Report(id) => format!("reported: {}", provider_reported(office, id).await?),
            Self::Sweep => office.locks.sweep().await.map(|()| "swept".to_owned())?,
            Self::Resume => format!("met {}", resume_unfinished(office).await?),
            Self::PublishReleases(relay) => format!("told {}", publish_releases(office, RELAYS[relay]).await?),
            Self::Relay(relay) => format!("relayed {:?}", relay_events(office, RELAYS[relay]).await?),
            Self::Consume(consumer) => format!("consumed {}", consume(office, consumer).await?),
            Self::ChangePrice(satang) => {
                let editor = Editor { person, request_id: None };
                let price = Money::satang(satang);
                let changed = update_screening(office, editor, id, |mut details| {
                    details.prices.values_mut().for_each(|each| *each = price);
                    details
                });
                changed.await?;
                office.follow_programme().await?;
                "changed".to_owned()
            }
        })
    }
}

/// Pays a payment that has been started.
async fn pay_by_phone(office: &BoxOffice, id: PaymentId) -> Backend<String> {
    let Some(payment) = office.stores.ledger.find_payment(id).await? else { return Ok("nothing to pay".to_owned()) };
    let outcome = ConfirmOutcome::Success;
    let charge = Charge { payment_id: id, amount: payment.amount, method: payment.method, outcome };
    Ok(format!("by phone: {:?}", office.provider.authorise(&charge).await.ok()))
}

fn describe_lock(outcome: LockOutcome) -> String {
    match outcome {
        LockOutcome::Held(hold) => format!("holds {:?}", hold.seats.iter().map(|seat| seat.id).collect::<Vec<_>>()),
        LockOutcome::SalesClosed => "sales closed".to_owned(),
        LockOutcome::PaymentInProgress(_) => "is paying".to_owned(),
        LockOutcome::TooManySeats => "too many".to_owned(),
        LockOutcome::TooManySeatsEverywhere { held_elsewhere } => format!("too many with {held_elsewhere} elsewhere"),
        LockOutcome::LetGoTooOften(seats) => format!("let go too often {seats:?}"),
        LockOutcome::TooManyHolders(_) => "too many holders".to_owned(),
        LockOutcome::SeatsTaken(seats) => format!("taken {seats:?}"),
    }
}

fn describe_start(outcome: StartPaymentOutcome) -> String {
    match outcome {
        StartPaymentOutcome::Started(payment) => format!("{} {:?}", payment.status.as_ref(), payment.seat_ids()),
        StartPaymentOutcome::NothingLocked => "nothing locked".to_owned(),
        StartPaymentOutcome::PaymentInProgress(_) => "is paying".to_owned(),
        StartPaymentOutcome::SeatsTaken(seats) => format!("taken {seats:?}"),
        StartPaymentOutcome::SalesClosed => "sales closed".to_owned(),
        StartPaymentOutcome::ScreeningCancelled => "cancelled".to_owned(),
        StartPaymentOutcome::ScreeningChanged(now) => format!("changed to {}", now.revision),
        StartPaymentOutcome::PriceChanged { total, .. } => format!("costs {}", total.to_decimal()),
        StartPaymentOutcome::MethodMissing => "no method".to_owned(),
        StartPaymentOutcome::TooManySeatsEverywhere { held_elsewhere } => format!("too many with {held_elsewhere}"),
        StartPaymentOutcome::NotFound => "not found".to_owned(),
    }
}

const fn describe_answer(answer: &ConfirmAnswer) -> &'static str {
    match answer {
        ConfirmAnswer::Succeeded(_) => "succeeded",
        ConfirmAnswer::Declined(_) => "declined",
        ConfirmAnswer::Unknown(_) => "unknown",
        ConfirmAnswer::Expired(_) => "expired",
        ConfirmAnswer::SeatsLost(_) => "seats lost",
        ConfirmAnswer::NotPending(_) => "not pending",
        ConfirmAnswer::NotFound => "not found",
    }
}
