//! Writes results in the order of the lines, many to a piece while they are there already.

use bytes::Bytes;
use connectors::gateway::GatewayError;
use futures_util::FutureExt;
use schemars::JsonSchema;
use schemas::Outcome;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;
use uuid::Uuid;

use super::intake::{Entry, EntryBody};
use crate::outcome_view::AcceptedIds;
use crate::state::AppState;
use crate::submit::is_anothers;

/// A piece is sent when it has reached this size, or when the next result is not there yet.
const PIECE_BYTES: usize = 16 * 1024;

/// What became of a line of a bulk request.
#[derive(Serialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultLine<'a> {
    /// Counted from 1.
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<Uuid>,
    /// `accepted`, `rejected`, `invalid`, `failed` or `timeout`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allowed: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<AcceptedIds<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// Answers until there are no more entries, or nobody reads.
pub(super) async fn run(
    state: AppState,
    mut entries: mpsc::Receiver<Entry>,
    pieces: mpsc::Sender<Bytes>,
    answered: watch::Sender<u64>,
) {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    loop {
        let entry = if let Ok(entry) = entries.try_recv() {
            entry
        } else {
            if flush(&mut piece, &pieces).await.is_err() {
                return;
            }
            let Some(entry) = entries.recv().await else { return };
            entry
        };
        let line = entry.line;
        if answer(&state, entry, &mut piece, &pieces).await.is_err() {
            return;
        }
        answered.send_replace(line);
        if piece.len() >= PIECE_BYTES && flush(&mut piece, &pieces).await.is_err() {
            return;
        }
    }
}

/// Nobody reads any more.
struct Gone;

async fn flush(piece: &mut Vec<u8>, pieces: &mpsc::Sender<Bytes>) -> Result<(), Gone> {
    if piece.is_empty() {
        return Ok(());
    }
    let full = std::mem::replace(piece, Vec::with_capacity(PIECE_BYTES));
    pieces.send(Bytes::from(full)).await.map_err(|_| Gone)
}

async fn answer(state: &AppState, entry: Entry, piece: &mut Vec<u8>, pieces: &mpsc::Sender<Bytes>) -> Result<(), Gone> {
    let line = entry.line;
    match entry.body {
        EntryBody::Invalid(error) => write(
            piece,
            &ResultLine {
                line,
                command_id: error.command_id,
                status: "invalid",
                code: Some(error.code),
                detail: Some(&error.detail),
                field: error.field.as_deref(),
                ..ResultLine::default()
            },
        ),
        EntryBody::NotTaken { command_id, error } => not_decided(piece, line, command_id, &error),
        EntryBody::Submitted { command_id, command_type, fingerprint, mut pending, deadline } => {
            let there_already = pending.outcome().now_or_never();
            let outcome = if let Some(outcome) = there_already {
                Ok(outcome)
            } else {
                flush(piece, pieces).await?;
                timeout_at(deadline.into(), pending.outcome()).await
            };
            match outcome {
                Ok(Ok(outcome)) => {
                    state.metrics().outcome(command_type, &outcome);
                    if fingerprint.is_some() && is_anothers(&outcome, command_type, fingerprint) {
                        write(piece, &ResultLine::of_reused_key(line, &outcome));
                    } else {
                        write(piece, &ResultLine::of(line, &outcome));
                    }
                }
                Ok(Err(error)) => not_decided(piece, line, command_id, &error),
                Err(_) => {
                    state.metrics().no_outcome(command_type, "timeout");
                    write(
                        piece,
                        &ResultLine {
                            line,
                            command_id: Some(command_id),
                            status: "timeout",
                            code: Some("outcome_late"),
                            detail: Some("no outcome yet; the same command id can be sent again"),
                            ..ResultLine::default()
                        },
                    );
                }
            }
        }
    }
    Ok(())
}

impl<'a> ResultLine<'a> {
    /// What was decided about the command of a line.
    pub(crate) fn of(line: u64, outcome: &'a Outcome) -> Self {
        let command_id = Some(outcome.command_id());
        let base = Self { line, command_id, duplicate: outcome.duplicate(), ..Self::default() };
        match outcome {
            Outcome::Accepted(accepted) => Self { status: "accepted", result: Some(accepted.into()), ..base },
            Outcome::Rejected(rejected) => Self {
                status: "rejected",
                code: Some(&rejected.rejection),
                detail: Some(&rejected.detail),
                field: rejected.field.as_deref(),
                allowed: &rejected.allowed,
                ..base
            },
            Outcome::Failed(_) => Self {
                status: "failed",
                code: Some("command_failed"),
                detail: Some("it was set aside; an operator can let it be decided again"),
                ..base
            },
        }
    }

    /// Something else was decided about the command of a line.
    fn of_reused_key(line: u64, outcome: &Outcome) -> Self {
        Self {
            line,
            command_id: Some(outcome.command_id()),
            status: "rejected",
            code: Some("idempotency_key_reused"),
            detail: Some("the key was used before, with something else in this line"),
            ..Self::default()
        }
    }
}

/// The log did not take it, or the outcome cannot be heard: the sender should try again.
fn not_decided(piece: &mut Vec<u8>, line: u64, command_id: Uuid, error: &GatewayError) {
    let command_id = Some(command_id);
    let base = ResultLine { line, command_id, ..ResultLine::default() };
    write(
        piece,
        &match error {
            GatewayError::TooLarge { .. } => ResultLine {
                status: "invalid",
                code: Some("command_too_large"),
                detail: Some("the command is larger than a record can be"),
                ..base
            },
            error => {
                tracing::warn!(%error, line, "a bulk command was not decided");
                ResultLine {
                    status: "timeout",
                    code: Some("unavailable"),
                    detail: Some("the log is not available; the same command id can be sent again"),
                    ..base
                }
            }
        },
    );
}

fn write(piece: &mut Vec<u8>, result: &ResultLine<'_>) {
    // Writing to memory cannot fail, and neither can these types.
    if serde_json::to_writer(&mut *piece, result).is_ok() {
        piece.push(b'\n');
    }
}
