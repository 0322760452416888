//! Load: people read what everybody reads: the front page's films, the screenings, one screening and its seats.

use clap::{Args, ValueEnum};
use hyper::{
    Method, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING},
};

use crate::{
    floor::answers,
    load::repeat,
    meter::Meter,
    outcome::Outcome,
    report::Report,
    target::{PEOPLE_MAX, Target},
    visitor::{Call, Visitor},
};

/// The films with their screenings, which the front page shows.
const FRONT_PAGE: &str = "/api/movies";
/// What everybody reads.
pub(super) const PATHS: [&str; 4] =
    [FRONT_PAGE, "/api/screenings", "/api/screenings/{screening}", "/api/screenings/{screening}/seats"];
/// Stands for the screening with the most free seats.
const SCREENING: &str = "{screening}";

/// People read pages.
#[derive(Debug, Args)]
pub(crate) struct ReadBench {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How many people, each with a connection of their own.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=PEOPLE_MAX))]
    pub(crate) people: u64,
    /// Paths, read one after the other; `{screening}` stands for the screening with the most free seats.
    #[arg(long = "path", default_values = PATHS)]
    pub(crate) paths: Vec<String>,
    /// Compressions that the reader accepts, one after the other.
    #[arg(long = "coding", value_enum, default_values_t = [Coding::Plain, Coding::Gzip, Coding::Br])]
    pub(crate) codings: Vec<Coding>,
}

/// How an answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Coding {
    /// Not at all.
    Plain,
    /// By gzip.
    Gzip,
    /// By brotli.
    Br,
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Gzip => "gzip",
            Self::Br => "br",
        }
    }
}

pub(super) async fn run(bench: ReadBench) -> Outcome<Report> {
    let mut reader = Visitor::connect(&bench.target.url).await?;
    let screening_id = reader.find_stage().await?.screening_id;
    let meter = Meter::start(&bench.target).await?;
    let mut report = Report::default();
    for path in &bench.paths {
        for coding in &bench.codings {
            let call = Call::new(Method::GET, &path.replace(SCREENING, &screening_id), "");
            let call = call.with_header(ACCEPT_ENCODING, coding.name());
            let what = format!("`GET {path}` {}", coding.name());
            let id = if path == FRONT_PAGE { "P5" } else { "P6" };
            read_one(&bench, meter.clone(), call, (id, &what), &mut report).await?;
        }
    }
    Ok(report)
}

async fn read_one(
    bench: &ReadBench,
    mut meter: Option<Meter>,
    call: Call,
    (id, what): (&'static str, &str),
    report: &mut Report,
) -> Outcome<()> {
    let server = &bench.target.url;
    let mut first = Visitor::connect(server).await?;
    let answer = first.send(&call).await?;
    let coding = answer.headers.get(CONTENT_ENCODING).map_or(Ok("identity"), |coding| coding.to_str())?;
    if answer.status != StatusCode::OK {
        return Err(format!("{} was answered {}", call.path, answer.status).into());
    }
    report.lines.push(format!("{what}, {} bytes, {coding}", answer.body.len()));
    let mut people = Vec::new();
    for _ in 0..bench.people {
        people.push(Visitor::connect(server).await?);
    }
    if let Some(meter) = &mut meter {
        meter.restart().await?;
    }
    let answered = repeat(people, std::slice::from_ref(&call), bench.target.duration()).await?;
    report.lines.push(format!("requests      {}, {:.0} a second", answered.times.total(), answered.per_second()));
    report.lines.push(answered.times.line());
    if let Some(mut meter) = meter {
        meter.load_ended().await?;
        let costs = meter.finish(answered.times.total(), "request", None).await?;
        let floor = answers::measure(&first, bench.people, &[(call, answer)], bench.target.duration()).await?;
        report.add_server_cpu(id, what.to_owned(), &costs, floor.each_us);
        report.lines.extend(costs.lines);
    }
    Ok(())
}
