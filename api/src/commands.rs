//! What the API asks of the way onto the command log; the gateway of `connectors` is the real one.

use connectors::gateway::{CommandGateway, GatewayError, Submitted};
use connectors::read_model::BoxFuture;
use schemas::{Outcome, TicketCommand, UserCommand, WebhookCommand};
use topology::trace::Trace;
use uuid::Uuid;

/// Takes commands onto the log.
pub trait Commands: Send + Sync {
    /// Hands a command over without waiting; `trace` is what it belongs to, `fingerprint` what tells it from another one with the
    /// same id. Commands of one caller to one project keep their order.
    ///
    /// # Errors
    /// It was not taken: nothing was written.
    fn send(
        &self,
        command: &TicketCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError>;

    /// As [`Self::send`], for a command about a user.
    ///
    /// # Errors
    /// It was not taken: nothing was written.
    fn send_user(
        &self,
        command: &UserCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError>;

    /// Hands over a command about webhooks, which has no outcome, and comes back when it is durable in the log. If it does not, it may be
    /// written nevertheless; sent again it counts once.
    fn submit_webhook<'a>(
        &'a self,
        command: &'a WebhookCommand,
        trace: &'a Trace,
    ) -> BoxFuture<'a, Result<(), GatewayError>>;

    /// Whether the command was sent here and has no outcome yet.
    fn is_pending(&self, command: Uuid) -> bool;
}

/// A command on its way.
pub trait Pending: Send {
    /// Waits until it is durable in the log; can be cancelled and called again.
    fn durable(&mut self) -> BoxFuture<'_, Result<(), GatewayError>>;

    /// Waits for its outcome; can be cancelled and called again until it has answered.
    fn outcome(&mut self) -> BoxFuture<'_, Result<Outcome, GatewayError>>;
}

impl Commands for CommandGateway {
    fn send(
        &self,
        command: &TicketCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError> {
        Self::send(self, command, trace, fingerprint).map(boxed)
    }

    fn send_user(
        &self,
        command: &UserCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError> {
        Self::send_user(self, command, trace, fingerprint).map(boxed)
    }

    fn submit_webhook<'a>(
        &'a self,
        command: &'a WebhookCommand,
        trace: &'a Trace,
    ) -> BoxFuture<'a, Result<(), GatewayError>> {
        Box::pin(Self::submit_webhook(self, command, trace))
    }

    fn is_pending(&self, command: Uuid) -> bool {
        Self::is_pending(self, command)
    }
}

impl Pending for Submitted {
    fn durable(&mut self) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(Self::durable(self))
    }

    fn outcome(&mut self) -> BoxFuture<'_, Result<Outcome, GatewayError>> {
        Box::pin(Self::outcome(self))
    }
}

fn boxed(submitted: Submitted) -> Box<dyn Pending> {
    Box::new(submitted)
}
