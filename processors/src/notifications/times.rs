//! When a user's e-mail is sent: at once, at the next full hour, at their hour of the day, or after their quiet hours.
//!
//! Pure rules over the user's own clock. The time zones are those that are compiled in, so every process knows the same.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use schemas::Preferences;

/// When e-mail is sent; the first is for whoever has not chosen.
pub const EMAIL_MODES: [&str; 4] = [IMMEDIATE, HOURLY, DAILY, NONE];

const IMMEDIATE: &str = "immediate";
const HOURLY: &str = "hourly";
const DAILY: &str = "daily";
const NONE: &str = "none";

/// The hour of daily e-mail for whoever has not chosen.
const EMAIL_HOUR: i32 = 8;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// When what happened is told of by e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailTime {
    /// At once, in a mail of its own.
    Now,
    /// Together with what else there is by then, in milliseconds since the Unix epoch.
    At(i64),
    /// Not at all.
    Never,
}

/// When a user hears by e-mail of something that happens `at`, in milliseconds since the Unix epoch.
#[must_use]
pub(super) fn mail_time(preferences: &Preferences, at: i64) -> MailTime {
    let quiet = quiet_hours(preferences);
    let mode = preferences.email.as_str();
    if mode == NONE {
        return MailTime::Never;
    }
    let immediate = ![HOURLY, DAILY].contains(&mode);
    if immediate && quiet.is_none() {
        return MailTime::Now;
    }
    let zone = zone(&preferences.time_zone);
    let Some(due) = local(at, &zone).and_then(|now| match mode {
        HOURLY => Some(next_full_hour(&now)),
        DAILY => next(&now, hour(preferences.email_hour)),
        _ => Some(at),
    }) else {
        // A time that no calendar has: better now than never.
        return MailTime::Now;
    };
    match quiet.and_then(|quiet| quiet_until(quiet, &local(due, &zone)?)) {
        Some(end) => MailTime::At(end),
        None if immediate => MailTime::Now,
        None => MailTime::At(due),
    }
}

/// Whether there is such a time zone. Empty is UTC.
pub(crate) fn is_time_zone(name: &str) -> bool {
    name.is_empty() || TimeZone::get(name).is_ok()
}

/// Whether e-mail can wait so: from and to are different times of the day, or both are empty.
pub(crate) fn are_quiet_hours(from: &str, to: &str) -> bool {
    match (time_of_day(from), time_of_day(to)) {
        (Some(from), Some(to)) => from != to,
        _ => from.is_empty() && to.is_empty(),
    }
}

fn zone(name: &str) -> TimeZone {
    if name.is_empty() { TimeZone::UTC } else { TimeZone::get(name).unwrap_or(TimeZone::UTC) }
}

fn local(at: i64, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(at).ok()?.to_zoned(zone.clone()))
}

fn hour(chosen: Option<i32>) -> Time {
    let hour = chosen.unwrap_or(EMAIL_HOUR).clamp(0, 23);
    Time::midnight().saturating_add(hour.hours())
}

/// `HH:MM`, and nothing else.
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    // A number alone could have a sign.
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn quiet_hours(preferences: &Preferences) -> Option<(Time, Time)> {
    let Preferences { quiet_from, quiet_to, .. } = preferences;
    if quiet_from.is_empty() { None } else { Some((time_of_day(quiet_from)?, time_of_day(quiet_to)?)) }
}

/// When the quiet hours end in which a time lies; none if it lies in none. From the first minute to the one before the last, over
/// midnight if the last comes first.
fn quiet_until((from, to): (Time, Time), now: &Zoned) -> Option<i64> {
    let time = now.time();
    let quiet = if from < to { from <= time && time < to } else { from <= time || time < to };
    if quiet { next(now, to) } else { None }
}

/// Where a day's clocks leave a full hour out, the next one is taken.
fn next_full_hour(now: &Zoned) -> i64 {
    let at = now.timestamp().as_millisecond();
    let into = i64::from(now.minute()) * 60_000 + i64::from(now.second()) * 1_000 + i64::from(now.millisecond());
    at - into + HOUR_MS
}

/// The next moment after this one at which clocks show that time; as long after as they should, where they leave it out.
fn next(now: &Zoned, time: Time) -> Option<i64> {
    let today: Date = now.date();
    (0..3)
        .filter_map(|days: i64| {
            today.checked_add(days.days()).ok()?.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
        })
        .find(|then| then > now)
        .map(|then| then.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    fn told(preferences: &Preferences, now: &str) -> String {
        match mail_time(preferences, at(now)) {
            MailTime::At(due) => Timestamp::from_millisecond(due).expect("a time").to_string(),
            other => format!("{other:?}"),
        }
    }

    fn daily(hour: i32, zone: &str) -> Preferences {
        Preferences {
            email: DAILY.to_owned(),
            email_hour: Some(hour),
            time_zone: zone.to_owned(),
            ..Preferences::default()
        }
    }

    fn quiet(mode: &str, from: &str, to: &str, zone: &str) -> Preferences {
        Preferences {
            email: mode.to_owned(),
            quiet_from: from.to_owned(),
            quiet_to: to.to_owned(),
            time_zone: zone.to_owned(),
            ..Preferences::default()
        }
    }

    #[test]
    fn should_tell_at_once_unless_somebody_chose_otherwise() {
        assert_eq!(told(&Preferences::default(), "2026-03-01T10:00:00Z"), "Now");
        assert_eq!(told(&quiet("immediate", "", "", "Asia/Tokyo"), "2026-03-01T10:00:00Z"), "Now");
        assert_eq!(told(&quiet("none", "22:00", "07:00", ""), "2026-03-01T23:00:00Z"), "Never");
    }

    #[test]
    fn should_tell_at_the_next_full_hour_of_ones_own_clock() {
        let hourly = |zone| quiet("hourly", "", "", zone);
        assert_eq!(told(&hourly(""), "2026-03-01T10:59:59.999Z"), "2026-03-01T11:00:00Z");
        assert_eq!(told(&hourly(""), "2026-03-01T11:00:00Z"), "2026-03-01T12:00:00Z");
        assert_eq!(told(&hourly("Asia/Kolkata"), "2026-03-01T11:00:00Z"), "2026-03-01T11:30:00Z");
    }

    #[test]
    fn should_tell_at_ones_own_hour_of_the_day_whatever_clocks_do() {
        assert_eq!(told(&daily(8, ""), "2026-03-01T07:59:59Z"), "2026-03-01T08:00:00Z");
        assert_eq!(told(&daily(8, ""), "2026-03-01T08:00:00Z"), "2026-03-02T08:00:00Z");
        assert_eq!(
            told(&Preferences { email_hour: None, ..daily(0, "") }, "2026-03-01T07:00:00Z"),
            "2026-03-01T08:00:00Z"
        );
        // Madrid is an hour ahead of UTC in winter, two in summer; clocks went forward on 29 March 2026.
        assert_eq!(told(&daily(8, "Europe/Madrid"), "2026-03-28T08:00:00Z"), "2026-03-29T06:00:00Z");
        assert_eq!(told(&daily(8, "Europe/Madrid"), "2026-03-27T08:00:00Z"), "2026-03-28T07:00:00Z");
        // That day had no hour that began at two.
        assert_eq!(told(&daily(2, "Europe/Madrid"), "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z");
        // The day before is over in Auckland already.
        assert_eq!(told(&daily(0, "Pacific/Auckland"), "2026-07-01T11:59:59Z"), "2026-07-01T12:00:00Z");
    }

    #[test]
    fn should_wait_until_quiet_hours_are_over() {
        let night = |mode| quiet(mode, "22:00", "07:30", "Europe/Madrid");
        assert_eq!(told(&night("immediate"), "2026-07-01T19:59:59Z"), "Now");
        assert_eq!(told(&night("immediate"), "2026-07-01T20:00:00Z"), "2026-07-02T05:30:00Z");
        assert_eq!(told(&night(""), "2026-07-02T05:29:59Z"), "2026-07-02T05:30:00Z");
        assert_eq!(told(&night(""), "2026-07-02T05:30:00Z"), "Now");
        assert_eq!(told(&night("hourly"), "2026-07-01T19:10:00Z"), "2026-07-02T05:30:00Z");
        assert_eq!(told(&night("hourly"), "2026-07-01T18:10:00Z"), "2026-07-01T19:00:00Z");
        let lunch = quiet("daily", "07:00", "09:00", "");
        assert_eq!(told(&lunch, "2026-07-01T06:00:00Z"), "2026-07-01T09:00:00Z");
    }

    #[test]
    fn should_know_what_can_be_chosen() {
        for (from, to, good) in [
            ("22:00", "07:30", true),
            ("", "", true),
            ("22:00", "", false),
            ("", "07:00", false),
            ("22:00", "22:00", false),
            ("24:00", "07:00", false),
            ("7:00", "08:00", false),
            ("+7:00", "08:00", false),
            ("07:60", "08:00", false),
            ("07:00:00", "08:00", false),
        ] {
            assert_eq!(are_quiet_hours(from, to), good, "{from} {to}");
        }
        for (name, good) in
            [("", true), ("Europe/Madrid", true), ("UTC", true), ("Mars/Olympus", false), ("../etc", false)]
        {
            assert_eq!(is_time_zone(name), good, "{name}");
        }
    }
}
