//! A TCP proxy that injects faults of the network. The same seed gives the same faults.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// Limit of the bytes that are read and forwarded at once.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// A direction of the traffic through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// A state of the network between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Forwards everything.
    Fair,
    /// Closes all open connections, and each new one immediately.
    Cut,
    /// Keeps connections open and forwards nothing. Data that are sent meanwhile are forwarded afterwards.
    BlackHole,
    /// Delays each piece of data by a random time up to a limit.
    Delay {
        /// The longest delay.
        up_to: Duration,
    },
    /// Limits the throughput of each connection in each direction.
    Throttle {
        /// The throughput.
        bytes_per_second: u32,
    },
    /// Forwards a random number of further bytes in each connection, and drops the rest. A connection with dropped
    /// bytes is closed when the state of the network changes, because TCP never delivers a stream with a gap.
    LoseRest {
        /// The direction that loses data.
        direction: Direction,
        /// Limit of the bytes that are still forwarded.
        after_bytes_max: u32,
    },
}

/// A TCP port whose connections are forwarded to a server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and forwards to `target`.
    pub async fn start(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (weather, seen) = watch::channel(Weather::Fair);
        let accepting = tokio::spawn(accept(listener, target, seen, seed));
        Self { port, weather, accepting }
    }

    /// The port of the proxy.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Changes the state of the network, also for connections that are already open.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Weather::Cut);
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, weather: watch::Receiver<Weather>, seed: u64) {
    let mut chance = Chance(seed);
    while let Ok((client, _)) = listener.accept().await {
        let (there, back) = (Chance(chance.next()), Chance(chance.next()));
        if *weather.borrow() != Weather::Cut {
            tokio::spawn(connect(client, target, weather.clone(), there, back));
        }
    }
}

async fn connect(
    client: TcpStream,
    target: SocketAddr,
    weather: watch::Receiver<Weather>,
    there: Chance,
    back: Chance,
) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let there = Pump { from: from_client, to: to_server, direction: Direction::ToServer, chance: there };
    let back = Pump { from: from_server, to: to_client, direction: Direction::ToClient, chance: back };
    // When one direction ends, both are dropped, which closes the connection.
    tokio::select! {
        () = there.run(weather.clone()) => {}
        () = back.run(weather) => {}
    }
}

/// Forwards the data of one direction of one connection.
struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    direction: Direction,
    chance: Chance,
}

impl Pump {
    async fn run(mut self, mut weather: watch::Receiver<Weather>) {
        let mut piece = vec![0; PIECE_BYTES_MAX];
        let mut left = None;
        loop {
            let now = *weather.borrow_and_update();
            match now {
                Weather::Cut => return,
                Weather::LoseRest { direction, after_bytes_max } if direction == self.direction => {
                    left.get_or_insert_with(|| self.chance.up_to(after_bytes_max.into()));
                }
                _ if left.is_some() => return,
                _ => {}
            }
            let length = tokio::select! {
                read = self.from.read(&mut piece) => match read {
                    Ok(length) if length > 0 => length,
                    _ => return,
                },
                changed = weather.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            let passed = left.map_or(length, |left: u64| length.min(usize::try_from(left).unwrap_or(length)));
            left = left.map(|left| left - passed as u64);
            if self.hold(&mut weather, passed).await.is_none() || self.to.write_all(&piece[..passed]).await.is_err() {
                return;
            }
        }
    }

    /// Delays a piece of data as the state of the network requires. Returns `None` when the connection must be closed.
    async fn hold(&mut self, weather: &mut watch::Receiver<Weather>, length: usize) -> Option<()> {
        let now = *weather.borrow();
        let pause = match now {
            Weather::Delay { up_to } => {
                Duration::from_micros(self.chance.up_to(u64::try_from(up_to.as_micros()).unwrap_or(u64::MAX)))
            }
            Weather::Throttle { bytes_per_second } => {
                Duration::from_secs(1).mul_f64(length as f64 / f64::from(bytes_per_second.max(1)))
            }
            Weather::Fair | Weather::Cut | Weather::BlackHole | Weather::LoseRest { .. } => Duration::ZERO,
        };
        sleep(pause).await;
        let after = *weather.wait_for(|now| *now != Weather::BlackHole).await.ok()?;
        (after != Weather::Cut).then_some(())
    }
}

/// SplitMix64, a pseudo-random generator: the same seed gives the same numbers.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn up_to(&mut self, most: u64) -> u64 {
        self.next() % most.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A server that echoes every byte.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn client(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn data_sent_during_a_black_hole_arrives_afterwards() {
        let proxy = Proxy::start(echo().await, 1).await;
        let mut stream = client(&proxy).await;
        assert_eq!(ask(&mut stream, b"one").await.unwrap(), b"one");
        proxy.set(Weather::BlackHole);
        stream.write_all(b"two").await.unwrap();
        let mut answer = [0; 3];
        assert!(timeout(Duration::from_millis(50), stream.read_exact(&mut answer)).await.is_err(), "nothing passes");
        proxy.set(Weather::Delay { up_to: Duration::from_millis(5) });
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"two");
    }

    #[tokio::test]
    async fn cut_closes_connections_until_the_weather_changes() {
        let proxy = Proxy::start(echo().await, 1).await;
        let mut stream = client(&proxy).await;
        assert_eq!(ask(&mut stream, b"one").await.unwrap(), b"one");
        proxy.set(Weather::Cut);
        assert!(ask(&mut stream, b"two").await.is_err());
        assert!(ask(&mut client(&proxy).await, b"two").await.is_err());
        proxy.set(Weather::Throttle { bytes_per_second: 1_000_000 });
        assert_eq!(ask(&mut client(&proxy).await, b"two").await.unwrap(), b"two");
    }

    /// The number of bytes, of a hundred, that arrived before the rest was dropped.
    async fn bytes_before_the_loss(seed: u64) -> usize {
        let proxy = Proxy::start(echo().await, seed).await;
        proxy.set(Weather::LoseRest { direction: Direction::ToClient, after_bytes_max: 90 });
        let mut stream = client(&proxy).await;
        stream.write_all(&[7; 100]).await.unwrap();
        let mut came = Vec::new();
        while let Ok(Ok(byte)) = timeout(Duration::from_millis(200), stream.read_u8()).await {
            came.push(byte);
        }
        proxy.set(Weather::Fair);
        assert!(stream.read_u8().await.is_err(), "a stream with a gap is closed");
        came.len()
    }

    #[tokio::test]
    async fn same_seed_of_the_proxy_drops_the_same_bytes_of_a_connection() {
        let first = bytes_before_the_loss(3).await;
        assert!(first <= 90);
        assert_eq!(bytes_before_the_loss(3).await, first);
        assert_ne!(bytes_before_the_loss(4).await, first);
    }
}
