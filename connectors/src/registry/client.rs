//! The calls of Confluent's REST API that are needed, and what their failures mean.

use std::error::Error as _;

use reqwest::header::CONTENT_TYPE;
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_all_versions, get_schema_by_id, get_schema_by_subject_and_version, perform_sr_call, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{
    RawError, RegisteredSchema, SchemaType, SrCall, SuppliedSchema,
};
use serde_json::json;

use super::{RegistryConfig, RegistryError};

/// The subject does not exist.
const NO_SUBJECT: u32 = 40_401;
/// No version of the subject, or no id, is this schema.
const NO_SCHEMA: u32 = 40_403;
/// The subject has no compatibility of its own.
const NO_LEVEL: u32 = 40_408;

/// A registry's REST API.
pub(super) struct Client {
    settings: SrSettings,
    http: reqwest::Client,
    /// Without a slash at the end.
    urls: Vec<String>,
    config: RegistryConfig,
}

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// What was asked for does not exist.
    NotThere,
    /// The registry says no.
    Refused(String),
    /// There is no answer, or none that a registry gives.
    Unreachable(String),
}

/// A version of a subject.
pub(super) struct Version {
    pub(super) version: u32,
    pub(super) id: u32,
    pub(super) avsc: String,
}

impl Client {
    pub(super) fn new(config: &RegistryConfig) -> Result<Self, RegistryError> {
        let unsound = |what: String| RegistryError::Config(what);
        let mut urls = Vec::new();
        for url in config.url.split(',').map(|url| url.trim().trim_end_matches('/')) {
            let parsed = reqwest::Url::parse(url).map_err(|why| unsound(format!("`{url}` is no address: {why}")))?;
            // Such an address would be repeated in messages.
            if !parsed.username().is_empty() || parsed.password().is_some() {
                return Err(unsound("the address must not hold user or password: they have keys of their own".into()));
            }
            match parsed.scheme() {
                "http" => {}
                // Without this it would look like a registry that is away, and be waited for.
                "https" => {
                    return Err(unsound(format!(
                        "`{url}`: TLS is a proxy's business, as for the API; give its http address"
                    )));
                }
                _ => return Err(unsound(format!("`{url}` is no http address"))),
            }
            urls.push(url.to_owned());
        }
        let mut each = urls.iter().cloned();
        let mut builder = SrSettings::new_builder(each.next().unwrap_or_default());
        each.for_each(|url| {
            builder.add_url(url);
        });
        builder.set_timeout(config.timeout);
        if let Some(username) = &config.username {
            builder.set_basic_authorization(username, config.password.as_deref());
        }
        let http = reqwest::Client::builder().timeout(config.timeout);
        Ok(Self {
            settings: builder.build().map_err(|why| unsound(said(&why)))?,
            http: http.build().map_err(|why| unsound(why.to_string()))?,
            urls,
            config: config.clone(),
        })
    }

    /// The schema with this id.
    pub(super) async fn by_id(&self, id: u32) -> Result<RegisteredSchema, CallError> {
        get_schema_by_id(id, &self.settings).await.map_err(meaning)
    }

    /// The id under which a subject has exactly this schema.
    pub(super) async fn id_in(&self, subject: &str, avsc: &str) -> Result<u32, CallError> {
        let body = json!({ "schema": avsc, "schemaType": "AVRO" }).to_string();
        let found = perform_sr_call(&self.settings, SrCall::PostForVersion(subject, &body)).await.map_err(meaning)?;
        found.id.ok_or_else(|| CallError::Unreachable("it answers without an id".to_owned()))
    }

    /// The versions of a subject, the oldest first.
    pub(super) async fn versions(&self, subject: &str) -> Result<Vec<Version>, CallError> {
        let mut versions = Vec::new();
        for version in get_all_versions(&self.settings, subject.to_owned()).await.map_err(meaning)? {
            let found = get_schema_by_subject_and_version(&self.settings, subject, Some(version)).await;
            let found = found.map_err(meaning)?;
            versions.push(Version { version, id: found.id, avsc: found.schema });
        }
        Ok(versions)
    }

    /// Makes a schema a version of a subject, unless it is one; its id.
    pub(super) async fn register(&self, subject: &str, avsc: &str) -> Result<u32, CallError> {
        let schema = SuppliedSchema::new(None, SchemaType::Avro, avsc.to_owned());
        post_schema(&self.settings, subject.to_owned(), schema).await.map(|made| made.id).map_err(meaning)
    }

    /// The compatibility that a subject has of its own.
    pub(super) async fn level(&self, subject: &str) -> Result<String, CallError> {
        let body = self.config_call(reqwest::Method::GET, subject, None).await?;
        let level = body.get("compatibilityLevel").and_then(serde_json::Value::as_str);
        level.map(str::to_owned).ok_or_else(|| CallError::Unreachable("it answers without a level".to_owned()))
    }

    /// Gives a subject a compatibility of its own, whether or not it has versions yet.
    pub(super) async fn set_level(&self, subject: &str, level: &str) -> Result<(), CallError> {
        self.config_call(reqwest::Method::PUT, subject, Some(json!({ "compatibility": level }))).await.map(|_| ())
    }

    /// A call that the converter has no function for.
    async fn config_call(
        &self,
        method: reqwest::Method,
        subject: &str,
        body: Option<serde_json::Value>,
    ) -> Result<serde_json::Value, CallError> {
        let mut failure = CallError::Unreachable("there is no address".to_owned());
        for url in &self.urls {
            let mut request = self.http.request(method.clone(), format!("{url}/config/{subject}"));
            if let Some(username) = &self.config.username {
                request = request.basic_auth(username, self.config.password.as_deref());
            }
            if let Some(body) = &body {
                request = request.header(CONTENT_TYPE, "application/vnd.schemaregistry.v1+json").body(body.to_string());
            }
            match answer(request).await {
                Err(error @ CallError::Unreachable(_)) => failure = error,
                done => return done,
            }
        }
        Err(failure)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<serde_json::Value, CallError> {
    let no_answer = |why: reqwest::Error| CallError::Unreachable(with_causes(&why));
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    if status.is_success() {
        return response.json().await.map_err(no_answer);
    }
    let raw: Option<RawError> = response.json().await.ok();
    Err(refusal(Some(status.as_u16()), raw.as_ref(), format!("it answers {status}")))
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn meaning(error: SRCError) -> CallError {
    let raw = error.source().and_then(|source| source.downcast_ref::<RawError>()).filter(|raw| raw.error_code != 0);
    refusal(status_of(&error), raw, said(&error))
}

fn refusal(status: Option<u16>, raw: Option<&RawError>, said: String) -> CallError {
    match (raw.map(|raw| raw.error_code), status) {
        (Some(NO_SUBJECT | NO_SCHEMA | NO_LEVEL), _) => CallError::NotThere,
        // Who asks, or what is asked, will not do the next time either. Any other answer is that of a registry in
        // trouble, or of something in its place.
        (_, Some(401 | 403)) | (Some(_), Some(409 | 422)) => {
            CallError::Refused(raw.map_or(said, |raw| raw.message.clone()))
        }
        _ => CallError::Unreachable(raw.map_or_else(|| said.clone(), |raw| format!("{said}: {}", raw.message))),
    }
}

/// The HTTP status, which the converter tells only in its message.
fn status_of(error: &SRCError) -> Option<u16> {
    error.error.split_once("failed with status ")?.1.get(..3)?.parse().ok()
}

fn said(error: &SRCError) -> String {
    if let Some(status) = status_of(error) {
        return format!("it answers {status}");
    }
    let causes = error.source().map(with_causes);
    causes.or_else(|| error.cause.clone()).unwrap_or_else(|| error.error.clone())
}

/// An error's message and those of what caused it: "connection refused" is the last of reqwest's.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
