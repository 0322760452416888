//! A write timeout: without it, a client that does not read its response would keep the connection and its buffers for
//! ever.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// How long a write may wait for the peer to read before the connection is closed. This also applies to frames that are
/// sent to viewers; a viewer that keeps reading never reaches it.
pub(super) const WRITE_WAIT_MAX: Duration = Duration::from_secs(20);

/// A stream whose writes fail when they wait longer than [`WRITE_WAIT_MAX`].
pub(super) struct WriteWait<S> {
    stream: S,
    /// The timer of the current wait. It is created at the first write that has to wait, which most connections never
    /// have.
    patience: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<S> WriteWait<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, patience: None, is_waiting: false }
    }

    /// Passes the result of a write on. A write that is still pending after [`WRITE_WAIT_MAX`] fails with `TimedOut`.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(WRITE_WAIT_MAX)));
        if !self.is_waiting {
            self.is_waiting = true;
            patience.as_mut().reset(Instant::now() + WRITE_WAIT_MAX);
        }
        ready!(patience.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteWait<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteWait<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn write_fails_when_the_peer_does_not_read_in_time() {
        let (stream, _deaf) = duplex(64);
        let started = Instant::now();
        let refused = WriteWait::new(stream).write_all(&[b'a'; 65]).await.unwrap_err();
        assert_eq!((refused.kind(), started.elapsed()), (io::ErrorKind::TimedOut, WRITE_WAIT_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn write_timeout_restarts_when_the_peer_reads() {
        let (stream, mut slow) = duplex(64);
        let started = Instant::now();
        let reading = async {
            let (mut piece, mut read) = ([0; 64], 0);
            while read < 640 {
                // The clock is paused, so advancing it takes no real time.
                tokio::time::advance(WRITE_WAIT_MAX - Duration::from_secs(1)).await;
                read += slow.read(&mut piece).await.unwrap();
            }
        };
        let mut stream = WriteWait::new(stream);
        let (written, ()) = tokio::join!(stream.write_all(&[b'a'; 640]), reading);
        written.unwrap();
        assert!(started.elapsed() > 5 * WRITE_WAIT_MAX);
    }
}
