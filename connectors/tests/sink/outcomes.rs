//! What a sink keeps of what became of commands.

use connectors::sink::SinkOptions;
use schemas::{CommandAccepted, CommandFailed, Outcome};
use uuid::Uuid;

use crate::home::{Home, Kind};
use crate::support::*;

pub(crate) async fn should_keep_the_first_outcome_of_a_command_but_replace_a_failure(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    log.outcome(CommandFailed { command_id: Uuid::from_u128(1), ..CommandFailed::default() }, 0);
    log.outcome(CommandAccepted { number: Some(7), ..accepted(1) }, 0);
    log.outcome(CommandAccepted { number: Some(7), duplicate: true, ..accepted(1) }, 0);
    log.outcome(CommandAccepted { number: Some(8), ..accepted(1) }, 0);
    // The last on the same partition, so that all before it are there once it is.
    log.event(project("WEB"));
    let stop_at = accepted(2);
    log.outcome(stop_at.clone(), 0);
    let mut seen = None;
    while seen.is_none() {
        seen = model.outcome(Uuid::from_u128(2)).await.expect("an answer");
        tokio::task::yield_now().await;
    }
    let first = model.outcome(Uuid::from_u128(1)).await.expect("an answer").expect("there");
    assert!(matches!(first, Outcome::Accepted(ref a) if a.number == Some(7) && !a.duplicate), "{first:?}");
    assert_eq!(model.outcome(Uuid::from_u128(3)).await.expect("an answer"), None);
}

pub(crate) async fn should_keep_what_became_of_a_command_that_was_forgotten_and_sent_again(kind: Kind) {
    let log = Log::new();
    let home = Home::new(kind, &log).await;
    let model = home.open().await;
    let _sink = model.start(SinkOptions::default());
    let decide = |command, number, day: i64| {
        let decided_at = day * 24 * 60 * 60 * 1_000;
        log.outcome(CommandAccepted { number: Some(number), decided_at, ..accepted(command) }, 0);
    };
    let becomes = async |command, number| loop {
        let found = model.outcome(Uuid::from_u128(command)).await.expect("an answer");
        if matches!(found, Some(Outcome::Accepted(ref accepted)) if accepted.number == Some(number)) {
            return;
        }
        tokio::task::yield_now().await;
    };
    decide(1, 7, 1);
    becomes(1, 7).await;
    decide(1, 9, 9);
    becomes(1, 9).await;
    // Both in one batch, or not.
    decide(2, 7, 9);
    decide(2, 8, 18);
    becomes(2, 8).await;
}
