//! Sends mails: as files in a folder, or through an SMTP server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::message::{Built, MAIL_PREFIX, OutgoingMail, SendError, build};
use super::smtp::SmtpServer;

/// Timeout of connecting to the mail server.
const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of sending one mail. A mail server that accepts the connection and then hangs must not delay other mails.
const SMTP_SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Suffix of the name of a mail's file while the file is being written.
const UNFINISHED_SUFFIX: &str = ".tmp";

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
        SmtpServer::parse(url, connect, send_timeout).map(Self::Smtp).map_err(TransportUrlError::BadSmtp)
    }

    /// Removes what a killed process has left: files of mails that were being written, with names and addresses in
    /// them. Their mails are written again. Call it before the first mail is sent; returns the number of files.
    ///
    /// If another server writes to the same folder, its mail that is being written at this moment is retried.
    ///
    /// # Errors
    /// The folder cannot be read, or a file cannot be removed.
    pub async fn remove_unfinished(&self) -> io::Result<usize> {
        match self {
            Self::File { dir } => remove_unfinished(dir).await,
            Self::Smtp(_) => Ok(0),
        }
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

/// Writes a mail to its file atomically (temporary file, sync, rename), so that neither a reader of the folder nor a
/// power cut finds half a mail.
async fn write_eml(dir: &Path, built: &Built) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    tokio::fs::create_dir_all(dir).await?;
    let name = &built.id_local_part;
    let write_number = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{name}.{}-{write_number}{UNFINISHED_SUFFIX}", std::process::id()));
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

async fn remove_unfinished(dir: &Path) -> io::Result<usize> {
    let mut entries = match tokio::fs::read_dir(dir).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    while let Some(entry) = entries.next_entry().await? {
        let is_ours = entry.file_name().to_str().is_some_and(is_unfinished);
        if is_ours && entry.file_type().await?.is_file() {
            tokio::fs::remove_file(entry.path()).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether `write_eml` gives this name to a mail that is being written: `.booking.ID.PROCESS-NUMBER.tmp`. The folder may
/// also contain files of other programs.
fn is_unfinished(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(UNFINISHED_SUFFIX));
    let Some((id, writer)) =
        inner.and_then(|inner| inner.strip_prefix(MAIL_PREFIX)).and_then(|rest| rest.rsplit_once('.'))
    else {
        return false;
    };
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id && writer.split_once('-').is_some_and(|(process, number)| is_number(process) && is_number(number))
}
