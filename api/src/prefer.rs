//! What a client would rather have (`Prefer`, RFC 7240), and what was done of it (`Preference-Applied`).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preferences of a write; all others are left alone, as the RFC wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) respond_async: bool,
    /// How long to wait, no longer than anyone may.
    pub(crate) wait: Option<Duration>,
}

impl Preferences {
    /// Those of a request. Of one that is named twice the first counts.
    pub(crate) fn of(headers: &HeaderMap, most: Duration) -> Self {
        let given = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut preferences = Self::default();
        // What stands behind a semicolon is a parameter; those that are meant here have none, but clients write it.
        for one in given.flat_map(|value| value.split([',', ';'])).map(str::trim) {
            let (name, value) = one.split_once('=').map_or((one, ""), |(name, value)| (name.trim_end(), value.trim()));
            let seconds = value.trim_matches('"').parse().ok().map(Duration::from_secs);
            if name.eq_ignore_ascii_case("respond-async") {
                preferences.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && preferences.wait.is_none() {
                preferences.wait = seconds.map(|wait| wait.min(most));
            }
        }
        preferences
    }

    /// Whether nobody waits. Both together mean: wait, but no longer than that.
    pub(crate) fn responds_at_once(&self) -> bool {
        self.respond_async && self.wait.is_none()
    }

    fn header(&self) -> Option<HeaderValue> {
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        let all: Vec<String> = self.respond_async.then(|| "respond-async".to_owned()).into_iter().chain(wait).collect();
        if all.is_empty() { None } else { HeaderValue::try_from(all.join(", ")).ok() }
    }
}

/// Carries what was applied from where it is followed to where the answer gets its headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied(Arc<OnceLock<HeaderValue>>);

impl Applied {
    /// These are followed.
    pub(crate) fn set(&self, preferences: &Preferences) {
        if let Some(header) = preferences.header() {
            // A request that makes two commands follows the same ones for both.
            let _ = self.0.set(header);
        }
    }

    pub(crate) fn header(&self) -> Option<&HeaderValue> {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> (bool, Option<u64>, String) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_str(value).unwrap());
        }
        let read = Preferences::of(&headers, Duration::from_secs(5));
        let applied = Applied::default();
        applied.set(&read);
        let header = applied.header().map_or("", |header| header.to_str().unwrap()).to_owned();
        (read.responds_at_once(), read.wait.map(|wait| wait.as_secs()), header)
    }

    #[test]
    fn should_read_preferences_as_clients_write_them() {
        assert_eq!(read(&["respond-async"]), (true, None, "respond-async".to_owned()));
        assert_eq!(read(&["Respond-Async; foo, wait=2"]), (false, Some(2), "respond-async, wait=2".to_owned()));
        assert_eq!(read(&["wait = \"3\"", "respond-async"]), (false, Some(3), "respond-async, wait=3".to_owned()));
        assert_eq!(read(&["wait=60"]), (false, Some(5), "wait=5".to_owned()), "no longer than anyone may");
        assert_eq!(read(&["wait=1, wait=2"]), (false, Some(1), "wait=1".to_owned()));
        for ignored in ["wait=-1", "wait", "return=minimal", "", "wait=99999999999999999999"] {
            assert_eq!(read(&[ignored]), (false, None, String::new()), "{ignored}");
        }
    }
}
