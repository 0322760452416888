//! Measures how many sales per second the SQLite store commits, and how many sales share one sync to disk.
//!
//! `cargo run --release -p seatkeeper-embedded --example commit_rate [concurrent buyers] [seconds]`; under
//! `strace -f -c -e trace=fsync,fdatasync` the number of sync system calls can be compared with the store's commits.
//!
//! The store is filled with data first. The number of commits that this takes is printed: subtract it from the number of
//! system calls.
//!
//! A sale makes the same writes as the use cases: start the payment, which claims its seats, begin its
//! confirmation, commit the booking with its event, mark the payment's capture as done.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    booking::{Booking, BookingStatus, draw_code},
    catalogue::Screening,
    event::{Event, EventKind},
    ids::{BookingId, HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    payment::{ConfirmOutcome, MoneyTask, Payment, PaymentMethod, PaymentStatus},
    ports::{CommitBooking, CommitOutcome, Ledger, NewPayment, Programme, ProgrammeChange, ShownToPayer, StartOutcome},
};
use seatkeeper_embedded::sqlite::SqliteStore;
use seatkeeper_testing::{SeededEntropy, hall_of, movie_of, sample_now, screening_of};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The number of screenings; each has 26 rows of 40 seats.
const SCREENINGS: usize = 200;
const ROWS: usize = 26;
const ROW_SEATS: usize = 40;

struct Cinema {
    store: SqliteStore,
    opened: Instant,
    ids: SeededEntropy,
    screenings: Vec<Screening>,
    next_seat: AtomicU64,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = env::args().skip(1);
    let people: usize = args.next().map_or(Ok(256), |text| text.parse())?;
    let seconds: u64 = args.next().map_or(Ok(5), |text| text.parse())?;
    let folder = tempfile::TempDir::new_in(env::current_dir()?.join("target"))?;
    let cinema = Arc::new(open(&folder.path().join("store.sqlite")).await?);
    let (before, began) = (cinema.store.write_counts(), Instant::now());
    let end = began + Duration::from_secs(seconds);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..people {
        let cinema = Arc::clone(&cinema);
        crowd.spawn(async move {
            let mut sold = 0u64;
            while Instant::now() < end {
                sold += u64::from(sell(&cinema).await?);
            }
            Outcome::Ok(sold)
        });
    }
    let mut sold = 0;
    while let Some(one) = crowd.join_next().await {
        sold += one??;
    }
    let (after, took) = (cinema.store.write_counts(), began.elapsed().as_secs_f64());
    let (writes, commits) = (after.writes - before.writes, after.commits - before.commits);
    let per = |count: u64, by: u64| count as f64 / by.max(1) as f64;
    println!("{} commits filled the store", before.commits);
    println!("{people} people, {took:.1} s: {sold} bookings, {:.0} a second", sold as f64 / took);
    println!(
        "{writes} writes in {commits} commits: {:.1} writes, {:.1} bookings each",
        per(writes, commits),
        per(sold, commits)
    );
    Ok(())
}

async fn open(path: &std::path::Path) -> Outcome<Cinema> {
    let (store, ids, now) = (SqliteStore::open(path)?, SeededEntropy::new(9), sample_now());
    let told = || Event::new(now, &ids, EventKind::SystemError { code: "x".into(), place: "x".into(), count: 0 });
    let movie = movie_of(MovieId::from_uuid(ids.next_uuid()), "Rain");
    let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall 1", &vec!["s".repeat(ROW_SEATS); ROWS].join("/"));
    store.change_programme(&ProgrammeChange::PutMovie(movie.clone(), 0), &told(), now).await?;
    store.change_programme(&ProgrammeChange::PutHall(hall.clone(), 0), &told(), now).await?;
    let mut screenings = Vec::with_capacity(SCREENINGS);
    for day in (1i64..).take(SCREENINGS) {
        let start = now + SignedDuration::from_hours(24 * day);
        let screening = screening_of(ScreeningId::from_uuid(ids.next_uuid()), &movie, &hall, start);
        store.change_programme(&ProgrammeChange::PutScreening(screening.clone(), 0), &told(), now).await?;
        screenings.push(screening);
    }
    Ok(Cinema { store, opened: Instant::now(), ids, screenings, next_seat: AtomicU64::new(0) })
}

/// Sells the next pair of seats; false when all screenings are sold out.
async fn sell(cinema: &Cinema) -> Outcome<bool> {
    let pair = usize::try_from(cinema.next_seat.fetch_add(1, Ordering::Relaxed))?;
    let pairs = ROWS * ROW_SEATS / 2;
    // Consecutive sales are at different screenings, as in real use.
    let (screening, place) = (pair % SCREENINGS, pair / SCREENINGS);
    if place >= pairs {
        return Ok(false);
    }
    let (row, first) = (place / (ROW_SEATS / 2), place % (ROW_SEATS / 2) * 2 + 1);
    let label = char::from(b'A' + u8::try_from(row)?).to_string();
    let seats = [first, first + 1].into_iter().filter_map(|n| SeatId::new(&label, u8::try_from(n).ok()?)).collect();
    // Ids increase with time, as in real use, so that rows inserted together are adjacent in the file.
    let now = sample_now() + SignedDuration::try_from(cinema.opened.elapsed())?;
    let (store, screening) = (&cinema.store, &cinema.screenings[screening]);
    let start = NewPayment {
        id: PaymentId::generate(now, &cinema.ids),
        screening_id: screening.id,
        person_id: PersonId::from_uuid(cinema.ids.next_uuid()),
        method: Some(PaymentMethod::MockCard),
        seats,
        expires_at: now + SignedDuration::from_mins(5),
        sales_close: SignedDuration::ZERO,
        seats_everywhere_max: None,
        shown: ShownToPayer::default(),
        events: Vec::new(),
    };
    let StartOutcome::Started(payment) = store.start_payment(&start, now).await? else {
        return Err("a free seat was refused".into());
    };
    store.begin_confirming(payment.id, ConfirmOutcome::Success, now).await?;
    let commit = commit_of(cinema, screening, payment, now);
    match store.commit_booking(&commit, now).await? {
        CommitOutcome::Committed(booking) => store.finish_money_task(booking.payment_id, MoneyTask::Capture).await?,
        other => return Err(format!("not sold: {other:?}").into()),
    }
    Ok(true)
}

fn commit_of(cinema: &Cinema, screening: &Screening, payment: Payment, now: Timestamp) -> CommitBooking {
    let (id, code) = (BookingId::generate(now, &cinema.ids), draw_code(&cinema.ids));
    let kind = EventKind::BookingSuccess {
        booking_id: id,
        code: code.clone(),
        payment_id: payment.id,
        seat_ids: payment.seat_ids(),
        total: payment.amount,
    };
    let events = vec![Event::new(now, &cinema.ids, kind).at_screening(screening.id)];
    let booking = Booking {
        id,
        code,
        status: BookingStatus::Confirmed,
        person_id: payment.person_id,
        payment_id: payment.id,
        screening_id: screening.id,
        movie_id: screening.movie_id,
        movie_title: screening.movie_title.clone(),
        movie_title_th: None,
        hall_name: screening.hall_name.clone(),
        hall_name_th: None,
        start_time: screening.start_time,
        total: payment.amount,
        seats: payment.seats,
        created_at: now,
    };
    CommitBooking {
        booking,
        from: &[PaymentStatus::Confirming],
        sales_close: SignedDuration::ZERO,
        money_task: Some(MoneyTask::Capture),
        events,
    }
}
