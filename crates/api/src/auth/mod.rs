//! Authentication: sign-in with OpenID Connect, sessions that end on the server, and extractors for handlers.
//!
//! A session is identified by a cookie with 256 random bits, of which the store has only a hash. Sessions in use are
//! cached, so that authenticating a request costs one hash and one map lookup. [`Auth::follow_store`] polls the store
//! every second for sessions that have ended on any server, and for people whose role has changed.

mod cookies;
pub mod demo_idp;
mod extract;
mod language;
mod oidc;
mod open_sessions;
mod profile;
mod refusals;
mod return_to;
mod routes;
mod secrets;
mod session_cache;
mod sessions;
mod sign_in;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, atomic::AtomicI64};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use seatkeeper_core::{
    box_office::BoxOffice,
    email::EmailKey,
    ids::PersonId,
    person::DEMO_ISSUER,
    ports::{Clock, Entropy, Outbox, People, Sessions},
};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use self::{
    cookies::Cookies,
    demo_idp::DemoIdp,
    oidc::{BackChannel, Registration, RelyingParty},
    refusals::Refusals,
    session_cache::{SESSIONS_CACHED_MAX, SessionCache},
};
pub use self::{
    extract::{Admin, Fresh, MaybeSignedIn, SignedIn},
    routes::{lean_routes, routes},
};
pub(crate) use self::{open_sessions::OpenSessions, routes::in_words, sessions::SignedInViewer};
use crate::config::{ApiConfig, SignInConfig};

/// Maximum number of concurrent background writes, which no request waits for: session refreshes and audit events of
/// refusals. Further ones are dropped.
const ASIDE_AT_ONCE_MAX: usize = 64;

/// Sign-in and sessions of this server. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    ports: Ports,
    cookies: Cookies,
    cache: SessionCache,
    /// Sessions of people with open WebSockets.
    open: Arc<OpenSessions>,
    party: RelyingParty,
    /// The setting `admin_email`: who alone can become the first administrator.
    admin_email: Option<EmailKey>,
    demo: Option<Arc<DemoIdp>>,
    refusals: Refusals,
    /// Time of the last successful poll for ended sessions, in milliseconds since 1970.
    heard_ms: AtomicI64,
    aside: TaskTracker,
    aside_permits: Arc<Semaphore>,
}

/// The ports that sign-in uses.
#[derive(Clone)]
struct Ports {
    people: Arc<dyn People>,
    sessions: Arc<dyn Sessions>,
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Auth {
    /// Creates the sign-in and an empty cache of sessions, with these settings.
    #[must_use]
    pub fn new(office: &Arc<BoxOffice>, config: &ApiConfig) -> Self {
        let ports = Ports {
            people: Arc::clone(&office.stores.people),
            sessions: Arc::clone(&office.stores.sessions),
            outbox: Arc::clone(&office.stores.outbox),
            clock: Arc::clone(&office.clock),
            entropy: Arc::clone(&office.entropy),
        };
        Self::with_ports(ports, config)
    }

    fn with_ports(ports: Ports, config: &ApiConfig) -> Self {
        let ApiConfig { sign_in, public_url, admin_email, .. } = config;
        let demo = match sign_in {
            SignInConfig::Demo { .. } => {
                DemoIdp::new(public_url, Arc::clone(&ports.clock), Arc::clone(&ports.entropy)).map(Arc::new)
            }
            SignInConfig::Google { .. } => None,
        };
        let (registration, back) = provider_of(sign_in, demo.as_ref());
        Self(Arc::new(Inner {
            cookies: Cookies::new(public_url.is_https()),
            cache: SessionCache::new(SESSIONS_CACHED_MAX),
            open: Arc::default(),
            party: RelyingParty::new(registration, public_url, back, Arc::clone(&ports.clock)),
            admin_email: admin_email.clone(),
            demo,
            refusals: Refusals::default(),
            heard_ms: AtomicI64::new(i64::MIN),
            aside: TaskTracker::new(),
            aside_permits: Arc::new(Semaphore::new(ASIDE_AT_ONCE_MAX)),
            ports,
        }))
    }

    /// The demo identity provider, if the settings select it.
    fn demo_idp(&self) -> Option<&DemoIdp> {
        self.0.demo.as_deref()
    }

    /// `Set-Cookie` for a browser that has signed out.
    fn cleared_cookie(&self) -> String {
        self.0.cookies.clear_session()
    }

    /// Writes an audit event about a refused attempt at an administrators' call, throttled by [`Refusals`].
    fn note_admin_refused(&self, person: Option<PersonId>, route: &str, subject: String, code: &str) {
        if !self.0.refusals.should_record(person, route, self.0.ports.clock.now()) {
            return;
        }
        let event = self.audit("admin_refused", person, Some(subject), json!({ "code": code }));
        let outbox = Arc::clone(&self.0.ports.outbox);
        self.do_aside(async move {
            if let Err(error) = outbox.append_events(&[event]).await {
                tracing::warn!(%error, "writing the audit event of a refused attempt failed; it is dropped");
            }
        });
    }

    /// Runs `work` in the background; drops it when [`ASIDE_AT_ONCE_MAX`] are running. The shutdown waits for it.
    fn do_aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(permit) = Arc::clone(&self.0.aside_permits).try_acquire_owned() else { return };
        self.0.aside.spawn(async move {
            work.await;
            drop(permit);
        });
    }
}

/// Returns this site's client registration at the configured identity provider, and the transport to that provider.
fn provider_of(sign_in: &SignInConfig, demo: Option<&Arc<DemoIdp>>) -> (Registration, BackChannel) {
    match (sign_in, demo) {
        (SignInConfig::Google { issuer, client_id, client_secret }, _) => {
            let client_secret = String::from_utf8_lossy(client_secret.expose()).into_owned();
            let (issuer, client_id) = (issuer.clone(), client_id.clone());
            let registration = Registration { people_issuer: issuer.clone(), issuer, client_id, client_secret };
            (registration, BackChannel::https())
        }
        (SignInConfig::Demo { .. }, Some(idp)) => {
            let (issuer, client_id, client_secret) = idp.registered_client();
            let registration = Registration { issuer, people_issuer: DEMO_ISSUER.to_owned(), client_id, client_secret };
            let idp = Arc::clone(idp);
            (registration, BackChannel::InProcess(Box::new(move |request| idp.answer(request))))
        }
        (SignInConfig::Demo { .. }, None) => (Registration::default(), BackChannel::https()),
    }
}

/// A redirect (302) to a validated location, with these cookies and `no-store`.
fn found(location: &str, cookies: &[String]) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::LOCATION, HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/")));
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}
