//! What can be configured of webhooks.

use connectors::webhook::Policy;
use serde::{Deserialize, Serialize};

/// Webhooks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Webhooks {
    /// Hosts that webhooks may be at, or `*.host` for all below one, with commas between; empty: every public one.
    #[serde(deserialize_with = "listed")]
    pub(crate) allowed_hosts: Vec<String>,
    /// Whether they may be at addresses that are not on the public internet.
    pub(crate) allow_private: bool,
    /// Whether they may be at `http` addresses too.
    pub(crate) allow_http: bool,
}

impl Webhooks {
    pub(crate) fn policy(&self) -> Policy {
        let Self { allowed_hosts, allow_private, allow_http } = self.clone();
        Policy { allowed_hosts, allow_private, allow_http }
    }
}

/// A list, or a text with commas between, as the environment has it.
fn listed<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Given::deserialize(given)? {
        Given::List(list) => list,
        Given::Text(text) => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_take_hosts_as_a_list_and_as_a_text() {
        for given in
            [serde_json::json!(["a.example.org", "b.example.org"]), serde_json::json!(" a.example.org,b.example.org, ")]
        {
            let config: Webhooks = serde_json::from_value(serde_json::json!({ "allowed_hosts": given })).unwrap();
            assert_eq!(config.policy().allowed_hosts, ["a.example.org", "b.example.org"]);
        }
        let empty: Webhooks = serde_json::from_value(serde_json::json!({ "allowed_hosts": "" })).unwrap();
        assert!(empty.allowed_hosts.is_empty());
    }
}
