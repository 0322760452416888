//! A mail as a MIME message: headers, then HTML and plain text as `multipart/alternative`. The same mail always results
//! in the same bytes.

use std::net::IpAddr;
use std::time::SystemTime;

use lettre::address::{AddressError, Envelope};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use lettre::{Address, Message};
use seatkeeper_core::email::EmailAddress;
use sha2::{Digest, Sha256};

use super::header_text::{display_name, unstructured, with_last_word};
use super::render::one_line;

/// Local part of the cinema's sender address.
const SENDER_LOCAL_PART: &str = "tickets";

/// What the local part of each Message-ID begins with, and so the name of each file with a mail.
pub(super) const MAIL_PREFIX: &str = "booking.";

/// Limit of the local part of a Message-ID, in bytes: the local part is also used as a file name.
const MESSAGE_ID_LOCAL_BYTES_MAX: usize = 128;

/// Number of hex digits in the MIME boundary.
const BOUNDARY_DIGITS: usize = 32;

const FROM: &str = "From";
const TO: &str = "To";
const SUBJECT: &str = "Subject";

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The mail may be sent by a retry: the mail server is down, slow, replied 4xx or refuses this cinema, or the disk is
    /// full.
    #[error("{0}")]
    Temporary(String),
    /// No retry can send the mail: the mail server refused the recipient or the mail with 5xx, or the address is malformed.
    #[error("{0}")]
    Permanent(String),
}

/// The sender of mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The displayed name: that of the cinema.
    pub name: String,
    /// E-mail address.
    pub address: String,
}

impl Sender {
    /// The sender of a cinema whose page is on `host` (a name or an IP address, without a port).
    #[must_use]
    pub fn of_site(name: &str, host: &str) -> Self {
        let domain = domain_of(host);
        Self { name: name.to_owned(), address: format!("{SENDER_LOCAL_PART}@{domain}") }
    }
}

/// A rendered and addressed mail.
#[derive(Debug, Clone)]
pub struct OutgoingMail {
    /// The sender.
    pub sender: Sender,
    /// The customer's e-mail address.
    pub to: String,
    /// The customer's name; may be empty.
    pub name: String,
    /// Subject; control characters become spaces.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain text part.
    pub text: String,
    /// The Message-ID, `<booking.ID@host>`, see [`booking_message_id`]. It is the same at every retry.
    pub message_id: String,
    /// When the mail was written. It is the same at every retry.
    pub date: jiff::Timestamp,
}

/// The Message-ID of the confirmation of a booking. It is the same at every retry, so that mail programs deduplicate a
/// mail that was sent twice.
#[must_use]
pub fn booking_message_id(booking_id: &str, host: &str) -> String {
    format!("<{MAIL_PREFIX}{booking_id}@{}>", domain_of(host))
}

/// A message that has passed all checks.
pub(super) struct Built {
    pub(super) message: Message,
    /// Whether only a mail server with the extension SMTPUTF8 can deliver it.
    pub(super) needs_smtputf8: bool,
    /// The part of the Message-ID before the `@`: letters, digits, `.`, `_`, `-`, safe as a file name.
    pub(super) id_local_part: String,
}

/// Builds the message.
///
/// # Errors
/// [`SendError::Permanent`] when an address or the Message-ID is malformed.
pub(super) fn build(mail: &OutgoingMail) -> Result<Built, SendError> {
    let id_local_part = local_part_of(&mail.message_id)?;
    let date = SystemTime::try_from(mail.date).map_err(|error| SendError::Permanent(format!("mail date: {error}")))?;
    // The mail library's boundary would be random. This one is a hash of the mail: the same for the same mail, and no
    // name in a mail can contain it in advance.
    let boundary = boundary_of(mail);
    let body = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(boundary)
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    let sender = sender_address(&mail.sender.address)?;
    let recipient = EmailAddress::parse(&mail.to)
        .ok_or_else(|| SendError::Permanent("the recipient's address is not an e-mail address".into()))?;
    let to = smtp_address(&recipient);
    let envelope = Envelope::new(Some(sender.clone()), vec![to.clone()])
        .map_err(|error| SendError::Permanent(format!("mail cannot be built: {error}")))?;
    let mut message = Message::builder()
        .from(Mailbox::new(None, sender.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject("")
        .date(date)
        // Without an envelope the mail library would parse the addresses again.
        .envelope(envelope)
        .message_id(Some(mail.message_id.clone()))
        .header(AutoSubmitted)
        .multipart(body)
        .map_err(|error| SendError::Permanent(format!("mail cannot be built: {error}")))?;
    let headers = message.headers_mut();
    headers.insert_raw(address_header(FROM, &mail.sender.name, &sender));
    headers.insert_raw(address_header(TO, &mail.name, &to));
    headers.insert_raw(subject_header(&mail.subject));
    Ok(Built { message, needs_smtputf8: recipient.needs_smtputf8(), id_local_part })
}

fn sender_address(address: &str) -> Result<Address, SendError> {
    address
        .parse()
        .map_err(|error: AddressError| SendError::Permanent(format!("the sender's address is invalid: {error}")))
}

/// The address as mail servers know it, with its domain in ASCII.
fn smtp_address(recipient: &EmailAddress) -> Address {
    // Without the check of the mail library, which refuses characters that mail servers accept, such as Thai tone
    // marks.
    Address::new_dangerous(recipient.local_part(), recipient.ascii_domain())
}

/// A header with one address. The name is that of a person or a cinema and may contain anything.
fn address_header(header: &'static str, name: &str, address: &Address) -> HeaderValue {
    let (name, address) = (one_line(name), address.to_string());
    let value = if name.is_empty() {
        address.clone()
    } else {
        with_last_word(header, display_name(header, &name), &format!("<{address}>"))
    };
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(header), address, value)
}

fn subject_header(subject: &str) -> HeaderValue {
    let subject = one_line(subject);
    let value = unstructured(SUBJECT, &subject);
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(SUBJECT), subject, value)
}

fn local_part_of(message_id: &str) -> Result<String, SendError> {
    let safe = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty() && part.len() <= MESSAGE_ID_LOCAL_BYTES_MAX && part.chars().all(allowed)
    };
    let domain_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let parts = message_id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).and_then(|id| id.split_once('@'));
    match parts {
        Some((local, host)) if safe(local) && !local.starts_with('.') && host.chars().all(domain_char) => {
            Ok(local.to_owned())
        }
        _ => Err(SendError::Permanent("the Message-ID is not of the form <booking.ID@host>".into())),
    }
}

fn boundary_of(mail: &OutgoingMail) -> String {
    let mut hash = Sha256::new();
    for part in [&mail.message_id, &mail.text, &mail.html] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(BOUNDARY_DIGITS);
    digits
}

/// The domain of a Message-ID or address: `localhost` instead of an IP address, because not every mail program accepts
/// an address literal. A cinema without a host name is only a local trial.
fn domain_of(host: &str) -> &str {
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() { "localhost" } else { host }
}

/// The header that asks automatic responders, such as out-of-office replies, not to answer (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl AutoSubmitted {
    const VALUE: &str = "auto-generated";
}

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        if text == Self::VALUE { Ok(Self) } else { Err("not auto-generated".into()) }
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), Self::VALUE.to_owned())
    }
}
