//! A very small mail server that the test can take away, slow down, or tell whom to refuse.

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

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// A port that is taken, and nobody answers there: whoever connects is refused, and no other program gets the port.
pub(crate) struct ClosedMailServer {
    socket: TcpSocket,
    address: SocketAddr,
}

impl ClosedMailServer {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        Self { socket, address }
    }

    /// As in `--mail-url`.
    pub(crate) fn flag(&self) -> String {
        format!("--mail-url=smtp://{}", self.address)
    }

    /// From now on it takes mails.
    pub(crate) fn open(self) -> MailServer {
        let listener = self.socket.listen(BACKLOG).unwrap();
        let desk = Arc::new(Desk {
            taken: Mutex::default(),
            refused: Mutex::default(),
            held: Mutex::default(),
            is_open: watch::Sender::new(true),
        });
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::clone(&desk)));
        MailServer { desk, _task: task }
    }
}

/// A mail server that works, until told otherwise.
pub(crate) struct MailServer {
    desk: Arc<Desk>,
    /// Ends with the server.
    _task: JoinSet<()>,
}

/// What the connections share with the test.
struct Desk {
    taken: Mutex<Vec<String>>,
    refused: Mutex<HashSet<String>>,
    /// Only mails to this address are held; all of them when there is none.
    held: Mutex<Option<String>>,
    /// While false, mails are read and the answer waits.
    is_open: watch::Sender<bool>,
}

impl MailServer {
    /// The mails that it said it has taken, whole.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.desk.taken.lock().unwrap().clone()
    }

    /// Answers to a whole mail wait until [`Self::go_on`].
    pub(crate) fn hold_answers(&self) {
        self.desk.is_open.send_replace(false);
    }

    /// Answers to mails to this address wait until [`Self::go_on`]; the others do not.
    pub(crate) fn hold_answers_to(&self, address: &str) {
        *self.desk.held.lock().unwrap() = Some(address.to_owned());
        self.desk.is_open.send_replace(false);
    }

    /// How many connections wait for the answer that is held.
    pub(crate) fn waiting(&self) -> usize {
        self.desk.is_open.receiver_count()
    }

    pub(crate) fn go_on(&self) {
        self.desk.is_open.send_replace(true);
    }

    /// Nobody of this address lives here: 550.
    pub(crate) fn refuse(&self, address: &str) {
        self.desk.refused.lock().unwrap().insert(address.to_owned());
    }

    /// Now they do.
    pub(crate) fn welcome(&self, address: &str) {
        self.desk.refused.lock().unwrap().remove(address);
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            // Whoever hangs up in the middle has not sent a mail.
            let _hung_up = talk(BufReader::new(socket), &desk).await;
        });
    }
}

async fn talk(mut socket: BufReader<TcpStream>, desk: &Desk) -> std::io::Result<()> {
    say(&mut socket, "220 desk").await?;
    let (mut line, mut is_held) = (String::new(), true);
    loop {
        line.clear();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say(&mut socket, "250-desk\r\n250 8BITMIME").await?,
            "RCPT" => {
                is_held = desk.held.lock().unwrap().as_ref().is_none_or(|address| line.contains(address.as_str()));
                let is_refused = desk.refused.lock().unwrap().iter().any(|address| line.contains(address.as_str()));
                say(&mut socket, if is_refused { "550 nobody of that name lives here" } else { "250 known" }).await?;
            }
            "DATA" => {
                say(&mut socket, "354 go on").await?;
                let Some(mail) = read_mail(&mut socket).await? else { return Ok(()) };
                if is_held {
                    let mut open = desk.is_open.subscribe();
                    let _never_closed = open.wait_for(|is_open| *is_open).await.is_ok();
                }
                desk.taken.lock().unwrap().push(mail);
                say(&mut socket, "250 taken").await?;
            }
            "QUIT" => return say(&mut socket, "221 bye").await,
            _ => say(&mut socket, "250 ok").await?,
        }
    }
}

async fn say(socket: &mut BufReader<TcpStream>, answer: &str) -> std::io::Result<()> {
    socket.write_all(format!("{answer}\r\n").as_bytes()).await
}

/// The mail up to its single dot; `None` when the connection ends before.
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
