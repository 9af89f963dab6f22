//! From a window of records to the batches that bring it in, in the order in which they must be answered.

use super::batch::{Batch, Item, Origin, Position};
use super::columns::{ColumnMap, Columns};
use super::error::ImportError;
use super::github;
use super::input::Record;
use super::jira;
use super::keys::{KeyUse, ProjectKeys};
use super::mapping::Mapping;
use super::native::{NativeReader, Stage};
use super::needs::{Needs, create_project};
use super::table::{Row, RowReader};
use super::ticket::{Command, ForeignTicket, Unusable};

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
    /// Comments that the other system has and the input has not.
    pub(super) missing_comments: u64,
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

    fn send_after(&mut self, needs: &mut Needs, tickets: Batch) {
        for batch in needs.take() {
            self.send(batch);
        }
        self.send(tickets);
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

/// Refuses a window of which nothing can be read.
pub(super) fn unreadable(records: Vec<Record>) -> Planned {
    let mut planned = Planned::default();
    for record in records {
        readable(record, &mut planned);
    }
    planned
}

/// Asks the server what stands under a project's key.
pub(super) type LookUp<'a> = &'a mut dyn FnMut(&str) -> Result<KeyUse, ImportError>;

/// Plans for GitHub issues: people, projects and members first, each once a run, then the tickets.
#[derive(Debug, Default)]
pub(super) struct GithubPlan {
    keys: ProjectKeys,
    needs: Needs,
}

impl GithubPlan {
    pub(super) fn new(project: Option<String>) -> Self {
        Self { keys: ProjectKeys::new(project), needs: Needs::default() }
    }

    pub(super) fn window(
        &mut self,
        records: Vec<Record>,
        mapping: &Mapping,
        look_up: LookUp<'_>,
    ) -> Result<Planned, ImportError> {
        let (mut planned, mut tickets) = (Planned::default(), Batch::default());
        for record in records {
            let Some(record) = readable(record, &mut planned) else {
                continue;
            };
            let read =
                github::Issue::read(&record.bytes).and_then(|issue| issue.repository().map(|found| (issue, found)));
            let (issue, repository) = match read {
                Ok(read) => read,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            let origin = repository.origin();
            let key = self.keys.key_of(&origin, look_up)?;
            let command = match issue.command(&key, &repository, mapping) {
                Ok(command) => command,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            self.needs.project(&key, &origin.name, &origin.description());
            self.needs.person(&issue.reporter(mapping));
            if let Some(assignee) = issue.assignee(mapping) {
                self.needs.member(&key, &assignee);
            }
            let origin = Origin::Record { position: record.position, original: record.bytes.into() };
            let (command_id, line) = (command.id, command.line);
            tickets.push(Item { command_id, line, own_id: true, origin, comments: Vec::new() });
        }
        planned.send_after(&mut self.needs, tickets);
        Ok(planned)
    }
}

/// Plans for Jira's issues: as for GitHub's, with comments after the tickets.
#[derive(Debug, Default)]
pub(super) struct JiraPlan {
    keys: ProjectKeys,
    needs: Needs,
}

impl JiraPlan {
    pub(super) fn new(project: Option<String>) -> Self {
        Self { keys: ProjectKeys::new(project), needs: Needs::default() }
    }

    pub(super) fn window(
        &mut self,
        records: Vec<Record>,
        mapping: &mut Mapping,
        look_up: LookUp<'_>,
    ) -> Result<Planned, ImportError> {
        let (mut planned, mut tickets) = (Planned::default(), Batch::default());
        for record in records {
            let Some(record) = readable(record, &mut planned) else {
                continue;
            };
            let read = jira::Issue::read(&record.bytes).and_then(|issue| {
                let (origin, missing) = (issue.project()?, issue.missing_comments());
                Ok((origin, missing, issue.ticket(mapping)?))
            });
            let (origin, missing, ticket) = match read {
                Ok(read) => read,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            planned.missing_comments += missing;
            let key = self.keys.key_of(&origin, look_up)?;
            self.needs.project(&key, &origin.name, &origin.description());
            match ticket.command(&key) {
                Ok(command) => tickets.push(item(record, command, &ticket, &key, &mut self.needs)),
                Err(why) => planned.reject(record, why),
            }
        }
        planned.send_after(&mut self.needs, tickets);
        Ok(planned)
    }
}

/// Plans for the rows of tables.
#[derive(Debug)]
pub(super) struct TablePlan {
    project: String,
    needs: Needs,
    rows: RowReader,
    map: ColumnMap,
    /// The columns of the table with this number among the inputs.
    columns: Option<(usize, Columns)>,
}

impl TablePlan {
    /// `created` is when a ticket was made for which no column says it.
    pub(super) fn new(project: String, map: ColumnMap, created: Option<String>) -> Self {
        Self { project, needs: Needs::default(), rows: RowReader::new(created), map, columns: None }
    }

    /// `names` are those of the inputs.
    pub(super) fn window(
        &mut self,
        records: Vec<Record>,
        mapping: &mut Mapping,
        names: &[String],
    ) -> Result<Planned, ImportError> {
        let (mut planned, mut tickets) = (Planned::default(), Batch::default());
        for record in records {
            let Some(record) = readable(record, &mut planned) else {
                continue;
            };
            let row = match Row::read(&record.bytes) {
                Ok(row) => row,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            let file = record.position.file;
            // Objects, from a rejects file, may come from several tables.
            let known = self.columns.take_if(|(of, _)| *of == file && record.is_row);
            let name = names.get(file).map_or("the input", String::as_str);
            let found = known.map_or_else(|| Ok((file, self.map.of(row.columns(), name)?)), Ok);
            let (_, columns) = match found {
                Ok(found) => self.columns.insert(found),
                Err(error) if record.is_row => return Err(error),
                Err(error) => {
                    planned.reject(record, Unusable::malformed(error.to_string()));
                    continue;
                }
            };
            let ticket = match self.rows.ticket(&row, columns, mapping) {
                Ok(ticket) => ticket,
                Err(why) => {
                    planned.reject(record, why);
                    continue;
                }
            };
            self.needs.project(&self.project, &self.project, "");
            match ticket.command(&self.project) {
                Ok(command) => tickets.push(item(record, command, &ticket, &self.project, &mut self.needs)),
                Err(why) => planned.reject(record, why),
            }
        }
        planned.send_after(&mut self.needs, tickets);
        Ok(planned)
    }
}

/// The line for a ticket, with what it needs and what follows it.
fn item(record: Record, command: Command, ticket: &ForeignTicket, project: &str, needs: &mut Needs) -> Item {
    for person in ticket.reporter.iter().chain(ticket.comments.iter().map(|comment| &comment.author)) {
        needs.person(person);
    }
    if let Some(assignee) = &ticket.assignee {
        needs.member(project, assignee);
    }
    let origin = Origin::Record { position: record.position, original: record.bytes.into() };
    let comments = ticket.comments(project);
    Item { command_id: command.id, line: command.line, own_id: true, origin, comments }
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
            let origin = Origin::Record { position: record.position, original: record.bytes.into() };
            let (command_id, line, own_id) = (command.id, command.line, command.own_id);
            batch.push(Item { command_id, line, own_id, origin, comments: Vec::new() });
        }
        planned.send(batch);
        planned
    }
}
