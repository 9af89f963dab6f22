//! At the start: every schema of this build that others meet is a version of its subject, its subject lets only
//! compatible versions in, and its id is known.
//!
//! Each step can be done again, and several processes can do it at once: a registry answers the same id for the same
//! schema. So whoever dies half-way leaves nothing that the next start does not find.

use schemas::compatibility::{check_readable, difference};
use schemas::subjects::{COMPATIBILITY, Subject, subjects};
use schemas::{WriterSchema, registry};

use super::client::{CallError, Client, Version};
use super::{RegistryConfig, RegistryError};

/// The schemas of this build with the registry's ids.
pub(super) struct OwnSchemas {
    pub(super) writers: Vec<WriterSchema>,
    /// The registry's id by the id in the code.
    pub(super) wire_ids: Vec<u32>,
}

/// Registers and checks all.
pub(super) async fn register(client: &Client, config: &RegistryConfig) -> Result<OwnSchemas, RegistryError> {
    let highest = registry::all().iter().map(|schema| schema.id()).max().unwrap_or_default();
    let mut own = OwnSchemas { writers: Vec::new(), wire_ids: (0..=highest).collect() };
    for subject in subjects() {
        let id = if config.auto_register {
            let id = make_known(client, &subject).await?;
            ensure_level(client, &subject).await?;
            id
        } else {
            find(client, &subject).await?
        };
        let writer =
            WriterSchema::parse(id, subject.schema.avsc()).map_err(|error| refused(&subject, error.to_string()))?;
        own.writers.push(writer);
        own.wire_ids[subject.schema.id() as usize] = id;
    }
    Ok(own)
}

/// The schema's id, after registering it if need be.
async fn make_known(client: &Client, subject: &Subject) -> Result<u32, RegistryError> {
    let (name, avsc) = (subject.name(), subject.schema.avsc());
    match client.id_in(&name, avsc).await {
        Ok(id) => return Ok(id),
        Err(CallError::NotThere) => {}
        Err(error) => return Err(failed(subject, error)),
    }
    for version in existing(client, subject).await? {
        check_readable(&version.avsc, avsc).map_err(|error| incompatible(subject, &version, &error.to_string()))?;
    }
    // From now on the registry itself keeps out what another process may register between this check and our version.
    ensure_level(client, subject).await?;
    match client.register(&name, avsc).await {
        Ok(id) => {
            tracing::info!(subject = name, id, "schema registered");
            Ok(id)
        }
        // Another process that starts now may have been quicker: of two, Apicurio refuses one.
        Err(error) => client.id_in(&name, avsc).await.map_err(|_| failed(subject, error)),
    }
}

/// The schema's id, if some version of the subject is this schema, however it is laid out.
async fn find(client: &Client, subject: &Subject) -> Result<u32, RegistryError> {
    let (name, avsc) = (subject.name(), subject.schema.avsc());
    match client.id_in(&name, avsc).await {
        Ok(id) => return Ok(id),
        Err(CallError::NotThere) => {}
        Err(error) => return Err(failed(subject, error)),
    }
    let mut latest = "it has no version".to_owned();
    for version in existing(client, subject).await? {
        match difference(&version.avsc, avsc) {
            Ok(None) => return Ok(version.id),
            Ok(Some(what)) => latest = format!("version {} differs: {what}", version.version),
            Err(error) => latest = format!("version {}: {error}", version.version),
        }
    }
    Err(RegistryError::NotRegistered { subject: name, reason: latest })
}

async fn existing(client: &Client, subject: &Subject) -> Result<Vec<Version>, RegistryError> {
    match client.versions(&subject.name()).await {
        Err(CallError::NotThere) => Ok(Vec::new()),
        answer => answer.map_err(|error| failed(subject, error)),
    }
}

/// A registry's own default may check nothing, as Apicurio's does, or only one direction.
async fn ensure_level(client: &Client, subject: &Subject) -> Result<(), RegistryError> {
    let name = subject.name();
    let right = |level: &Result<String, CallError>| level.as_ref().is_ok_and(|level| level == COMPATIBILITY);
    match client.level(&name).await {
        level if right(&level) => return Ok(()),
        Ok(_) | Err(CallError::NotThere) => {}
        Err(error) => return Err(failed(subject, error)),
    }
    match client.set_level(&name, COMPATIBILITY).await {
        // As above: another may have been quicker.
        Err(_) if right(&client.level(&name).await) => Ok(()),
        done => done.map_err(|error| failed(subject, error)),
    }
}

fn failed(subject: &Subject, error: CallError) -> RegistryError {
    match error {
        CallError::Unreachable(why) => RegistryError::Unreachable(why),
        CallError::Refused(reason) => refused(subject, reason),
        CallError::NotThere => RegistryError::Unreachable(format!("{} has come and gone", subject.name())),
    }
}

fn refused(subject: &Subject, reason: String) -> RegistryError {
    RegistryError::Refused { subject: subject.name(), reason }
}

fn incompatible(subject: &Subject, version: &Version, reason: &str) -> RegistryError {
    let what = difference(&version.avsc, subject.schema.avsc()).ok().flatten();
    let reason = what.map_or_else(|| reason.to_owned(), |what| format!("{what} ({reason})"));
    RegistryError::Incompatible { subject: subject.name(), version: version.version, reason }
}
