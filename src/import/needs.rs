//! What tickets need to be there before them: people, projects and members, each asked for once a run.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::batch::{Batch, Item, Origin, Setup};
use super::people::Person;

/// Collects what the tickets of a window need.
#[derive(Debug, Default)]
pub(super) struct Needs {
    projects: HashSet<String>,
    users: HashSet<String>,
    members: HashSet<(String, String)>,
    /// To be sent in this order, each when the one before is answered.
    first: Batch,
    then: Batch,
}

impl Needs {
    pub(super) fn project(&mut self, key: &str, name: &str, description: &str) {
        if self.projects.insert(key.to_owned()) {
            self.then.push(create_project(key, name, description));
        }
    }

    pub(super) fn person(&mut self, person: &Person) {
        if self.users.insert(person.key()) {
            self.first.push(setup(Setup::User, person.registration()));
        }
    }

    /// Somebody who can be a ticket's assignee.
    pub(super) fn member(&mut self, project: &str, person: &Person) {
        self.person(person);
        if self.members.insert((project.to_owned(), person.key())) {
            let command = json!({"type": "AddMember", "project": project, "user": person.key(), "role": "member"});
            self.then.push(setup(Setup::Member, command));
        }
    }

    /// What has not been taken yet.
    pub(super) fn take(&mut self) -> [Batch; 2] {
        [std::mem::take(&mut self.first), std::mem::take(&mut self.then)]
    }
}

pub(super) fn create_project(key: &str, name: &str, description: &str) -> Item {
    setup(Setup::Project, json!({"type": "CreateProject", "key": key, "name": name, "description": description}))
}

/// What a run needs is asked for under a new id: a remembered answer could be about a state that is gone.
fn setup(kind: Setup, mut command: Value) -> Item {
    let command_id = Uuid::new_v4();
    command["commandId"] = json!(command_id);
    let line = command.to_string().into_bytes();
    Item { command_id, line, own_id: true, origin: Origin::Setup(kind), comments: Vec::new() }
}
