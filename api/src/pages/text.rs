//! Values as people read them.

use std::fmt::Write;

use minijinja::{HtmlEscape, Value};
use time::OffsetDateTime;
use time::macros::format_description;

/// `IN_PROGRESS` as `In progress`.
pub(super) fn words(code: &str) -> String {
    let lower = code.replace('_', " ").to_lowercase();
    let mut chars = lower.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A moment to the minute, UTC.
pub(super) fn minute(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_default()
}

/// A day, UTC.
pub(super) fn day(ms: i64) -> String {
    minute(ms).split(' ').next().unwrap_or_default().to_owned()
}

/// A number with thin gaps between thousands.
pub(super) fn number(value: i64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digit.is_ascii_digit() {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Text in which what stands between backticks is code; all of it escaped.
pub(super) fn marked(text: &str) -> Value {
    let mut html = String::with_capacity(text.len() + 16);
    for (at, part) in text.split('`').enumerate() {
        let (begin, end) = if at % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        // Writing to a string cannot fail.
        let _ = write!(html, "{begin}{}{end}", HtmlEscape(part));
    }
    Value::from_safe_string(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_mark_code_and_escape_all_of_it() {
        assert_eq!(marked("a `b` <c>").to_string(), "a <code>b</code> &lt;c&gt;");
        assert_eq!(marked("`<script>`").to_string(), "<code>&lt;script&gt;</code>");
    }

    #[test]
    fn should_write_codes_numbers_and_times_for_people() {
        assert_eq!(words("IN_PROGRESS"), "In progress");
        assert_eq!(words(""), "");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(12), "12");
        assert_eq!(minute(1_769_860_800_123), "2026-01-31 12:00");
        assert_eq!(day(1_769_860_800_123), "2026-01-31");
        assert_eq!(minute(i64::MAX), "");
    }
}
