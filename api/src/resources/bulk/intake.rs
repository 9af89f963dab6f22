//! Reads lines and submits them in their order.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use connectors::gateway::GatewayError;
use futures_util::StreamExt;
use schemas::TicketCommand;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use topology::trace::Trace;
use uuid::Uuid;

use super::Sender;
use super::lines::{Line, Lines, Taken};
use crate::commands::Pending;
use crate::extract::now_ms;
use crate::native::{Command, LineError, LineKind, parse_line};
use crate::state::AppState;

/// How long to let a full or absent broker be before the same command is offered again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A line whose result is to be written.
pub(super) struct Entry {
    /// Counted from 1.
    pub(super) line: u64,
    pub(super) body: EntryBody,
}

pub(super) enum EntryBody {
    /// It is on its way.
    Submitted {
        command_id: Uuid,
        command_type: &'static str,
        /// Tells the line from others with its command id.
        fingerprint: Option<i64>,
        pending: Box<dyn Pending>,
        deadline: Instant,
    },
    /// It is no command that can be submitted.
    Invalid(LineError),
    /// The log did not take it.
    NotTaken { command_id: Uuid, error: GatewayError },
}

/// Reads until the body ends, the caller goes, or the server stops taking requests.
pub(super) async fn run(
    state: AppState,
    sender: Sender,
    kind: LineKind,
    body: Body,
    entries: mpsc::Sender<Entry>,
    progress: watch::Receiver<u64>,
) {
    let mut lines = Lines::new(state.limits().body_bytes);
    let mut intake = Intake { state, sender, kind, entries, progress, line: 0, sent: 0, last_user: 0, last_member: 0 };
    let mut stream = body.into_data_stream();
    while let Some(chunk) = intake.chunk(&mut stream).await {
        let mut left = &chunk[..];
        while !left.is_empty() {
            let (taken, used) = lines.next(left);
            left = &left[used..];
            if let Some(taken) = taken
                && intake.take(&mut lines, taken).await.is_err()
            {
                return;
            }
        }
    }
    // A body that was cut off ends in half a line, which is answered as invalid: the sender is gone or will send it again.
    if let Some(taken) = lines.rest() {
        let _ = intake.take(&mut lines, taken).await;
    }
}

/// Nobody reads results any more, or no more commands are taken.
struct Over;

struct Intake {
    state: AppState,
    sender: Sender,
    kind: LineKind,
    entries: mpsc::Sender<Entry>,
    /// The last line that has its result.
    progress: watch::Receiver<u64>,
    line: u64,
    /// The last line that was handed on; blank ones are not.
    sent: u64,
    last_user: u64,
    last_member: u64,
}

impl Intake {
    /// The next piece of the body; none at its end, after too long a silence, or when the server is about to stop.
    async fn chunk(&self, stream: &mut axum::body::BodyDataStream) -> Option<Bytes> {
        loop {
            let next = async {
                tokio::select! {
                    next = stream.next() => next.and_then(Result::ok),
                    () = self.state.stopping() => None,
                    () = self.entries.closed() => None,
                }
            };
            match timeout(self.state.limits().bulk_idle, next).await {
                Ok(next) => return next,
                // Silence is fine while the sender waits for results.
                Err(_) if *self.progress.borrow() < self.sent => {}
                Err(_) => return None,
            }
        }
    }

    async fn take(&mut self, lines: &mut Lines, taken: Taken) -> Result<(), Over> {
        self.line += 1;
        let (of_key, parsed) = match lines.get(taken) {
            Line::Whole([]) => {
                lines.clear();
                return Ok(());
            }
            Line::Whole(bytes) => {
                let of_key = self.sender.key.as_ref().map(|key| key.of_line(self.line, bytes));
                let else_id = of_key.map(|(id, _)| id);
                (of_key, parse_line(bytes, self.kind, else_id, &self.sender.identity, now_ms()))
            }
            Line::TooLong => (None, Err(LineError::too_long(self.state.limits().body_bytes))),
        };
        lines.clear();
        let body = match parsed {
            // A line that names its command itself says by that which it is.
            Ok(command) => {
                let fingerprint = of_key.filter(|(id, _)| *id == command.command_id()).map(|(_, digest)| digest);
                self.submit(command, fingerprint).await?
            }
            Err(error) => EntryBody::Invalid(error),
        };
        self.sent = self.line;
        self.entries.send(Entry { line: self.line, body }).await.map_err(|_| Over)
    }

    async fn submit(&mut self, command: Command, fingerprint: Option<i64>) -> Result<EntryBody, Over> {
        match &command {
            Command::User(_) => self.last_user = self.line,
            Command::Ticket(TicketCommand::AddMember(_)) => {
                self.settled(self.last_user).await?;
                self.last_member = self.line;
            }
            // It is decided with another project's answer, which has to be as the lines before say.
            Command::Ticket(TicketCommand::ConfigureAssignment(c)) if c.pool.is_some() => {
                self.settled(self.sent).await?;
                self.last_member = self.line;
            }
            Command::Ticket(_) => self.settled(self.last_user.max(self.last_member)).await?,
        }
        let deadline = Instant::now() + self.state.limits().bulk_outcome_wait;
        let command_id = command.command_id();
        // A trace of tens of thousands of commands would show nothing.
        let alone = Trace::none();
        loop {
            let sent = match &command {
                Command::Ticket(command) => self.state.gateway().send(command, &alone, fingerprint),
                Command::User(command) => self.state.gateway().send_user(command, &alone, fingerprint),
            };
            match sent {
                Ok(pending) => {
                    let command_type = command.type_name();
                    return Ok(EntryBody::Submitted { command_id, command_type, fingerprint, pending, deadline });
                }
                Err(GatewayError::Overloaded { .. } | GatewayError::Unavailable(_)) if Instant::now() < deadline => {
                    sleep(RETRY_PAUSE).await;
                    if self.entries.is_closed() {
                        return Err(Over);
                    }
                }
                Err(error) => return Ok(EntryBody::NotTaken { command_id, error }),
            }
        }
    }

    /// Waits until everything up to this line has its result.
    async fn settled(&mut self, line: u64) -> Result<(), Over> {
        self.progress.wait_for(|&answered| answered >= line).await.map(|_| ()).map_err(|_| Over)
    }
}
