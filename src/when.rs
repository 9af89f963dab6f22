//! Times as people write them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use topology::system_clock;

/// A time (RFC 3339) or an age (`30s`, `5m`, `2h`, `3d`), as milliseconds since the Unix epoch.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    parse_at(text, system_clock()())
}

fn parse_at(text: &str, now_ms: i64) -> Result<i64, String> {
    let wrong = || format!("`{text}` is neither a time (2026-01-31T12:00:00Z) nor an age (30s, 5m, 2h, 3d)");
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| wrong());
    }
    let unit_ms = match text.chars().next_back() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(now_ms.saturating_sub(i64::from(count) * unit_ms))
}

/// A time for people and for `--since`: RFC 3339, in UTC.
pub(crate) fn format(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{ms} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_times_and_ages() {
        let now = 1_700_000_000_000;
        for (text, ms) in [
            ("2023-11-14T22:13:20Z", now),
            ("2023-11-14T23:13:20.5+01:00", now + 500),
            ("30s", now - 30_000),
            ("5m", now - 300_000),
            ("2h", now - 7_200_000),
            ("3d", now - 259_200_000),
        ] {
            assert_eq!(parse_at(text, now), Ok(ms), "{text}");
        }
        for text in ["", "yesterday", "5", "m", "-5m", "5 m", "2023-11-14", "5µ"] {
            assert!(parse_at(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn should_write_times_that_it_can_read() {
        assert_eq!(format(1_700_000_000_500), "2023-11-14T22:13:20.5Z");
        assert_eq!(parse(&format(1_700_000_000_500)), Ok(1_700_000_000_500));
        assert_eq!(format(i64::MAX), format!("{} ms", i64::MAX));
    }
}
