//! Confirmation mails: rendering ([`render_confirmation`]) and sending ([`MailTransport`]).
//!
//! Rendering is pure: the same mail to the same recipient results in the same bytes. Sending knows nothing about
//! bookings. The callers are responsible for retries, backoff and deadlines; this module only reports whether a retry can
//! succeed ([`SendError`]).

mod header_text;
mod message;
mod render;
mod send;
mod smtp;
mod smtp_refusals;
mod words;

pub use message::{OutgoingMail, SendError, Sender, booking_message_id};
pub use render::{ConfirmationMail, RenderError, RenderedMail, render_confirmation};
pub use seatkeeper_core::person::Language;
pub use send::{MailTransport, TransportUrlError};
pub use smtp::SmtpServer;

#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod render_tests;
#[cfg(test)]
mod send_tests;
#[cfg(test)]
mod smtp_tests;
