//! Where spans go: to an OTLP collector, if one is configured. Nothing that works waits for it.

mod otel;
mod queue;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanExporter as _};
use topology::trace::Tracing;

use self::otel::Otel;
use self::queue::{Counts, Queue, Sender};
use crate::config::Config;
use crate::exit::Failed;

/// How long the collector may take for one batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process that ends waits for its last spans to be taken.
const LAST: Duration = Duration::from_secs(2);

/// The tracing of a process, until it ends.
pub(crate) struct Traces(Option<Running>);

struct Running {
    tracing: Tracing,
    /// Spans can be made for as long as it lives.
    provider: SdkTracerProvider,
    sender: Sender,
    counts: Counts,
}

/// Runs a part of the system with the tracing that is configured, and sees that what it traced last gets out.
pub(crate) fn traced<T>(
    config: &Config,
    part: &str,
    broker: &'static str,
    run: impl FnOnce(&Traces) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let traces = Traces::start(config, part, broker)?;
    let done = run(&traces);
    traces.stop();
    done
}

impl Traces {
    /// For a part of this name; `broker` is what spans call it.
    fn start(config: &Config, part: &str, broker: &'static str) -> anyhow::Result<Self> {
        let given = &config.tracing;
        let endpoint = given.otlp_endpoint.trim_end_matches('/');
        if endpoint.is_empty() {
            return Ok(Self(None));
        }
        let path = if endpoint.ends_with("/v1/traces") { "" } else { "/v1/traces" };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{endpoint}{path}"))
            .with_timeout(EXPORT_TIMEOUT)
            .build();
        let mut exporter = exporter.with_context(|| format!("tracing.otlp_endpoint {endpoint:?}"))?;
        let resource = Resource::builder()
            .with_service_name(format!("syncroboard-{part}"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()))
            .build();
        exporter.set_resource(&resource);
        let counts = Counts::new()?;
        let (queue, sender) = Queue::start(exporter, endpoint.to_owned(), counts.clone())?;
        // Those who come with a trace have decided whether it is sampled.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(given.sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(queue)
            .build();
        let tracing = Tracing::to(Arc::new(Otel::new(provider.tracer("syncroboard"), broker)));
        Ok(Self(Some(Running { tracing, provider, sender, counts })))
    }

    /// For the parts that make spans.
    pub(crate) fn tracing(&self) -> Tracing {
        self.0.as_ref().map_or_else(Tracing::off, |running| running.tracing.clone())
    }

    /// Adds its metrics, if there is something to count.
    pub(crate) fn register(&self, metrics: &prometheus::Registry) -> Result<(), prometheus::Error> {
        self.0.as_ref().map_or(Ok(()), |running| running.counts.register(metrics))
    }

    /// Hands the last spans over, if that does not take long.
    fn stop(self) {
        let Some(running) = self.0 else { return };
        if !running.sender.finish(LAST) {
            tracing::warn!("the collector did not take the last spans within {LAST:?}");
        }
        // Nothing is left to be done: the queue has ended, and with it whatever could fail.
        let _ = running.provider.shutdown_with_timeout(Duration::ZERO);
    }
}
