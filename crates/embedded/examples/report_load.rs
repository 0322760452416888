//! Measures a purchase in a large cinema, alone and while administrators search bookings and read reports.
//!
//! ```text
//! cargo run --release -p seatkeeper-embedded --example report_load -- 200000 5
//! ```
//! The arguments are the number of bookings in the store and of administrators' tabs. Each tab repeats: the list and the
//! totals of a search that finds little, then the report of sales by film over a year.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{
    env,
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use seatkeeper_core::{
    booking::{Booking, BookingStatus, draw_code},
    catalogue::{Movie, Screening},
    ids::{BookingId, HallId, MovieId, PaymentId, PersonId, ScreeningId, SeatId},
    payment::{ConfirmOutcome, Payment, PaymentMethod, PaymentStatus},
    ports::{
        BookingFilter, CommitBooking, CommitOutcome, Ledger, NewPayment, PageRequest, Programme, ProgrammeChange,
        Sales, ShownToPayer, StartOutcome,
    },
};
use seatkeeper_embedded::sqlite::SqliteStore;
use seatkeeper_testing::{SeededEntropy, event_of, hall_of, movie_of, sample_now, screening_of};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A season: films, screenings of each, seats of a screening.
const FILMS: usize = 40;
const SCREENINGS: usize = 3_000;
const ROWS: usize = 20;
const ROW_SEATS: usize = 40;
/// Every fourth booking is of a new customer.
const BOOKINGS_PER_PERSON: usize = 4;
/// How long each phase is measured.
const MEASURED_FOR: Duration = Duration::from_secs(10);
/// The pause between two purchases, as between two customers.
const PURCHASE_EVERY: Duration = Duration::from_millis(20);

struct Cinema {
    store: SqliteStore,
    ids: SeededEntropy,
    /// The screening at which seats are bought during the measurement, with nothing sold before.
    on_sale: Vec<Screening>,
    next_seat: AtomicU64,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = env::args().skip(1);
    let bookings: usize = args.next().map_or(Ok(200_000), |text| text.parse())?;
    let tabs: usize = args.next().map_or(Ok(5), |text| text.parse())?;
    let folder = tempfile::TempDir::new_in(env::current_dir()?.join("target")).or_else(|_| tempfile::tempdir())?;
    let path = folder.path().join("store.sqlite");
    let began = Instant::now();
    let cinema = Arc::new(fill(&path, bookings).await?);
    println!("{bookings} bookings, {} MiB, filled in {:.1?}", std::fs::metadata(&path)?.len() >> 20, began.elapsed());
    println!("alone:          {}", measure(&cinema).await?);
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicU64::new(0));
    let mut open_tabs = tokio::task::JoinSet::new();
    for tab in 0..tabs {
        let (cinema, stop, rounds) = (Arc::clone(&cinema), Arc::clone(&stop), Arc::clone(&rounds));
        open_tabs.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                read_as_administrator(&cinema.store, tab).await?;
                rounds.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Ok(())
        });
    }
    println!("with {tabs} tabs:    {}", measure(&cinema).await?);
    stop.store(true, Ordering::Relaxed);
    while let Some(tab) = open_tabs.join_next().await {
        tab??;
    }
    println!("the tabs made {} rounds", rounds.load(Ordering::Relaxed));
    let began = Instant::now();
    read_as_administrator(&cinema.store, 0).await?;
    println!("one round alone takes {:.0?}", began.elapsed());
    Ok(())
}

async fn read_as_administrator(store: &SqliteStore, tab: usize) -> Outcome<()> {
    let filter = BookingFilter { text: Some(format!("customer{tab}7@")), ..BookingFilter::default() };
    store.list_bookings(&filter, PageRequest::FIRST).await?;
    store.sum_bookings(&filter).await?;
    let now = sample_now();
    store.list_movie_sales(now - SignedDuration::from_hours(365 * 24), now + SignedDuration::from_hours(24)).await?;
    Ok(())
}

/// Buys seats for a while, and describes how long purchases take.
async fn measure(cinema: &Cinema) -> Outcome<String> {
    let (mut took, end) = (Vec::new(), Instant::now() + MEASURED_FOR);
    while Instant::now() < end {
        let began = Instant::now();
        buy(cinema).await?;
        took.push(began.elapsed());
        // The customers come one after the other.
        tokio::time::sleep(PURCHASE_EVERY).await;
    }
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    Ok(format!("{} purchases, p50 {:.1?}, p99 {:.1?}, longest {:.1?}", took.len(), at(50), at(99), at(100)))
}

/// One purchase: the reads and writes of the use cases.
async fn buy(cinema: &Cinema) -> Outcome<()> {
    let place = usize::try_from(cinema.next_seat.fetch_add(1, Ordering::Relaxed))?;
    let (screening, place) = (&cinema.on_sale[place / (ROWS * ROW_SEATS)], place % (ROWS * ROW_SEATS));
    let (store, now) = (&cinema.store, sample_now());
    store.find_screening(screening.id).await?;
    store.seat_truth(screening.id, now).await?;
    let start = NewPayment {
        id: PaymentId::generate(now, &cinema.ids),
        screening_id: screening.id,
        person_id: PersonId::from_uuid(cinema.ids.next_uuid()),
        method: Some(PaymentMethod::MockCard),
        seats: seat(place).into_iter().collect(),
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
    match store.commit_booking(&commit_of(cinema, screening, payment, now), now).await? {
        CommitOutcome::Committed(booking) => drop(store.find_booking(booking.id).await?),
        other => return Err(format!("not sold: {other:?}").into()),
    }
    Ok(())
}

fn seat(place: usize) -> Option<SeatId> {
    let label = char::from(b'A' + u8::try_from(place / ROW_SEATS).ok()?).to_string();
    SeatId::new(&label, u8::try_from(place % ROW_SEATS + 1).ok()?)
}

fn commit_of(cinema: &Cinema, screening: &Screening, payment: Payment, now: Timestamp) -> CommitBooking {
    let booking = Booking {
        id: BookingId::generate(now, &cinema.ids),
        code: draw_code(&cinema.ids),
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
    let events = vec![event_of(&cinema.ids, now, "sold")];
    let from = &[PaymentStatus::Confirming];
    CommitBooking { booking, from, sales_close: SignedDuration::ZERO, money_task: None, events }
}

/// A store with a season of sales. The programme is written through the store, the sales directly to its file.
async fn fill(path: &Path, bookings: usize) -> Outcome<Cinema> {
    let (store, ids, now) = (SqliteStore::open(path)?, SeededEntropy::new(5), sample_now());
    let put = async |change| store.change_programme(&change, &event_of(&ids, now, "filled"), now).await;
    let movies: Vec<Movie> =
        (0..FILMS).map(|number| movie_of(MovieId::from_uuid(ids.next_uuid()), &format!("Film {number}"))).collect();
    for movie in &movies {
        put(ProgrammeChange::PutMovie(movie.clone(), 0)).await?;
    }
    let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall 1", &vec!["s".repeat(ROW_SEATS); ROWS].join("/"));
    put(ProgrammeChange::PutHall(hall.clone(), 0)).await?;
    let (mut shown, mut on_sale) = (Vec::new(), Vec::new());
    for (number, hours) in (0..SCREENINGS).zip(1i64..) {
        let (id, movie) = (ScreeningId::generate(now, &ids), &movies[number % FILMS]);
        let start = now + SignedDuration::from_hours(4 * hours);
        let screening = screening_of(id, movie, &hall, start);
        put(ProgrammeChange::PutScreening(screening.clone(), 0)).await?;
        // The last ones are sold during the measurement.
        if number + 5 < SCREENINGS { shown.push(screening) } else { on_sale.push(screening) }
    }
    sell_directly(path, &shown, &ids, bookings)?;
    Ok(Cinema { store, ids, on_sale, next_seat: AtomicU64::new(0) })
}

fn sell_directly(path: &Path, shown: &[Screening], ids: &SeededEntropy, bookings: usize) -> Outcome<()> {
    let mut file = Connection::open(path)?;
    let tx = file.transaction()?;
    let mut person = [0; 16];
    for number in 0..bookings {
        let sold_at = sample_now() - SignedDuration::from_secs(i64::try_from((bookings - number) * 60)?);
        let at = sold_at.as_millisecond();
        if number % BOOKINGS_PER_PERSON == 0 {
            person = PersonId::generate(sold_at, ids).as_uuid().into_bytes();
            let (name, email) = (format!("Customer {number}"), format!("customer{number}@example.test"));
            let search = format!("{}\n{email}", name.to_lowercase());
            let sql = "INSERT INTO people (id, issuer, subject, name, email, role, language, search, created_at) \
                 VALUES (?1, 'https://id.example', ?2, ?3, ?4, 'USER', 'th', ?5, ?6)";
            tx.prepare_cached(sql)?.execute(params![person, number.to_string(), name, email, search, at])?;
        }
        let (screening, place) = (&shown[number % shown.len()], number / shown.len() * 2);
        let seats: Vec<String> =
            [place, place + 1].iter().filter_map(|place| Some(seat(*place)?.to_string())).collect();
        let priced =
            |id: &String| format!(r#"{{"id":"{id}","kind":"seat","price":{{"amount":20000,"currency":"THB"}}}}"#);
        let json = format!("[{}]", seats.iter().map(priced).collect::<Vec<_>>().join(","));
        let [payment, booking] = [(); 2].map(|()| PaymentId::generate(sold_at, ids).as_uuid().into_bytes());
        let of_screening = screening.id.as_uuid().into_bytes();
        let sql = "INSERT INTO payments (id, screening_id, person_id, method, status, seats, amount, created_at, expires_at, \
             booking_id) VALUES (?1, ?2, ?3, 'mock_card', 'SUCCEEDED', ?4, 40000, ?5, ?5, ?6)";
        tx.prepare_cached(sql)?.execute(params![payment, of_screening, person, json, at, booking])?;
        for seat in &seats {
            let sql = "INSERT INTO seat_claims VALUES (?1, ?2, ?3, ?4, 'SOLD', NULL)";
            tx.prepare_cached(sql)?.execute(params![of_screening, seat, payment, person])?;
        }
        let sql = "INSERT INTO bookings (id, code, status, person_id, payment_id, screening_id, movie_id, movie_title, \
             hall_name, start_time, seats, seat_count, total, created_at) \
             VALUES (?1, ?2, 'CONFIRMED', ?3, ?4, ?5, ?6, ?7, 'Hall 1', ?8, ?9, 2, 40000, ?10)";
        let movie = screening.movie_id.as_uuid().into_bytes();
        let (title, start) = (&screening.movie_title, screening.start_time.as_millisecond());
        let code = format!("C{number:07}");
        tx.prepare_cached(sql)?.execute(params![
            booking,
            code,
            person,
            payment,
            of_screening,
            movie,
            title,
            start,
            json,
            at
        ])?;
    }
    tx.commit()?;
    Ok(())
}
