//! All rooms of a server. A room serves the live seat map of one screening to its viewers.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use seatkeeper_core::{
    box_office::BoxOffice,
    catalogue::SharedScreening,
    ids::ScreeningId,
    locks::SeatSnapshot,
    ports::{Backend, BackendError},
};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    admission::{Admission, SocketPermit},
    compare::{LastCompared, compare_all},
    counts::TakenCounts,
    limits::{COMPARE_EVERY, LiveLimits, ROOM_IDLE_MAX, ROOM_OPEN_WAIT_MAX, STOP_MAX},
    room::Room,
    room_task::run_room,
    seat_map::SeatMapBody,
    sources::Sources,
};
use crate::client_address::ClientKeys;

/// Cloneable handle of all rooms of a server: there is one room for each screening with viewers.
#[derive(Clone)]
pub struct Rooms {
    hub: Arc<Hub>,
    /// Stops the rooms' tasks when the last clone of this handle is dropped.
    _stop_with_last: Arc<DropGuard>,
}

/// State shared by all rooms of a server.
pub(super) struct Hub {
    pub(super) sources: Arc<Sources>,
    limits: LiveLimits,
    rooms: Mutex<HashMap<ScreeningId, Arc<Room>>>,
    admission: Arc<Admission>,
    counts: TakenCounts,
    compared: LastCompared,
    is_comparing: AtomicBool,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Why a room cannot be used now. All reasons are temporary: a client may retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// The server's limit of rooms or sockets is reached.
    Full,
    /// The seat map could not be loaded in time.
    NoMap,
    /// The room has just been closed, or the server is stopping.
    Closed,
}

impl Rooms {
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Creates a hub without rooms; they are opened on demand.
    #[must_use]
    pub fn new(office: &Arc<BoxOffice>) -> Self {
        Self::with_sources(Sources::of(office), LiveLimits::default())
    }

    pub(super) fn with_sources(sources: Sources, limits: LiveLimits) -> Self {
        let stop = CancellationToken::new();
        let hub = Hub {
            sources: Arc::new(sources),
            limits,
            rooms: Mutex::default(),
            admission: Arc::default(),
            counts: TakenCounts::default(),
            compared: LastCompared::now(),
            is_comparing: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        };
        Self { hub: Arc::new(hub), _stop_with_last: Arc::new(stop.drop_guard()) }
    }

    /// Returns the seat map of a screening, including every live change that this server has received.
    ///
    /// # Errors
    /// The lock store or the store does not answer.
    pub async fn seat_map(&self, screening: &SharedScreening) -> Backend<SeatSnapshot> {
        let id = screening.screening.id;
        if let Ok(room) = self.open(id).await
            && let Some(snapshot) = room.known(Instant::now())
        {
            return Ok(snapshot);
        }
        self.hub.sources.snapshot(id).await
    }

    /// Returns the map of [`Self::seat_map`] as a response body, which the room caches until the next change.
    pub(super) async fn seat_map_body(&self, screening: &SharedScreening) -> Backend<Arc<SeatMapBody>> {
        let id = screening.screening.id;
        if let Ok(room) = self.open(id).await
            && let Some(body) = room.seat_map(screening, Instant::now())
        {
            return Ok(body);
        }
        Ok(Arc::new(SeatMapBody::new(screening, &self.hub.sources.snapshot(id).await?)))
    }

    /// Number of seats available at each screening, in the order of `screenings`; up to 2 s old.
    ///
    /// # Errors
    /// The lock store or the store does not answer.
    pub async fn seats_available(&self, screenings: &[SharedScreening]) -> Backend<Vec<u32>> {
        let ids: Vec<ScreeningId> = screenings.iter().map(|open| open.screening.id).collect();
        let taken = self.hub.counts.list(&self.hub.sources, &ids).await?;
        let for_sale = screenings.iter().map(|open| u32::try_from(open.plan.seats_for_sale()).unwrap_or(u32::MAX));
        Ok(for_sale.zip(taken).map(|(for_sale, taken)| for_sale.saturating_sub(taken)).collect())
    }

    /// Number of open sockets.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.hub.admission.sockets()
    }

    /// Closes all rooms and their sockets, and waits a few seconds at most for the sockets to drain.
    pub async fn shut_down(&self) {
        self.hub.stop.cancel();
        for (_, room) in self.hub.rooms.lock().drain() {
            room.close();
        }
        self.hub.tasks.close();
        if timeout(STOP_MAX, self.hub.tasks.wait()).await.is_err() {
            tracing::info!(viewers = self.viewers(), "shutdown timed out with open sockets; dropping them");
        }
    }

    /// Takes a permit for one more socket of a client. Without `client`, as in load tests, only the server's limit
    /// counts.
    pub(super) fn admit(&self, client: Option<ClientKeys>) -> Option<SocketPermit> {
        let LiveLimits { sockets_max, sockets_per_client, .. } = self.hub.limits;
        self.hub.admission.admit(client, sockets_max, sockets_per_client, self.hub.tasks.token())
    }

    /// Returns the room of a screening as soon as the room has a seat map. Opens the room if there is none.
    pub(super) async fn open(&self, id: ScreeningId) -> Result<Arc<Room>, NoRoom> {
        let room = self.hub.find_or_open(id)?;
        match timeout(ROOM_OPEN_WAIT_MAX, room.opened()).await {
            Ok(true) => Ok(room),
            Ok(false) => Err(NoRoom::Closed),
            Err(_) => Err(NoRoom::NoMap),
        }
    }
}

impl Hub {
    fn find_or_open(self: &Arc<Self>, id: ScreeningId) -> Result<Arc<Room>, NoRoom> {
        let now = Instant::now();
        let mut rooms = self.rooms.lock();
        if self.stop.is_cancelled() {
            return Err(NoRoom::Closed);
        }
        if let Some(room) = rooms.get(&id).filter(|room| !room.is_closed()) {
            room.touch(now);
            return Ok(Arc::clone(room));
        }
        if rooms.len() >= self.limits.rooms_max {
            let empty = rooms.values().find(|room| room.close_if_idle(now, Duration::ZERO)).map(|room| room.id);
            rooms.remove(&empty.ok_or(NoRoom::Full)?);
        }
        let room = Arc::new(Room::new(id, now));
        rooms.insert(id, Arc::clone(&room));
        let task = run_room(Arc::clone(&room), Arc::clone(&self.sources), self.compared.clone(), self.stop.clone());
        self.tasks.spawn(task);
        if !self.is_comparing.swap(true, Ordering::Relaxed) {
            let (hub, stop) = (Arc::clone(self), self.stop.clone());
            self.compared.confirm();
            self.tasks.spawn(async move {
                stop.run_until_cancelled(hub.compare_periodically()).await;
            });
        }
        Ok(room)
    }

    /// Every second, compares all rooms with the lock store and closes idle rooms, until this future is dropped.
    async fn compare_periodically(&self) {
        let mut answered = true;
        loop {
            sleep(COMPARE_EVERY).await;
            self.close_idle_rooms();
            // A panic fails only this comparison, not the periodic task.
            let checked = AssertUnwindSafe(compare_all(self.rooms(), &self.sources)).catch_unwind().await;
            match checked.unwrap_or_else(|_| Err(BackendError::lasting("live", "the check panicked"))) {
                Ok(()) => {
                    self.compared.confirm();
                    answered = true;
                }
                Err(error) => {
                    if answered {
                        tracing::warn!(part = error.part, error = %error.source, "comparing live seat maps failed; retrying");
                    }
                    answered = false;
                }
            }
        }
    }

    pub(super) fn rooms(&self) -> Vec<Arc<Room>> {
        self.rooms.lock().values().cloned().collect()
    }

    fn close_idle_rooms(&self) {
        let now = Instant::now();
        self.rooms.lock().retain(|_, room| !room.close_if_idle(now, ROOM_IDLE_MAX));
    }
}
