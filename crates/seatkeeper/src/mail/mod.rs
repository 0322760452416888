//! Confirmation mails: rendering ([`render_confirmation`]) and sending ([`MailTransport`]).
//!
//! Rendering is pure, so that the stored mail has its final text and a retry sends the same bytes. Sending knows nothing about
//! bookings. The caller owns retries, backoff and the deadline; this module only reports whether a retry makes sense
//! ([`SendError`]).

mod message;
mod render;
mod send;
mod words;

pub use message::{OutgoingMail, SendError, Sender, booking_message_id};
pub use render::{ConfirmationMail, RenderError, RenderedMail, render_confirmation};
pub use seatkeeper_core::person::Language;
pub use send::{MailTransport, SmtpServer, TransportUrlError};

#[cfg(test)]
mod render_tests;
#[cfg(test)]
mod send_tests;
