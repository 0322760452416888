//! The output of the log. It is best effort: writing a line never fails, panics or blocks for long. While the disk is
//! full, the pipe is closed or nobody reads it, lines are dropped and counted, and all other work continues.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;

/// How long one line waits for a full pipe; the wait blocks a thread of the async runtime. After a line has timed out,
/// the next lines do not wait.
const STALL_WAIT_MAX: Duration = Duration::from_millis(20);
/// Limit of the bytes per write. A pipe that polls as writable accepts this many bytes without blocking (`PIPE_BUF`).
const PIECE_BYTES_MAX: usize = 4096;

/// Makes a writer for each log line, as `tracing_subscriber` requires.
pub(super) struct LogWriter<W>(Arc<Mutex<Output<W>>>);

/// The output that all writers share.
struct Output<W> {
    sink: W,
    /// Whether the last line was cut off, so that the next one must start with a line feed.
    is_mid_line: bool,
    /// Whether the last line could not be written, so that the next one must not wait.
    is_stalled: bool,
}

impl<W: Write + AsFd> LogWriter<W> {
    pub(super) fn new(sink: W) -> Self {
        Self(Arc::new(Mutex::new(Output { sink, is_mid_line: false, is_stalled: false })))
    }

    /// Returns whether the whole line was written.
    pub(super) fn write_line(&self, line: &str) -> bool {
        self.0.lock().write_line(line.as_bytes())
    }
}

impl<W: Write + AsFd> MakeWriter<'_> for LogWriter<W> {
    type Writer = LineWriter<W>;

    fn make_writer(&self) -> Self::Writer {
        LineWriter(Arc::clone(&self.0))
    }
}

/// Writes one line to the shared output.
pub(super) struct LineWriter<W>(Arc<Mutex<Output<W>>>);

impl<W: Write + AsFd> Write for LineWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.0.lock().write_line(line) {
            metrics::counter!("seatkeeper_log_lines_dropped_total").increment(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write + AsFd> Output<W> {
    /// Returns whether the whole line was written.
    fn write_line(&mut self, line: &[u8]) -> bool {
        let wait = if self.is_stalled { Duration::ZERO } else { STALL_WAIT_MAX };
        let end = Instant::now() + wait;
        let is_begun = !self.is_mid_line || self.write_all(b"\n", end);
        self.is_stalled = !(is_begun && self.write_all(line, end));
        !self.is_stalled
    }

    fn write_all(&mut self, mut rest: &[u8], end: Instant) -> bool {
        while !rest.is_empty() {
            if !is_ready(&self.sink, end.saturating_duration_since(Instant::now())) {
                return false;
            }
            match self.sink.write(&rest[..rest.len().min(PIECE_BYTES_MAX)]) {
                Ok(0) => return false,
                Ok(written) => {
                    self.is_mid_line = rest[written - 1] != b'\n';
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

/// Whether a write would not block. A closed pipe also counts as ready: a write to it returns the error immediately.
fn is_ready(sink: &impl AsFd, wait: Duration) -> bool {
    let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.min(STALL_WAIT_MAX).subsec_nanos()) };
    poll(&mut [PollFd::new(sink, PollFlags::OUT)], Some(&wait)).map_or(true, |ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{PipeWriter, Read, pipe},
    };

    use super::*;

    fn write(log: &LogWriter<impl Write + AsFd>, line: &str) {
        log.make_writer().write_all(line.as_bytes()).unwrap();
    }

    fn is_stalled<W>(log: &LogWriter<W>) -> bool {
        log.0.lock().is_stalled
    }

    #[test]
    fn a_line_is_dropped_when_the_device_is_full() {
        let log = LogWriter::new(File::options().write(true).open("/dev/full").unwrap());
        write(&log, "one\n");
        assert!(is_stalled(&log));
    }

    #[test]
    fn a_line_is_dropped_when_the_pipe_is_closed() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let log = LogWriter::new(writer);
        write(&log, "one\n");
        assert!(is_stalled(&log));
    }

    #[test]
    fn lines_are_dropped_without_blocking_while_nobody_reads_the_pipe() {
        let (mut reader, writer): (_, PipeWriter) = pipe().unwrap();
        let log = LogWriter::new(writer);
        let line = format!("{}\n", "x".repeat(9_999));
        let begun = Instant::now();
        for _ in 0..1_000 {
            write(&log, &line);
        }
        assert!(is_stalled(&log));
        assert!(begun.elapsed() < STALL_WAIT_MAX * 100, "only the first dropped line waited");
        let mut read = vec![0; 1 << 20];
        let mut bytes = reader.read(&mut read).unwrap();
        write(&log, "after\n");
        drop(log);
        bytes += reader.read(&mut read[bytes..]).unwrap();
        let text = String::from_utf8(read[..bytes].to_vec()).unwrap();
        assert!(text.ends_with("x\nafter\n") || text.ends_with("\n\nafter\n"), "the cut-off line is ended first");
        assert!(text.starts_with(&line), "lines before it are whole");
    }
}
