//! Sends mails: as files in a folder, or through an SMTP server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Tokio1Executor};
use tokio::io::AsyncWriteExt;

use super::message::{Built, OutgoingMail, SendError, build};

/// Timeout of connecting to the server.
const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of one mail. A server that accepts the connection and then hangs must not hold up the other mails.
const SMTP_SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// 5xx replies about the cinema's own account (RFC 4954), not about this mail. They count as temporary: an operator can correct
/// the password, and the mails are retried until then.
const ACCOUNT_REFUSALS: [u16; 4] = [530, 534, 535, 538];

/// Limit of a server's reply that is stored as the reason, in characters.
const REASON_CHARS_MAX: usize = 300;

/// A mail transport, chosen by `--mail-url`.
#[derive(Debug)]
pub enum MailTransport {
    /// Each mail becomes `DIR/<local part of its Message-ID>.eml`; sending the same mail again replaces the file.
    File {
        /// The folder; created when missing.
        dir: PathBuf,
    },
    /// Through an SMTP server, with one connection per mail.
    Smtp(SmtpServer),
}

/// An SMTP server with its account. Its `Debug` shows neither name nor password.
pub struct SmtpServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    send_timeout: Duration,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer").field("send_timeout", &self.send_timeout).finish_non_exhaustive()
    }
}

/// The mail URL is invalid. The error never contains the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum TransportUrlError {
    /// Not `file:`, `smtp://` or `smtps://`.
    #[error("a mail URL begins with file:, smtp:// or smtps://")]
    UnknownScheme,
    /// The rest of an SMTP URL is malformed.
    #[error("not an SMTP URL such as smtp://user:password@host:port: {0}")]
    BadSmtp(String),
}

impl MailTransport {
    /// Parses `file:` (into `default_dir`), `file:DIR`, `smtp://[user:password@]host[:port]` (port 25, no encryption;
    /// `?tls=required` for STARTTLS on 587) or `smtps://…` (port 465). User and password are percent-encoded.
    ///
    /// # Errors
    /// [`TransportUrlError`] for anything else.
    pub fn from_url(url: &str, default_dir: &Path) -> Result<Self, TransportUrlError> {
        if let Some(dir) = url.strip_prefix("file:") {
            let dir = dir.strip_prefix("//").unwrap_or(dir);
            let dir = if dir.is_empty() { default_dir.to_owned() } else { PathBuf::from(dir) };
            return Ok(Self::File { dir });
        }
        if url.starts_with("smtp://") || url.starts_with("smtps://") {
            return Self::smtp(url, SMTP_CONNECT_TIMEOUT, SMTP_SEND_TIMEOUT);
        }
        Err(TransportUrlError::UnknownScheme)
    }

    pub(super) fn smtp(url: &str, connect: Duration, send_timeout: Duration) -> Result<Self, TransportUrlError> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| TransportUrlError::BadSmtp(reason(&error)))?;
        let transport = builder.timeout(Some(connect)).build();
        Ok(Self::Smtp(SmtpServer { transport, send_timeout }))
    }

    /// Sends one mail, in 30 s at most.
    ///
    /// # Errors
    /// [`SendError`], which says whether a retry makes sense. After a temporary error the mail may still have arrived, when
    /// only the server's reply was lost; the Message-ID lets the reader's program deduplicate the second one.
    pub async fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        let built = build(mail)?;
        match self {
            Self::File { dir } => write_eml(dir, &built).await.map_err(|error| {
                SendError::Temporary(format!("cannot write the mail into {}: {error}", dir.display()))
            }),
            Self::Smtp(server) => server.send(&built).await,
        }
    }
}

impl SmtpServer {
    async fn send(&self, built: &Built) -> Result<(), SendError> {
        // Boxed: the driver's future is large, and would enlarge the future of every caller.
        let sending = Box::pin(self.transport.send(built.message.clone()));
        match tokio::time::timeout(self.send_timeout, sending).await {
            Ok(Ok(_accepted)) => Ok(()),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_elapsed) => {
                Err(SendError::Temporary(format!("the mail server did not answer within {:?}", self.send_timeout)))
            }
        }
    }
}

fn refusal(error: &smtp::Error) -> SendError {
    let about_the_account = error.status().is_some_and(|code| ACCOUNT_REFUSALS.contains(&u16::from(code)));
    if error.is_permanent() && !about_the_account {
        SendError::Permanent(reason(error))
    } else {
        SendError::Temporary(reason(error))
    }
}

fn reason(error: &smtp::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect()
}

/// Writes atomically (temporary file, sync, rename): neither a reader of the folder nor a power cut leaves half a mail.
async fn write_eml(dir: &Path, built: &Built) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    tokio::fs::create_dir_all(dir).await?;
    let name = &built.id_local_part;
    let turn = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{name}.{}-{turn}.tmp", std::process::id()));
    let written = write_synced(&temporary, &built.message.formatted()).await;
    let renamed = match written {
        Ok(()) => tokio::fs::rename(&temporary, dir.join(format!("{name}.eml"))).await,
        Err(error) => Err(error),
    };
    if renamed.is_err() {
        // Best effort: the caller gets the first error.
        let _ = tokio::fs::remove_file(&temporary).await;
    }
    renamed?;
    // The rename is durable only after the folder was synced.
    tokio::fs::File::open(dir).await?.sync_all().await
}

async fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tokio::fs::File::create(path).await?;
    file.write_all(bytes).await?;
    file.sync_all().await
}
