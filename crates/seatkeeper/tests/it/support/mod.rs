//! Test harness: runs the program, acts as its users, and checks the consistency of its data.

mod answer;
mod app;
mod books;
mod parts;
mod person;
mod provider;
mod raw;
mod screening;
mod times;
mod viewer;
mod wait;

pub(crate) use answer::Answer;
pub(crate) use app::{TestApp, program};
#[cfg(feature = "cluster")]
pub(crate) use parts::Cluster;
pub(crate) use parts::{Parts, come_back, is_cluster, served, thought_max};
pub(crate) use person::TestPerson;
pub(crate) use provider::{SECRET, SECRET_FLAG};
pub(crate) use raw::invalid_field;
pub(crate) use screening::{TestScreening, layout, now};
pub(crate) use seatkeeper_testbed::{ClosedMailServer, MailServer, Manner};
pub(crate) use viewer::Viewer;
pub(crate) use wait::{begin_within_one_day, eventually, eventually_or};
