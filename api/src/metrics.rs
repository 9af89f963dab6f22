//! The API's own metrics. Labels are bounded: routes as written in the router, methods, statuses, command types.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use schemas::Outcome;

/// Seconds; from a cached read to the deadline of a write.
const BUCKETS_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

pub(crate) struct Metrics {
    requests: IntCounterVec,
    latency: HistogramVec,
    outcomes: IntCounterVec,
    waits: HistogramVec,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            let made = HistogramVec::new(HistogramOpts::new(name, help).buckets(BUCKETS_SECONDS.to_vec()), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        Ok(Self {
            requests: counter(
                "syncroboard_http_requests_total",
                "Requests by route, method and status",
                &["route", "method", "status"],
            )?,
            latency: histogram(
                "syncroboard_http_request_seconds",
                "Time until the answer begins, by route and method",
                &["route", "method"],
            )?,
            outcomes: counter(
                "syncroboard_api_outcomes_total",
                "Commands submitted here, by type and how they ended",
                &["type", "status"],
            )?,
            waits: histogram(
                "syncroboard_api_wait_seconds",
                "Time that writes waited, for the outcome and then for the read model",
                &["for"],
            )?,
        })
    }

    pub(crate) fn request(&self, route: &str, method: &str, status: &str, took: Duration) {
        self.requests.with_label_values(&[route, method, status]).inc();
        self.latency.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    pub(crate) fn outcome(&self, command_type: &str, outcome: &Outcome) {
        let status = match outcome {
            Outcome::Accepted(_) => "accepted",
            Outcome::Rejected(_) => "rejected",
            Outcome::Failed(_) => "failed",
        };
        self.no_outcome(command_type, status);
    }

    pub(crate) fn no_outcome(&self, command_type: &str, status: &str) {
        self.outcomes.with_label_values(&[command_type, status]).inc();
    }

    pub(crate) fn waited(&self, what: &str, took: Duration) {
        self.waits.with_label_values(&[what]).observe(took.as_secs_f64());
    }
}
