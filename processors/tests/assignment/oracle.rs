//! What must hold of pools at rest, told from the event log alone: it calls neither `evolve` nor anything of assignment.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{PoolLoadState, PoolTicketState, TicketEvent, frame};
use uuid::Uuid;

/// A store's entries, as bytes.
pub(crate) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone)]
struct Ticket {
    priority: String,
    labels: BTreeSet<String>,
    open: bool,
    held: bool,
    assignee: Option<Uuid>,
}

#[derive(Debug, Clone)]
struct Member {
    works: bool,
    capacity: i64,
    skills: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Project {
    policy: String,
    /// The project whose members share the work: itself, unless it has joined another.
    pool: Uuid,
    members: BTreeMap<Uuid, Member>,
    tickets: BTreeMap<i64, Ticket>,
    archived: bool,
    /// States that are closed; none: that of the default workflow.
    closed: Option<BTreeSet<String>>,
}

impl Project {
    fn is_open(&self, status: &str) -> bool {
        self.closed.as_ref().map_or(status != "DONE", |closed| !closed.contains(status))
    }
}

/// Holds the pools' stores to the log; the first thing that is wrong.
pub(crate) fn check<'e>(
    events: impl IntoIterator<Item = &'e TicketEvent>,
    loads: &Entries,
    tickets: &Entries,
) -> Result<(), String> {
    let projects = read(events)?;
    let carried = check_loads(&projects, loads)?;
    check_tickets(&projects, tickets)?;
    projects.keys().try_for_each(|id| check_waiting(*id, &projects, &carried))
}

pub(crate) fn weight(priority: &str) -> i64 {
    match priority {
        "LOW" => 1,
        "MEDIUM" => 2,
        "HIGH" => 3,
        "URGENT" => 5,
        other => unreachable!("no priority {other}"),
    }
}

fn read<'e>(events: impl IntoIterator<Item = &'e TicketEvent>) -> Result<BTreeMap<Uuid, Project>, String> {
    let mut projects: BTreeMap<Uuid, Project> = BTreeMap::new();
    for event in events {
        let project = projects.entry(event.project_id()).or_default();
        let worker = |role: &str, available: bool| available && role != "viewer";
        let set = |skills: &[String]| skills.iter().cloned().collect();
        match event {
            TicketEvent::ProjectCreated(e) => {
                (project.policy, project.pool) = ("least_loaded".to_owned(), e.project_id);
            }
            TicketEvent::ProjectUpdated(e) => {
                project.policy.clone_from(&e.assignment_policy);
                project.archived = e.archived;
                project.closed = e.workflow.as_ref().map(|new| {
                    let closed = new.states.iter().filter(|state| !state.open);
                    closed.map(|state| state.name.clone()).collect()
                });
                project.pool = e.pool_id.unwrap_or(e.project_id);
                if e.pool_open && project.pool != e.project_id {
                    return Err(format!("{} is open, but shares {}", e.project_id, project.pool));
                }
            }
            TicketEvent::ProjectMemberAdded(e) => {
                let (works, capacity) = (worker(&e.role, e.available), e.capacity.into());
                project.members.insert(e.user_id, Member { works, capacity, skills: set(&e.skills) });
            }
            TicketEvent::ProjectMemberUpdated(e) => {
                let (works, capacity) = (worker(&e.role, e.available && !e.deactivated), e.capacity.into());
                project.members.insert(e.user_id, Member { works, capacity, skills: set(&e.skills) });
            }
            TicketEvent::ProjectMemberRemoved(e) => drop(project.members.remove(&e.user_id)),
            TicketEvent::TicketCreated(e) => {
                let ticket = Ticket {
                    priority: e.priority.clone(),
                    labels: set(&e.labels),
                    open: project.is_open(&e.status),
                    held: e.imported && e.assignee_id.is_none(),
                    assignee: e.assignee_id,
                };
                project.tickets.insert(e.number, ticket);
            }
            TicketEvent::TicketDeleted(e) => drop(project.tickets.remove(&e.number)),
            TicketEvent::TicketCommented(_) | TicketEvent::TicketWatchAdded(_) | TicketEvent::TicketWatchRemoved(_) => {
            }
            TicketEvent::TicketUpdated(e) => {
                let ticket = project.tickets.get_mut(&e.number).ok_or("an update of no ticket")?;
                ticket.priority = e.priority.clone().unwrap_or_else(|| ticket.priority.clone());
                ticket.labels = e.labels.as_ref().map_or_else(|| ticket.labels.clone(), |labels| set(labels));
            }
            TicketEvent::TicketStatusUpdated(e) => {
                let open = project.is_open(&e.new_status);
                let ticket = project.tickets.get_mut(&e.number).ok_or("a move of no ticket")?;
                ticket.held &= ticket.open || !open;
                ticket.open = open;
            }
            TicketEvent::TicketAssigned(e) => {
                let ticket = project.tickets.get_mut(&e.number).ok_or("an assignment of no ticket")?;
                let may = ticket.open && !ticket.held && !project.archived;
                if e.automatic && !(may && project.members.contains_key(&e.assignee_id)) {
                    return Err(format!("{} of {} was given to {} wrongly", e.number, e.project_id, e.assignee_id));
                }
                (ticket.assignee, ticket.held) = (Some(e.assignee_id), false);
            }
            TicketEvent::TicketUnassigned(e) => {
                let ticket = project.tickets.get_mut(&e.number).ok_or("taking no ticket from somebody")?;
                (ticket.assignee, ticket.held) = (None, !e.automatic);
            }
        }
    }
    Ok(projects)
}

/// Loads are the weights of the open tickets that somebody has in all projects of a pool; by pool and user.
fn check_loads(projects: &BTreeMap<Uuid, Project>, loads: &Entries) -> Result<BTreeMap<(Uuid, Uuid), i64>, String> {
    let mut expected: BTreeMap<(Uuid, Uuid), i64> = BTreeMap::new();
    for project in projects.values() {
        for ticket in project.tickets.values().filter(|ticket| ticket.open) {
            if let Some(user) = ticket.assignee {
                *expected.entry((project.pool, user)).or_default() += weight(&ticket.priority);
            }
        }
    }
    let mut found = BTreeMap::new();
    for (key, value) in loads {
        let state: PoolLoadState = frame::decode(value).map_err(|error| error.to_string())?;
        let [pool, user] = ids(key)?;
        if state.load < 0 {
            return Err(format!("{user} carries {} in {pool}", state.load));
        }
        if state.load > 0 {
            found.insert((pool, user), state.load);
        }
    }
    if found != expected {
        return Err(format!("loads are {found:?}, but the log says {expected:?}"));
    }
    Ok(expected)
}

/// Each open ticket that is not held is known to the pool of its project and to no other, with the log's assignee and no
/// question open.
fn check_tickets(projects: &BTreeMap<Uuid, Project>, tickets: &Entries) -> Result<(), String> {
    let mut expected: BTreeMap<(Uuid, Uuid, i64), Option<Uuid>> = BTreeMap::new();
    for (id, project) in projects {
        let known = |ticket: &&Ticket| ticket.open && (ticket.assignee.is_some() || !ticket.held);
        let of_project = project.tickets.iter().filter(|(_, ticket)| known(ticket));
        expected.extend(of_project.map(|(number, ticket)| ((project.pool, *id, *number), ticket.assignee)));
    }
    let mut found = BTreeMap::new();
    for (key, value) in tickets {
        let state: PoolTicketState = frame::decode(value).map_err(|error| error.to_string())?;
        let (key, number) = key.split_at(32);
        let [pool, project] = ids(key)?;
        let number = u64::from_be_bytes(number.try_into().map_err(|_| "a key of another length")?) ^ (1 << 63);
        if state.proposed {
            return Err(format!("ticket {number} of {project} still waits for an answer"));
        }
        found.insert((pool, project, number.cast_signed()), state.assignee_id);
    }
    if found == expected { Ok(()) } else { Err(format!("tickets are {found:?}, but the log says {expected:?}")) }
}

/// Nothing waits that somebody has room for: a member of the project and of the pool, with the pool's capacity and skills.
fn check_waiting(
    id: Uuid,
    projects: &BTreeMap<Uuid, Project>,
    carried: &BTreeMap<(Uuid, Uuid), i64>,
) -> Result<(), String> {
    let project = &projects[&id];
    if project.policy == "manual" || project.archived {
        return Ok(());
    }
    let waits = |ticket: &&Ticket| ticket.open && !ticket.held && ticket.assignee.is_none();
    for (number, ticket) in project.tickets.iter().filter(|(_, ticket)| waits(ticket)) {
        for (user, own) in &project.members {
            let Some(member) = projects[&project.pool].members.get(user) else { continue };
            let load = carried.get(&(project.pool, *user)).copied().unwrap_or_default();
            let fits = own.works && member.works && load + weight(&ticket.priority) <= member.capacity;
            if fits && (project.policy != "skills_only" || ticket.labels.is_subset(&member.skills)) {
                return Err(format!(
                    "ticket {number} of {id} waits, but {user} has room: {load} of {}",
                    member.capacity
                ));
            }
        }
    }
    Ok(())
}

fn ids<const N: usize>(key: &[u8]) -> Result<[Uuid; N], String> {
    let ids: Vec<Uuid> = key.chunks(16).filter_map(|bytes| Uuid::from_slice(bytes).ok()).collect();
    ids.try_into().map_err(|ids| format!("a key of other ids: {ids:?}"))
}
