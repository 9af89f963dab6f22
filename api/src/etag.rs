//! Which state of a resource an answer shows, and whether whoever asks has it already (RFC 9110, sections 8.8.3 and 13.1).

use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// What is private may be kept, but is asked about before it is shown.
const ASK_FIRST: HeaderValue = HeaderValue::from_static("private, no-cache");

/// `"7-1f0c…"`: the version that `If-Match` is about, and what tells this body from others of that version.
pub(crate) fn of_version(version: i64, body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let digest = digest.iter().take(8).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("\"{version}-{digest}\"")
}

/// The version in a tag of [`of_version`], or in one that is a version alone.
pub(crate) fn version(tag: &str) -> Option<i64> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (version, digest) = tag.split_once('-').unwrap_or((tag, ""));
    let digits = version.bytes().all(|byte| byte.is_ascii_digit()) && digest.bytes().all(|b| b.is_ascii_hexdigit());
    version.parse().ok().filter(|_| digits)
}

/// The answer, which has its tag; without its body if the request has that one.
pub(crate) fn conditional(request: &HeaderMap, mut response: Response) -> Response {
    let Some(tag) = response.headers_mut().remove(ETAG) else { return response };
    if tag.to_str().is_ok_and(|tag| is_seen(request, tag)) {
        response = StatusCode::NOT_MODIFIED.into_response();
    }
    response.headers_mut().insert(ETAG, tag);
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    response
}

/// Whether `If-None-Match` names the tag, weakly compared, or is `*`.
fn is_seen(request: &HeaderMap, tag: &str) -> bool {
    let seen = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // No tag of ours has a comma.
    seen.flat_map(|value| value.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_back_the_version_that_a_tag_was_made_with() {
        assert_eq!(version(&of_version(7, b"{}")), Some(7));
        assert_eq!(version("\"7\""), Some(7));
        for wrong in ["7", "\"\"", "\"-7\"", "\"+7\"", "\"7-x\"", "W/\"7\"", "\"7\", \"8\"", "\"99999999999999999999\""]
        {
            assert_eq!(version(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn should_tell_bodies_of_one_version_apart() {
        assert_ne!(of_version(7, b"{\"assigneeId\":1}"), of_version(7, b"{\"assigneeId\":2}"));
        assert_eq!(of_version(7, b"{}"), of_version(7, b"{}"));
    }

    #[test]
    fn should_know_a_tag_among_others_and_a_weak_one() {
        let sent = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            }
            is_seen(&headers, "\"7\"")
        };
        assert!(sent(&["\"7\""]) && sent(&["W/\"7\""]) && sent(&["*"]));
        assert!(sent(&["\"6\", W/\"7\""]) && sent(&["\"6\"", "\"7\""]));
        assert!(!sent(&[]) && !sent(&["\"6\""]) && !sent(&["7"]));
    }
}
