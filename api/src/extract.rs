//! Extractors whose refusals are problems: JSON bodies, query parameters, and what a write says in its headers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_TYPE, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use connectors::read_model::Words;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use topology::trace::Trace;
use uuid::Uuid;

use crate::auth::{Caller, Identity};
use crate::etag;
use crate::fields::{FieldError, Fields, parse_time};
use crate::idempotency::{Fingerprint, Key};
use crate::native::{Envelope, hyphenated};
use crate::prefer::{Applied, Preferences};
use crate::problem::Problem;
use crate::state::AppState;
use crate::version;

/// Header of the consistency token, `<project id>:<sequence>`: writes answer with it, and a read that sends it back
/// waits until the read model has got that far.
pub(crate) const SEQUENCE_HEADER: &str = "syncroboard-sequence";

/// The most characters of a text to look for.
const MAX_SEARCH_CHARS: usize = 200;

/// What stands in the braces of a route's path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        let axum::extract::Path(path) =
            read.map_err(|_| Problem::bad_request("path_invalid", "the path must be percent-encoded UTF-8"))?;
        Ok(Self(path))
    }
}

/// A JSON object in the body; an empty body is an empty object.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Fields);

impl FromRequest<AppState> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let fingerprint = request.extensions().get::<Fingerprint>().cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(state.limits().body_bytes),
            _ => Problem::bad_request("body_unreadable", "the body could not be read to its end"),
        })?;
        if let Some(fingerprint) = fingerprint {
            fingerprint.add_body(&bytes);
        }
        if bytes.is_empty() {
            return Ok(Self(Fields::new(Map::new())));
        }
        if !json {
            return Err(Problem::media_type("send `Content-Type: application/json`"));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Ok(Self(Fields::new(object))),
            Ok(_) => Err(Problem::bad_request("json_invalid", "the body must be a JSON object")),
            Err(error) => Err(Problem::bad_request("json_invalid", format!("the body is not JSON: {error}"))),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    version::is_understood(&essence)
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.code, "The request is not valid")
            .field(error.field)
            .detail(error.detail)
    }
}

/// Query parameters, each to be taken by name; what is left over is refused.
#[derive(Debug)]
pub(crate) struct Params {
    left: BTreeMap<String, String>,
    asked: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::bad_request("query_invalid", "the query string cannot be read"))?;
        // PostgreSQL has no such text, so nothing can be found by it.
        if let Some((name, _)) = pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
            let name = name.replace('\0', "\u{fffd}");
            return Err(Problem::bad_request("query_invalid", format!("`{name}` has a NUL character")).field(name));
        }
        Ok(Self { left: pairs.into_iter().collect(), asked: Vec::new() })
    }
}

impl Params {
    /// The parameter, if it is there and not empty.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<String> {
        self.asked.push(name);
        self.left.remove(name).filter(|value| !value.is_empty())
    }

    /// `limit`, from 1 to `max`.
    pub(crate) fn limit(&mut self, default: u32, max: u32) -> Result<u32, Problem> {
        let Some(text) = self.take("limit") else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
        limit.ok_or_else(|| {
            Problem::bad_request("query_invalid", format!("`limit` must be a number from 1 to {max}")).field("limit")
        })
    }

    /// `true` or `false`; not there: false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                Err(Problem::bad_request("query_invalid", format!("`{name}` must be true or false")).field(name))
            }
        }
    }

    /// A time: RFC 3339, a plain date (its first moment, UTC), or milliseconds since 1970-01-01T00:00Z.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let time = text.parse().ok().or_else(|| parse_time(&text));
        time.map(Some).ok_or_else(|| {
            let detail = format!("`{name}` must be a time such as 2026-01-31T12:00:00Z, or a date");
            Problem::bad_request("query_invalid", detail).field(name)
        })
    }

    /// One of these words, if it is there.
    pub(crate) fn one_of(&mut self, name: &'static str, words: &[&str]) -> Result<Option<String>, Problem> {
        let given = self.take(name);
        if given.as_deref().is_some_and(|given| !words.contains(&given)) {
            let detail = format!("`{name}` must be one of {}", words.join(", "));
            return Err(Problem::bad_request("query_invalid", detail).field(name));
        }
        Ok(given)
    }

    /// `text`: words to look for, if it is there.
    pub(crate) fn words(&mut self) -> Result<Option<Words>, Problem> {
        let Some(text) = self.take("text") else { return Ok(None) };
        let words = Words::parse(&text).filter(|_| text.chars().count() <= MAX_SEARCH_CHARS);
        words.map(Some).ok_or_else(|| {
            let detail = format!("`text` must have a word in it, and {MAX_SEARCH_CHARS} characters at the most");
            Problem::bad_request("query_invalid", detail).field("text")
        })
    }

    /// `cursor`, as read by `parse`.
    pub(crate) fn cursor<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.take("cursor") else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| {
            Problem::bad_request("cursor_invalid", "`cursor` must be a `nextCursor` of the same list").field("cursor")
        })
    }

    /// Refuses parameters that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let Some(unknown) = self.left.keys().find(|name| !self.asked.contains(&name.as_str())) else { return Ok(()) };
        let shown: String = unknown.chars().take(60).collect();
        let detail = format!("`{shown}` is not known here; known are {}", self.asked.join(", "));
        Err(Problem::bad_request("query_unknown", detail).field(shown))
    }
}

/// Who reads, and how far the read model must be.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) identity: Arc<Identity>,
    /// Project and sequence.
    pub(crate) at_least: Option<(Uuid, i64)>,
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Caller(identity) = Caller::from_request_parts(parts, state).await?;
        let at_least = match parts.headers.get(SEQUENCE_HEADER) {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(parse_sequence).ok_or_else(|| {
                Problem::bad_request("header_invalid", format!("`{SEQUENCE_HEADER}` must be <project id>:<sequence>"))
            })?),
        };
        Ok(Self { identity, at_least })
    }
}

fn parse_sequence(text: &str) -> Option<(Uuid, i64)> {
    let (project, sequence) = text.split_once(':')?;
    Some((hyphenated(project)?, sequence.parse().ok().filter(|&sequence| sequence >= 0)?))
}

/// Who writes, under which command id, and how long they wait.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) identity: Arc<Identity>,
    pub(crate) command_id: Uuid,
    /// What the command id was made of, if the request named an `Idempotency-Key`.
    pub(crate) key: Option<Key>,
    pub(crate) correlation_id: Uuid,
    pub(crate) traceparent: Option<String>,
    /// Where the request stands in its trace.
    pub(crate) trace: Trace,
    pub(crate) if_match: Option<IfMatch>,
    pub(crate) preferences: Preferences,
    /// Told of the preferences once they are followed.
    pub(crate) applied: Option<Applied>,
    pub(crate) deadline: Instant,
}

impl FromRequestParts<AppState> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Caller(identity) = Caller::from_request_parts(parts, state).await?;
        let key = Key::of(parts, identity.user_id, state.under_way())?;
        let headers = &parts.headers;
        let command_id = key.as_ref().map_or_else(Uuid::new_v4, |key| key.command_id);
        let most = state.limits().outcome_wait;
        let preferences = Preferences::of(headers, most);
        Ok(Self {
            correlation_id: text(headers, "x-request-id").and_then(hyphenated).unwrap_or(command_id),
            traceparent: text(headers, "traceparent").filter(|value| value.len() <= 128).map(str::to_owned),
            trace: parts.extensions.get().cloned().unwrap_or_default(),
            if_match: if_match(headers)?,
            deadline: Instant::now() + preferences.wait.unwrap_or(most),
            preferences,
            applied: parts.extensions.get().cloned(),
            identity,
            command_id,
            key,
        })
    }
}

impl Writer {
    /// The envelope of the command that this request issues.
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope {
            command_id: self.command_id,
            actor_id: self.identity.user_id,
            actor_admin: self.identity.admin,
            issued_at: now_ms(),
            correlation_id: self.correlation_id,
            traceparent: self.traceparent.clone(),
            // A tag of something else is that of no version and of no workflow.
            expected_version: self.if_match.and_then(|expected| match expected {
                IfMatch::Any => None,
                IfMatch::Version(version) => Some(version),
                IfMatch::Workflow(_) => Some(0),
            }),
            expected_workflow: self.if_match.and_then(|expected| match expected {
                IfMatch::Any => None,
                IfMatch::Workflow(digest) => Some(digest),
                IfMatch::Version(_) => Some(Uuid::nil()),
            }),
        }
    }
}

/// What `If-Match` says that there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`, which asks for nothing that the command does not ask for itself.
    Any,
    /// A ticket of this version: `"7"`, or a whole `ETag`, of which the version counts.
    Version(i64),
    /// The workflow with this digest.
    Workflow(Uuid),
}

fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Problem> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let value = text(headers, IF_MATCH.as_str()).unwrap_or_default().trim();
    if value == "*" {
        return Ok(Some(IfMatch::Any));
    }
    let workflow = || value.strip_prefix('"')?.strip_suffix('"').and_then(hyphenated).map(IfMatch::Workflow);
    etag::version(value).map(IfMatch::Version).or_else(workflow).map(Some).ok_or_else(|| {
        Problem::bad_request("header_invalid", "`If-Match` must be one ETag, such as that of a ticket, \"7\", or *")
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Milliseconds since 1970-01-01T00:00Z.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
