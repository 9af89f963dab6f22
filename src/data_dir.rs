//! What lies where in a data directory, and the secret that tokens are signed with.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use api::auth::Secret;

use crate::config::Config;

/// A data directory; only the server holds its lock, which is that of the log.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Topics of the embedded broker.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// State stores.
    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// What each worker on Apache Kafka keeps.
    pub(crate) fn workers(&self) -> PathBuf {
        self.0.join("workers")
    }

    /// By what the sinks on this host are told apart.
    pub(crate) fn sinks(&self) -> PathBuf {
        self.0.join("sinks")
    }

    /// Mails that `dev` has written, where there is no mail server.
    pub(crate) fn mails(&self) -> PathBuf {
        self.0.join("mails")
    }

    /// What each mailer on Apache Kafka keeps.
    pub(crate) fn mailers(&self) -> PathBuf {
        self.0.join("mailers")
    }

    /// What each deliverer of webhooks on Apache Kafka keeps.
    pub(crate) fn webhooks(&self) -> PathBuf {
        self.0.join("webhooks")
    }

    /// The read model.
    pub(crate) fn read_model(&self) -> PathBuf {
        self.0.join("read-model.sqlite")
    }

    /// What stands in no log: webhooks and their secrets.
    pub(crate) fn accounts(&self) -> PathBuf {
        self.0.join("accounts.db")
    }

    /// The secret that is configured, or the one that lies here.
    pub(crate) fn secret_of(&self, config: &Config) -> anyhow::Result<Secret> {
        match config.api.secret.trim() {
            "" => self.secret(),
            given => Secret::from_hex(given).context("api.secret"),
        }
    }

    /// The secret, made when it is first asked for, by whoever comes first.
    pub(crate) fn secret(&self) -> anyhow::Result<Secret> {
        let path = self.secret_path();
        fs::create_dir_all(&self.0).with_context(|| format!("cannot make {}", self.0.display()))?;
        if let Some(secret) = self.existing_secret()? {
            return Ok(secret);
        }
        // Written whole under another name and then linked, so that no one ever reads half of it.
        let secret = Secret::generate()?;
        let draft = self.0.join(format!("secret.{}", std::process::id()));
        let failed = || format!("cannot write {}", draft.display());
        let mut file = private_file(&draft).with_context(failed)?;
        file.write_all(secret.to_hex().as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
        let linked = fs::hard_link(&draft, &path);
        fs::remove_file(&draft).with_context(failed)?;
        match linked {
            Ok(()) => Ok(secret),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.existing_secret()?.context("the secret was made and removed again")
            }
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }

    /// The secret, if it was made already.
    pub(crate) fn existing_secret(&self) -> anyhow::Result<Option<Secret>> {
        let path = self.secret_path();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Secret::from_hex(text.trim()).with_context(|| path.display().to_string())?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn secret_path(&self) -> PathBuf {
        self.0.join("secret")
    }
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).open(path)
}
