//! Starting the program, being somebody in it, and checking its books.

mod answer;
mod app;
mod books;
mod person;
mod screening;
mod viewer;
mod wait;

pub(crate) use answer::Answer;
pub(crate) use app::TestApp;
pub(crate) use person::TestPerson;
pub(crate) use screening::TestScreening;
pub(crate) use viewer::Viewer;
pub(crate) use wait::eventually;
