//! Live seat maps, tested: what every viewer sees is what the lock store has.

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
