//! Pages of other origins that may send requests and read the answers.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::extract::SEQUENCE_HEADER;
use crate::limited;
use crate::prefer::{PREFER, PREFERENCE_APPLIED};

/// How long a browser may keep what it was told.
const KEPT: Duration = Duration::from_hours(1);

/// Origins, as browsers name them: `https://app.example.org`, with a port if it is not the usual one.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<HeaderValue>);

/// A text is no origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an origin: it must be `http://` or `https://` and a host in lower case, with a port or without, such as https://app.example.org"
)]
pub struct NoOrigin(String);

/// From a list with commas between; an empty one has none. `*` is none: who may read what is said by tokens, and who may use them by this.
impl FromStr for Origins {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let listed = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let read = |one: &str| {
            let value = HeaderValue::from_str(one).ok().filter(|_| is_origin(one));
            value.ok_or_else(|| NoOrigin(one.to_owned()))
        };
        listed.map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let known = [Scheme::HTTP, Scheme::HTTPS].iter().find(|scheme| uri.scheme() == Some(scheme));
    let (Some(scheme), Some(host)) = (known, uri.host()) else { return false };
    // As a browser writes it: nothing before the host, nothing behind the port, and no port that is the usual one.
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    !host.is_empty()
        && uri.port_u16() != Some(usual)
        && text == format!("{scheme}://{}{port}", host.to_ascii_lowercase())
}

impl Origins {
    /// What answers browsers that ask, and tells them which headers of answers pages may see; nothing if there are no origins.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        let named = |name: &'static str| HeaderName::from_static(name);
        let layer = || {
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(self.0.iter().cloned()))
                .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
                .allow_headers([
                    AUTHORIZATION,
                    CONTENT_TYPE,
                    IF_MATCH,
                    IF_NONE_MATCH,
                    PREFER,
                    named("idempotency-key"),
                    named(SEQUENCE_HEADER),
                    named("traceparent"),
                    named("tracestate"),
                    named("x-request-id"),
                ])
                .expose_headers([
                    ETAG,
                    LOCATION,
                    RETRY_AFTER,
                    limited::LIMIT,
                    limited::REMAINING,
                    limited::RESET,
                    PREFERENCE_APPLIED,
                    named(SEQUENCE_HEADER),
                    named("x-request-id"),
                ])
                .max_age(KEPT)
        };
        (!self.0.is_empty()).then(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_take_origins_as_browsers_write_them_and_nothing_else() {
        let read = |text: &str| text.parse::<Origins>().map(|origins| origins.0.len());
        assert_eq!(read("").unwrap(), 0);
        assert_eq!(read("https://app.example.org, http://localhost:3000,").unwrap(), 2);
        assert_eq!(read("http://[::1]:3000").unwrap(), 1);
        for wrong in [
            "*",
            "null",
            "app.example.org",
            "https://app.example.org/",
            "https://App.example.org",
            "https://app.example.org:443",
            "https://ada@app.example.org",
            "ftp://app.example.org",
            "https://",
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{wrong}` is not an origin")), "{error}");
        }
    }
}
