//! Measures how long it takes to list a week's screenings, complete and only their ids. `GET /api/movies` makes such a
//! query.
//!
//! ```text
//! cargo run --release -p seatkeeper-embedded --example list_cost -- 2000
//! ```

use std::{hint::black_box, time::Instant};

use jiff::SignedDuration;
use seatkeeper_core::{
    ids::{HallId, MovieId, ScreeningId},
    ports::{PageRequest, Programme, ProgrammeChange, ScreeningFilter},
};
use seatkeeper_embedded::sqlite::SqliteStore;
use seatkeeper_testing::{SeededEntropy, event_of, hall_of, movie_of, sample_now, screening_of};

type Failure = Box<dyn std::error::Error>;

/// As many screenings as the demo cinema has in a week, each in a hall as large as its largest.
const SCREENINGS: i64 = 84;
const ROWS: usize = 15;
const SEATS_PER_ROW: usize = 20;

async fn fill(store: &SqliteStore) -> Result<(), Failure> {
    let ids = SeededEntropy::new(1);
    let movie = movie_of(MovieId::from_uuid(ids.next_uuid()), "Often Shown");
    let picture = vec!["s".repeat(SEATS_PER_ROW); ROWS].join("/");
    let hall = hall_of(HallId::from_uuid(ids.next_uuid()), "Hall 1", &picture);
    let mut changes = vec![ProgrammeChange::PutMovie(movie.clone(), 0), ProgrammeChange::PutHall(hall.clone(), 0)];
    for number in 1..=SCREENINGS {
        let (id, start) =
            (ScreeningId::from_uuid(ids.next_uuid()), sample_now() + SignedDuration::from_hours(4 * number));
        changes.push(ProgrammeChange::PutScreening(screening_of(id, &movie, &hall, start), 0));
    }
    let event = event_of(&ids, sample_now(), "filled");
    for change in changes {
        store.change_programme(&change, &event, sample_now()).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it prints what it measured")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let rounds: u32 = std::env::args().nth(1).map_or(Ok(1_000), |rounds| rounds.parse())?;
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(&folder.path().join("store.sqlite"))?;
    fill(&store).await?;
    let filter = ScreeningFilter { from: Some(sample_now()), ..ScreeningFilter::default() };
    let began = Instant::now();
    for _ in 0..rounds {
        black_box(store.list_screenings(&filter, PageRequest::FIRST).await?);
    }
    println!("{SCREENINGS} screenings whole: {} µs", began.elapsed().as_micros() / u128::from(rounds));
    let began = Instant::now();
    for _ in 0..rounds {
        black_box(store.list_screening_ids(&filter, PageRequest::FIRST).await?);
    }
    println!("{SCREENINGS} screenings by id: {} µs", began.elapsed().as_micros() / u128::from(rounds));
    Ok(())
}
