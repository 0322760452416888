//! The use cases over the real embedded adapters: what must survive, by name; a crash at every call of a port; and random
//! histories of many people at once.

mod books;
mod buying;
mod crash;
mod late_money;
mod office;
mod orphans;
mod provider;
mod steps;
mod visit;
mod weather;
