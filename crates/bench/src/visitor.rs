//! HTTP client on one keep-alive connection. It does little work, because it shares the CPU with the server that it measures.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header,
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

/// An HTTP response.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    location: Option<String>,
}

/// The screening under load.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) screening_id: String,
    /// Free seats.
    pub(super) seats: Vec<String>,
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
            let next = answer.location.ok_or_else(|| format!("no sign-in at {path}: {}", answer.status))?;
            path = next.strip_prefix(&own).unwrap_or(&next).to_owned();
        }
        match visitor.call(Method::GET, "/api/auth/me", Bytes::new()).await?.status {
            StatusCode::OK => Ok(visitor),
            status => Err(format!("{email} could not sign in ({status}): is it demo sign-in?").into()),
        }
    }

    /// Opens a new connection with the same cookies: the server may have closed this one as idle while the others signed in.
    pub(super) async fn reconnect(&mut self, server: &Server) -> Outcome<()> {
        let cookies = std::mem::take(&mut self.cookies);
        *self = Self { cookies, ..Self::connect(server).await? };
        Ok(())
    }

    /// Sends one request and returns its response, whatever the status.
    pub(super) async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Outcome<Answer> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
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
            self.keep_cookie(line.to_str()?);
        }
        let body = timeout(ANSWER_WAIT_MAX, Limited::new(body, ANSWER_BYTES_MAX).collect()).await??.to_bytes();
        let location = head.headers.get(header::LOCATION).map(|place| place.to_str()).transpose()?.map(str::to_owned);
        Ok(Answer { status: head.status, body, location })
    }

    fn keep_cookie(&mut self, line: &str) {
        let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { return };
        self.cookies.retain(|(known, _)| known != name);
        self.cookies.push((name.to_owned(), value.to_owned()));
    }

    async fn read(&mut self, path: &str) -> Outcome<Value> {
        let answer = self.call(Method::GET, path, Bytes::new()).await?;
        if answer.status != StatusCode::OK {
            return Err(format!("{path}: {}", answer.status).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// The screening with the most free seats.
    pub(super) async fn find_stage(&mut self) -> Outcome<Stage> {
        let movies: Movies = serde_json::from_value(self.read("/api/movies").await?)?;
        let all = movies.items.into_iter().flat_map(|movie| movie.screenings);
        let largest = all.max_by_key(|screening| screening.seats_available);
        let screening_id = largest.ok_or("no screening to come: start the server with --demo")?.id;
        let map: Map = serde_json::from_value(self.read(&format!("/api/screenings/{screening_id}/seats")).await?)?;
        let seats: Vec<String> =
            map.seats.into_iter().filter(|seat| seat.status == "AVAILABLE").map(|seat| seat.id).collect();
        if seats.is_empty() { Err("no free seat".into()) } else { Ok(Stage { screening_id, seats }) }
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
