//! Floor of a live change: a bare server that writes the bytes of one frame to every connection.

use std::time::Duration;

use clap::Args;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::interval,
};

use crate::{
    counter::{cpu_seconds, resident_kib},
    outcome::Outcome,
    report::print_line,
    started::{OPEN, Started},
};

/// Writes to many connections.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Writes {
    /// Number of connections.
    #[arg(long)]
    pub(crate) viewers: usize,
    /// Writes to each connection.
    #[arg(long)]
    pub(crate) writes: u32,
    /// Writes per second to each connection.
    #[arg(long)]
    pub(crate) per_second: u32,
    /// Bytes of one write.
    #[arg(long)]
    pub(crate) bytes: usize,
}

/// What the floor cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time of one write, in microseconds.
    pub(crate) write_us: f64,
    /// Memory of one connection.
    pub(crate) connection_kib: f64,
}

/// Measures a server with these writes in another process.
pub(crate) async fn measure(writes: Writes) -> Outcome<Cost> {
    let Writes { viewers, writes: count, per_second, bytes } = writes;
    let words = format!("write --viewers={viewers} --writes={count} --per-second={per_second} --bytes={bytes}");
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let server = Started::floor(&words, tempfile::tempdir()?).await?;
    let before_kib = resident_kib(server.pid)?;
    let mut sockets = Vec::new();
    for _ in 0..viewers {
        let mut socket = TcpStream::connect(server.url.address).await?;
        // The server greets each connection, so that all are accepted before the memory is read.
        socket.read_u8().await?;
        sockets.push(socket);
    }
    let connection_kib = (resident_kib(server.pid)? - before_kib) / viewers as f64;
    let before_s = cpu_seconds(server.pid)?;
    sockets.first_mut().ok_or("no viewers")?.write_u8(1).await?;
    let mut readers = JoinSet::new();
    for mut socket in sockets {
        readers.spawn(async move {
            let mut frame = vec![0; bytes];
            for _ in 0..count {
                socket.read_exact(&mut frame).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
    while let Some(read) = readers.join_next().await {
        read??;
    }
    let write_us = (cpu_seconds(server.pid)? - before_s) * 1e6 / (viewers as f64 * f64::from(count));
    Ok(Cost { write_us, connection_kib })
}

/// Accepts all connections, waits for a byte of the first, and writes.
pub(super) async fn serve(writes: &Writes) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print_line(&format!("The floor{OPEN}http://{}", listener.local_addr()?))?;
    let mut sockets = Vec::with_capacity(writes.viewers);
    for _ in 0..writes.viewers {
        let (mut socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        socket.write_u8(0).await?;
        sockets.push(socket);
    }
    sockets.first_mut().ok_or("no viewers")?.read_u8().await?;
    let (frame, mut pace) = (vec![1; writes.bytes], interval(Duration::from_secs(1) / writes.per_second));
    for _ in 0..writes.writes {
        pace.tick().await;
        for socket in &mut sockets {
            socket.write_all(&frame).await?;
        }
    }
    // The process is killed once its CPU time was read.
    std::future::pending().await
}
