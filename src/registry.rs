//! Which schema registry a part speaks to: the one at `schema_registry.url`, or the one in the code.

use std::sync::Arc;

use connectors::registry::{ConfluentRegistry, RegistryConfig};
use schemas::{EmbeddedRegistry, SchemaRegistry};

use crate::config::Config;

/// The registry in the code.
pub(crate) fn embedded() -> Arc<dyn SchemaRegistry> {
    Arc::new(EmbeddedRegistry)
}

/// The configured registry, with the schemas of this build registered and checked. As long as it cannot be reached this
/// waits, says so in the log, and tells `waiting` why; drop the future to give up.
///
/// Refused: starting without it. What is written must carry its ids, and the ids in the code mean other schemas there.
pub(crate) async fn open(config: &Config, waiting: impl Fn(&str)) -> anyhow::Result<Arc<dyn SchemaRegistry>> {
    let Some(given) = configured(config) else { return Ok(embedded()) };
    let mut failures = 0_u32;
    let opened = ConfluentRegistry::connect(&given, |error| {
        failures += 1;
        // At once, and then ever less often.
        if failures.is_power_of_two() {
            tracing::warn!(url = given.url, failures, "nothing starts before the schema registry answers: {error}");
        }
        waiting(&error.to_string());
    });
    let registry = opened.await?;
    tracing::info!(url = given.url, "the schemas are registered");
    Ok(registry)
}

/// As [`open`], for tools: a registry that cannot be reached is an error at once.
pub(crate) fn open_now(config: &Config) -> anyhow::Result<Arc<dyn SchemaRegistry>> {
    let Some(given) = configured(config) else { return Ok(embedded()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(ConfluentRegistry::connect_once(&given))?)
}

fn configured(config: &Config) -> Option<RegistryConfig> {
    let given = &config.schema_registry;
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let mut registry = RegistryConfig::new(filled(&given.url)?);
    registry.username = filled(&given.username);
    registry.password = filled(&given.password);
    registry.auto_register = given.auto_register;
    Some(registry)
}
