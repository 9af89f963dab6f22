//! `Idempotency-Key`: a request that is sent again is done once, and answered as it was the first time.
//!
//! The key and who names it make the id of the command, and the processor answers an id that it knows with what it answered
//! first. What is here refuses what a key is not for: a second request while the first is under way, and another request than the
//! first, which its fingerprint tells (draft-ietf-httpapi-idempotency-key-header, section 2).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::problem::Problem;

const HEADER: &str = "idempotency-key";

/// A request that named a key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Id of the command that the request is.
    pub(crate) command_id: Uuid,
    fingerprint: Fingerprint,
    _place: Place,
}

impl Key {
    /// The key of a request of this user, if it names one; as long as it lives, the request is under way.
    pub(crate) fn of(parts: &mut Parts, user: Uuid, under_way: &UnderWay) -> Result<Option<Self>, Problem> {
        let Some(key) = named(&parts.headers)? else { return Ok(None) };
        let command_id = Uuid::new_v5(&user, key.as_bytes());
        let place = under_way.enter(command_id).ok_or_else(Problem::in_flight)?;
        let fingerprint = Fingerprint::of_head(parts);
        // Whoever reads the body adds it.
        parts.extensions.insert(fingerprint.clone());
        Ok(Some(Self { command_id, fingerprint, _place: place }))
    }

    /// Tells the request from others, once its body has been read.
    pub(crate) fn fingerprint(&self) -> i64 {
        self.fingerprint.0.load(Ordering::Relaxed)
    }
}

/// The key of a bulk request, which each of its lines has a part of: sent again, a line is known by its place.
#[derive(Debug)]
pub(crate) struct BulkKey {
    key: String,
    user: Uuid,
    path: String,
    _place: Place,
}

impl BulkKey {
    /// As [`Key::of`]; as long as it lives, the request is under way.
    pub(crate) fn of(parts: &Parts, user: Uuid, under_way: &UnderWay) -> Result<Option<Self>, Problem> {
        let Some(key) = named(&parts.headers)? else { return Ok(None) };
        let place = under_way.enter(Uuid::new_v5(&user, key.as_bytes())).ok_or_else(Problem::in_flight)?;
        Ok(Some(Self { key: key.to_owned(), user, path: parts.uri.path().to_owned(), _place: place }))
    }

    /// Id and fingerprint of the command in a line.
    pub(crate) fn of_line(&self, number: u64, line: &[u8]) -> (Uuid, i64) {
        // No key has a line's end.
        let id = Uuid::new_v5(&self.user, format!("{}\n{number}", self.key).as_bytes());
        (id, digest(&[self.path.as_bytes(), line]))
    }
}

fn named(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let invalid = |what| Problem::bad_request("header_invalid", format!("`Idempotency-Key` must {what}"));
    let key = value.to_str().map_err(|_| invalid("be visible ASCII"))?;
    if (1..=255).contains(&key.len()) { Ok(Some(key)) } else { Err(invalid("have 1 to 255 characters")) }
}

/// What tells one request from another: method, path and query, `If-Match` and body, as they were sent.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(Arc<AtomicI64>);

impl Fingerprint {
    fn of_head(parts: &Parts) -> Self {
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let expected = parts.headers.get(IF_MATCH).map_or(&b""[..], |value| value.as_bytes());
        let digest = digest(&[parts.method.as_str().as_bytes(), target.as_bytes(), expected]);
        Self(Arc::new(AtomicI64::new(digest)))
    }

    pub(crate) fn add_body(&self, body: &[u8]) {
        let head = self.0.load(Ordering::Relaxed);
        self.0.store(digest(&[&head.to_be_bytes(), body]), Ordering::Relaxed);
    }
}

/// Of all of these, each with its length, so that nothing can move from one into the next.
fn digest(all: &[&[u8]]) -> i64 {
    let mut sha = Sha256::new();
    for one in all {
        sha.update(one.len().to_be_bytes());
        sha.update(one);
    }
    sha.finalize().first_chunk().copied().map_or(0, i64::from_be_bytes)
}

/// The commands of requests of this process that named a key and are under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashSet<Uuid>>>);

impl UnderWay {
    /// None if there is such a request already.
    fn enter(&self, command_id: Uuid) -> Option<Place> {
        self.0.lock().insert(command_id).then(|| Place { of: self.clone(), command_id })
    }
}

#[derive(Debug)]
struct Place {
    of: UnderWay,
    command_id: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.0.lock().remove(&self.command_id);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(method: &str, target: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn fingerprint(method: &str, target: &str, if_match: &'static str, body: &str) -> i64 {
        let fingerprint = Fingerprint::of_head(&parts(method, target, &[("if-match", if_match)]));
        fingerprint.add_body(body.as_bytes());
        fingerprint.0.load(Ordering::Relaxed)
    }

    #[test]
    fn should_tell_requests_apart_by_all_that_they_ask_for() {
        let all = [
            fingerprint("POST", "/projects", "", "{}"),
            fingerprint("PATCH", "/projects", "", "{}"),
            fingerprint("POST", "/projects?x", "", "{}"),
            fingerprint("POST", "/projects", "\"1\"", "{}"),
            fingerprint("POST", "/projects", "", "{ }"),
            fingerprint("POST", "/project", "s", "{}"),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:?}");
        assert_eq!(all[0], fingerprint("POST", "/projects", "", "{}"));
    }

    #[test]
    fn should_know_a_line_of_a_bulk_request_by_its_place_and_tell_it_from_others_by_what_it_says() {
        let of = |path, key| {
            let parts = parts("POST", path, &[("idempotency-key", key)]);
            BulkKey::of(&parts, Uuid::from_u128(1), &UnderWay::default()).unwrap().unwrap()
        };
        let (first, again, other) = (of("/a", "k"), of("/a", "k"), of("/b", "k"));
        assert_eq!(first.of_line(7, b"{}"), again.of_line(7, b"{}"));
        assert_ne!(first.of_line(7, b"{}").0, first.of_line(8, b"{}").0);
        assert_ne!(first.of_line(7, b"{}").0, of("/a", "l").of_line(7, b"{}").0);
        assert_ne!(first.of_line(7, b"{}").1, first.of_line(7, b"{ }").1);
        assert_ne!(first.of_line(7, b"{}").1, other.of_line(7, b"{}").1);
    }

    #[test]
    fn should_let_a_key_in_again_once_its_request_is_over() {
        let (under_way, headers) = (UnderWay::default(), [("idempotency-key", "a")]);
        let enter = |user| Key::of(&mut parts("POST", "/", &headers), Uuid::from_u128(user), &under_way);
        let first = enter(1).unwrap();
        assert_eq!(enter(1).unwrap_err().code(), "request_in_flight");
        assert!(enter(2).is_ok(), "another's key is another key");
        drop(first);
        assert!(enter(1).unwrap().is_some());
        assert!(Key::of(&mut parts("POST", "/", &[]), Uuid::nil(), &under_way).unwrap().is_none());
    }
}
