//! Sends a mail through an SMTP server, step by step, so that an error is known with the step in which it happened.

use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use url::Url;

use super::message::{Built, SendError};
use super::smtp_refusals::Step;

/// Timeout of QUIT. Its outcome does not matter, but until it ends it occupies one of the few mails sent at once.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The reason of a FAILED mail that needs SMTPUTF8 when the mail server does not offer it.
const NEEDS_SMTPUTF8: &str = "the part of the address before the @ is not ASCII, and the mail server cannot deliver such \
     mails: it does not offer SMTPUTF8";

/// An SMTP server and the account to use there. Its `Debug` shows neither user name nor password.
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    account: Option<Credentials>,
    /// The name in EHLO: the path of the URL, or this machine's name.
    hello: ClientId,
    connect_timeout: Duration,
    send_timeout: Duration,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer").field("send_timeout", &self.send_timeout).finish_non_exhaustive()
    }
}

/// How the connection is encrypted.
enum Security {
    /// Not at all.
    Plain,
    /// With STARTTLS, or no mail is sent.
    StartTls(TlsParameters),
    /// With STARTTLS, if the server offers it.
    StartTlsIfOffered(TlsParameters),
    /// With TLS from the first byte.
    Tls(TlsParameters),
}

impl SmtpServer {
    /// Parses the URL of an SMTP server. The error does not contain the URL, which may include a password.
    pub(super) fn parse(url: &str, connect_timeout: Duration, send_timeout: Duration) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let host = url.host_str().map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty());
        let host = host.ok_or("the host is missing")?.to_owned();
        let tls = || TlsParameters::new(host.clone()).map_err(|error| error.to_string());
        let asked = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let (usual_port, security) = match (url.scheme(), asked.as_deref()) {
            ("smtp", None) => (SMTP_PORT, Security::Plain),
            ("smtp", Some("required")) => (SUBMISSION_PORT, Security::StartTls(tls()?)),
            ("smtp", Some("opportunistic")) => (SUBMISSION_PORT, Security::StartTlsIfOffered(tls()?)),
            ("smtps", _) => (SUBMISSIONS_PORT, Security::Tls(tls()?)),
            ("smtp", Some(_)) => return Err("tls is neither required nor opportunistic".to_owned()),
            _ => return Err("the scheme is neither smtp nor smtps".to_owned()),
        };
        let name = url.path().trim_matches('/');
        let hello = if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) };
        let account = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        let port = url.port().unwrap_or(usual_port);
        Ok(Self { host, port, security, account, hello, connect_timeout, send_timeout })
    }

    /// Sends one mail, with one connection.
    pub(super) async fn send(&self, built: &Built) -> Result<(), SendError> {
        // Boxed, because the driver's large future would enlarge the futures of all callers.
        let sending = Box::pin(self.deliver(built));
        match tokio::time::timeout(self.send_timeout, sending).await {
            Ok((outcome, connection)) => {
                // QUIT is outside of the timeout: a mail is sent even if the server hangs after it has accepted the
                // mail.
                if let Some(mut connection) = connection {
                    // QUIT is best effort: the connection is closed either way.
                    let _ = tokio::time::timeout(QUIT_TIMEOUT, Box::pin(connection.abort())).await;
                }
                outcome
            }
            Err(_elapsed) => {
                Err(SendError::Temporary(format!("the mail server did not answer within {:?}", self.send_timeout)))
            }
        }
    }

    /// Returns the outcome, and the connection, on which QUIT is still to be sent, if there is one.
    async fn deliver(&self, built: &Built) -> (Result<(), SendError>, Option<AsyncSmtpConnection>) {
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return (Err(error), None),
        };
        (self.converse(&mut connection, built).await, Some(connection))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let tls = match &self.security {
            Security::Tls(tls) => Some(tls.clone()),
            Security::Plain | Security::StartTls(_) | Security::StartTlsIfOffered(_) => None,
        };
        let (server, timeout) = ((self.host.as_str(), self.port), Some(self.connect_timeout));
        AsyncSmtpConnection::connect_tokio1(server, timeout, &self.hello, tls, None)
            .await
            .map_err(|error| Step::Connect.judge(&error))
    }

    async fn converse(&self, connection: &mut AsyncSmtpConnection, built: &Built) -> Result<(), SendError> {
        let tls = match &self.security {
            Security::StartTls(tls) => Some(tls),
            Security::StartTlsIfOffered(tls) => Some(tls).filter(|_| connection.can_starttls()),
            Security::Plain | Security::Tls(_) => None,
        };
        if let Some(tls) = tls {
            let encrypted = connection.starttls(tls.clone(), &self.hello).await;
            encrypted.map_err(|error| Step::Encrypt.judge(&error))?;
        }
        if let Some(account) = &self.account {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, account).await;
            signed_in.map_err(|error| Step::SignIn.judge(&error))?;
        }
        hand_over(connection, built).await
    }
}

/// Sends sender, recipients and text.
async fn hand_over(connection: &mut AsyncSmtpConnection, built: &Built) -> Result<(), SendError> {
    let Built { message, needs_smtputf8, .. } = built;
    if *needs_smtputf8 && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        return Err(SendError::Permanent(NEEDS_SMTPUTF8.to_owned()));
    }
    let text = message.formatted();
    let sender = Mail::new(message.envelope().from().cloned(), parameters(*needs_smtputf8));
    connection.command(sender).await.map_err(|error| Step::Sender.judge(&error))?;
    for recipient in message.envelope().to() {
        let recipient = Rcpt::new(recipient.clone(), Vec::new());
        connection.command(recipient).await.map_err(|error| Step::Recipient.judge(&error))?;
    }
    connection.command(Data).await.map_err(|error| Step::Text.judge(&error))?;
    connection.message(&text).await.map_err(|error| Step::Text.judge(&error))?;
    Ok(())
}

/// The extensions that the mail needs. Without SMTPUTF8 a mail is ASCII: its domains, headers and parts are encoded.
fn parameters(needs_smtputf8: bool) -> Vec<MailParameter> {
    if needs_smtputf8 {
        vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]
    } else {
        Vec::new()
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "user and password are percent-encoded UTF-8".to_owned())
}
