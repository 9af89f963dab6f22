//! What links to unsubscribe are signed with. Whoever mails and whoever serves the links must come to the same key.

use anyhow::Context as _;
use api::auth::Secret;
use connectors::mail::unsubscribe;

use crate::config::Config;

/// The key of a process that has a secret, configured or of its data directory.
pub(crate) fn of(config: &Config, secret: &Secret) -> anyhow::Result<Vec<u8>> {
    Ok(own(config)?.unwrap_or_else(|| derived(secret)))
}

/// The key of a process that has no data directory in common with those that serve the links: only what is configured.
pub(crate) fn configured(config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(key) = own(config)? {
        return Ok(Some(key));
    }
    match config.api.secret.trim() {
        "" => Ok(None),
        given => Ok(Some(derived(&Secret::from_hex(given).context("api.secret")?))),
    }
}

fn own(config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    match config.mail.unsubscribe_key.trim() {
        "" => Ok(None),
        given => Ok(Some(derived(&Secret::from_hex(given).context("mail.unsubscribe_key")?))),
    }
}

/// Either is taken in the same way: a secret that is replaced can go on as the key, and links in old mails go on too.
fn derived(secret: &Secret) -> Vec<u8> {
    unsubscribe::derived_key(secret.to_hex().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(key: &str, secret: &str) -> Config {
        let mut config = Config::default();
        key.clone_into(&mut config.mail.unsubscribe_key);
        secret.clone_into(&mut config.api.secret);
        config
    }

    #[test]
    fn should_come_to_the_same_key_with_and_without_a_data_directory() {
        let (ours, others) = ("ab".repeat(32), "cd".repeat(32));
        let secret = Secret::from_hex(&ours).unwrap();
        let key = of(&config("", ""), &secret).unwrap();
        assert_eq!(configured(&config("", &ours)).unwrap(), Some(key.clone()));
        assert_eq!(configured(&config(&ours.to_uppercase(), &others)).unwrap(), Some(key.clone()), "the old secret");
        assert_eq!(of(&config(&ours, &others), &Secret::from_hex(&others).unwrap()).unwrap(), key);
        assert_ne!(of(&config(&others, &ours), &secret).unwrap(), key);
        assert_eq!(configured(&config("", "")).unwrap(), None);
    }

    #[test]
    fn should_name_the_key_that_is_too_short() {
        let error = format!("{:#}", configured(&config("abcd", "")).unwrap_err());
        assert!(error.starts_with("mail.unsubscribe_key: ") && error.contains("at least 32"), "{error}");
        let error = format!("{:#}", configured(&config("", "xyz")).unwrap_err());
        assert!(error.starts_with("api.secret: "), "{error}");
    }
}
