//! Logs to standard error, metrics for `GET /metrics`.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing::Level;
use tracing_subscriber::{filter::LevelFilter, fmt};

use crate::config::{LogFormat, LogLevel};

/// Renders the metrics in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Sends log lines of `level` and above to standard error. Called once, by `main`.
pub fn start_log(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let log = fmt().with_max_level(LevelFilter::from_level(level)).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            log.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init()
        }
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Collects metrics from now on.
///
/// # Errors
/// Another collector is there already.
pub fn collect_metrics() -> Result<RenderMetrics, Box<dyn std::error::Error + Send + Sync>> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}
