//! What a run has shown, in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::check::Seen;
use crate::site::Shape;
use crate::tally::Tally;

/// A round that is over.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) faults: usize,
    pub(crate) kills: usize,
    pub(crate) took: Duration,
    /// What was checked, or what is wrong.
    pub(crate) result: Result<Seen, String>,
}

pub(crate) fn report(rounds: &[Round], tally: &Tally, took: Duration) -> String {
    let mut text = String::from("# Report of the fault rig\n\n");
    let seen: Vec<Seen> = rounds.iter().filter_map(|round| round.result.as_ref().ok().copied()).collect();
    let sum = |count: fn(&Seen) -> usize| seen.iter().map(count).sum::<usize>();
    let _ = writeln!(
        text,
        "{} rounds in {} minutes: {} faults, {} SIGKILLs ({}).\n\nChecked: {} commands decided once each, {} tickets of {} acknowledged \
         without gaps, {} notifications, {} mails ({} came again), {} deliveries of webhooks.\n\nFindings: {}.\n",
        rounds.len(),
        took.as_secs() / 60,
        rounds.iter().map(|round| round.faults).sum::<usize>(),
        tally.kills(),
        tally.kills.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", "),
        sum(|seen| seen.commands),
        sum(|seen| seen.tickets),
        sum(|seen| seen.tickets),
        sum(|seen| seen.notifications),
        sum(|seen| seen.mails),
        sum(|seen| seen.mails_again),
        sum(|seen| seen.deliveries),
        rounds.iter().filter(|round| round.result.is_err()).count(),
    );
    text.push_str("| fault | drawn | took effect |\n|---|---|---|\n");
    for (kind, count) in &tally.kinds {
        let _ = writeln!(text, "| {kind} | {} | {} |", count.drawn, count.effective);
    }
    text.push_str("\n| seed | site | faults | kills | seconds | result |\n|---|---|---|---|---|---|\n");
    for Round { seed, shape, faults, kills, took, result } in rounds {
        let result = match result {
            Ok(seen) => {
                format!("whole: {} commands, {} mails, {} deliveries", seen.commands, seen.mails, seen.deliveries)
            }
            Err(why) => format!("**{}**", why.lines().next().unwrap_or_default()),
        };
        let _ = writeln!(text, "| {seed} | {shape} | {faults} | {kills} | {} | {result} |", took.as_secs());
    }
    text
}
