//! What the runs have shown, as lines and as the tables of `docs/performance.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::RATES;
use super::paced::Paced;
use super::run::{DRAIN, Restore, Run, Subject, paced_part};
use super::traffic::Share;

/// A figure of a run; not all runs have all figures.
type Figure<'a> = &'a dyn Fn(&Run) -> Option<f64>;

/// One run in one line.
pub(crate) fn line(run: &Run) -> String {
    let mut line = format!(
        "{} {}: {:.0} commands/s, worker {:.1} µs, broker {:.1} µs, {:.0} MB",
        run.subject,
        run.round,
        run.drain.per_second(),
        run.drain.worker_us,
        run.drain.broker_us,
        run.peak_mb
    );
    if let Some(Restore { records, seconds, .. }) = &run.restore {
        let _ = write!(line, "; {records:.0} records restored in {seconds:.1} s");
    }
    for p in &run.paced {
        let _ = write!(
            line,
            "; {}/s: {:.1} / {:.1} / {:.1} ms, worker {:.0} µs, broker {:.0} µs",
            p.rate, p.p50_ms, p.p99_ms, p.p999_ms, p.used.worker_us, p.used.broker_us
        );
    }
    line
}

/// All runs: figures, threads, records.
pub(crate) fn tables(runs: &[Run]) -> String {
    let mut out = String::new();
    figures(runs, &mut out);
    threads(runs, &mut out);
    records(runs, &mut out);
    out
}

fn figures(runs: &[Run], out: &mut String) {
    *out += "| | Kafka Streams 4.3.1 | aim | measured | bare client | ratio |\n|---|---|---|---|---|---|\n";
    let mut row = |name: &str, streams: &str, aim: &str, digits: usize, figure: Figure<'_>| {
        let (ours, bare) = (spread(runs, Subject::Engine, digits, figure), spread(runs, Subject::Bare, digits, figure));
        let _ = writeln!(out, "| {name} | {streams} | {aim} | {ours} | {bare} | {} |", ratio(runs, figure));
    };
    row("drain, commands/s", "26,000 (22,800 to 30,100)", "80,000, half of the bare client's", 0, &|r| {
        Some(r.drain.per_second())
    });
    row("worker CPU, µs a command", "37 (32 to 42)", "10", 1, &|r| Some(r.drain.worker_us));
    row("broker CPU, µs a command", "6.7", "", 1, &|r| Some(r.drain.broker_us));
    row("peak memory, MB", "726", "150", 0, &|r| Some(r.peak_mb));
    let streams =
        [["69; with commit 10 ms 19", "144; 50", "186; 92", "165; 203", "162; 237"], ["79", "149", "189", "63", "38"]];
    let aims = [["10, 1.3 of the bare client's", "35, 1.3", "1.3", "180, 1.3", ""], ["", "40", "", "30", ""]];
    for ((rate, streams), aims) in RATES.into_iter().zip(streams).zip(aims) {
        let figures: [(&str, fn(&Paced) -> f64, usize); 5] = [
            ("p50, ms", |p| p.p50_ms, 1),
            ("p99, ms", |p| p.p99_ms, 1),
            ("p99.9, ms", |p| p.p999_ms, 1),
            ("worker CPU, µs a command", |p| p.used.worker_us, 0),
            ("broker CPU, µs a command", |p| p.used.broker_us, 0),
        ];
        for (((name, figure, digits), streams), aim) in figures.into_iter().zip(streams).zip(aims) {
            row(&format!("{rate}/s: {name}"), streams, aim, digits, &|r| {
                r.paced.iter().find(|p| p.rate == rate).map(figure)
            });
        }
    }
    row("restore, records", "2,045,363", "", 0, &|r| r.restore.as_ref().map(|r| r.records));
    row("restore, s to RUNNING", "9.9", "3", 1, &|r| r.restore.as_ref().map(|r| r.seconds));
    row("restore, peak memory, MB", "603", "150", 0, &|r| r.restore.as_ref().map(|r| r.peak_mb));
}

/// Where the worker's CPU goes while it drains.
fn threads(runs: &[Run], out: &mut String) {
    *out += "\n| thread, µs a command while draining | worker | bare client |\n|---|---|---|\n";
    let names = runs.iter().flat_map(|r| r.drain.threads.keys().cloned());
    let mut names: Vec<_> = names.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let of = |subject, name: &str| spread(runs, subject, 2, &|r| r.drain.threads.get(name).copied());
    names.retain(|name| runs.iter().any(|r| r.drain.threads.get(name).is_some_and(|us| *us >= 0.05)));
    for name in names {
        let _ = writeln!(out, "| `{name}` | {} | {} |", of(Subject::Engine, &name), of(Subject::Bare, &name));
    }
}

/// What the last run of the worker has left in the log.
fn records(runs: &[Run], out: &mut String) {
    let last = |subject| runs.iter().rfind(|r| r.subject == subject);
    let Some(run) = last(Subject::Engine) else { return };
    let parts = std::iter::once(DRAIN.to_owned()).chain(RATES.into_iter().map(paced_part));
    let parts: Vec<String> = parts.filter(|part| run.traffic.parts.contains_key(part)).collect();
    *out += "\n| topic: records a command, ends of transactions a 1,000 |";
    for part in &parts {
        let _ = write!(out, " {part} |");
    }
    *out += " key + value, bytes |\n|---|";
    (0..=parts.len()).for_each(|_| *out += "---|");
    let drained = run.traffic.parts.get(DRAIN);
    let topics = run.traffic.parts.values().flat_map(BTreeMap::keys).collect::<std::collections::BTreeSet<_>>();
    for topic in topics {
        let _ = write!(out, "\n| `{topic}` |");
        let shares: Vec<Option<&Share>> = parts.iter().map(|part| run.traffic.parts[part].get(topic)).collect();
        for share in &shares {
            let _ = match share {
                Some(s) => write!(out, " {:.3}, {:.1} |", s.records, s.markers * 1e3),
                None => write!(out, " |"),
            };
        }
        let size = drained.and_then(|d| d.get(topic)).or_else(|| shares.into_iter().flatten().next());
        let size = size.map(|s| format!(" {:.0} + {:.0}", s.key_bytes, s.value_bytes)).unwrap_or_default();
        let _ = write!(out, "{size} |");
    }
    *out += "\n";
    for (name, run) in [("all", Some(run)), ("all, bare client", last(Subject::Bare))] {
        let Some(run) = run else { continue };
        let _ = write!(out, "| {name} |");
        for part in &parts {
            let (records, bytes) = run.traffic.sum(part);
            let markers: f64 = run.traffic.parts[part].values().map(|s| s.markers).sum();
            let _ = write!(out, " {records:.2}, {:.1}; {bytes:.0} bytes |", markers * 1e3);
        }
        *out += " |\n";
    }
}

fn values(runs: &[Run], subject: Subject, figure: Figure<'_>) -> Vec<f64> {
    sorted(runs.iter().filter(|r| r.subject == subject).filter_map(figure).collect())
}

/// The median, and lowest and highest.
fn spread(runs: &[Run], subject: Subject, digits: usize, figure: Figure<'_>) -> String {
    let values = values(runs, subject, figure);
    let show = |value: f64| grouped(value, digits);
    match values.as_slice() {
        [] => String::new(),
        [only] => show(*only),
        [first, .., last] => format!("{} ({} to {})", show(median(&values)), show(*first), show(*last)),
    }
}

/// The median of what each run of the worker has to the bare client's of the same round.
fn ratio(runs: &[Run], figure: Figure<'_>) -> String {
    let of =
        |round: u32, subject: Subject| runs.iter().find(|r| r.round == round && r.subject == subject).and_then(figure);
    let rounds = runs.iter().filter(|r| r.subject == Subject::Bare).map(|r| r.round);
    let ratios: Vec<f64> = rounds
        .filter_map(|n| Some(of(n, Subject::Engine)? / of(n, Subject::Bare)?))
        .filter(|r| r.is_finite())
        .collect();
    if ratios.is_empty() { String::new() } else { format!("{:.2}", median(&sorted(ratios))) }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    f64::midpoint(low, high)
}

/// With commas between thousands.
fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (n, c) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + rest
}
