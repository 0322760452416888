//! A minimal SMTP server that records the mails that it accepts. Tests can start it late, delay its replies, make it
//! refuse addresses or let it misbehave.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Length of the queue of connections that are not accepted yet.
const BACKLOG: u32 = 64;

/// How the mail server behaves.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Accepts every mail.
    Accepts,
    /// Accepts every mail, and offers SMTPUTF8.
    OffersSmtpUtf8,
    /// Greets each connection with this line.
    Greets(&'static str),
    /// Replies with this line to MAIL FROM.
    AnswersSender(&'static str),
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
    /// Accepts every mail, and never replies to QUIT.
    HangsAtQuit,
}

/// A port that is bound and has no listener: connections are refused, and no other program can use the port.
#[derive(Debug)]
pub struct ClosedMailServer {
    socket: TcpSocket,
    address: SocketAddr,
}

impl ClosedMailServer {
    /// Binds a free port.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it takes a port of the system")]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        Self { socket, address }
    }

    /// The flag `--mail-url` with the address of this mail server.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--mail-url=smtp://{}", self.address)
    }

    /// Starts the mail server on this port.
    #[must_use]
    pub fn open(self) -> MailServer {
        self.open_with(Manner::Accepts)
    }

    fn open_with(self, manner: Manner) -> MailServer {
        let listener = self.socket.listen(BACKLOG).unwrap();
        let desk = Arc::new(Desk {
            manner,
            taken: Mutex::default(),
            envelopes: Mutex::default(),
            refused: Mutex::default(),
            held: Mutex::default(),
            is_open: watch::Sender::new(true),
        });
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::clone(&desk)));
        MailServer { desk, address: self.address, _task: task }
    }
}

/// A mail server. It accepts mails unless its [`Manner`] says otherwise.
#[derive(Debug)]
pub struct MailServer {
    desk: Arc<Desk>,
    address: SocketAddr,
    /// The task that accepts connections. It is aborted when the server is dropped.
    _task: JoinSet<()>,
}

/// The state that the connections and the test share.
#[derive(Debug)]
struct Desk {
    manner: Manner,
    taken: Mutex<Vec<String>>,
    envelopes: Mutex<Vec<String>>,
    refused: Mutex<HashSet<String>>,
    /// If set, replies are delayed only for mails to this address.
    held: Mutex<Option<String>>,
    /// While this is false, the replies after a mail's data are delayed.
    is_open: watch::Sender<bool>,
}

impl MailServer {
    /// Starts a mail server that behaves in this manner.
    #[must_use]
    pub fn start(manner: Manner) -> Self {
        ClosedMailServer::new().open_with(manner)
    }

    /// The URL of the mail server. `account` is `user:password`, percent-encoded.
    #[must_use]
    pub fn url(&self, account: Option<&str>) -> String {
        let account = account.map(|account| format!("{account}@")).unwrap_or_default();
        format!("smtp://{account}{}", self.address)
    }

    /// The mails that the server has accepted.
    #[must_use]
    pub fn taken(&self) -> Vec<String> {
        self.desk.taken.lock().unwrap().clone()
    }

    /// The commands MAIL and RCPT of all connections, each as one line.
    #[must_use]
    pub fn envelopes(&self) -> Vec<String> {
        self.desk.envelopes.lock().unwrap().clone()
    }

    /// Delays the replies to all mails until [`Self::go_on`] is called.
    pub fn hold_answers(&self) {
        self.desk.is_open.send_replace(false);
    }

    /// Delays the replies to mails to this address until [`Self::go_on`] is called.
    pub fn hold_answers_to(&self, address: &str) {
        *self.desk.held.lock().unwrap() = Some(address.to_owned());
        self.desk.is_open.send_replace(false);
    }

    /// Number of connections whose reply is being delayed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.desk.is_open.receiver_count()
    }

    /// Sends the delayed replies.
    pub fn go_on(&self) {
        self.desk.is_open.send_replace(true);
    }

    /// From now on, refuses mails to this address with 550.
    pub fn refuse(&self, address: &str) {
        self.desk.refused.lock().unwrap().insert(address.to_owned());
    }

    /// Accepts mails to this address again.
    pub fn welcome(&self, address: &str) {
        self.desk.refused.lock().unwrap().remove(address);
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            // An error of the connection is ignored: a client that closes it early has sent no mail.
            drop(talk(BufReader::new(socket), &desk).await);
        });
    }
}

async fn talk(mut socket: BufReader<TcpStream>, desk: &Desk) -> std::io::Result<()> {
    if matches!(desk.manner, Manner::HangsAtOnce) {
        return hang(&mut socket).await;
    }
    if let Manner::Greets(line) = desk.manner {
        return say(&mut socket, line).await;
    }
    say(&mut socket, "220 desk").await?;
    let (mut line, mut is_held) = (String::new(), true);
    loop {
        line.clear();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        if matches!(command.as_str(), "MAIL" | "RCPT") {
            desk.envelopes.lock().unwrap().push(line.trim_end().to_owned());
        }
        match (command.as_str(), desk.manner) {
            ("EHLO", Manner::OffersSmtpUtf8) => {
                say(&mut socket, "250-desk\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN").await?;
            }
            ("EHLO", _) => say(&mut socket, "250-desk\r\n250-8BITMIME\r\n250 AUTH PLAIN").await?,
            ("AUTH", Manner::AnswersLogin(answer)) => say(&mut socket, answer).await?,
            ("AUTH", _) => say(&mut socket, "235 welcome").await?,
            ("MAIL", Manner::AnswersSender(answer)) => say(&mut socket, answer).await?,
            ("QUIT", Manner::HangsAtQuit) => return hang(&mut socket).await,
            ("RCPT", Manner::AnswersRecipient(answer)) => say(&mut socket, answer).await?,
            ("RCPT", Manner::HangsAtRecipient) => return hang(&mut socket).await,
            ("RCPT", Manner::HangsUp) => return Ok(()),
            ("RCPT", _) => {
                is_held = desk.held.lock().unwrap().as_ref().is_none_or(|address| line.contains(address.as_str()));
                let is_refused = desk.refused.lock().unwrap().iter().any(|address| line.contains(address.as_str()));
                say(&mut socket, if is_refused { "550 nobody of that name lives here" } else { "250 known" }).await?;
            }
            ("DATA", manner) => {
                say(&mut socket, "354 go on").await?;
                let Some(mail) = read_mail(&mut socket).await? else { return Ok(()) };
                if let Manner::AnswersData(answer) = manner {
                    say(&mut socket, answer).await?;
                    continue;
                }
                if is_held {
                    // The wait cannot fail, because the sender of the channel is in `desk` and so never closed.
                    drop(desk.is_open.subscribe().wait_for(|is_open| *is_open).await);
                }
                desk.taken.lock().unwrap().push(mail);
                say(&mut socket, "250 taken").await?;
            }
            ("QUIT", _) => return say(&mut socket, "221 bye").await,
            _ => say(&mut socket, "250 ok").await?,
        }
    }
}

async fn say(socket: &mut BufReader<TcpStream>, answer: &str) -> std::io::Result<()> {
    socket.write_all(format!("{answer}\r\n").as_bytes()).await
}

/// Reads the data of a mail up to its final dot. Returns `None` when the connection ends before.
async fn read_mail(socket: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line == ".\r\n" {
            return Ok(Some(mail));
        }
        mail.push_str(&line);
    }
}

/// Reads without replying, until the client closes the connection.
async fn hang(socket: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let mut line = String::new();
    while socket.read_line(&mut line).await? > 0 {
        line.clear();
    }
    Ok(())
}
