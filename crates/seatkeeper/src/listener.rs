//! Accepts connections within limits, and lets requests in flight finish at shutdown.

mod open_files;
mod permits;
mod write_wait;

use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use self::{permits::ConnectionPermits, write_wait::WriteWait};
use crate::unread_body::share_body;

/// How long a connection may take to send a request's head before it is closed.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(15);
/// Limit of the size of a request's head, and thereby of the read buffer, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Pause after a failed `accept` (for example, too many open files), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Which connections count towards the connection limit per client address.
pub struct Admission {
    /// Whether the limit per client address applies. Load tests turn it off, because all their connections come from
    /// one address.
    pub limits_addresses: bool,
    /// Reverse proxies. All visitors have the address of the proxy, so connections from it do not count towards the
    /// limit per address.
    pub trusted_proxies: Vec<IpNet>,
}

/// Accepts and serves connections until `stop` is cancelled, then waits for requests in flight for at most `grace`.
/// Returns false when some of them did not finish.
pub async fn serve_connections(
    listener: TcpListener,
    router: Router,
    admission: Admission,
    stop: CancellationToken,
    grace: Duration,
) -> bool {
    let connections = TaskTracker::new();
    open_files::raise_limit();
    let permits = ConnectionPermits::new(admission.limits_addresses, admission.trusted_proxies);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT_MAX).max_buf_size(HEAD_BYTES_MAX);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed; retrying after a pause");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Beyond a limit the connection is closed without a response, which is the cheapest refusal.
        let Some(permit) = permits.take(peer.ip()) else { continue };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set; answers may be delayed");
        }
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
            let router = router.clone();
            async move { Ok::<_, Infallible>(answer(router, request).await) }
        });
        let connection = http.serve_connection(TokioIo::new(WriteWait::new(stream)), service).with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    tokio::time::timeout(grace, connections.wait()).await.is_ok()
}

async fn answer(router: Router, request: Request<Incoming>) -> axum::response::Response {
    let (request, unread) = share_body(request);
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(unread) = unread {
        unread.discard().await;
    }
    response
}
