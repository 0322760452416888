//! Confirmation mails: rendering ([`render_confirmation`]) and sending ([`MailTransport`]).
//!
//! Rendering is pure, so that the text of a stored mail is final and a retry sends the same bytes. Sending knows
//! nothing about bookings. The callers are responsible for retries, backoff and deadlines; this module only reports
//! whether a retry can succeed ([`SendError`]).

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
