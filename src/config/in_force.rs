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
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect::<Vec<_>>();
        self.in_force_over(file, Environment::default(), &names)
    }

    /// `names` are those of the environment's variables.
    fn in_force_over(
        &self,
        file: Option<&Path>,
        environment: Environment,
        names: &[String],
    ) -> Result<Vec<Setting>, ConfigError> {
        let given = layers(file, environment)?.collect().map_err(|error| ConfigError(error.to_string()))?;
        let mut from_environment = BTreeMap::new();
        given.iter().for_each(|(key, value)| walk(key, value, &mut from_environment));
        let all = serde_json::to_value(self).map_err(|error| ConfigError(error.to_string()))?;
        let mut values = BTreeMap::new();
        texts("", &all, &mut values);
        let settings = values.into_iter().map(|(key, value)| {
            let source = match (from_environment.get(&key), file) {
                (None, _) => Source::Default,
                (Some(true), _) | (Some(false), None) => Source::Environment(variable(&key, names)),
                (Some(false), Some(file)) => Source::File(file.to_owned()),
            };
            Setting { value: masked(&key, &value), key, source }
        });
        Ok(settings.collect())
    }
}

/// The variable that sets a key, as it is written.
fn variable(key: &str, names: &[String]) -> String {
    let sets = |name: &&String| {
        let name = name.to_lowercase();
        name.strip_prefix("syncroboard__").is_some_and(|name| name.replace("__", ".") == key)
    };
    names
        .iter()
        .find(sets)
        .cloned()
        .unwrap_or_else(|| format!("SYNCROBOARD__{}", key.to_uppercase().replace('.', "__")))
}

/// Keys that are given, and whether by the environment.
fn walk(key: &str, value: &Value, found: &mut BTreeMap<String, bool>) {
    if let ValueKind::Table(fields) = &value.kind {
        fields.iter().for_each(|(name, value)| walk(&format!("{key}.{name}"), value, found));
    } else {
        // A property with dots can stand in both, once as a key and once as tables, in any order; the environment wins.
        *found.entry(key.to_owned()).or_default() |= value.origin() == Some("the environment");
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
    let mut addresses: Vec<String> = Vec::new();
    for part in value.split(',') {
        match addresses.last_mut() {
            // No address begins here: the comma is part of one, maybe of its password.
            Some(address) if !part.contains("://") => *address = format!("{address},{part}"),
            _ => addresses.push(part.to_owned()),
        }
    }
    addresses.iter().map(|address| without_password(address)).collect::<Vec<_>>().join(",")
}

/// An address whose password, if it has one, is not shown, nor anything that it is asked with; anything else as it is.
fn without_password(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if text.contains('@') && text.contains(':') => (String::new(), text),
        None => return text.to_owned(),
    };
    // The last one: a password may have one too, and a question mark.
    let (who, place) = rest.rsplit_once('@').map_or((None, rest), |(who, place)| (Some(who), place));
    let place = place.split_once(['?', '#']).map_or_else(|| place.to_owned(), |(place, _)| format!("{place}?{MASK}"));
    let Some(who) = who else { return format!("{scheme}{place}") };
    // Alone it may be a token.
    let user = who.split_once(':').map_or("", |(user, _)| user);
    // So the last one was not that of the user.
    let user = if user.contains(['/', '?', '#']) { "" } else { user };
    if user.is_empty() { format!("{scheme}{MASK}@{place}") } else { format!("{scheme}{user}:{MASK}@{place}") }
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
        let names: Vec<String> = given.keys().cloned().collect();
        let environment = || Environment::default().source(Some(given.clone()));
        let config = Config::load_over(Some(file.path()), environment()).unwrap();
        let all = config.in_force_over(Some(file.path()), environment(), &names).unwrap();
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
        let all = config
            .in_force_over(None, Environment::default().source(Some(std::collections::HashMap::new())), &[])
            .unwrap();
        for setting in &all {
            assert!(!setting.value.contains("hu"), "{setting:?}");
        }
        let shown = |key: &str| all.iter().find(|setting| setting.key == key).unwrap().value.clone();
        assert_eq!(shown("postgres.url"), "scheme://me:***@host/name?***");
        assert_eq!(shown("kafka.properties.ssl.key.location"), "/etc/key.pem");
    }

    #[test]
    fn should_show_no_password_however_odd_the_address() {
        for (given, shown) in [
            ("postgres://ana:hu,sh@db/board", "postgres://ana:***@db/board"),
            ("postgres://ana:hu?sh@db/board", "postgres://ana:***@db/board"),
            ("redis://:hush@r:6379", "redis://***@r:6379"),
            ("redis://hush@r:6379", "redis://***@r:6379"),
            ("ana:hush@r:6379", "ana:***@r:6379"),
            ("http://c/v1?key=hush&by=a@b", "http://***@b"),
            ("http://c/v1#hush", "http://c/v1?***"),
            ("http://ana:hush@a:1,http://ana:hu,sh@b:2", "http://ana:***@a:1,http://ana:***@b:2"),
            ("https://a.example,https://b.example", "https://a.example,https://b.example"),
            ("one:9092,two:9092", "one:9092,two:9092"),
            ("*.example.org,hooks.example.net", "*.example.org,hooks.example.net"),
        ] {
            assert_eq!(masked("postgres.url", given), shown);
        }
    }

    #[test]
    fn should_say_that_a_property_comes_from_the_environment_where_the_file_has_it_too() {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), "[kafka.properties]\n\"sasl.username\" = \"file\"\n").unwrap();
        let name = "SYNCROBOARD__KAFKA__PROPERTIES__SASL.USERNAME";
        let given: std::collections::HashMap<String, String> = [(name.to_owned(), "ana".to_owned())].into();
        let names = [name.to_owned()];
        // The two have no order, so once might be luck.
        for _ in 0..50 {
            let environment = || Environment::default().source(Some(given.clone()));
            let config = Config::load_over(Some(file.path()), environment()).unwrap();
            let all = config.in_force_over(Some(file.path()), environment(), &names).unwrap();
            let setting = all.iter().find(|setting| setting.key == "kafka.properties.sasl.username").unwrap();
            assert_eq!((setting.value.as_str(), &setting.source), ("ana", &Source::Environment(name.to_owned())));
        }
    }
}
