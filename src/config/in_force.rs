//! What is in force, and where each value comes from. Secrets are left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Environment, Source as _, Value, ValueKind};
use serde::Serialize;

use super::{Config, ConfigError, layers};

/// In the place of a secret.
const MASK: &str = "***";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "name")]
pub(crate) enum Source {
    /// Nobody has said anything.
    Default,
    File(PathBuf),
    /// This variable.
    Environment(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
        }
    }
}

/// A key, its value as text, and its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) source: Source,
}

impl Config {
    /// Everything that is in force, by key.
    pub(crate) fn in_force(&self, file: Option<&Path>) -> Result<Vec<Setting>, ConfigError> {
        self.in_force_over(file, Environment::default())
    }

    fn in_force_over(&self, file: Option<&Path>, environment: Environment) -> Result<Vec<Setting>, ConfigError> {
        let given = layers(file, environment)?.collect().map_err(|error| ConfigError(error.to_string()))?;
        let mut from_environment = BTreeMap::new();
        given.iter().for_each(|(key, value)| walk(key, value, &mut from_environment));
        let all = serde_json::to_value(self).map_err(|error| ConfigError(error.to_string()))?;
        let mut values = BTreeMap::new();
        texts("", &all, &mut values);
        let settings = values.into_iter().map(|(key, value)| {
            let source = match (from_environment.get(&key), file) {
                (None, _) => Source::Default,
                (Some(true), _) | (Some(false), None) => {
                    Source::Environment(format!("SYNCROBOARD__{}", key.to_uppercase().replacen('.', "__", depth(&key))))
                }
                (Some(false), Some(file)) => Source::File(file.to_owned()),
            };
            Setting { value: masked(&key, &value), key, source }
        });
        Ok(settings.collect())
    }
}

/// How many dots of a key separate tables: the names of librdkafka's own properties have dots too.
fn depth(key: &str) -> usize {
    if key.starts_with("kafka.properties.") { 2 } else { usize::MAX }
}

/// Keys that are given, and whether by the environment.
fn walk(key: &str, value: &Value, found: &mut BTreeMap<String, bool>) {
    if let ValueKind::Table(fields) = &value.kind {
        fields.iter().for_each(|(name, value)| walk(&format!("{key}.{name}"), value, found));
    } else {
        found.insert(key.to_owned(), value.origin() == Some("the environment"));
    }
}

fn texts(prefix: &str, value: &serde_json::Value, found: &mut BTreeMap<String, String>) {
    let text = match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                texts(&key, value, found);
            }
            return;
        }
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    found.insert(prefix.to_owned(), text);
}

/// Without what nobody else may know: passwords, keys, secrets, also those within an address.
fn masked(key: &str, value: &str) -> String {
    let is_secret = ["secret", "password", "unsubscribe_key", "token", "ssl.key", "jaas", "oauthbearer"];
    // Where a key lies is no secret.
    let is_place = key.ends_with(".location");
    if !value.is_empty() && !is_place && is_secret.iter().any(|part| key.contains(part)) {
        return MASK.to_owned();
    }
    value.split(',').map(without_password).collect::<Vec<_>>().join(",")
}

/// An address whose password, if it has one, is not shown, nor anything that it is asked with; anything else as it is.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?***"));
    // The last one: a password may have one too.
    let Some((who, place)) = rest.rsplit_once('@') else { return format!("{scheme}://{rest}{query}") };
    let user = who.split_once(':').map_or_else(|| who.to_owned(), |(user, _)| format!("{user}:{MASK}"));
    format!("{scheme}://{user}@{place}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_say_of_each_value_where_it_comes_from() {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        let text = "[api]\nlisten = \"0.0.0.0:80\"\nrate_burst = 7\n[kafka.properties]\n\"linger.ms\" = 5\n";
        std::fs::write(file.path(), text).unwrap();
        let given = [
            ("SYNCROBOARD__API__RATE_BURST", "9"),
            ("SYNCROBOARD__KAFKA__PROPERTIES__SASL.PASSWORD", "hush"),
            ("SYNCROBOARD__SCHEMA_REGISTRY__URL", "http://ana:hush@registry:8081,http://other"),
        ];
        let given: std::collections::HashMap<String, String> =
            given.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let environment = || Environment::default().source(Some(given.clone()));
        let config = Config::load_over(Some(file.path()), environment()).unwrap();
        let all = config.in_force_over(Some(file.path()), environment()).unwrap();
        let of = |key: &str| {
            let setting = all.iter().find(|setting| setting.key == key).unwrap();
            (setting.value.as_str(), setting.source.clone())
        };
        let variable = |name: &str| Source::Environment(format!("SYNCROBOARD__{name}"));
        assert_eq!(of("api.listen"), ("0.0.0.0:80", Source::File(file.path().to_owned())));
        assert_eq!(of("api.rate_burst"), ("9", variable("API__RATE_BURST")));
        assert_eq!(of("worker.threads"), ("1", Source::Default));
        assert_eq!(of("worker.state_dir"), ("", Source::Default));
        assert_eq!(of("kafka.properties.linger.ms"), ("5", Source::File(file.path().to_owned())));
        assert_eq!(of("kafka.properties.sasl.password"), ("***", variable("KAFKA__PROPERTIES__SASL.PASSWORD")));
        let registry = ("http://ana:***@registry:8081,http://other", variable("SCHEMA_REGISTRY__URL"));
        assert_eq!(of("schema_registry.url"), registry);
        assert_eq!(all.len(), super::super::KNOWN.len() + 1, "each key once, and two properties");
    }

    #[test]
    fn should_show_no_secret_wherever_it_stands() {
        let mut config = Config::default();
        let secret = || "hush".to_owned();
        (config.api.secret, config.mail.unsubscribe_key, config.schema_registry.password) =
            (secret(), secret(), secret());
        for url in [
            &mut config.redis.url,
            &mut config.mail.url,
            &mut config.postgres.url,
            &mut config.postgres.read_url,
            &mut config.postgres.migrate_url,
            &mut config.schema_registry.url,
        ] {
            "scheme://me:hu@sh@host/name?password=hush".clone_into(url);
        }
        for name in
            ["sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "sasl.jaas.config"]
        {
            config.kafka.properties.insert(name.to_owned(), secret());
        }
        config.kafka.properties.insert("ssl.key.location".to_owned(), "/etc/key.pem".to_owned());
        let all =
            config.in_force_over(None, Environment::default().source(Some(std::collections::HashMap::new()))).unwrap();
        for setting in &all {
            assert!(!setting.value.contains("hu"), "{setting:?}");
        }
        let shown = |key: &str| all.iter().find(|setting| setting.key == key).unwrap().value.clone();
        assert_eq!(shown("postgres.url"), "scheme://me:***@host/name?***");
        assert_eq!(shown("kafka.properties.ssl.key.location"), "/etc/key.pem");
    }
}
