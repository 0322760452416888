//! The whole program, started as a process and used over HTTP, as people and other programs use it.

mod support;
