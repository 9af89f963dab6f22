//! A schema registry with Confluent's REST API, such as Confluent's own or Apicurio's.
//!
//! [`ConfluentRegistry::connect`] registers and checks the schemas of this build, so that their ids are known before
//! anything is written; from then on writing costs an index into a table. Reading takes what is known without a lock.
//! An id that is not known yet is asked for on a thread of the registry's own, once, and kept for ever, since a registry
//! never gives an id a second meaning; meanwhile the answer is "not yet", and only the partition whose record needs it
//! waits.
//!
//! | module | what |
//! |---|---|
//! | `client` | the calls, and what their failures mean |
//! | `start` | registering and checking at the start |
//! | `lookups` | asking for ids while records wait |
//! | `known` | what is known, for ever |

mod client;
mod config;
mod error;
mod known;
mod lookups;
mod start;

use std::sync::Arc;
use std::time::Duration;

use schemas::{Lookup, SchemaRegistry};

pub use self::config::RegistryConfig;
pub use self::error::RegistryError;

use self::client::Client;
use self::known::Known;
use self::lookups::Lookups;
use self::start::OwnSchemas;

/// First pause between two attempts to reach a registry; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between two attempts to reach a registry.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A schema registry reached by Confluent's REST API.
pub struct ConfluentRegistry {
    known: Arc<Known>,
    /// The registry's id for each id in the code; those that others never meet stand for themselves.
    wire_ids: Vec<u32>,
    lookups: Lookups,
}

impl ConfluentRegistry {
    /// Registers and checks the schemas of this build. As long as the registry cannot be reached, tells `waiting` why and
    /// tries again, for ever; to give up, drop the future. What was registered by then is found again the next time.
    ///
    /// # Errors
    /// The configuration is unsound, or the registry refuses a schema or who asks.
    pub async fn connect(
        config: &RegistryConfig,
        mut waiting: impl FnMut(&RegistryError),
    ) -> Result<Arc<Self>, RegistryError> {
        let mut failures = 0;
        loop {
            match Self::connect_once(config).await {
                Err(error) if error.is_transient() => {
                    waiting(&error);
                    tokio::time::sleep(pause(failures)).await;
                    failures += 1;
                }
                done => return done,
            }
        }
    }

    /// As [`Self::connect`], but does not wait for a registry that cannot be reached.
    ///
    /// # Errors
    /// As [`Self::connect`], and [`RegistryError::Unreachable`].
    pub async fn connect_once(config: &RegistryConfig) -> Result<Arc<Self>, RegistryError> {
        let OwnSchemas { writers, wire_ids } = start::register(&Client::new(config)?, config).await?;
        let known = Arc::new(Known::default());
        for writer in writers {
            known.add(writer.id(), Ok(writer));
        }
        // A client's connections live on the runtime that made them, so the thread gets one of its own.
        let lookups = Lookups::start(Client::new(config)?, known.clone())?;
        Ok(Arc::new(Self { known, wire_ids, lookups }))
    }
}

impl SchemaRegistry for ConfluentRegistry {
    fn schema(&self, id: u32) -> Lookup<'_> {
        self.known.get(id).unwrap_or_else(|| self.lookups.ask(id, &self.known))
    }

    fn wire_id(&self, own_id: u32) -> u32 {
        self.wire_ids.get(own_id as usize).copied().unwrap_or(own_id)
    }

    fn wait_for(&self, id: u32, timeout: Duration) {
        self.lookups.wait_for(id, timeout);
    }
}

impl std::fmt::Debug for ConfluentRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfluentRegistry").finish_non_exhaustive()
    }
}

/// How long to let a registry be after so many failures before this one.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE)
}
