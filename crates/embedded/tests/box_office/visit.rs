//! The actions of one person at one screening.

use std::sync::Arc;

use seatkeeper_core::{
    booking::Booking,
    box_office::{
        BoxOffice, Buyer, CancelOutcome, ConfirmAnswer, LockOutcome, ReleaseOutcome, SeatSelection,
        StartPaymentOutcome, cancel_payment, confirm_payment, find_hold, lock_seats, provider_reported, release_seats,
        start_payment,
    },
    catalogue::SharedScreening,
    ids::{PaymentId, PersonId},
    locks::Hold,
    payment::{ConfirmOutcome, Payment, PaymentMethod},
    ports::{Backend, Charge, ProviderAnswer, ShownToPayer},
};

use crate::office::TestOffice;

pub(crate) struct Visit {
    pub(crate) office: Arc<BoxOffice>,
    pub(crate) person: PersonId,
    pub(crate) screening: SharedScreening,
}

impl Visit {
    pub(crate) async fn of(cinema: &TestOffice, name: &str, screening: &SharedScreening) -> Self {
        let person = cinema.person(name).await;
        Self { office: Arc::clone(&cinema.office), person, screening: Arc::clone(screening) }
    }

    pub(crate) fn select(&self, names: &str) -> SeatSelection {
        let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        SeatSelection::parse(&self.screening, &names).expect("seats of this hall")
    }

    pub(crate) async fn try_lock(&self, names: &str) -> Backend<LockOutcome> {
        lock_seats(&self.office, &Buyer::alone(self.person), &self.screening, &self.select(names)).await
    }

    pub(crate) async fn lock(&self, names: &str) -> LockOutcome {
        self.try_lock(names).await.expect("the parts work")
    }

    /// Locks seats as an employee, who may let seats go as often as they like.
    pub(crate) async fn lock_as_staff(&self, names: &str) -> LockOutcome {
        let staff = Buyer { is_staff: true, ..Buyer::alone(self.person) };
        lock_seats(&self.office, &staff, &self.screening, &self.select(names)).await.expect("the parts work")
    }

    pub(crate) async fn locked(&self, names: &str) -> Hold {
        match self.lock(names).await {
            LockOutcome::Held(hold) => hold,
            other => panic!("{names} should be free: {other:?}"),
        }
    }

    pub(crate) async fn release_all(&self) -> ReleaseOutcome {
        release_seats(&self.office, self.person, self.screening.screening.id, None).await.expect("the locks work")
    }

    pub(crate) async fn hold(&self) -> Hold {
        find_hold(&self.office, self.person, self.screening.screening.id).await.expect("the parts work")
    }

    pub(crate) async fn start(&self, id: PaymentId) -> StartPaymentOutcome {
        let method = Some(PaymentMethod::MockCard);
        start_payment(&self.office, &Buyer::alone(self.person), &self.screening, id, method, ShownToPayer::default())
            .await
            .expect("the parts work")
    }

    pub(crate) async fn started(&self, id: PaymentId) -> Payment {
        match self.start(id).await {
            StartPaymentOutcome::Started(payment) => payment,
            other => panic!("the payment should start: {other:?}"),
        }
    }

    /// Locks seats and starts a payment for them.
    pub(crate) async fn paying(&self, cinema: &TestOffice, names: &str) -> Payment {
        self.locked(names).await;
        self.started(cinema.payment_id()).await
    }

    pub(crate) async fn confirm(&self, id: PaymentId, outcome: ConfirmOutcome) -> ConfirmAnswer {
        confirm_payment(&self.office, self.person, id, outcome).await.expect("the store works")
    }

    pub(crate) async fn paid(&self, id: PaymentId) -> Booking {
        match self.confirm(id, ConfirmOutcome::Success).await {
            ConfirmAnswer::Succeeded(sale) => sale.1,
            other => panic!("the sale should be made: {other:?}"),
        }
    }

    pub(crate) async fn bought(&self, cinema: &TestOffice, names: &str) -> Booking {
        let payment = self.paying(cinema, names).await;
        self.paid(payment.id).await
    }

    pub(crate) async fn cancel(&self, id: PaymentId) -> CancelOutcome {
        cancel_payment(&self.office, self.person, id).await.expect("the store works")
    }

    pub(crate) async fn find(&self, id: PaymentId) -> Payment {
        self.office.stores.ledger.find_payment(id).await.expect("the store works").expect("a payment")
    }

    /// Pays a QR code by phone: the provider authorises the payment without notifying the server.
    pub(crate) async fn pay_by_phone(&self, payment: &Payment) {
        let charge = Charge {
            payment_id: payment.id,
            amount: payment.amount,
            method: payment.method,
            outcome: ConfirmOutcome::Success,
        };
        let answer = self.office.provider.authorise(&charge).await.expect("the provider works");
        assert_eq!(answer, ProviderAnswer::Authorised);
    }

    pub(crate) async fn report(&self, id: PaymentId) {
        assert!(provider_reported(&self.office, id).await.expect("the parts work"), "the payment exists");
    }
}
