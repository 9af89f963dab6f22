//! The oracle: what must be true of a log, whatever happened while it was written.
//!
//! It knows what the log says and what clients were told, and nothing of how either is made.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

/// Where a record lies: partition number and offset.
pub(crate) type Place = (u32, i64);

/// A command is one command for one key: its project, or none for commands about users.
pub(crate) type CommandKey = (Option<Uuid>, Uuid);

/// A record of a topic of commands.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) at: Place,
    pub(crate) key: CommandKey,
}

/// A record of `ticket.events`.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: Place,
    pub(crate) project: Uuid,
    pub(crate) sequence: i64,
    /// The command that caused it.
    pub(crate) causation: Uuid,
    /// Whether it is an automatic assignment, which comes when commands after its cause are decided already.
    pub(crate) automatic: bool,
    /// The number, if it made a ticket.
    pub(crate) created: Option<i64>,
}

/// A record of `command.outcomes`.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) at: Place,
    pub(crate) key: CommandKey,
    pub(crate) duplicate: bool,
    pub(crate) accepted: bool,
    /// The ticket's number, if the command made or changed one.
    pub(crate) number: Option<i64>,
    /// All that it says, but for whether it is a duplicate.
    pub(crate) said: String,
}

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Acknowledged {
    pub(crate) project: Uuid,
    pub(crate) command: Uuid,
    pub(crate) number: i64,
}

/// All of a log that matters here; each list in the order of offsets within each partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) commands: Vec<Command>,
    pub(crate) events: Vec<Event>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Log {
    /// Fails if anything is wrong, if there are more or fewer tickets than that, or if a command was refused.
    pub(crate) fn is_sound(&self, acknowledged: &[Acknowledged], tickets: usize) {
        let findings = check(self, acknowledged);
        assert!(findings.is_empty(), "{} findings, first {:?}", findings.len(), &findings[..findings.len().min(10)]);
        let repeated = self.outcomes.iter().filter(|outcome| outcome.duplicate).count();
        let created = self.events.iter().filter(|event| event.created.is_some()).count();
        println!("{} commands, {repeated} repetitions, {created} tickets", self.commands.len());
        assert_eq!(created, tickets);
        assert!(self.outcomes.iter().all(|outcome| outcome.accepted));
    }
}

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A project's events lie in more than one partition: they have no order.
    Scattered { project: Uuid },
    /// An event's sequence is not the next one.
    Sequence { project: Uuid, expected: i64, found: i64 },
    /// A number was left out.
    Gap { project: Uuid, expected: i64, found: i64 },
    /// A number was given again.
    NumberTwice { project: Uuid, number: i64 },
    /// A command made more than one ticket.
    CreatedTwice { command: CommandKey },
    /// Nobody asked for this.
    NoCause { event: Place },
    /// A project's commands took effect in another order than they lie in.
    OutOfOrder { event: Place },
    /// A command was not decided.
    Undecided { command: CommandKey },
    /// A command was decided more than once.
    DecidedTwice { command: CommandKey },
    /// A command has more or fewer outcomes than it lies in the log.
    Outcomes { command: CommandKey, sent: usize, answered: usize },
    /// A repetition was answered before, or otherwise than, the first.
    OtherAnswer { command: CommandKey, outcome: Place },
    /// An outcome of a command that is not there.
    Unasked { outcome: Place },
    /// An outcome tells of a ticket that no event made, or of another number, or an event that no outcome tells of.
    OutcomeWithoutEvent { command: CommandKey },
    /// A client was told of a ticket that is not there, or has another number.
    Lost(Acknowledged),
}

/// Everything that is wrong.
pub(crate) fn check(log: &Log, acknowledged: &[Acknowledged]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let created = numbers(log, &mut findings);
    causes(log, &mut findings);
    decisions(log, &created, &mut findings);
    let lost =
        acknowledged.iter().filter(|told| created.get(&(Some(told.project), told.command)) != Some(&told.number));
    findings.extend(lost.copied().map(Finding::Lost));
    findings
}

/// Sequences and numbers are 1, 2, 3, ... in each project; tells which command made which number.
fn numbers(log: &Log, findings: &mut Vec<Finding>) -> HashMap<CommandKey, i64> {
    let mut created = HashMap::new();
    let mut projects: BTreeMap<Uuid, (u32, i64, i64)> = BTreeMap::new();
    for event in &log.events {
        let project = event.project;
        let (partition, sequence, last) = projects.entry(project).or_insert((event.at.0, 0, 0));
        if *partition != event.at.0 {
            findings.push(Finding::Scattered { project });
        }
        let expected = *sequence + 1;
        if event.sequence != expected {
            findings.push(Finding::Sequence { project, expected, found: event.sequence });
        }
        *sequence = event.sequence;
        let Some(number) = event.created else { continue };
        let expected = *last + 1;
        if number > expected {
            findings.push(Finding::Gap { project, expected, found: number });
        } else if number < expected {
            findings.push(Finding::NumberTwice { project, number });
        }
        *last = number.max(*last);
        let command = (Some(project), event.causation);
        if created.insert(command, number).is_some() {
            findings.push(Finding::CreatedTwice { command });
        }
    }
    created
}

/// Every event has its command, and a project's events come in the order of its commands.
fn causes(log: &Log, findings: &mut Vec<Finding>) {
    let mut first: HashMap<CommandKey, Place> = HashMap::new();
    for command in &log.commands {
        first.entry(command.key).or_insert(command.at);
    }
    let asked: HashSet<Uuid> = first.keys().map(|(_, command)| *command).collect();
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    for event in &log.events {
        match first.get(&(Some(event.project), event.causation)) {
            Some(&(partition, _)) if partition == event.at.0 && event.automatic => {}
            Some(&(partition, offset)) if partition == event.at.0 => {
                let reached = last.entry(event.project).or_insert(offset);
                if offset < *reached {
                    findings.push(Finding::OutOfOrder { event: event.at });
                }
                *reached = offset;
            }
            // Whatever frees somebody of a pool gives them a ticket of any project that shares it.
            None if event.automatic && asked.contains(&event.causation) => {}
            _ => findings.push(Finding::NoCause { event: event.at }),
        }
    }
}

/// Every command has one decision, each of its repetitions the same answer, and what was decided is what happened.
fn decisions(log: &Log, created: &HashMap<CommandKey, i64>, findings: &mut Vec<Finding>) {
    let mut sent: BTreeMap<CommandKey, usize> = BTreeMap::new();
    for command in &log.commands {
        *sent.entry(command.key).or_default() += 1;
    }
    let mut answers: HashMap<CommandKey, Vec<&Outcome>> = HashMap::new();
    for outcome in &log.outcomes {
        answers.entry(outcome.key).or_default().push(outcome);
        if !sent.contains_key(&outcome.key) {
            findings.push(Finding::Unasked { outcome: outcome.at });
        }
    }
    let mut told = HashSet::new();
    for (command, sent) in sent {
        let answers = answers.get(&command).map_or(&[][..], Vec::as_slice);
        match answers.iter().filter(|answer| !answer.duplicate).count() {
            0 => findings.push(Finding::Undecided { command }),
            1 => {}
            _ => findings.push(Finding::DecidedTwice { command }),
        }
        if answers.len() != sent {
            findings.push(Finding::Outcomes { command, sent, answered: answers.len() });
        }
        let Some(first) = answers.first() else { continue };
        let other = |answer: &&&Outcome| answer.said != first.said || answer.at.0 != first.at.0;
        let early = first.duplicate.then_some(first);
        for outcome in answers.iter().filter(other).chain(early) {
            findings.push(Finding::OtherAnswer { command, outcome: outcome.at });
        }
        told.insert(command);
        let event = created.get(&command).copied();
        if event != first.number || (event.is_some() && !first.accepted) {
            findings.push(Finding::OutcomeWithoutEvent { command });
        }
    }
    let untold = created.keys().filter(|command| !told.contains(*command));
    findings.extend(untold.map(|&command| Finding::OutcomeWithoutEvent { command }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECTS: [Uuid; 2] = [Uuid::from_u128(0xa), Uuid::from_u128(0xb)];

    /// Two projects in one partition, taking turns, with five tickets each; the third command was sent again at the end.
    fn sound() -> (Log, Vec<Acknowledged>) {
        let mut log = Log::default();
        let mut acknowledged = Vec::new();
        for n in 0..10_i64 {
            let (project, number) = (PROJECTS[usize::from(n % 2 == 1)], n / 2 + 1);
            let command = Uuid::from_u128(100 + u128::from(n.unsigned_abs()));
            let key = (Some(project), command);
            log.commands.push(Command { at: (1, n), key });
            let created = Some(number);
            log.events.push(Event {
                at: (1, n),
                project,
                sequence: number,
                causation: command,
                automatic: false,
                created,
            });
            log.outcomes.push(outcome((1, n), key, number));
            acknowledged.push(Acknowledged { project, command, number });
        }
        let again = log.commands[2].key;
        log.commands.push(Command { at: (1, 10), key: again });
        log.outcomes.push(Outcome { duplicate: true, ..outcome((1, 10), again, 2) });
        (log, acknowledged)
    }

    fn outcome(at: Place, key: CommandKey, number: i64) -> Outcome {
        let said = format!("accepted {number}");
        Outcome { at, key, duplicate: false, accepted: true, number: Some(number), said }
    }

    /// What is found after something has been spoilt.
    fn spoilt(spoil: impl FnOnce(&mut Log, &mut Vec<Acknowledged>)) -> Vec<Finding> {
        let (mut log, mut acknowledged) = sound();
        spoil(&mut log, &mut acknowledged);
        check(&log, &acknowledged)
    }

    #[test]
    fn should_find_nothing_in_a_sound_log() {
        assert_eq!(spoilt(|_, _| {}), []);
    }

    #[test]
    fn should_find_a_gap_and_what_was_lost_in_it() {
        let found = spoilt(|log, _| {
            log.events.remove(4);
        });
        assert!(found.contains(&Finding::Gap { project: PROJECTS[0], expected: 3, found: 4 }), "{found:?}");
        assert!(found.contains(&Finding::Sequence { project: PROJECTS[0], expected: 3, found: 4 }), "{found:?}");
        let lost = Acknowledged { project: PROJECTS[0], command: Uuid::from_u128(104), number: 3 };
        assert!(found.contains(&Finding::Lost(lost)), "{found:?}");
        let command = (Some(PROJECTS[0]), Uuid::from_u128(104));
        assert!(found.contains(&Finding::OutcomeWithoutEvent { command }), "{found:?}");
    }

    #[test]
    fn should_find_a_gap_at_the_beginning() {
        let found = spoilt(|log, _| {
            log.events.remove(1);
        });
        assert!(found.contains(&Finding::Gap { project: PROJECTS[1], expected: 1, found: 2 }), "{found:?}");
    }

    #[test]
    fn should_find_a_number_given_twice() {
        let found = spoilt(|log, _| log.events[4].created = Some(2));
        assert!(found.contains(&Finding::NumberTwice { project: PROJECTS[0], number: 2 }), "{found:?}");
    }

    #[test]
    fn should_find_a_command_that_made_two_tickets() {
        let found = spoilt(|log, _| log.events[4].causation = log.events[2].causation);
        let command = (Some(PROJECTS[0]), Uuid::from_u128(102));
        assert!(found.contains(&Finding::CreatedTwice { command }), "{found:?}");
    }

    #[test]
    fn should_find_an_acknowledgement_that_is_not_in_the_log() {
        let told = Acknowledged { project: PROJECTS[1], command: Uuid::from_u128(999), number: 6 };
        assert_eq!(spoilt(|_, acknowledged| acknowledged.push(told)), [Finding::Lost(told)]);
        let other = Acknowledged { project: PROJECTS[1], command: Uuid::from_u128(101), number: 2 };
        assert_eq!(spoilt(|_, acknowledged| acknowledged[1] = other), [Finding::Lost(other)]);
    }

    #[test]
    fn should_find_two_decisions_and_none() {
        let command = (Some(PROJECTS[0]), Uuid::from_u128(102));
        let twice = spoilt(|log, _| log.outcomes[10].duplicate = false);
        assert_eq!(twice, [Finding::DecidedTwice { command }]);
        let none = spoilt(|log, _| log.outcomes.retain(|outcome| outcome.key != command));
        assert!(none.contains(&Finding::Undecided { command }), "{none:?}");
    }

    #[test]
    fn should_find_a_repetition_that_was_answered_otherwise_or_not_at_all() {
        let command = (Some(PROJECTS[0]), Uuid::from_u128(102));
        let other = spoilt(|log, _| log.outcomes[10].said = "accepted 7".to_owned());
        assert_eq!(other, [Finding::OtherAnswer { command, outcome: (1, 10) }]);
        let silent = spoilt(|log, _| log.outcomes.truncate(10));
        assert_eq!(silent, [Finding::Outcomes { command, sent: 2, answered: 1 }]);
        let early = spoilt(|log, _| {
            log.outcomes[2].duplicate = true;
            log.outcomes[10].duplicate = false;
        });
        assert_eq!(early, [Finding::OtherAnswer { command, outcome: (1, 2) }]);
    }

    #[test]
    fn should_find_events_and_outcomes_that_nobody_asked_for() {
        let found = spoilt(|log, _| {
            log.commands.remove(3);
        });
        assert!(found.contains(&Finding::NoCause { event: (1, 3) }), "{found:?}");
        assert!(found.contains(&Finding::Unasked { outcome: (1, 3) }), "{found:?}");
    }

    #[test]
    fn should_know_the_cause_of_an_automatic_event_in_another_project_and_of_no_other_event() {
        let moved = |automatic| {
            move |log: &mut Log, _: &mut Vec<Acknowledged>| {
                let other = log.commands.iter().find(|c| c.key.0 != Some(log.events[0].project)).unwrap().key.1;
                (log.events[0].causation, log.events[0].automatic, log.events[0].created) = (other, automatic, None);
            }
        };
        let no_cause = Finding::NoCause { event: (1, 0) };
        assert!(!spoilt(moved(true)).contains(&no_cause));
        assert!(spoilt(moved(false)).contains(&no_cause));
    }

    #[test]
    fn should_find_commands_that_overtook_one_another() {
        let found = spoilt(|log, _| {
            let (first, second) = (log.events[0].causation, log.events[2].causation);
            log.events[0].causation = second;
            log.events[2].causation = first;
        });
        assert!(found.contains(&Finding::OutOfOrder { event: (1, 2) }), "{found:?}");
    }

    #[test]
    fn should_find_a_project_that_is_scattered() {
        let found = spoilt(|log, _| log.events[6].at.0 = 0);
        assert!(found.contains(&Finding::Scattered { project: PROJECTS[0] }), "{found:?}");
    }
}
