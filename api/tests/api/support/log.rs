//! A command log that answers as a test says, and remembers what was sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use api::{Commands, Pending};
use connectors::gateway::GatewayError;
use connectors::read_model::BoxFuture;
use schemas::{CommandAccepted, Outcome, TicketCommand, UserCommand, WebhookCommand};
use tokio::sync::oneshot;
use topology::trace::Trace;
use uuid::Uuid;

/// What the log does with a command.
pub(crate) enum Answer {
    /// This outcome, at once.
    Outcome(Outcome),
    /// This outcome, once the test lets it come.
    Later(oneshot::Receiver<Outcome>),
    /// Durable, but no outcome.
    Silence,
    /// Not even durable.
    Nothing,
    /// Not taken.
    Refused(GatewayError),
    /// The code of ours that runs there panics.
    Panic,
}

type Decide = dyn FnMut(&TicketCommand) -> Answer + Send;
type DecideUser = dyn FnMut(&UserCommand) -> Answer + Send;

#[derive(Default)]
pub(crate) struct Log {
    decide: Mutex<Option<Box<Decide>>>,
    decide_user: Mutex<Option<Box<DecideUser>>>,
    sent: Mutex<Vec<TicketCommand>>,
    sent_users: Mutex<Vec<UserCommand>>,
    refusals: AtomicUsize,
    pending: Mutex<Vec<Uuid>>,
    trace: Mutex<Trace>,
    fingerprint: Mutex<Option<i64>>,
}

impl Log {
    pub(crate) fn decide(&self, decide: impl FnMut(&TicketCommand) -> Answer + Send + 'static) {
        *self.decide.lock().unwrap() = Some(Box::new(decide));
    }

    pub(crate) fn decide_user(&self, decide: impl FnMut(&UserCommand) -> Answer + Send + 'static) {
        *self.decide_user.lock().unwrap() = Some(Box::new(decide));
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, Vec<TicketCommand>> {
        self.sent.lock().unwrap()
    }

    pub(crate) fn sent_users(&self) -> MutexGuard<'_, Vec<UserCommand>> {
        self.sent_users.lock().unwrap()
    }

    pub(crate) fn only(&self) -> TicketCommand {
        let sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent[0].clone()
    }

    /// The trace that came with the last command.
    pub(crate) fn trace(&self) -> Trace {
        self.trace.lock().unwrap().clone()
    }

    /// The fingerprint that came with the last command.
    pub(crate) fn fingerprint(&self) -> Option<i64> {
        *self.fingerprint.lock().unwrap()
    }

    pub(crate) fn refusals(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }

    pub(crate) fn set_pending(&self, command: Uuid) {
        self.pending.lock().unwrap().push(command);
    }

    fn take(&self, answer: Answer) -> Result<Box<dyn Pending>, GatewayError> {
        if let Answer::Refused(error) = answer {
            self.refusals.fetch_add(1, Ordering::SeqCst);
            return Err(error);
        }
        Ok(Box::new(OnItsWay(Some(answer))))
    }
}

impl Commands for Log {
    fn send(
        &self,
        command: &TicketCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Box<dyn Pending>, GatewayError> {
        let answer = self.decide.lock().unwrap().as_mut().map_or(Answer::Silence, |decide| decide(command));
        if !matches!(answer, Answer::Refused(_)) {
            self.sent().push(command.clone());
            *self.trace.lock().unwrap() = trace.clone();
            *self.fingerprint.lock().unwrap() = fingerprint;
        }
        self.take(answer)
    }

    fn send_user(&self, command: &UserCommand, _: &Trace, _: Option<i64>) -> Result<Box<dyn Pending>, GatewayError> {
        self.sent_users().push(command.clone());
        let accept = |command: &UserCommand| {
            Answer::Outcome(Outcome::Accepted(CommandAccepted {
                command_id: command.command_id(),
                command_type: command.type_name().to_owned(),
                sequence: 1,
                user_id: Some(schemas::ids::user_id(command.user_key())),
                ..CommandAccepted::default()
            }))
        };
        let mut decide = self.decide_user.lock().unwrap();
        let answer = decide.as_mut().map_or_else(|| accept(command), |decide| decide(command));
        drop(decide);
        self.take(answer)
    }

    fn submit_webhook<'a>(&'a self, _: &'a WebhookCommand, _: &'a Trace) -> BoxFuture<'a, Result<(), GatewayError>> {
        // What is behind it is asked in `tests/apart/cases`.
        Box::pin(async { Err(GatewayError::Unavailable("no broker at 10.0.0.7".to_owned())) })
    }

    fn is_pending(&self, command: Uuid) -> bool {
        self.pending.lock().unwrap().contains(&command)
    }
}

struct OnItsWay(Option<Answer>);

impl Pending for OnItsWay {
    fn durable(&mut self) -> BoxFuture<'_, Result<(), GatewayError>> {
        match self.0 {
            Some(Answer::Nothing) => Box::pin(std::future::pending()),
            _ => Box::pin(async { Ok(()) }),
        }
    }

    fn outcome(&mut self) -> BoxFuture<'_, Result<Outcome, GatewayError>> {
        if matches!(self.0, Some(Answer::Outcome(_) | Answer::Panic)) {
            return match self.0.take() {
                Some(Answer::Outcome(outcome)) => Box::pin(async { Ok(outcome) }),
                _ => Box::pin(async { panic!("a secret of the inside") }),
            };
        }
        match &mut self.0 {
            Some(Answer::Later(later)) => Box::pin(async { Ok(later.await.expect("the test lets it come")) }),
            _ => Box::pin(std::future::pending()),
        }
    }
}
