//! Lag as a table for people: the worst first, then what it comes to.

use std::fmt::Write as _;

use topology::lag::{GroupLag, GroupStatus, PartitionLag, Status, Trend};

const HEADER: [&str; 8] = ["STATUS", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND", "TREND"];
/// Columns that are words, and so stand left.
const WORDS: [bool; 8] = [true, true, false, false, false, false, false, true];

/// The groups, one after the other.
pub(super) fn render(groups: &[GroupLag]) -> String {
    if groups.is_empty() {
        return "no groups\n".to_owned();
    }
    groups.iter().map(group).collect::<Vec<_>>().join("\n")
}

fn group(group: &GroupLag) -> String {
    let mut out = format!("group {}  {}", group.group, group.status.name());
    match group.members {
        Some(1) => out.push_str("  1 member"),
        Some(n) => {
            let _ = write!(out, "  {n} members");
        }
        None => {}
    }
    out.push('\n');
    if group.status == GroupStatus::NotFound {
        out.push_str("the broker knows no such group\n");
        return out;
    }
    let rows: Vec<[String; 8]> = group.partitions.iter().map(row).collect();
    let mut widths = HEADER.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(&mut out, &HEADER.map(str::to_owned), &widths);
    rows.iter().for_each(|row| line(&mut out, row, &widths));
    let _ = writeln!(out, "total: lag {}, {} behind; {}", group.lag, behind(group.seconds_behind), counts(group));
    group.partitions.iter().for_each(|p| notes(&mut out, p));
    out
}

fn row(p: &PartitionLag) -> [String; 8] {
    [
        p.status.name().to_owned(),
        p.topic.clone(),
        p.partition.to_string(),
        p.committed.map_or_else(|| "-".to_owned(), |committed| committed.to_string()),
        p.end.to_string(),
        p.lag.to_string(),
        behind(p.seconds_behind),
        trend(p),
    ]
}

fn line(out: &mut String, cells: &[String; 8], widths: &[usize; 8]) {
    let start = out.len();
    for ((cell, width), word) in cells.iter().zip(widths).zip(WORDS) {
        let gap = if out.len() == start { "" } else { "  " };
        let _ = if word { write!(out, "{gap}{cell:<width$}") } else { write!(out, "{gap}{cell:>width$}") };
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
}

fn trend(p: &PartitionLag) -> String {
    match (p.trend, p.lag_change_per_second) {
        (Trend::Growing | Trend::Shrinking, Some(change)) => format!("{} {change:+.1}/s", p.trend.name()),
        (Trend::Unknown, _) => "-".to_owned(),
        (trend, _) => trend.name().to_owned(),
    }
}

/// Two units at most: `0s`, `<0.1s`, `1.5s`, `42s`, `3m12s`, `2h05m`, `3d04h`; `?` if it could not be told.
fn behind(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "?".to_owned() };
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds < 0.1 {
        return "<0.1s".to_owned();
    }
    if seconds < 10.0 {
        return format!("{seconds:.1}s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an age, which is not negative")]
    let whole = seconds as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3_600, whole / 86_400);
    match whole {
        0..60 => format!("{whole}s"),
        60..3_600 => format!("{minutes}m{:02}s", whole % 60),
        3_600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

fn counts(group: &GroupLag) -> String {
    let n = group.partitions.len();
    let mut out = format!("{n} partition{}", if n == 1 { "" } else { "s" });
    let mut separator = ": ";
    for status in [Status::Rewind, Status::Stall, Status::Stop, Status::Warn, Status::NoData, Status::Ok] {
        let count = group.partitions.iter().filter(|p| p.status == status).count();
        if count > 0 {
            let _ = write!(out, "{separator}{count} {}", status.name());
            separator = ", ";
        }
    }
    out
}

/// What the numbers do not say by themselves.
fn notes(out: &mut String, p: &PartitionLag) {
    let at = format!("{}-{}", p.topic, p.partition);
    if p.removed > 0 {
        let _ = writeln!(out, "{at}: {} offsets were removed from the log before they were consumed", p.removed);
    }
    if p.seconds_behind.is_none() {
        let _ = writeln!(out, "{at}: no record can be read after the committed offset; is a transaction open?");
    }
    if p.committed.is_some_and(|committed| committed > p.end) {
        let _ = writeln!(out, "{at}: the committed offset is beyond the end; was the topic made anew?");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, partition: u32, status: Status) -> PartitionLag {
        PartitionLag {
            topic: topic.to_owned(),
            partition,
            status,
            committed: Some(10),
            start: 0,
            end: 10,
            lag: 0,
            seconds_behind: Some(0.0),
            removed: 0,
            trend: Trend::Steady,
            lag_change_per_second: Some(0.0),
        }
    }

    #[test]
    fn should_align_columns_and_say_what_it_comes_to() {
        let mut stuck = partition("ticket.commands", 11, Status::Stop);
        (stuck.end, stuck.lag, stuck.removed) = (1_250, 1_240, 3);
        (stuck.seconds_behind, stuck.trend, stuck.lag_change_per_second) = (Some(192.4), Trend::Growing, Some(12.34));
        let mut never = partition("user.commands", 0, Status::NoData);
        (never.committed, never.lag, never.seconds_behind, never.trend) = (None, 10, None, Trend::Unknown);
        let group = GroupLag {
            group: "board".to_owned(),
            status: GroupStatus::Err,
            members: Some(2),
            lag: 1_250,
            seconds_behind: Some(192.4),
            partitions: vec![stuck, never, partition("user.commands", 1, Status::Ok)],
        };
        let expected = "\
group board  ERR  2 members
STATUS   TOPIC            PARTITION  COMMITTED   END   LAG  BEHIND  TREND
STOP     ticket.commands         11         10  1250  1240   3m12s  growing +12.3/s
NO_DATA  user.commands            0          -    10    10       ?  -
OK       user.commands            1         10    10     0      0s  steady
total: lag 1250, 3m12s behind; 3 partitions: 1 STOP, 1 NO_DATA, 1 OK
ticket.commands-11: 3 offsets were removed from the log before they were consumed
user.commands-0: no record can be read after the committed offset; is a transaction open?
";
        assert_eq!(render(&[group]), expected);
    }

    #[test]
    fn should_write_ages_with_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.04, "<0.1s"),
            (9.95, "9.9s"),
            (10.0, "10s"),
            (59.9, "59s"),
            (60.0, "1m00s"),
            (3_599.0, "59m59s"),
            (3_660.0, "1h01m"),
            (90_000.0, "1d01h"),
        ] {
            assert_eq!(behind(Some(seconds)), text);
        }
        assert_eq!(behind(None), "?");
    }
}
