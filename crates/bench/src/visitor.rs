//! HTTP client on one keep-alive connection. It does little work, because it shares the CPU with the server that it measures.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{self, HeaderName},
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use crate::{outcome::Outcome, server::Server};

/// Longer than any request may take in the server.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Limit of a response body, in bytes; a week's programme of a large cinema is far smaller.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Redirects of a sign-in: login, provider, callback.
const SIGN_IN_REDIRECTS: usize = 3;

/// One connection and its cookies.
pub(super) struct Visitor {
    host: String,
    cookies: Vec<(String, String)>,
    connection: SendRequest<Full<Bytes>>,
    /// Drives the connection's I/O; aborted when the visitor is dropped.
    _driver: JoinSet<()>,
}

/// An HTTP request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// A header besides those that every request has.
    pub(super) header: Option<(HeaderName, String)>,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn new(method: Method, path: &str, body: impl Into<Bytes>) -> Self {
        Self { method, path: path.to_owned(), header: None, body: body.into() }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }
}

/// An HTTP response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The screening under load.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) screening_id: String,
    /// Free seats.
    pub(super) seats: Vec<String>,
    /// Another screening; the same when there is only one.
    pub(super) other_screening_id: String,
}

impl Visitor {
    pub(super) async fn connect(server: &Server) -> Outcome<Self> {
        let stream = timeout(ANSWER_WAIT_MAX, TcpStream::connect(server.address)).await??;
        stream.set_nodelay(true)?;
        let (connection, bytes) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // A broken connection fails the request that waits for its response.
            drop(bytes.await);
        });
        Ok(Self { host: server.host.clone(), cookies: Vec::new(), connection, _driver: driver })
    }

    /// Connects and signs in through the demo provider.
    pub(super) async fn sign_in(server: &Server, email: &str) -> Outcome<Self> {
        let mut visitor = Self::connect(server).await?;
        let own = format!("http://{}", server.host);
        let mut path = format!("/api/auth/google/login?return_to=/&login_hint={email}");
        for _ in 0..SIGN_IN_REDIRECTS {
            let answer = visitor.call(Method::GET, &path, Bytes::new()).await?;
            let next = answer.headers.get(header::LOCATION);
            let next = next.ok_or_else(|| format!("no sign-in at {path}: {}", answer.status))?.to_str()?;
            path = next.strip_prefix(&own).unwrap_or(next).to_owned();
        }
        match visitor.call(Method::GET, "/api/auth/me", Bytes::new()).await?.status {
            StatusCode::OK => Ok(visitor),
            status => Err(format!("{email} could not sign in ({status}): is it demo sign-in?").into()),
        }
    }

    /// Signs in `count` people, each with a connection.
    pub(super) async fn sign_in_people(server: &Server, count: u64) -> Outcome<Vec<Self>> {
        let mut people = Vec::new();
        for index in 0..count {
            people.push(Self::sign_in(server, &format!("bench-{index}@example.test")).await?);
        }
        Ok(people)
    }

    /// Opens a new connection with the same cookies: the server may have closed this one as idle while the others signed in.
    pub(super) async fn reconnect(&mut self, server: &Server) -> Outcome<()> {
        *self = self.connect_again(server).await?;
        Ok(())
    }

    /// Another connection with the same cookies, perhaps to another server.
    pub(super) async fn connect_again(&self, server: &Server) -> Outcome<Self> {
        Ok(Self { cookies: self.cookies.clone(), ..Self::connect(server).await? })
    }

    /// Sends one request and returns its response, whatever the status.
    pub(super) async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Outcome<Answer> {
        self.send(&Call::new(method, path, body)).await
    }

    /// Sends one request with its own header and returns its response, whatever the status.
    pub(super) async fn send(&mut self, call: &Call) -> Outcome<Answer> {
        let body = call.body.clone();
        let mut request = Request::builder().method(&call.method).uri(&call.path).header(header::HOST, &self.host);
        if let Some((name, value)) = &call.header {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        timeout(ANSWER_WAIT_MAX, self.connection.ready()).await??;
        let sent = self.connection.send_request(request.body(Full::new(body))?);
        let (head, body) = timeout(ANSWER_WAIT_MAX, sent).await??.into_parts();
        for line in head.headers.get_all(header::SET_COOKIE) {
            self.store_cookie(line.to_str()?);
        }
        let body = timeout(ANSWER_WAIT_MAX, Limited::new(body, ANSWER_BYTES_MAX).collect()).await??.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn store_cookie(&mut self, line: &str) {
        let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { return };
        self.cookies.retain(|(known, _)| known != name);
        self.cookies.push((name.to_owned(), value.to_owned()));
    }

    async fn read(&mut self, path: &str) -> Outcome<Value> {
        self.ask_json(Method::GET, path, Bytes::new()).await
    }

    /// Sends a request that must succeed, and parses its answer.
    pub(super) async fn ask_json(&mut self, method: Method, path: &str, body: Bytes) -> Outcome<Value> {
        let answer = self.call(method, path, body).await?;
        if !answer.status.is_success() {
            let why = String::from_utf8_lossy(&answer.body);
            return Err(format!("{path} was answered {}: {why}", answer.status).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// The screening with the most free seats.
    pub(super) async fn find_stage(&mut self) -> Outcome<Stage> {
        let movies: Movies = serde_json::from_value(self.read("/api/movies").await?)?;
        let mut all: Vec<Screening> = movies.items.into_iter().flat_map(|movie| movie.screenings).collect();
        all.sort_by_key(|screening| screening.seats_available);
        let other_screening_id = all.first().map(|screening| screening.id.clone()).unwrap_or_default();
        let screening_id = all.pop().ok_or("no screening to come: start the server with --demo")?.id;
        let map: Map = serde_json::from_value(self.read(&format!("/api/screenings/{screening_id}/seats")).await?)?;
        let seats: Vec<String> =
            map.seats.into_iter().filter(|seat| seat.status == "AVAILABLE").map(|seat| seat.id).collect();
        if seats.is_empty() {
            return Err("no free seat".into());
        }
        Ok(Stage { screening_id, seats, other_screening_id })
    }
}

impl Stage {
    /// The body of `POST` and `DELETE /api/lock` for one seat.
    pub(super) fn lock_body(&self, seat: &str) -> Bytes {
        format!(r#"{{"screening_id":"{}","seat_ids":["{seat}"]}}"#, self.screening_id).into()
    }
}

#[derive(Deserialize)]
struct Movies {
    items: Vec<Movie>,
}

#[derive(Deserialize)]
struct Movie {
    screenings: Vec<Screening>,
}

#[derive(Deserialize)]
struct Screening {
    id: String,
    seats_available: u64,
}

#[derive(Deserialize)]
struct Map {
    seats: Vec<Seat>,
}

#[derive(Deserialize)]
struct Seat {
    id: String,
    status: String,
}
