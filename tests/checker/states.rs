//! Changelogs against what the events come to; and, where a store holds what no event says, against the topic that says it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use schemas::Record;
use schemas::{
    CommentState, ExternalState, HandleState, Outcome, ProjectCounters, UserEvent, UserState, WatcherState, frame,
};
use uuid::Uuid;

use super::fold::Projects;
use super::seen::{Seen, last_values};
use super::{Finding, Law, shown};

/// Stands for an answer that is not there yet.
const PENDING: u8 = b'P';

type Entries<V> = BTreeMap<Vec<u8>, V>;

pub(super) fn check(seen: &Seen, projects: &Projects, found: &mut Vec<Finding>) {
    let mut stores = Stores { seen, found };
    stores.equal("projects", each(projects, |p| [(Vec::new(), p.state.clone())]));
    stores.equal(
        "project-counters",
        each(projects, |p| [(Vec::new(), ProjectCounters { sequence: p.sequence, last_number: p.last_number })]),
    );
    stores.equal("members", each(projects, |p| p.members.iter().map(|(user, m)| (bytes(user), m.clone()))));
    stores.equal(
        "handles",
        each(projects, |p| {
            let handle = |(user, member): (&Uuid, &schemas::MemberState)| {
                (member.handle.clone().into_bytes(), HandleState { user_id: *user })
            };
            p.members.iter().map(handle)
        }),
    );
    stores.equal("tickets", each(projects, |p| p.tickets.iter().map(|(n, t)| (number(*n), t.state.clone()))));
    stores.equal(
        "comments",
        each(projects, |p| {
            p.tickets.iter().flat_map(|(n, ticket)| {
                let n = number(*n);
                ticket.comments.iter().map(move |(id, comment)| {
                    ([&n[..], id.as_bytes()].concat(), CommentState { author_id: comment.author })
                })
            })
        }),
    );
    stores.equal(
        "watchers",
        each(projects, |p| {
            p.tickets.iter().flat_map(|(n, ticket)| {
                let n = number(*n);
                ticket
                    .watchers
                    .iter()
                    .map(move |(user, since)| ([&n[..], user.as_bytes()].concat(), WatcherState { since: *since }))
            })
        }),
    );
    // What an import brought is digested there; here it is the number that counts.
    let externals = each(projects, |p| {
        let external = |((source, id), number): (&(String, String), &i64)| {
            ([source.as_bytes(), &[0], id.as_bytes()].concat(), *number)
        };
        p.externals.iter().map(external)
    });
    stores.equal_as("external-references", externals, |state: ExternalState| state.number);
    stores.equal("users", users(seen));
    stores.remembered("command-memory", |outcome| outcome.project_id().is_some());
    stores.nothing_pending("pending-commands");
    stores.remembered("user-command-memory", |outcome| outcome.project_id().is_none());
}

/// Entries of all projects, each under its project's id.
fn each<'p, V, I: IntoIterator<Item = (Vec<u8>, V)>>(
    projects: &'p Projects,
    of: impl Fn(&'p super::fold::Project) -> I,
) -> Entries<V> {
    let under = |(id, project)| of(project).into_iter().map(move |(key, v)| ([&bytes(id)[..], &key].concat(), v));
    projects.iter().flat_map(under).collect()
}

fn bytes(id: &Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

fn number(number: i64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Users by their key, as their last event says.
fn users(seen: &Seen) -> Entries<UserState> {
    let mut users = Entries::new();
    for (_, event) in &seen.users {
        let user = UserEvent::into_user(event.clone());
        let outside = user.login_source.as_deref().zip(user.login.as_deref());
        let key = match (&user.email, outside) {
            (_, Some((source, login))) => format!("{source}:{login}"),
            (Some(email), None) => email.clone(),
            (None, None) => continue,
        };
        let state = UserState {
            user_id: user.user_id,
            email: user.email,
            name: user.name,
            role: user.role,
            source: user.login_source,
            login: user.login,
            created_at: user.created_at,
            sequence: user.sequence,
            preferences: user.preferences,
            deactivated: user.deactivated,
        };
        users.insert(key.into_bytes(), state);
    }
    users
}

struct Stores<'a> {
    seen: &'a Seen,
    found: &'a mut Vec<Finding>,
}

impl Stores<'_> {
    fn equal<V: Record + PartialEq + Debug>(&mut self, store: &str, expected: Entries<V>) {
        self.equal_as(store, expected, |state: V| state);
    }

    fn equal_as<S: Record, V: PartialEq + Debug>(
        &mut self,
        store: &str,
        mut expected: Entries<V>,
        of: impl Fn(S) -> V,
    ) {
        for (key, value) in self.seen.store(store) {
            let wrong = match (frame::decode::<S>(&value).map(&of), expected.remove(&key)) {
                (Ok(state), Some(expected)) if state == expected => continue,
                (Ok(state), Some(expected)) => format!("is {state:?}, but the events say {expected:?}"),
                (Ok(state), None) => format!("is {state:?}, of which the events say nothing"),
                (Err(error), _) => error.to_string(),
            };
            self.found.push(Finding::new(Law::Folded, format!("{store} {}: {wrong}", shown(&key))));
        }
        for (key, expected) in expected {
            let what = format!("{store} {}: is not there, but the events say {expected:?}", shown(&key));
            self.found.push(Finding::new(Law::Folded, what));
        }
    }

    /// At rest every question has been answered, and what it was asked for decided.
    fn nothing_pending(&mut self, store: &str) {
        let pending = self.seen.store(store).into_keys();
        let finding = |key: Vec<u8>| Finding::new(Law::Remembered, format!("{} is still being decided", shown(&key)));
        self.found.extend(pending.map(finding));
    }

    /// The memory of each partition is the first answers on that partition, each under its command's id.
    fn remembered(&mut self, store: &str, mine: impl Fn(&Outcome) -> bool) {
        let Some(topic) = self.seen.changelogs.get(&(self.seen.application.clone(), store.to_owned())) else { return };
        let mut answers: BTreeMap<(u32, Vec<u8>), &Outcome> = BTreeMap::new();
        for (at, outcome) in &self.seen.outcomes {
            let first = !outcome.duplicate() && !matches!(outcome, Outcome::Failed(_));
            if first && mine(outcome) {
                answers.entry((at.0, bytes(&outcome.command_id()))).or_insert(outcome);
            }
        }
        let mut wrong = Vec::new();
        for (partition, rows) in (0..).zip(topic) {
            for (key, row) in last_values(rows) {
                let value = row.value.as_deref().unwrap_or_default();
                let answer = answers.remove(&(partition, key.to_vec()));
                match (Outcome::decode(value), answer) {
                    (Ok(remembered), Some(answer)) if remembered == *answer => {}
                    (Ok(remembered), answer) => {
                        wrong.push(format!("{remembered:?} is remembered, the answer {answer:?}"));
                    }
                    (Err(_), answer) if value.first() == Some(&PENDING) => {
                        wrong.push(format!("{} is still being decided, the answer {answer:?}", shown(key)));
                    }
                    (Err(error), _) => wrong.push(format!("{}: {error}", shown(key))),
                }
            }
        }
        wrong.extend(answers.values().map(|answer| format!("{answer:?} is not remembered")));
        self.found.extend(wrong.into_iter().map(|what| Finding::new(Law::Remembered, format!("{store}: {what}"))));
    }
}
