//! Floor of a request: a bare axum server that parses the same JSON and answers the same bytes with the same headers.

use std::{fs::File, hint::black_box, path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    serve::ListenerExt,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    counter::cpu_seconds,
    load::repeat,
    outcome::Outcome,
    report::print_line,
    started::{OPEN, Started},
    visitor::{Answer, Call, Visitor},
};

/// Longest load on a floor; its cost varies little.
const LOAD_MAX: Duration = Duration::from_secs(2);
/// Name of the file with the recorded answers.
const FILE: &str = "answers.json";

/// A request and its answer, as recorded from the server under test.
pub(crate) type Exchange = (Call, Answer);

/// What the floor cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time of one pass through all exchanges, in microseconds.
    pub(crate) each_us: f64,
    /// Passes per second.
    pub(crate) per_second: f64,
}

/// Puts a bare server under the same load: as many people with the cookies of `person` repeat the requests of the exchanges.
pub(crate) async fn measure(person: &Visitor, people: u64, exchanges: &[Exchange], load: Duration) -> Outcome<Cost> {
    let folder = tempfile::tempdir()?;
    let recorded = exchanges.iter().map(Recorded::new).collect::<Outcome<Vec<_>>>()?;
    serde_json::to_writer(File::create(folder.path().join(FILE))?, &recorded)?;
    let server = Started::floor(&["answers".to_owned(), FILE.to_owned()], folder).await?;
    let mut visitors = Vec::new();
    for _ in 0..people {
        visitors.push(person.connect_again(&server.url).await?);
    }
    let calls: Vec<Call> = exchanges.iter().map(|(call, _)| call.clone()).collect();
    let before_s = cpu_seconds(server.pid)?;
    let answered = repeat(visitors, &calls, load.min(LOAD_MAX)).await?;
    let used_s = cpu_seconds(server.pid)? - before_s;
    let passes = answered.times.total() as f64 / calls.len() as f64;
    Ok(Cost { each_us: used_s * 1e6 / passes, per_second: answered.per_second() / calls.len() as f64 })
}

/// An exchange in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    method: String,
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Recorded {
    fn new((call, answer): &Exchange) -> Outcome<Self> {
        let mut headers = Vec::new();
        for (name, value) in &answer.headers {
            // The HTTP library writes these itself.
            if ![header::DATE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name) {
                headers.push((name.to_string(), value.to_str()?.to_owned()));
            }
        }
        let (method, path) = (call.method.to_string(), call.path.clone());
        Ok(Self { method, path, status: answer.status.as_u16(), headers, body: answer.body.to_vec() })
    }
}

/// An answer, ready to be sent.
struct Ready {
    method: Method,
    path: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Ready {
    fn new(recorded: Recorded) -> Outcome<Self> {
        let Recorded { method, path, status, headers: pairs, body } = recorded;
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>()?, HeaderValue::try_from(value)?);
        }
        let (method, status) = (method.parse()?, StatusCode::from_u16(status)?);
        Ok(Self { method, path, status, headers, body: body.into() })
    }
}

/// The bodies of a lock, a payment and its confirmation.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "parsed as a server parses it, and not looked at")]
struct Asked {
    screening_id: Option<String>,
    seat_ids: Option<Vec<String>>,
    method: Option<String>,
    outcome: Option<String>,
}

/// Serves the recorded answers until the process is killed.
pub(super) async fn serve(file: &Path) -> Outcome<()> {
    let recorded: Vec<Recorded> = serde_json::from_reader(File::open(file)?)?;
    let ready = recorded.into_iter().map(Ready::new).collect::<Outcome<Vec<_>>>()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print_line(&format!("The floor{OPEN}http://{}", listener.local_addr()?))?;
    let listener = listener.tap_io(|stream| {
        // Best effort: without it answers are only slower.
        drop(stream.set_nodelay(true));
    });
    Ok(axum::serve(listener, Router::new().fallback(answer).with_state(Arc::new(ready))).await?)
}

async fn answer(State(ready): State<Arc<Vec<Ready>>>, method: Method, path: Uri, body: Bytes) -> Response {
    if !body.is_empty() {
        let Ok(asked) = serde_json::from_slice::<Asked>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
        black_box(asked);
    }
    let Some(found) = ready.iter().find(|ready| ready.method == method && ready.path == path.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    (found.status, found.headers.clone(), Body::from(found.body.clone())).into_response()
}
