//! Fills an empty store with the demo cinema.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Time};
use seatkeeper_core::{
    box_office::BoxOffice,
    catalogue::{Hall, Movie, MovieDetails, Screening},
    event::EventKind,
    ids::{HallId, MovieId, PersonId, ScreeningId},
    money::Money,
    ports::{Backend, IdempotencyKey, PageRequest, ProgrammeChange, ProgrammeOutcome, Reservation},
    seating::{Layout, LayoutDraft, Row, SeatKind},
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

const CINEMA: &str = include_str!("../demo/cinema.toml");
/// Lease of the server that fills the store. If that server dies, another one may start to fill the store after this
/// time.
const FILLED_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// Polling interval of the servers that wait while another one fills the store.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Pauses, in seconds, before each retry of a call that the store did not answer. A MongoDB that has just started is slow, and a
/// server that gave up would leave half of the demo cinema: the next start finds a store that is not empty, and adds nothing.
const PAUSES_S: [u64; 5] = [1, 2, 4, 8, 16];
/// The demo cinema has the screenings that start within this many days.
const DAYS: i64 = 7;

#[derive(Deserialize)]
struct Cinema {
    cleaning_min: u32,
    prices: BTreeMap<String, BTreeMap<String, i64>>,
    films: Vec<Film>,
    halls: Vec<DemoHall>,
}

#[derive(Deserialize)]
struct Film {
    slug: String,
    #[serde(flatten)]
    details: MovieDetails,
}

#[derive(Deserialize)]
struct DemoHall {
    name: String,
    name_th: String,
    rows: Vec<String>,
    week: HashMap<String, Vec<String>>,
}

/// Errors of filling the store.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] seatkeeper_core::ports::BackendError),
    /// The demo cinema's own data are invalid.
    #[error("demo cinema: {0}")]
    Data(String),
}

fn data(error: impl ToString) -> DemoError {
    DemoError::Data(error.to_string())
}

/// Fills the store if it has neither films nor halls. Returns the number of screenings added, or `None` when the store
/// had data. When several servers find the store empty at the same time, one of them takes a lease and fills it; the
/// others poll until it is done.
///
/// # Errors
/// The store failed, or the demo cinema's data are invalid.
pub async fn fill_empty_store(office: &BoxOffice) -> Result<Option<usize>, DemoError> {
    if !is_empty(office).await? {
        return Ok(None);
    }
    let person_id = PersonId::from_uuid(Uuid::nil());
    let turn = IdempotencyKey { person_id, call: "serve --demo".to_owned(), key: "fill".to_owned() };
    let lease_until = loop {
        let now = office.now();
        let lease_until = now.saturating_add(FILLED_WITHIN).unwrap_or(now);
        let reserve = || office.stores.reservations.reserve(&turn, [0; 32], Uuid::nil(), now, lease_until);
        match with_retries(reserve).await?.0 {
            Reservation::Running => sleep(LOOK_AGAIN).await,
            Reservation::Run { .. } => break lease_until,
            Reservation::Done(_) | Reservation::OtherBody => return Ok(None),
        }
    };
    let filled = if is_empty(office).await? { fill(office).await.map(Some) } else { Ok(None) };
    with_retries(|| office.stores.reservations.let_go(&turn, lease_until)).await?;
    filled
}

async fn is_empty(office: &BoxOffice) -> Result<bool, DemoError> {
    let page = PageRequest { after: None, limit: 1 };
    let (movies, _) = with_retries(|| office.stores.programme.list_movies(page)).await?;
    let (halls, _) = with_retries(|| office.stores.programme.list_halls(page)).await?;
    Ok(movies.items.is_empty() && halls.items.is_empty())
}

async fn fill(office: &BoxOffice) -> Result<usize, DemoError> {
    let cinema: Cinema = toml::from_str(CINEMA).map_err(data)?;
    let changes = changes_of(&cinema, office)?;
    let made = changes.iter().filter(|change| matches!(change, ProgrammeChange::PutScreening(..))).count();
    // Each change must have an event. All changes of the filling have the same event, so that the audit log gets one
    // entry and not hundreds.
    let details = json!({ "films": cinema.films.len(), "halls": cinema.halls.len(), "screenings": made });
    let event = office.event(EventKind::AuditLog { action: "demo_filled".into(), subject: None, details });
    for change in changes {
        let make = || office.stores.programme.change_programme(&change, &event, office.now());
        match with_retries(make).await? {
            (ProgrammeOutcome::Done, _) => {}
            // An earlier attempt, whose answer was lost, made the change.
            (ProgrammeOutcome::Changed, true) => {}
            (refused, _) => return Err(data(format!("{refused:?} at {change:?}"))),
        }
    }
    Ok(made)
}

/// Retries a call while the store is unavailable. The flag is true if the answer is that of a retry: an earlier attempt may
/// have been committed although its answer was lost.
async fn with_retries<T, Call: Future<Output = Backend<T>>>(call: impl Fn() -> Call) -> Backend<(T, bool)> {
    let mut is_repeated = false;
    for pause in PAUSES_S.map(Duration::from_secs) {
        match call().await {
            Err(error) if error.retryable => {
                tracing::warn!(%error, "the store did not answer while the demo cinema is created; repeating the call");
                sleep(pause).await;
                is_repeated = true;
            }
            answered => return answered.map(|answer| (answer, is_repeated)),
        }
    }
    call().await.map(|answer| (answer, true))
}

/// The changes that create the demo cinema with screenings from `now` on. Films and halls come before their screenings.
fn changes_of(cinema: &Cinema, office: &BoxOffice) -> Result<Vec<ProgrammeChange>, DemoError> {
    let now = office.now();
    let (mut changes, mut films) = (Vec::new(), HashMap::new());
    for film in &cinema.films {
        let movie = Movie { id: MovieId::generate(now, &*office.entropy), details: film.details.clone() };
        changes.push(ProgrammeChange::PutMovie(movie.clone(), 0));
        films.insert(film.slug.as_str(), movie);
    }
    for demo in &cinema.halls {
        let layout = parse_layout(&demo.rows)?;
        let (name, name_th) = (demo.name.clone(), Some(demo.name_th.clone()));
        let hall = Hall { id: HallId::generate(now, &*office.entropy), name, name_th, layout };
        changes.push(ProgrammeChange::PutHall(hall.clone(), 0));
        for showing in showings(demo, now, office)? {
            let movie = films.get(showing.slug).ok_or_else(|| data(format!("no film {}", showing.slug)))?;
            let prices =
                cinema.prices.get(showing.prices).ok_or_else(|| data(format!("no prices {}", showing.prices)))?;
            let end_time = Screening::end_of(showing.start, movie.details.duration_min);
            let screening = Screening {
                id: ScreeningId::generate(now, &*office.entropy),
                movie_id: movie.id,
                hall_id: hall.id,
                start_time: showing.start,
                end_time,
                hall_free_at: Screening::hall_free_after(end_time, cinema.cleaning_min),
                is_cancelled: false,
                movie_title: movie.details.title.clone(),
                movie_title_th: movie.details.title_th.clone(),
                hall_name: hall.name.clone(),
                hall_name_th: hall.name_th.clone(),
                layout: hall.layout.clone(),
                prices: hall
                    .layout
                    .categories()
                    .into_iter()
                    .filter_map(|category| Some((category.to_owned(), Money::satang(*prices.get(category)?))))
                    .collect(),
            };
            changes.push(ProgrammeChange::PutScreening(screening, 0));
        }
    }
    Ok(changes)
}

struct Showing<'a> {
    start: Timestamp,
    slug: &'a str,
    prices: &'a str,
}

/// The screenings of a hall from `now` until the same time a week later. Each weekday's list is used once; today's list
/// is split: its later part is used today, its earlier part in a week.
fn showings<'a>(hall: &'a DemoHall, now: Timestamp, office: &BoxOffice) -> Result<Vec<Showing<'a>>, DemoError> {
    let zone = &office.settings.time_zone;
    let today = now.to_zoned_datetime(zone.clone()).date();
    let end = now.saturating_add(SignedDuration::from_hours(24 * DAYS)).map_err(data)?;
    let mut found = Vec::new();
    for date in today.series(1.day()).take(usize::try_from(DAYS + 1).unwrap_or(8)) {
        let weekday = date.strftime("%a").to_string().to_lowercase();
        let list = hall.week.get(&weekday).map_or(&[][..], Vec::as_slice);
        for line in list {
            let mut words = line.split_whitespace();
            let (Some(time), Some(slug)) = (words.next(), words.next()) else { return Err(data(format!("'{line}'"))) };
            let time: Time = format!("{time}:00").parse().map_err(data)?;
            let zoned = date.to_datetime(time).to_zoned_datetime(zone.clone()).map_err(data)?;
            let start = zoned.timestamp();
            if now < start && start < end {
                found.push(Showing { start, slug, prices: words.next().unwrap_or("regular") });
            }
        }
    }
    Ok(found)
}

fn parse_layout(rows: &[String]) -> Result<Layout, DemoError> {
    let row = |text: &String| {
        let mut words = text.split(' ');
        let (Some(label), Some(category), Some(cells)) = (words.next(), words.next(), words.next()) else {
            return Err(data(format!("row '{text}'")));
        };
        let cell = |c| match c {
            's' => Ok(Some(SeatKind::Seat)),
            'p' => Ok(Some(SeatKind::Pair)),
            'w' => Ok(Some(SeatKind::Wheelchair)),
            'c' => Ok(Some(SeatKind::Companion)),
            'x' => Ok(Some(SeatKind::Blocked)),
            '_' => Ok(None),
            other => Err(data(format!("cell '{other}' in row '{text}'"))),
        };
        let cells = cells.chars().map(cell).collect::<Result<_, _>>()?;
        Ok(Row { label: label.to_owned(), category: category.to_owned(), cells })
    };
    let rows = rows.iter().map(row).collect::<Result<_, _>>()?;
    Layout::parse(LayoutDraft { rows }).map_err(|invalid| data(format!("{:?}", invalid.errors)))
}
