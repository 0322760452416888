//! Live seat maps, tested: what every viewer sees is what the lock store has.

mod convergence;
mod rooms;
mod sockets;
mod stage;
mod viewer;
