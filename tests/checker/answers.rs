//! Numbers, sequences, decisions; and that what one command led to is there whole or not at all.

use std::collections::{BTreeMap, HashMap};

use schemas::{Outcome, TicketEvent};
use uuid::Uuid;

use super::seen::Seen;
use super::{Finding, Law, Where};
use crate::oracle::{self, CommandKey, Log};

/// Their answers may take a question to another task; what repeats them until then is answered by that one answer.
const TWO_STEPS: [&str; 2] = ["AddMember", "ConfigureAssignment"];
/// What they change of a user is told to all projects that have them as a member, whose events follow when they will.
const OF_USERS: [&str; 2] = ["DeactivateUser", "ReactivateUser"];

pub(super) fn check(seen: &Seen, at: &Where<'_>, found: &mut Vec<Finding>) {
    let types = seen.types();
    let two_steps = |key: &CommandKey| types.get(key).is_some_and(|name| TWO_STEPS.contains(name));
    let comes_by_itself = |event: &TicketEvent| match event {
        TicketEvent::TicketAssigned(e) => e.automatic,
        TicketEvent::TicketUnassigned(e) => e.automatic,
        TicketEvent::ProjectMemberUpdated(e) => {
            types.get(&(None, e.causation_id)).is_some_and(|name| OF_USERS.contains(name))
        }
        _ => false,
    };
    for finding in oracle::check(&log(seen, two_steps, comes_by_itself), at.acknowledged) {
        use oracle::Finding::{Outcomes, Undecided};
        let answered_once = |key, answered: usize, sent| two_steps(key) && (1..=sent).contains(&answered);
        match &finding {
            Undecided { .. } | Outcomes { .. } if !at.at_rest => {}
            Outcomes { command, sent, answered } if answered_once(command, *answered, *sent) => {}
            _ => found.push(Finding::new(Law::Decided, format!("{finding:?}"))),
        }
    }
    whole(seen, comes_by_itself, found);
}

/// The log as the oracle of `tests/kill` knows it. What failed was not decided, and may be sent again.
fn log(seen: &Seen, two_steps: impl Fn(&CommandKey) -> bool, comes_by_itself: impl Fn(&TicketEvent) -> bool) -> Log {
    let mut failed: HashMap<CommandKey, usize> = HashMap::new();
    let mut log = Log::default();
    for (at, outcome) in &seen.outcomes {
        let key = (outcome.project_id(), outcome.command_id());
        if let Outcome::Failed(_) = outcome {
            *failed.entry(key).or_default() += 1;
            continue;
        }
        let makes = ["CreateTicket", "ImportTicket"].contains(&outcome.command_type());
        log.outcomes.push(oracle::Outcome {
            at: *at,
            key,
            duplicate: outcome.duplicate(),
            accepted: matches!(outcome, Outcome::Accepted(_)),
            number: if let Outcome::Accepted(accepted) = outcome { accepted.number.filter(|_| makes) } else { None },
            said: format!("{:?}", outcome.clone().with_duplicate(false)),
        });
    }
    for (command, _) in &seen.commands {
        match failed.get_mut(&command.key).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => log.commands.push(command.clone()),
        }
    }
    for (at, event) in &seen.events {
        let automatic = comes_by_itself(event) || two_steps(&(Some(event.project_id()), event.causation_id()));
        log.events.push(oracle::Event {
            at: *at,
            project: event.project_id(),
            sequence: event.sequence(),
            causation: event.causation_id(),
            automatic,
            created: if let TicketEvent::TicketCreated(created) = event { Some(created.number) } else { None },
        });
    }
    log
}

/// A command's events end with the sequence that its answer tells; what was refused has none.
fn whole(seen: &Seen, comes_by_itself: impl Fn(&TicketEvent) -> bool, found: &mut Vec<Finding>) {
    let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut caused: HashMap<CommandKey, i64> = HashMap::new();
    for (_, event) in &seen.events {
        last.insert(event.project_id(), event.sequence());
        if !comes_by_itself(event) {
            caused.insert((Some(event.project_id()), event.causation_id()), event.sequence());
        }
    }
    let mut whole = |is_so: bool, what: String| {
        if !is_so {
            found.push(Finding::new(Law::Whole, what));
        }
    };
    let mut users: HashMap<Uuid, i64> = HashMap::new();
    for (_, event) in &seen.users {
        users.insert(event.causation_id(), event.sequence());
    }
    for (at, outcome) in &seen.outcomes {
        let (key, sequence) = ((outcome.project_id(), outcome.command_id()), outcome.sequence());
        match (outcome, outcome.project_id()) {
            (Outcome::Failed(_), _) => {}
            (Outcome::Accepted(_), Some(project)) => {
                let reached = last.get(&project).copied().unwrap_or_default();
                whole(sequence <= reached, format!("the answer at {at:?} tells of event {sequence} of {reached}"));
                if let Some(own) = caused.remove(&key) {
                    whole(own == sequence, format!("the answer at {at:?} tells of event {sequence}, its own is {own}"));
                }
            }
            (Outcome::Accepted(_), None) => {
                if let Some(own) = users.remove(&outcome.command_id()) {
                    whole(own == sequence, format!("the answer at {at:?} tells of event {sequence}, its own is {own}"));
                }
            }
            (Outcome::Rejected(_), _) => {
                let own = caused.get(&key);
                whole(own.is_none(), format!("the command refused at {at:?} led to event {own:?}"));
            }
        }
    }
    for ((project, command), sequence) in caused {
        whole(false, format!("event {sequence} of {project:?} is there, and no answer to its command {command}"));
    }
    for (command, sequence) in users {
        whole(false, format!("event {sequence} of a user is there, and no answer to its command {command}"));
    }
}
