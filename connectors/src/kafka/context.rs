//! Where librdkafka's log lines go.

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Passes on what librdkafka logs, and keeps why it could last not get through.
#[derive(Default)]
pub(super) struct LogContext {
    refused: Mutex<Option<String>>,
}

impl LogContext {
    /// Why a broker refused the connection, if that is known: a time-out alone would not say.
    pub(super) fn refused(&self) -> Option<String> {
        self.refused.lock().clone()
    }
}

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(Code::Authentication | Code::SSL | Code::Resolve)) {
            *self.refused.lock() = Some(reason.to_owned());
        }
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for LogContext {}

/// As [`log`], with the level as syslog counts it.
pub(super) fn log_at(level: i32, facility: &str, message: &str) {
    let level = match level {
        ..=2 => RDKafkaLogLevel::Critical,
        3 | 4 => RDKafkaLogLevel::Warning,
        5 | 6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    };
    log(level, facility.trim(), message.trim());
}

/// librdkafka calls "error" what it then tries again by itself; only what needs someone is an error here.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!("librdkafka: {facility}: {message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => tracing::warn!("librdkafka: {facility}: {message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::debug!("librdkafka: {facility}: {message}"),
        RDKafkaLogLevel::Debug => tracing::trace!("librdkafka: {facility}: {message}"),
    }
}
