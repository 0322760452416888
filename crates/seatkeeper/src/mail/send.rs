//! How a mail leaves: as a file in a folder, or to an SMTP server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Tokio1Executor};
use tokio::io::AsyncWriteExt;

use super::message::{Built, OutgoingMail, build};

/// How long a connection to the server may take to stand.
const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one mail may take in all. A server that accepts and then says nothing must not hold up the others.
const SMTP_SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Refusals of 5xx that are about the cinema's own account (RFC 4954), not about this mail: an operator can mend the
/// password, and the mails wait for it.
const ACCOUNT_REFUSALS: [u16; 4] = [530, 534, 535, 538];

/// Longest answer of a server that is kept as the reason, in characters.
const REASON_CHARS_MAX: usize = 300;

/// A way out for mails, chosen by `--mail-url`.
#[derive(Debug)]
pub enum MailTransport {
    /// Each mail becomes `DIR/<local part of its Message-ID>.eml`; the same mail again replaces its own file.
    File {
        /// The folder; made when it is not there.
        dir: PathBuf,
    },
    /// To an SMTP server, one connection a mail.
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

/// Why a mail did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Try again later: the server is away, slow, or answers 4xx; the disk is full.
    #[error("{0}")]
    Temporary(String),
    /// No later try can succeed: the server answers 5xx, or the address is none.
    #[error("{0}")]
    Permanent(String),
}

/// The mail URL cannot be used. Never holds the URL: there may be a password in it.
#[derive(Debug, thiserror::Error)]
pub enum TransportUrlError {
    /// Not `file:`, `smtp://` or `smtps://`.
    #[error("a mail URL begins with file:, smtp:// or smtps://")]
    UnknownScheme,
    /// The rest of an SMTP URL is not understood.
    #[error("not an SMTP URL such as smtp://user:password@host:port: {0}")]
    BadSmtp(String),
}

impl MailTransport {
    /// From `file:` (into `default_dir`), `file:DIR`, `smtp://[user:password@]host[:port]` (port 25, no encryption;
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
    /// [`SendError`], which says whether a later try makes sense. After a temporary error the mail may have arrived
    /// all the same (an answer got lost): its Message-ID lets the reader's program recognise the second one.
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
        // Boxed: the driver's future is large, and it would swell every caller's.
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

/// Whole or not at all: whoever reads the folder never meets half a mail, nor does a power cut leave one.
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
        // Best effort: the first error is the one to tell.
        let _ = tokio::fs::remove_file(&temporary).await;
    }
    renamed?;
    // The new name is in the folder, and only a synced folder keeps it over a power cut.
    tokio::fs::File::open(dir).await?.sync_all().await
}

async fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tokio::fs::File::create(path).await?;
    file.write_all(bytes).await?;
    file.sync_all().await
}
