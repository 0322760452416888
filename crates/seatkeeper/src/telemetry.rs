//! Writes the log to standard error, and provides the metrics for `GET /metrics`.

mod log_writer;
mod repeat_limit;

use std::{io::IsTerminal, sync::Arc};

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing::Level;
use tracing_subscriber::{filter::LevelFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use self::{log_writer::LogWriter, repeat_limit::RepeatLimit};
use crate::config::{LogFormat, LogLevel};

/// Renders the metrics in the Prometheus text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts to log to standard error: log lines of `level` and more severe ones, and panics. `main` calls it once.
pub fn start_log(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let (stderr, is_terminal) = (std::io::stderr(), std::io::stderr().is_terminal());
    // The library would report its own write errors with `eprintln!`, which panics when standard error cannot be
    // written.
    let log = fmt::layer().with_writer(LogWriter::new(stderr)).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(LevelFilter::from_level(level)).with(RepeatLimit::default());
    match format {
        LogFormat::Text => registry.with(log.with_target(false).with_ansi(is_terminal)).init(),
        LogFormat::Json => registry.with(log.json().flatten_event(true)).init(),
    }
    // The default panic hook would block on a pipe that nobody reads.
    std::panic::set_hook(Box::new(|panic| {
        metrics::counter!("seatkeeper_panics_total").increment(1);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, panic = panic.payload_as_str().unwrap_or("?"), "a thread panicked");
    }));
}

/// Writes a line to standard output. Returns whether that succeeded, because a full disk or an unread pipe must not
/// stop the program.
#[must_use]
pub fn print_line(line: &str) -> bool {
    LogWriter::new(std::io::stdout()).write_line(&format!("{line}\n"))
}

/// Installs the metrics recorder.
///
/// # Errors
/// A recorder is already installed.
pub fn collect_metrics() -> Result<RenderMetrics, Box<dyn std::error::Error + Send + Sync>> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}
