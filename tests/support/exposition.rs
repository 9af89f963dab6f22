//! Reads what a process shows at `/metrics`.

#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use std::collections::BTreeMap;

/// A line of samples, taken apart.
pub(crate) struct Sample {
    pub(crate) metric: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// What the process at this address shows now.
pub(crate) fn scrape(url: &str) -> Vec<Sample> {
    let address = format!("{}/metrics", url.trim_end_matches('/'));
    let response = reqwest::blocking::get(address).unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let text = response.text().unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (metric, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split_inclusive("\",").filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let (name, value) = label.trim_end_matches(',').split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('"').to_owned())
    });
    Sample { metric: metric.to_owned(), labels: labels.collect(), value: value.parse().unwrap() }
}
