//! Benchmark of sending live seat changes to viewers: CPU time per delivered frame, batching under load, memory per
//! idle socket.
//!
//! The viewers run in another process (this program again), so that only the server is measured. The server has the real
//! router, with locks in memory.
//!
//! `cargo run --release -p seatkeeper-api --example delivery_cost -- [viewers] [changes]`

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use seatkeeper_api::{ApiConfig, App, AppParts, Secret, SignInConfig, SiteUrl, router};
use seatkeeper_core::{
    box_office::BoxOffice,
    ids::{HallId, MovieId, PersonId, ScreeningId, SeatId},
    ports::{Clock, LockSeats, ProgrammeChange},
};
use seatkeeper_embedded::{locks::MemoryLocks, mock_provider::MockProvider, sqlite::SqliteStore};
use seatkeeper_testing::{SeededEntropy, hall_of, movie_of, office_over, screening_of};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::client_async;
use uuid::Uuid;

/// Clock ticks of `/proc/self/stat` per second; the same on all common Linux systems.
const TICKS_PER_SECOND: f64 = 100.0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port of a benchmark")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().collect();
    if let [_, role, address, viewers] = args.as_slice()
        && role == "view"
    {
        return view(address.parse()?, viewers.parse()?).await;
    }
    let number = |index: usize, default: usize| args.get(index).map_or(Ok(default), |text| text.parse());
    measure(number(1, 200)?, number(2, 2_000)?).await
}

async fn measure(viewers: usize, changes: usize) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("store.db"))?);
    let office = Arc::new(office_of(&store));
    let screening = fill(&office).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = App::new(AppParts {
        office: Arc::clone(&office),
        config: config(address),
        health: vec![],
        metrics: Arc::new(String::new),
    });
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });

    let before_kb = resident_kb()?;
    let mut child = Command::new(env::current_exe()?)
        .args(["view", &address.to_string(), &viewers.to_string()])
        .stdout(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    lines.next().ok_or("no viewers")??;
    let each = (resident_kb()? - before_kb) / viewers as f64;
    say(&format!("{viewers} viewers; {each:.1} KiB each (resident memory of the whole server, growth)"))?;

    let storm = Duration::from_millis(1);
    let paces = [
        ("one each 60 ms", changes / 10, 1, Duration::from_millis(60)),
        ("one each ms", changes, 1, storm),
        ("two each ms", changes, 2, storm),
    ];
    for (name, changes, at_once, pause) in paces {
        let (frames, cpu) = (frames_seen(&mut child, &mut lines)?, cpu_seconds()?);
        change_seats(&office, screening, changes, at_once, pause).await?;
        // Wait longer than the longest time between two batched frames, so that the last frame has been sent.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let (frames, cpu) = (frames_seen(&mut child, &mut lines)? - frames, cpu_seconds()? - cpu);
        let wanted = (changes * viewers) as f64;
        say(&format!(
            "{name}: {changes} changes, {frames} deliveries (1/{:.1} of one for each change), {:.2} µs CPU a delivery, \
             {cpu:.2} s CPU in all",
            wanted / frames.max(1) as f64,
            cpu * 1e6 / frames.max(1) as f64,
        ))?;
    }
    drop(child.stdin.take());
    child.wait()?;
    app.rooms.shut_down().await;
    server.abort();
    Ok(())
}

/// Changes a seat `changes` times: locks and releases seats alternately.
async fn change_seats(
    office: &BoxOffice,
    screening: ScreeningId,
    changes: usize,
    at_once: usize,
    pause: Duration,
) -> Outcome<()> {
    let holder = PersonId::from_uuid(Uuid::from_u128(1));
    let mut tick = tokio::time::interval(pause);
    for index in 0..changes {
        if index % at_once == 0 {
            tick.tick().await;
        }
        let seat = SeatId::new("A", u8::try_from(index / 2 % 15)? + 1).ok_or("no such seat")?;
        let seats = [seat];
        if index % 2 == 0 {
            let call =
                LockSeats { screening, holder, seats: &seats, not_for_sale: &[], ttl_ms: 300_000, seats_max: 99 };
            office.locks.lock(&call).await?;
        } else {
            office.locks.release(screening, holder, Some(&seats)).await?;
        }
    }
    Ok(())
}

fn frames_seen(child: &mut Child, lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Outcome<u64> {
    child.stdin.as_mut().ok_or("no input")?.write_all(b"?\n")?;
    Ok(lines.next().ok_or("the viewers are gone")??.parse()?)
}

/// Runs the viewers' process: it counts received `changes` frames, prints the count for each line of standard input,
/// and exits at the end of the input.
async fn view(address: SocketAddr, viewers: usize) -> Outcome<()> {
    let seen = Arc::new(std::sync::atomic::AtomicU64::new(0));
    for _ in 0..viewers {
        let stream = TcpStream::connect(address).await?;
        let url = format!("ws://{address}/api/ws?screening_id={}", screening_id());
        let (mut socket, _) = client_async(url, stream).await?;
        socket.next().await.ok_or("no snapshot")??;
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let is_change = message.to_text().is_ok_and(|text| text.contains("changes"));
                seen.fetch_add(u64::from(is_change), std::sync::atomic::Ordering::Relaxed);
            }
        });
    }
    say("ready")?;
    let mut input = tokio::io::stdin();
    let mut asked = [0; 2];
    while input.read_exact(&mut asked).await.is_ok() {
        say(&seen.load(std::sync::atomic::Ordering::Relaxed).to_string())?;
    }
    std::process::exit(0)
}

fn say(line: &str) -> Outcome<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().ok_or("stat")?.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS_PER_SECOND)
}

fn resident_kb() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn screening_id() -> ScreeningId {
    ScreeningId::from_uuid(Uuid::from_u128(1))
}

async fn fill(office: &BoxOffice) -> Outcome<ScreeningId> {
    let movie = movie_of(MovieId::from_uuid(Uuid::from_u128(1)), "Film");
    let picture = vec!["sssssssssssssss"; 20].join("/");
    let hall = hall_of(HallId::from_uuid(Uuid::from_u128(1)), "Hall", &picture);
    let start = office.now() + SignedDuration::from_hours(5);
    let screening = screening_of(screening_id(), &movie, &hall, start);
    for change in [
        ProgrammeChange::PutMovie(movie, 0),
        ProgrammeChange::PutHall(hall, 0),
        ProgrammeChange::PutScreening(screening, 0),
    ] {
        let event = office.audit_event("benchmark", None, PersonId::from_uuid(Uuid::nil()), None);
        office.stores.programme.change_programme(&change, &event, office.now()).await?;
    }
    Ok(screening_id())
}

fn config(address: SocketAddr) -> ApiConfig {
    ApiConfig {
        site_name: "Benchmark".to_owned(),
        public_url: SiteUrl::new(&format!("http://{address}")),
        allowed_origins: vec![],
        trusted_proxies: vec![],
        listen_is_loopback: true,
        sign_in: SignInConfig::Demo { is_allowed_behind_proxies: false },
        admin_email: None,
        promptpay_id: None,
        callback_secret: Secret::new("secret"),
        rate_limit: false,
    }
}

fn office_of(store: &Arc<SqliteStore>) -> BoxOffice {
    let clock = Arc::new(SystemClock);
    let entropy = Arc::new(SeededEntropy::new(1));
    let locks = Arc::new(MemoryLocks::unlogged(clock.clone()));
    let provider = MockProvider::new(store.clone(), clock.clone(), entropy.clone(), Arc::default(), None);
    office_over(store, &locks, Arc::new(provider), clock, entropy)
}
