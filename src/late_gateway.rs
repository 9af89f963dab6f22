//! The command gateway of a process that serves reads before, and while, there is no way onto the log.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use api::{Commands, Pending};
use connectors::gateway::{CommandGateway, GatewayError};
use connectors::read_model::BoxFuture;
use schemas::{TicketCommand, UserCommand, WebhookCommand};
use topology::trace::Trace;
use uuid::Uuid;

/// Refuses commands until the gateway is open.
pub(crate) struct LateGateway {
    opened: OnceLock<Arc<CommandGateway>>,
    missing: Mutex<String>,
}

impl LateGateway {
    pub(crate) fn new() -> Self {
        Self { opened: OnceLock::new(), missing: Mutex::new("Kafka: not reached yet".to_owned()) }
    }

    /// Says why it is not open yet.
    pub(crate) fn waits(&self, why: impl Into<String>) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = why.into();
    }

    /// From now on commands go through this one; the first stays.
    pub(crate) fn open(&self, gateway: Arc<CommandGateway>) {
        // One that comes second is dropped, and closes.
        let _ = self.opened.set(gateway);
    }

    /// Takes no more commands.
    pub(crate) fn close(&self) {
        if let Some(gateway) = self.opened.get() {
            gateway.close();
        }
    }

    /// What keeps commands from being taken; `None` if nothing does.
    pub(crate) fn missing(&self) -> Option<String> {
        match self.opened.get() {
            None => Some(self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            Some(gateway) => {
                gateway.stalled().map(|silence| format!("Kafka: no command was confirmed for {} s", silence.as_secs()))
            }
        }
    }

    fn gateway(&self) -> Result<&CommandGateway, GatewayError> {
        let missing = || GatewayError::Unavailable(self.missing().unwrap_or_default());
        self.opened.get().map(AsRef::as_ref).ok_or_else(missing)
    }
}

impl Commands for LateGateway {
    fn send(
        &self,
        command: &TicketCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError> {
        Commands::send(self.gateway()?, command, trace, fingerprint)
    }

    fn send_user(
        &self,
        command: &UserCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError> {
        Commands::send_user(self.gateway()?, command, trace, fingerprint)
    }

    fn submit_webhook<'a>(
        &'a self,
        command: &'a WebhookCommand,
        trace: &'a Trace,
    ) -> BoxFuture<'a, Result<(), GatewayError>> {
        Box::pin(async move { self.gateway()?.submit_webhook(command, trace).await })
    }

    fn is_pending(&self, command: Uuid) -> bool {
        self.opened.get().is_some_and(|gateway| gateway.is_pending(command))
    }
}
