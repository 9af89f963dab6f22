//! Questions to a running server.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::exit::Failed;

/// Sends a request without a body as whoever the token stands for, and reads the answer.
pub(crate) fn ask<T: DeserializeOwned>(
    method: Method,
    server: &str,
    path: &str,
    token: Option<String>,
    timeout: Duration,
) -> Result<T, Failed> {
    let token = token.ok_or_else(|| Failed::usage("no token: give --token or SYNCROBOARD_TOKEN"))?;
    let url = format!("{}{path}", server.trim_end_matches('/'));
    let client = reqwest::blocking::Client::builder().timeout(timeout).build()?;
    let response =
        client.request(method, &url).bearer_auth(token).send().with_context(|| format!("cannot reach {url}"))?;
    let status = response.status();
    let text = response.text()?;
    if !status.is_success() {
        return Err(Failed::missing(format!("{url} answers {status}: {text}")));
    }
    Ok(serde_json::from_str(&text).context("the server's answer")?)
}
