//! Tests of the live seat maps: every viewer's map converges to the lock store's.

mod cinema;
mod convergence;
mod follow;
mod own_frames;
mod own_sockets;
mod rooms;
mod routes;
mod sessions;
mod slow_locks;
mod sockets;
mod stage;
mod viewer;
