//! From a window of records to the batches that bring it in, in the order in which they must be answered.

use std::collections::HashSet;

use serde_json::json;
use uuid::Uuid;

use super::batch::{Batch, Item, Origin, Position, Setup};
use super::error::ImportError;
use super::github::{self, Issue, Repository, Unusable};
use super::input::Record;
use super::keys::{KeyUse, ProjectKeys};
use super::native::{NativeReader, Stage};

/// A record that did not become a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalReject {
    pub(super) position: Position,
    pub(super) original: Vec<u8>,
    pub(super) code: String,
    pub(super) detail: String,
}

/// What is to be sent for a window, and what is refused before it is sent.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) batches: Vec<Batch>,
    pub(super) rejects: Vec<LocalReject>,
}

impl Planned {
    fn reject(&mut self, record: Record, why: Unusable) {
        let Record { position, bytes, .. } = record;
        self.rejects.push(LocalReject { position, original: bytes, code: why.code.into(), detail: why.detail });
    }

    fn send(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.batches.push(batch);
        }
    }
}

/// Refuses what the file itself spoiled; gives the rest back.
fn readable(record: Record, planned: &mut Planned) -> Option<Record> {
    match record.damage.clone() {
        Some(damage) => {
            planned.reject(record, Unusable { code: damage.code, detail: damage.detail });
            None
        }
        None => Some(record),
    }
}

/// Asks the server what stands under a project's key.
pub(super) type LookUp<'a> = &'a mut dyn FnMut(&str) -> Result<KeyUse, ImportError>;

/// Plans for GitHub issues: people, projects and members first, each once a run, then the tickets.
#[derive(Debug, Default)]
pub(super) struct GithubPlan {
    keys: ProjectKeys,
    projects: HashSet<String>,
    users: HashSet<String>,
    members: HashSet<(String, String)>,
}

impl GithubPlan {
    pub(super) fn new(project: Option<String>) -> Self {
        Self { keys: ProjectKeys::new(project), ..Self::default() }
    }

    pub(super) fn window(&mut self, records: Vec<Record>, look_up: LookUp<'_>) -> Result<Planned, ImportError> {
        let mut planned = Planned::default();
        let (mut users, mut members, mut tickets) = (Batch::default(), Batch::default(), Batch::default());
        for record in records {
            let Some(record) = readable(record, &mut planned) else {
                continue;
            };
            let read = Issue::read(&record.bytes).and_then(|issue| issue.repository().map(|found| (issue, found)));
            let (issue, repository) = match read {
                Ok(read) => read,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            let key = self.keys.key_of(&repository, look_up)?;
            let command = match issue.command(&key, &repository) {
                Ok(command) => command,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            if self.projects.insert(key.clone()) {
                members.push(create_project(&key, &repository.full_name(), &describe(&repository)));
            }
            for login in [Some(issue.reporter()), issue.assignee()].into_iter().flatten() {
                if self.users.insert(github::user_key(login)) {
                    users.push(register_user(login));
                }
            }
            if let Some(login) = issue.assignee()
                && self.members.insert((key.clone(), github::user_key(login)))
            {
                members.push(add_member(&key, login));
            }
            let origin = Origin::Record { position: record.position, original: record.bytes };
            tickets.push(Item { command_id: command.id, line: command.line, own_id: true, origin });
        }
        planned.send(users);
        planned.send(members);
        planned.send(tickets);
        Ok(planned)
    }
}

/// Plans for native commands: in their order, cut where one must be answered before the next goes out.
#[derive(Debug, Default)]
pub(super) struct NativePlan {
    reader: NativeReader,
    /// The project that is still to be made.
    project: Option<String>,
}

impl NativePlan {
    pub(super) fn new(project: Option<String>) -> Self {
        Self { reader: NativeReader::new(project.clone()), project }
    }

    pub(super) fn window(&mut self, records: Vec<Record>) -> Planned {
        let mut planned = Planned::default();
        if let Some(key) = self.project.take() {
            let mut batch = Batch::default();
            batch.push(create_project(&key, &key, ""));
            planned.send(batch);
        }
        let (mut batch, mut stage) = (Batch::default(), Stage::Others);
        for record in records {
            let Some(record) = readable(record, &mut planned) else {
                continue;
            };
            let command = match self.reader.read(&record.bytes) {
                Ok(command) => command,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            if command.stage != stage && stage != Stage::Others {
                planned.send(std::mem::take(&mut batch));
            }
            stage = command.stage;
            let origin = Origin::Record { position: record.position, original: record.bytes };
            batch.push(Item { command_id: command.id, line: command.line, own_id: command.own_id, origin });
        }
        planned.send(batch);
        planned
    }
}

fn describe(repository: &Repository) -> String {
    format!("Imported from {}", repository.url())
}

/// What a run needs is asked for under a new id: a remembered answer could be about a state that is gone.
fn setup(kind: Setup, mut command: serde_json::Value) -> Item {
    let command_id = Uuid::new_v4();
    command["commandId"] = json!(command_id);
    Item { command_id, line: command.to_string().into_bytes(), own_id: true, origin: Origin::Setup(kind) }
}

fn create_project(key: &str, name: &str, description: &str) -> Item {
    setup(Setup::Project, json!({"type": "CreateProject", "key": key, "name": name, "description": description}))
}

fn register_user(login: &str) -> Item {
    setup(Setup::User, json!({"type": "RegisterUser", "source": "github", "login": login, "name": login}))
}

fn add_member(project: &str, login: &str) -> Item {
    let user = github::user_key(login);
    setup(Setup::Member, json!({"type": "AddMember", "project": project, "user": user, "role": "member"}))
}
