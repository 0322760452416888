//! Live seat maps, tested: what every viewer sees is what the lock store has.

mod cinema;
mod convergence;
mod follow;
mod rooms;
mod routes;
mod sockets;
mod stage;
mod viewer;
