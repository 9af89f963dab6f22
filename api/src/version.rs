//! The version of the interface, which stands in the media type: `application/vnd.syncroboard.v1+json` is what `application/json` is too. What
//! is added to answers and requests changes no version; what breaks clients would make another one, beside this.

use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

const FIRST: &str = "application/vnd.syncroboard.v1+json";

/// A media type without its parameters, of whatever version, or none of this interface.
fn is_versioned(essence: &str) -> bool {
    essence.starts_with("application/vnd.syncroboard.")
}

/// Whether a body of this media type, in lower case and without its parameters, is one that is understood.
pub(crate) fn is_understood(essence: &str) -> bool {
    if is_versioned(essence) { essence == FIRST } else { essence == "application/json" || essence.ends_with("+json") }
}

/// What `Accept` says of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    First,
    /// Others, and nothing that there is.
    Others,
}

fn asked(headers: &HeaderMap) -> Asked {
    let all = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let essence = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let ranges: Vec<String> = all.flat_map(|value| value.split(',')).map(essence).collect();
    if ranges.iter().any(|range| range == FIRST) {
        Asked::First
    } else if !ranges.is_empty() && ranges.iter().all(|range| is_versioned(range)) {
        Asked::Others
    } else {
        Asked::Nothing
    }
}

/// Names the version in the answer of a request that does, and refuses those that there are not.
pub(crate) async fn negotiated(request: Request, next: Next) -> Response {
    let asked = asked(request.headers());
    if asked == Asked::Others {
        return Problem::version_unknown(FIRST).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if asked == Asked::First && headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FIRST));
        headers.append(VARY, HeaderValue::from_name(ACCEPT));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_refuse_only_those_who_take_nothing_but_other_versions() {
        let of = |accept: &str| {
            let value = HeaderValue::from_str(accept).unwrap();
            asked(&HeaderMap::from_iter([(ACCEPT, value)]))
        };
        for (accept, expected) in [
            ("*/*", Asked::Nothing),
            ("application/json", Asked::Nothing),
            ("text/html, application/vnd.syncroboard.v2+json", Asked::Nothing),
            ("application/json, Application/vnd.SyncroBoard.v1+json; q=0.5", Asked::First),
            ("application/vnd.syncroboard.v2+json, application/vnd.syncroboard.v1+json", Asked::First),
            ("application/vnd.syncroboard.v2+json", Asked::Others),
            ("application/vnd.syncroboard.v1+xml", Asked::Others),
        ] {
            assert_eq!(of(accept), expected, "{accept}");
        }
        assert_eq!(asked(&HeaderMap::new()), Asked::Nothing);
    }
}
