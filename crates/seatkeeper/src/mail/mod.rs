//! Confirmation mails: what they say ([`render_confirmation`]) and how they leave ([`MailTransport`]).
//!
//! Rendering is pure, so that the mail is filed with its final words and a later try sends the same bytes. Sending
//! knows nothing of bookings. Retries, pauses and the deadline belong to the caller; this module only says whether
//! trying again makes sense ([`SendError`]).

mod message;
mod render;
mod send;
mod words;

pub use message::{OutgoingMail, Sender, booking_message_id};
pub use render::{ConfirmationMail, RenderError, RenderedMail, render_confirmation};
pub use seatkeeper_core::person::Language;
pub use send::{MailTransport, SendError, SmtpServer, TransportUrlError};

#[cfg(test)]
mod render_tests;
#[cfg(test)]
mod send_tests;
#[cfg(test)]
mod smtp_sink;
