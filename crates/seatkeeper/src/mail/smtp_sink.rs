//! A minimal SMTP server for tests: it records accepted mails, or misbehaves in a chosen manner.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server behaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// Accepts every mail.
    Accepts,
    /// Replies with this line to RCPT TO.
    AnswersRecipient(&'static str),
    /// Replies with this line after the mail's data.
    AnswersData(&'static str),
    /// Replies with this line to AUTH.
    AnswersLogin(&'static str),
    /// Never replies to RCPT TO.
    HangsAtRecipient,
    /// Accepts the connection and never sends anything.
    HangsAtOnce,
    /// Closes the connection at RCPT TO.
    HangsUp,
}

pub(super) struct SmtpSink {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl SmtpSink {
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // Connections are served one by one; a test sends its mails one after another.
                let _ = talk(socket, manner, &kept).await;
            }
        });
        Self { port, mails, server }
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub(super) fn url_with_account(&self, account: &str) -> String {
        format!("smtp://{account}@127.0.0.1:{}", self.port)
    }

    pub(super) fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("no test panicked").clone()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn talk(socket: TcpStream, manner: Manner, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    if matches!(manner, Manner::HangsAtOnce) {
        return hang(&mut socket).await;
    }
    say(&mut socket, "220 sink").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match (verb.as_str(), manner) {
            ("EHLO", _) => say(&mut socket, "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN").await?,
            ("AUTH", Manner::AnswersLogin(answer)) => say(&mut socket, answer).await?,
            ("AUTH", _) => say(&mut socket, "235 welcome").await?,
            ("RCPT", Manner::AnswersRecipient(answer)) => say(&mut socket, answer).await?,
            ("RCPT", Manner::HangsAtRecipient) => return hang(&mut socket).await,
            ("RCPT", Manner::HangsUp) => return Ok(()),
            ("DATA", _) => {
                say(&mut socket, "354 go on").await?;
                let mail = read_mail(&mut socket).await?;
                match manner {
                    Manner::AnswersData(answer) => say(&mut socket, answer).await?,
                    _ => {
                        mails.lock().expect("no test panicked").push(mail);
                        say(&mut socket, "250 taken").await?;
                    }
                }
            }
            ("QUIT", _) => return say(&mut socket, "221 bye").await,
            _ => say(&mut socket, "250 ok").await?,
        }
    }
}

async fn say(socket: &mut BufReader<TcpStream>, answer: &str) -> std::io::Result<()> {
    socket.write_all(format!("{answer}\r\n").as_bytes()).await?;
    socket.flush().await
}

async fn read_mail(socket: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(mail);
        }
        mail.push_str(&line);
    }
}

/// Reads without replying until the client closes the connection.
async fn hang(socket: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let mut line = String::new();
    while socket.read_line(&mut line).await? > 0 {
        line.clear();
    }
    Ok(())
}
