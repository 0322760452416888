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

/// Timeout of connecting to the mail server.
const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of sending one mail. A mail server that accepts the connection and then hangs must not delay other mails.
const SMTP_SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Replies 5xx with which a mail server refuses the cinema's own account (RFC 4954) and not this mail. They are
/// temporary errors: the mails are retried until an operator has corrected the password.
const ACCOUNT_REFUSALS: [u16; 4] = [530, 534, 535, 538];

/// Limit of the text of a mail server's reply that is stored as the reason of a failure, in characters.
const REASON_CHARS_MAX: usize = 300;

/// How mails are sent, chosen by `--mail-url`.
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

/// An SMTP server and the account to use there. Its `Debug` shows neither user name nor password.
pub struct SmtpServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    send_timeout: Duration,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer").field("send_timeout", &self.send_timeout).finish_non_exhaustive()
    }
}

/// The mail URL is invalid. The error never contains the URL, which may include a password.
#[derive(Debug, thiserror::Error)]
pub enum TransportUrlError {
    /// The URL does not begin with `file:`, `smtp://` or `smtps://`.
    #[error("a mail URL begins with file:, smtp:// or smtps://")]
    UnknownScheme,
    /// The part after the scheme of an SMTP URL is malformed.
    #[error("not an SMTP URL such as smtp://user:password@host:port: {0}")]
    BadSmtp(String),
}

impl MailTransport {
    /// Parses `file:` (into `default_dir`), `file:DIR`, `smtp://[user:password@]host[:port]` (port 25, no encryption;
    /// `?tls=required` for STARTTLS on 587) or `smtps://…` (port 465). User and password are percent-encoded.
    ///
    /// # Errors
    /// [`TransportUrlError`] when the URL has none of these forms.
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
    /// [`SendError`], which says whether a retry can succeed. After a temporary error the mail may have arrived anyway,
    /// when only the mail server's reply was lost. The reader's mail program deduplicates the second mail by its
    /// Message-ID.
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
        // Boxed, because the driver's large future would enlarge the futures of all callers.
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

/// Writes a mail to its file atomically (temporary file, sync, rename), so that neither a reader of the folder nor a
/// power cut finds half a mail.
async fn write_eml(dir: &Path, built: &Built) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    tokio::fs::create_dir_all(dir).await?;
    let name = &built.id_local_part;
    let write_number = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{name}.{}-{write_number}.tmp", std::process::id()));
    let written = write_synced(&temporary, &built.message.formatted()).await;
    let renamed = match written {
        Ok(()) => tokio::fs::rename(&temporary, dir.join(format!("{name}.eml"))).await,
        Err(error) => Err(error),
    };
    if renamed.is_err() {
        // Removing the file is best effort: the caller gets the error of writing it.
        let _ = tokio::fs::remove_file(&temporary).await;
    }
    renamed?;
    // The rename is durable only after the folder was synced, too.
    tokio::fs::File::open(dir).await?.sync_all().await
}

async fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tokio::fs::File::create(path).await?;
    file.write_all(bytes).await?;
    file.sync_all().await
}
