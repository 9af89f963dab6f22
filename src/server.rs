//! A running server, and how it is asked on the command line.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use reqwest::blocking::{Body, Client, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Config;
use crate::exit::Failed;
use crate::print::one_line;
use crate::token;

/// How long the server may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a server is, and who asks.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the server listens.
    #[arg(long, global = true, value_name = "URL", env = "SYNCROBOARD_URL", default_value = "http://127.0.0.1:8080")]
    server: String,

    /// Token of who asks [default: an administrator's, made from the data directory].
    #[arg(long, global = true, value_name = "T", env = "SYNCROBOARD_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A server that can be asked.
pub(crate) struct Server {
    http: Client,
    base: String,
    token: String,
}

/// What a problem says of itself (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
}

impl ServerArgs {
    pub(crate) fn open(&self, config: &Config) -> Result<Server, Failed> {
        Server::open(&self.server, self.token.clone(), config)
    }
}

impl Server {
    /// The server at this address, for whoever the token stands for; without one for an administrator, where the data directory is at hand.
    pub(crate) fn open(base: &str, token: Option<String>, config: &Config) -> Result<Self, Failed> {
        let token = token.or_else(|| token::local_admin(config));
        let token = token.ok_or_else(|| Failed::usage("no token: give --token or SYNCROBOARD_TOKEN"))?;
        // A question has a time limit of its own; lines of a bulk request come as long as they come.
        let http = Client::builder().no_proxy().connect_timeout(PATIENCE).timeout(None).build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token })
    }

    /// What stands at this path.
    pub(crate) fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failed> {
        // An address cannot have them as parts of its path.
        if let Some(part) = path.iter().find(|part| [".", "..", ""].contains(*part)) {
            return Err(Failed::usage(format!("`{part}` is no name of anything")));
        }
        let mut url = reqwest::Url::parse(&self.base).with_context(|| format!("--server {}", self.base))?;
        url.path_segments_mut()
            .map_err(|()| Failed::usage(format!("--server {}: no address", self.base)))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.get(url.clone()).bearer_auth(&self.token).timeout(PATIENCE);
        let response = request.send().with_context(|| format!("cannot reach {url}"))?;
        Ok(refused(response)?.json().context("the server's answer")?)
    }

    /// Has something done that needs nothing but its path.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<T, Failed> {
        let url = format!("{}{path}", self.base);
        let request = self.http.post(&url).bearer_auth(&self.token).timeout(timeout);
        let response = request.send().with_context(|| format!("cannot reach {url}"))?;
        Ok(refused(response)?.json().context("the server's answer")?)
    }

    /// Sends lines, and hands on each line of the answer as it comes, until `told` has enough.
    pub(crate) fn pour(
        &self,
        path: &str,
        key: Option<&str>,
        lines: Body,
        mut told: impl FnMut(&str) -> Result<bool, Failed>,
    ) -> Result<(), Failed> {
        let url = format!("{}{path}", self.base);
        let request = self.http.post(&url).bearer_auth(&self.token).header("content-type", "application/x-ndjson");
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let response = request.body(lines).send().with_context(|| format!("cannot reach {url}"))?;
        for line in BufReader::new(refused(response)?).lines() {
            if !told(&line.context("the server's answer was cut off")?)? {
                break;
            }
        }
        Ok(())
    }
}

/// An answer that is none, in words.
fn refused(response: Response) -> Result<Response, Failed> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().unwrap_or_default();
    let problem: Problem = serde_json::from_str(&text).unwrap_or_default();
    let said = match problem {
        Problem { title, .. } if title.is_empty() => text.chars().take(200).collect(),
        Problem { title, detail, code } if detail.is_empty() => format!("{title} ({code})"),
        Problem { title, detail, code } => format!("{title}: {detail} ({code})"),
    };
    Err(Failed::missing(format!("the server answers {}: {}", status.as_u16(), one_line(&said))))
}
