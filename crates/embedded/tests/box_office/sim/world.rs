//! The state of a simulation: a cinema, its people, and the running calls.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use seatkeeper_core::{
    catalogue::SharedScreening,
    ids::{PaymentId, PersonId, SeatId},
    locks::Hold,
    payment::Payment,
    ports::ProviderAnswer,
};
use seatkeeper_embedded::mock_provider::MockFaults;
use seatkeeper_testing::SeededEntropy;

use super::deeds::{Actor, Deed};
use crate::{
    office::{PAYMENT_TTL, TestOffice},
    steps::Stepper,
};

/// The most calls that run concurrently.
const UNDER_WAY_MAX: usize = 5;
/// Halls of 6 to 12 seats.
const PICTURES: [&str; 4] = ["ssssss", "sss/sss_p", "wcss/ss/xs", "ssssss/pp_pp/ss"];

/// The most port calls until all running calls have ended; more would be an endless loop.
const CALLS_MAX: usize = 2_000;

/// The most attempts to draw a payment that is in the store.
const LOOKS_MAX: usize = 4;

/// A running call.
struct UnderWay {
    number: usize,
    stepper: Stepper<String>,
}

/// A payment whose id was chosen; it may not be in the store yet.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) id: PaymentId,
    pub(super) person: usize,
    pub(super) screening: usize,
}

pub(super) struct World {
    seed: u64,
    cinema: Option<TestOffice>,
    dice: SeededEntropy,
    people: Vec<PersonId>,
    screenings: Vec<SharedScreening>,
    /// People use only this many of the latest screenings.
    open: usize,
    payments: Vec<Chosen>,
    under_way: Vec<UnderWay>,
    works: usize,
    fair: bool,
    history: Vec<String>,
}

/// Prints the history when a test panics.
#[expect(clippy::print_stderr, reason = "what a failed test says")]
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\nSEATKEEPER_SIM_SEED={}", self.history.join("\n"), self.seed);
        }
    }
}

impl World {
    pub(super) async fn of(seed: u64) -> Self {
        let cinema = TestOffice::with_sink(seed, None);
        let dice = SeededEntropy::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut people = Vec::new();
        for number in 0..5 + dice.next_u64() % 8 {
            people.push(cinema.person(&format!("Person {number}")).await);
        }
        let open = 1 + (dice.next_u64() % 2) as usize;
        let mut world = Self {
            seed,
            cinema: Some(cinema),
            dice,
            people,
            screenings: Vec::new(),
            open,
            payments: Vec::new(),
            under_way: Vec::new(),
            works: 0,
            fair: true,
            history: Vec::new(),
        };
        for _ in 0..open {
            world.open_a_screening().await;
        }
        world
    }

    async fn open_a_screening(&mut self) {
        let picture = PICTURES[self.draw(PICTURES.len())];
        let screening = self.cinema().screening(picture).await;
        self.screenings.push(screening);
        self.tell(format!("screening {} of {picture}", self.screenings.len() - 1));
    }

    /// Draws one of the screenings that people use now.
    fn draw_a_screening(&self) -> usize {
        self.screenings.len() - 1 - self.draw(self.open)
    }

    fn cinema(&self) -> &TestOffice {
        self.cinema.as_ref().expect("the cinema is open")
    }

    fn draw(&self, below: usize) -> usize {
        (self.dice.next_u64() % below as u64) as usize
    }

    fn tell(&mut self, line: String) {
        let at = self.cinema().clock.now_ms() % 100_000_000;
        self.history.push(format!("{at:>8} {line}"));
    }

    pub(super) async fn make_a_move(&mut self) {
        match self.draw(1_000) {
            0..500 if !self.under_way.is_empty() => {
                let which = self.draw(self.under_way.len());
                self.let_on(which).await;
            }
            500..512 if !self.under_way.is_empty() => {
                let which = self.draw(self.under_way.len());
                let dead = self.under_way.swap_remove(which);
                self.tell(format!("#{} dies", dead.number));
            }
            512..580 => self.pass_time().await,
            580..600 => self.change_the_weather(),
            600..606 => {
                self.cinema().restart_locks();
                self.tell("the locks restart".to_owned());
            }
            606..609 => {
                self.cinema().lose_locks();
                self.tell("the locks are lost".to_owned());
            }
            609..612 => self.restart().await,
            612..630 => self.provider_takes_back().await,
            // New screenings are opened, because halls sell out.
            630..638 => self.open_a_screening().await,
            _ if self.under_way.len() < UNDER_WAY_MAX => self.begin().await,
            _ => {
                let which = self.draw(self.under_way.len());
                self.let_on(which).await;
            }
        }
    }

    async fn let_on(&mut self, which: usize) {
        if let Some(outcome) = self.under_way[which].stepper.go_on().await {
            let done = self.under_way.swap_remove(which);
            self.tell(format!("#{} {outcome}", done.number));
        }
    }

    async fn begin(&mut self) {
        let (mut person, mut screening) = (self.draw(self.people.len()), self.draw_a_screening());
        let chosen = self.choose_a_payment().await;
        let mut deed = Deed::draw(&self.dice, &self.screenings[screening], chosen.map(|chosen| chosen.id));
        if matches!(deed, Deed::Start { id: None, .. }) {
            // Usually a person who holds seats is chosen.
            (person, screening) = self.find_a_holder(person, screening).await;
            let id = self.cinema().payment_id();
            self.payments.push(Chosen { id, person, screening });
            deed = Deed::Start { id: Some(id), same: false };
        }
        // A call about a payment is usually made by its payer. A repeated start always is, because the server finds the
        // payment's id by the payer's own idempotency key.
        let is_own = |world: &Self| matches!(deed, Deed::Start { .. }) || world.draw(20) > 0;
        let owner = chosen.filter(|_| deed.is_about_a_chosen_payment() && is_own(self));
        let (person, screening) = owner.map_or((person, screening), |chosen| (chosen.person, chosen.screening));
        self.works += 1;
        let number = self.works;
        let place = self.payments.iter().position(|known| Some(known.id) == deed.payment());
        let about = place.map_or(String::new(), |place| format!(" P{place}"));
        self.tell(format!("#{number} person {person} at {screening}: {}{about}", deed.name()));
        let actor = Actor {
            office: std::sync::Arc::clone(&self.cinema().office),
            person: self.people[person],
            screening: std::sync::Arc::clone(&self.screenings[screening]),
        };
        let mut stepper = Stepper::new(deed.act(actor));
        match stepper.arrive().await {
            Some(outcome) => self.tell(format!("#{number} {outcome}")),
            None => self.under_way.push(UnderWay { number, stepper }),
        }
    }

    /// Draws a payment: usually a recent one, and nearly always one that is in the store.
    async fn choose_a_payment(&self) -> Option<Chosen> {
        let mut chosen = None;
        for _ in 0..LOOKS_MAX {
            let reach = if self.draw(5) == 0 { 60 } else { 5 };
            let back = self.draw(reach.min(self.payments.len()).max(1));
            chosen = self.payments.iter().rev().nth(back).copied();
            let Some(found) = chosen else { break };
            if self.find(found.id).await.is_some() {
                break;
            }
        }
        chosen
    }

    async fn find_a_holder(&self, person: usize, screening: usize) -> (usize, usize) {
        let mut holders = Vec::new();
        for screening in self.screenings.len() - self.open..self.screenings.len() {
            for person in 0..self.people.len() {
                let hold = self.hold_of(person, screening).await;
                if !hold.seats.is_empty() && hold.payment.is_none() {
                    holders.push((person, screening));
                }
            }
        }
        let anybody = holders.is_empty() || self.draw(10) == 0;
        if anybody { (person, screening) } else { holders[self.draw(holders.len())] }
    }

    /// Reads a person's hold while no faults are injected.
    async fn hold_of(&self, person: usize, screening: usize) -> Hold {
        let (person, screening) = (self.people[person], self.screenings[screening].screening.id);
        let hold = self.cinema().weather.fair(self.cinema().office.locks.find_hold(screening, person)).await;
        hold.expect("the locks work")
    }

    /// Advances the clock by a short or long time, or to the expiry of a payment.
    async fn pass_time(&mut self) {
        let ms = match self.draw(40) {
            0..20 => self.draw(2_000) as i64,
            20..33 => self.draw(40_000) as i64,
            33..35 => PAYMENT_TTL.as_millis() as i64 / 2,
            35..39 => self.to_the_end_of_a_payment().await,
            _ => 620_000,
        };
        self.cinema().pass(SignedDuration::from_millis(ms));
        self.tell(format!("{ms} ms pass"));
    }

    async fn to_the_end_of_a_payment(&self) -> i64 {
        let Some(last) = self.payments.last() else { return 1 };
        let now = self.cinema().clock.now_ms();
        let end = self.find(last.id).await.map_or(now, |payment| payment.expires_at.as_millisecond());
        // One millisecond before the payment's expiry, at its expiry, or one after.
        (end - now - 1 + self.draw(3) as i64).max(0)
    }

    /// Reads a payment while no faults are injected.
    async fn find(&self, id: PaymentId) -> Option<Payment> {
        let weather = &self.cinema().weather;
        let found = weather.fair(self.cinema().office.stores.ledger.find_payment(id)).await;
        found.expect("the store works")
    }

    fn change_the_weather(&mut self) {
        self.fair = self.draw(2) == 0;
        let (locks_away, store_away) = (self.draw(8) == 0, self.draw(12) == 0);
        let lost = [0, 0, 30, 150][self.draw(4)];
        let count = |world: &Self| if world.draw(3) == 0 { world.draw(6) as u32 } else { 0 };
        let faults = MockFaults {
            lose_answer: [0.0, 0.0, 0.2, 1.0][self.draw(4)],
            refuse_authorise_first_n: count(self),
            refuse_capture_first_n: count(self),
            refuse_give_back_first_n: count(self),
            ..MockFaults::default()
        };
        if self.fair {
            self.clear_up();
        } else {
            self.cinema().weather.set(locks_away, store_away, lost);
            self.cinema().faults.set(faults);
        }
        let weather =
            if self.fair { "fair".to_owned() } else { format!("{locks_away} {store_away} {lost} {faults:?}") };
        self.tell(format!("weather: {weather}"));
    }

    fn clear_up(&self) {
        self.cinema().weather.set(false, false, 0);
        self.cinema().faults.set(MockFaults::default());
    }

    /// Restarts the server, which stops all running calls.
    async fn restart(&mut self) {
        self.under_way.clear();
        let ids: Vec<_> = self.screenings.drain(..).map(|screening| screening.screening.id).collect();
        self.cinema = self.cinema.take().map(TestOffice::restart);
        for id in ids {
            let screening = self.cinema().find_screening(id).await;
            self.screenings.push(screening);
        }
        self.fair = true;
        self.tell("the server restarts".to_owned());
        self.check_maps().await;
    }

    /// The provider refunds a sale by itself, and sends the callback later.
    async fn provider_takes_back(&mut self) {
        if self.payments.is_empty() || self.draw(3) > 0 {
            return;
        }
        let which = self.draw(self.payments.len());
        let (captured, refunded) = (ProviderAnswer::Captured, ProviderAnswer::Refunded);
        let stands = self.cinema().book.put_entry(self.payments[which].id, Some(captured), refunded).await;
        if stands.expect("the books open") == Some(refunded) {
            self.tell(format!("the provider takes P{which} back"));
        }
    }

    /// Checks the invariants that must hold after every action.
    pub(super) async fn check(&self) {
        self.cinema().check_no_seat_is_sold_twice().await;
        for screening in 0..self.screenings.len() {
            let mut held: BTreeSet<SeatId> = BTreeSet::new();
            for person in 0..self.people.len() {
                for seat in self.hold_of(person, screening).await.seats {
                    assert!(held.insert(seat.id), "{} is held twice", seat.id);
                }
            }
        }
        if self.fair && self.history.len().is_multiple_of(101) {
            self.check_maps().await;
        }
    }

    async fn check_maps(&self) {
        for screening in &self.screenings {
            self.cinema().check_map_after_load(screening.screening.id).await;
        }
    }

    /// Ends all faults, finishes all running calls, repeats all callbacks, and checks that all invariants hold.
    pub(super) async fn end(mut self) -> Vec<String> {
        self.clear_up();
        let mut calls = 0;
        while !self.under_way.is_empty() {
            let which = calls % self.under_way.len();
            self.let_on(which).await;
            calls += 1;
            assert!(calls < CALLS_MAX, "a work does not end");
        }
        self.tell("everything comes to rest".to_owned());
        self.cinema().come_to_rest().await;
        let ids: Vec<PaymentId> = self.payments.iter().map(|chosen| chosen.id).collect();
        for _ in 0..2 {
            for id in &ids {
                let reported = seatkeeper_core::box_office::provider_reported(&self.cinema().office, *id).await;
                reported.expect("the parts work");
            }
        }
        self.cinema().come_to_rest().await;
        let screenings: Vec<_> = self.screenings.iter().map(|screening| screening.screening.id).collect();
        self.cinema().check_books(&screenings, &ids).await;
        for (number, id) in ids.iter().enumerate() {
            let payment = self.find(*id).await;
            let status = payment.as_ref().map(|payment| payment.status.as_ref());
            self.tell(format!("P{number} {}", status.unwrap_or("never was")));
        }
        std::mem::take(&mut self.history)
    }
}
