//! Prometheus' families, filled sample by sample.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Summary};
use topology::{Distribution, Timing};

/// Families in the order in which they first got a sample.
#[derive(Default)]
pub(super) struct Families(Vec<MetricFamily>);

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Families {
    pub(super) fn counter(&mut self, name: &str, help: &str, labels: Labels<'_>, value: f64) {
        let mut counter = Counter::default();
        counter.set_value(value);
        self.sample(name, help, MetricType::COUNTER, labels).set_counter(counter);
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, labels: Labels<'_>, value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        self.sample(name, help, MetricType::GAUGE, labels).set_gauge(gauge);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, labels: Labels<'_>, value: &Distribution) {
        let mut histogram = Histogram::default();
        histogram.set_sample_count(value.count());
        histogram.set_sample_sum(value.sum_s);
        let buckets = value.buckets.iter().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*count);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        self.sample(name, help, MetricType::HISTOGRAM, labels).set_histogram(histogram);
    }

    /// Sum and count of what was measured, without quantiles.
    pub(super) fn summary(&mut self, name: &str, help: &str, labels: Labels<'_>, value: &Timing) {
        let mut summary = Summary::default();
        summary.set_sample_count(value.samples);
        summary.set_sample_sum(value.sum_s);
        self.sample(name, help, MetricType::SUMMARY, labels).set_summary(summary);
    }

    pub(super) fn done(self) -> Vec<MetricFamily> {
        self.0
    }

    fn sample(&mut self, name: &str, help: &str, kind: MetricType, labels: Labels<'_>) -> &mut Metric {
        let at = self.0.iter().position(|family| family.name() == name).unwrap_or_else(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            self.0.push(family);
            self.0.len() - 1
        });
        let labels = labels.iter().map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name((*name).to_owned());
            label.set_value((*value).to_owned());
            label
        });
        let metrics = self.0[at].mut_metric();
        metrics.push(Metric::from_label(labels.collect()));
        let last = metrics.len() - 1;
        &mut metrics[last]
    }
}
