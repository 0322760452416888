//! A minimal mail server that tests can switch off, slow down, or make refuse addresses.

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

/// Length of the accept queue.
const BACKLOG: u32 = 64;

/// A bound port without a listener: connections are refused, and no other program can take the port.
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

    /// The flag `--mail-url` with its address.
    pub(crate) fn flag(&self) -> String {
        format!("--mail-url=smtp://{}", self.address)
    }

    /// Starts to accept mails.
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

/// A mail server that accepts mails unless configured otherwise.
pub(crate) struct MailServer {
    desk: Arc<Desk>,
    /// Aborted when the server is dropped.
    _task: JoinSet<()>,
}

/// State shared by the connections and the test.
struct Desk {
    taken: Mutex<Vec<String>>,
    refused: Mutex<HashSet<String>>,
    /// If set, only replies for mails to this address are held back.
    held: Mutex<Option<String>>,
    /// While false, replies after a mail's data are held back.
    is_open: watch::Sender<bool>,
}

impl MailServer {
    /// The mails that were accepted.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.desk.taken.lock().unwrap().clone()
    }

    /// Holds back the replies to all mails until [`Self::go_on`].
    pub(crate) fn hold_answers(&self) {
        self.desk.is_open.send_replace(false);
    }

    /// Holds back the replies to mails to this address until [`Self::go_on`].
    pub(crate) fn hold_answers_to(&self, address: &str) {
        *self.desk.held.lock().unwrap() = Some(address.to_owned());
        self.desk.is_open.send_replace(false);
    }

    /// Number of connections whose reply is held back.
    pub(crate) fn waiting(&self) -> usize {
        self.desk.is_open.receiver_count()
    }

    pub(crate) fn go_on(&self) {
        self.desk.is_open.send_replace(true);
    }

    /// Refuses the address with 550 from now on.
    pub(crate) fn refuse(&self, address: &str) {
        self.desk.refused.lock().unwrap().insert(address.to_owned());
    }

    /// Accepts the address again.
    pub(crate) fn welcome(&self, address: &str) {
        self.desk.refused.lock().unwrap().remove(address);
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            // A client that closes the connection early has sent no mail.
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

/// Reads a mail up to its final dot; `None` when the connection ends before.
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
