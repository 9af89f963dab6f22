//! Random commands: valid, refused by the rules, unreadable, on the wrong partition, repeated.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use schemas::topics::{REPLY_TO_HEADER, TICKET_COMMANDS, USER_COMMANDS};
use schemas::*;
use topology::Headers;
use topology::broker::{TopicPartition, partition_for_key};
use topology::trace::{SpanContext, TRACEPARENT_HEADER};
use uuid::Uuid;

use crate::PARTITIONS;

const PROJECTS: [&str; 4] = ["ALFA", "BETA", "GAMMA", "DELTA"];
/// The project whose pool others join most of the time.
const POOL: usize = 0;
/// Where tickets are moved to: not every workflow has all of these, and none the last.
const STATES: [&str; 7] = ["OPEN", "IN_PROGRESS", "IN_PROGRESS", "REVIEW", "DONE", "DROPPED", "LOST"];
/// When mail may be wanted, and when not.
const EMAIL: [&str; 6] = ["immediate", "none", "by pigeon", "hourly", "hourly", "daily"];
const USERS: [&str; 6] =
    ["ada@example.org", "bob@example.org", "eve@example.org", "zoë@example.org", "github:octocat", "bob@example.com"];

/// A record for a command topic.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) partition: TopicPartition,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Headers,
    /// The command in it, if it can be read and lies where it belongs, so that it must be decided.
    pub(crate) command: Option<Uuid>,
    pub(crate) what: &'static str,
}

impl Message {
    /// True if the answer to the command may take a question to another task.
    pub(crate) fn two_steps(&self) -> bool {
        ["AddMember", "ConfigureAssignment"].contains(&self.what)
    }
}

/// Makes commands up.
pub(crate) struct Commands {
    /// How many tickets were asked for, by project: numbers up to there, or a little beyond, are worth naming.
    tickets: [i64; PROJECTS.len()],
    comments: Vec<Uuid>,
    /// Messages that may be sent again.
    sent: Vec<Message>,
    opening: Vec<Message>,
}

impl Commands {
    pub(crate) fn new(rng: &mut SmallRng) -> Self {
        let mut commands =
            Self { tickets: [0; PROJECTS.len()], comments: Vec::new(), sent: Vec::new(), opening: Vec::new() };
        // Without projects and users all else is refused, so most of them come first; they are taken from the end.
        for project in 0..PROJECTS.len() {
            if project == POOL && rng.random_bool(0.8) {
                let message = Self::open_pool(rng);
                commands.opening.push(message);
            }
            if rng.random_bool(0.8) {
                let message = Self::create_project(rng, project, USERS[0]);
                commands.opening.push(message);
            }
        }
        for user in USERS {
            if rng.random_bool(0.7) {
                commands.opening.push(register(rng, user));
            }
        }
        commands
    }

    /// The next message.
    pub(crate) fn next(&mut self, rng: &mut SmallRng) -> Message {
        if let Some(message) = self.opening.pop() {
            self.sent.push(message.clone());
            return message;
        }
        if rng.random_bool(0.12)
            && let Some(message) = self.sent.choose(rng)
        {
            return message.clone();
        }
        let message = match rng.random_range(0..100) {
            0..6 => {
                let user = USERS.choose(rng).expect("users");
                register(rng, user)
            }
            6..10 => about_oneself(rng),
            10..13 => Self::broken(rng),
            _ => self.ticket_command(rng),
        };
        if message.command.is_some() {
            self.sent.push(message.clone());
            return message;
        }
        message
    }

    /// The messages whose commands must be answered from memory if they are sent now.
    pub(crate) fn repeatable(&self) -> &[Message] {
        &self.sent
    }

    /// What was sent is too long ago to be remembered.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
    }

    fn create_project(rng: &mut SmallRng, project: usize, actor: &str) -> Message {
        let key = PROJECTS[project];
        let command = CreateProject {
            command_id: id(rng),
            actor_id: ids::user_id(actor),
            project_id: ids::project_id(key),
            key: if rng.random_bool(0.95) { key.to_owned() } else { "no key".to_owned() },
            name: text(rng, 20),
            description: text(rng, 60),
            ..CreateProject::default()
        };
        ticket(command, rng)
    }

    /// Lets other projects join the pool of one.
    fn open_pool(rng: &mut SmallRng) -> Message {
        let command = ConfigureAssignment {
            command_id: id(rng),
            actor_id: ids::user_id(USERS[0]),
            project_id: ids::project_id(PROJECTS[POOL]),
            pool_open: Some(true),
            ..ConfigureAssignment::default()
        };
        ticket(command, rng)
    }

    fn ticket_command(&mut self, rng: &mut SmallRng) -> Message {
        let project = rng.random_range(0..PROJECTS.len());
        let actor = if rng.random_bool(0.7) { USERS[0] } else { USERS.choose(rng).expect("users") };
        let (command_id, actor_id, actor_admin) = (id(rng), ids::user_id(actor), rng.random_bool(0.1));
        let (project_id, correlation_id) = (ids::project_id(PROJECTS[project]), id(rng));
        let number = rng.random_range(1..=self.tickets[project] + 1);
        let expected_version = rng.random_bool(0.2).then(|| rng.random_range(1..4));
        let user_key = (*USERS.choose(rng).expect("users")).to_owned();
        let user_id = ids::user_id(&user_key);
        macro_rules! command {
            ($name:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {
                $name {
                    command_id, actor_id, actor_admin, project_id, correlation_id, $($field $(: $value)?,)* ..$name::default()
                }
            };
        }
        match rng.random_range(0..100) {
            0..4 => Self::create_project(rng, project, actor),
            4..5 => {
                let policies = ["least_loaded", "round_robin", "skills_only", "manual", "by_astrology"];
                let policy = policies.choose(rng).map(|policy| (*policy).to_owned());
                ticket(command!(ConfigureAssignment { policy }), rng)
            }
            26..30 => {
                let pool = match rng.random_range(0..10) {
                    0..2 => None,
                    2..7 => Some(PROJECTS[POOL]),
                    7 => PROJECTS.choose(rng).copied(),
                    _ => Some(PROJECTS[project]),
                };
                let pool = pool.map(ids::project_id);
                let pool_open = pool.is_none().then(|| rng.random_bool(0.7));
                ticket(command!(ConfigureAssignment { pool_open, pool }), rng)
            }
            5..6 => ticket(
                command!(UpdateProject {
                    name: rng.random_bool(0.5).then(|| text(rng, 20)),
                    viewer_comments: Some(rng.random_bool(0.5)),
                }),
                rng,
            ),
            6..18 => {
                let role = ["owner", "maintainer", "member", "viewer", "king"].choose(rng).expect("roles");
                let capacity = rng.random_bool(0.3).then(|| rng.random_range(-1..40));
                let skills = vec!["bug".to_owned(); rng.random_range(0..2)];
                ticket(command!(AddMember { user_key, role: (*role).to_owned(), capacity, skills }), rng)
            }
            18..22 => ticket(
                command!(UpdateMember {
                    user_id,
                    role: rng.random_bool(0.5).then(|| "member".to_owned()),
                    capacity: rng.random_bool(0.5).then(|| rng.random_range(0..20)),
                    available: Some(rng.random_bool(0.5)),
                }),
                rng,
            ),
            22..26 => ticket(command!(RemoveMember { user_id }), rng),
            30..48 => {
                self.tickets[project] += 1;
                let priority =
                    rng.random_bool(0.5).then(|| ["LOW", "URGENT", "NONE"][rng.random_range(0..3)].to_owned());
                ticket(
                    command!(CreateTicket {
                        title: text(rng, 40),
                        description: text(rng, 300),
                        priority,
                        labels: vec!["bug".to_owned(); rng.random_range(0..2)],
                        assignee_id: rng.random_bool(0.3).then_some(user_id),
                    }),
                    rng,
                )
            }
            48..53 => {
                self.tickets[project] += 1;
                ticket(
                    command!(ImportTicket {
                        title: text(rng, 40),
                        status: ["DONE", "OPEN", "LOST"][rng.random_range(0..3)].to_owned(),
                        created_at: 1_600_000_000_000,
                        external_source: "github".to_owned(),
                        external_id: rng.random_range(0..6).to_string(),
                    }),
                    rng,
                )
            }
            53..61 => ticket(
                command!(EditTicket {
                    number,
                    expected_version,
                    title: rng.random_bool(0.7).then(|| text(rng, 40)),
                    priority: rng.random_bool(0.3).then(|| "HIGH".to_owned()),
                    labels: rng.random_bool(0.2).then(|| vec!["bug".to_owned()]),
                }),
                rng,
            ),
            61..76 => {
                let status = STATES.choose(rng).expect("states");
                ticket(command!(MoveTicket { number, expected_version, status: (*status).to_owned() }), rng)
            }
            // More often no more archived than archived, or little else would be accepted.
            76..78 => ticket(command!(UpdateProject { archived: Some(rng.random_bool(0.1)) }), rng),
            78..80 => ticket(command!(ConfigureWorkflow { workflow: workflow(rng) }), rng),
            80 | 94..97 => ticket(command!(AssignTicket { number, expected_version, assignee_id: user_id }), rng),
            81..84 => ticket(command!(UnassignTicket { number, expected_version }), rng),
            84..92 => {
                let parent_id = self.comments.choose(rng).filter(|_| rng.random_bool(0.2)).copied();
                self.comments.push(ids::comment_id(command_id));
                ticket(command!(CommentTicket { number, content: text(rng, 100), parent_id }), rng)
            }
            92 => ticket(command!(WatchTicket { number }), rng),
            93 => ticket(command!(UnwatchTicket { number }), rng),
            _ => {
                let mut message = ticket(command!(DeleteTicket { number, expected_version }), rng);
                if rng.random_bool(0.15) {
                    // The answer to this one is too large for its topic: all of the record is taken back.
                    message.headers.push(REPLY_TO_HEADER, vec![b'r'; 1 << 20]);
                    message.command = None;
                    message.what = "DeleteTicket, answer too large";
                }
                message
            }
        }
    }

    /// A record that no command can be decided of: dead letters.
    fn broken(rng: &mut SmallRng) -> Message {
        let mut message =
            ticket(CreateTicket { project_id: ids::project_id(PROJECTS[0]), ..CreateTicket::default() }, rng);
        message.command = None;
        match rng.random_range(0..5) {
            0 => (message.what, message.value) = ("no value", None),
            1 => (message.what, message.value) = ("garbage", Some(vec![rng.random(); rng.random_range(0..40)])),
            2 => (message.what, message.key) = ("wrong key", Some(id(rng).to_string().into_bytes())),
            3 => (message.what, message.key) = ("no key", None),
            _ => {
                message.what = "wrong partition";
                message.partition.partition = (message.partition.partition + 1) % PARTITIONS;
            }
        }
        message
    }
}

/// Commands of little consequence that each project's and each user's task has to decide, and a notification for each task of the inboxes, so
/// that the last record of each was remembered.
pub(crate) fn last_words(rng: &mut SmallRng) -> Vec<Message> {
    let mut words = Vec::new();
    for partition in 0..PARTITIONS {
        let on = |key: &String| partition_for_key(key.as_bytes(), PARTITIONS) == partition;
        let project =
            (0..1_000).map(|n| ids::project_id(&format!("Z{n}"))).find(|id| on(&id.to_string())).expect("a project");
        words.push(ticket(CreateTicket { command_id: id(rng), project_id: project, ..CreateTicket::default() }, rng));
        let user = (0..1_000).map(|n| format!("z{n}@example.org")).find(on).expect("a user");
        words.push(register(rng, &user));
        let told =
            (0..1_000).map(|n| ids::user_id(&format!("told{n}"))).find(|id| on(&id.to_string())).expect("a user");
        let (key, actor_id) = (format!("TOLD{partition}"), told);
        let project_id = ids::project_id(&key);
        let name = "Last words".to_owned();
        let project = CreateProject { command_id: id(rng), actor_id, project_id, key, name, ..Default::default() };
        words.push(ticket(project, rng));
        words.push(ticket(
            CreateTicket {
                command_id: id(rng),
                actor_admin: true,
                project_id,
                title: "Last words".to_owned(),
                assignee_id: Some(told),
                ..CreateTicket::default()
            },
            rng,
        ));
    }
    words
}

/// The default, with a guarded way and a further state, or without one that tickets may be in.
fn workflow(rng: &mut SmallRng) -> Option<Workflow> {
    let mut workflow = Workflow::standard().clone();
    match rng.random_range(0..5) {
        0..3 => return None,
        3 => {
            workflow.states.push(WorkflowState { name: "DROPPED".to_owned(), open: rng.random_bool(0.5) });
            let (from, to) = ("IN_PROGRESS".to_owned(), "DROPPED".to_owned());
            workflow.transitions.push(WorkflowTransition { from, to, ..WorkflowTransition::default() });
            workflow.transitions[3].requires_assignee = true;
        }
        _ => {
            workflow.states.retain(|state| state.name != "REVIEW");
            workflow.transitions.retain(|way| way.from != "REVIEW" && way.to != "REVIEW");
        }
    }
    Some(workflow)
}

fn register(rng: &mut SmallRng, user_key: &str) -> Message {
    let placeholder = user_key.split_once(':');
    let command = UserCommand::from(RegisterUser {
        command_id: id(rng),
        actor_id: ids::user_id(user_key),
        user_key: user_key.to_owned(),
        email: placeholder.is_none().then(|| user_key.to_owned()),
        source: placeholder.map(|p| p.0.to_owned()),
        login: placeholder.map(|p| p.1.to_owned()),
        name: text(rng, 20),
        ..RegisterUser::default()
    });
    let mut value = Vec::new();
    command.encode(&mut value).expect("a command fits its schema");
    message(rng, USER_COMMANDS, user_key, value, command.command_id(), command.type_name())
}

/// What somebody wants to hear of, or has read.
fn about_oneself(rng: &mut SmallRng) -> Message {
    let user_key = (*USERS.choose(rng).expect("users")).to_owned();
    let (command_id, actor_id, correlation_id) = (id(rng), ids::user_id(&user_key), id(rng));
    let key = user_key.clone();
    let command = if rng.random_bool(0.5) {
        let kinds = ["ticket.commented", "ticket.assigned", "ticket.watch.added", "ticket.deleted", "ticket.sneezed"];
        let muted_kinds = Some(kinds.choose(rng).iter().map(|kind| (**kind).to_owned()).collect());
        let muted_projects = rng.random_bool(0.3).then(|| vec![ids::project_id(PROJECTS[0])]);
        let email = rng.random_bool(0.7).then(|| EMAIL.choose(rng).map(|mode| (*mode).to_owned()).unwrap_or_default());
        let night = rng.random_bool(0.1).then(|| ["", "21:00", "23:30"].choose(rng).map_or("", |from| *from));
        let time_zone = rng.random_bool(0.1).then(|| (*["", "Europe/Madrid"].choose(rng).unwrap_or(&"")).to_owned());
        UserCommand::from(UpdatePreferences {
            command_id,
            actor_id,
            correlation_id,
            user_key,
            muted_kinds,
            muted_projects,
            email,
            time_zone,
            quiet_from: night.map(str::to_owned),
            quiet_to: night.map(|from| if from.is_empty() { "" } else { "07:00" }.to_owned()),
            ..UpdatePreferences::default()
        })
    } else {
        let up_to = Some(rng.random_range(0..50));
        let own = ReadNotifications { command_id, actor_id, correlation_id, user_key, up_to, ..Default::default() };
        UserCommand::from(own)
    };
    let command = activity(&command).unwrap_or(command);
    let mut value = Vec::new();
    command.encode(&mut value).expect("a command fits its schema");
    message(rng, USER_COMMANDS, &key, value, command.command_id(), command.type_name())
}

/// What an admin sends now and then in the place of a command: that somebody is to do nothing any more, and more often that they are. No draw
/// of its own, as with traces.
fn activity(of: &UserCommand) -> Option<UserCommand> {
    let (command_id, correlation_id, user_key) = (of.command_id(), of.correlation_id(), of.user_key().to_owned());
    let actor_admin = true;
    match command_id.as_u128() % 16 {
        0 => Some(DeactivateUser { command_id, correlation_id, actor_admin, user_key, ..Default::default() }.into()),
        1..4 => Some(ReactivateUser { command_id, correlation_id, actor_admin, user_key, ..Default::default() }.into()),
        _ => None,
    }
}

fn ticket(command: impl Into<TicketCommand>, rng: &mut SmallRng) -> Message {
    let mut command = command.into();
    if command.command_id().is_nil()
        && let TicketCommand::CreateTicket(command) = &mut command
    {
        command.command_id = id(rng);
    }
    let mut value = Vec::new();
    command.encode(&mut value).expect("a command fits its schema");
    let key = command.project_id().to_string();
    message(rng, TICKET_COMMANDS, &key, value, command.command_id(), command.type_name())
}

fn message(rng: &mut SmallRng, topic: &str, key: &str, value: Vec<u8>, id: Uuid, what: &'static str) -> Message {
    let mut headers = Headers::new();
    if rng.random_bool(0.3) {
        headers.push(REPLY_TO_HEADER, format!("api-{}", rng.random_range(0..3)));
    }
    // Nobody gathers spans here: traces go on as they came. No draw of its own, which would change every seed's course.
    let ids = id.as_u128();
    if ids.is_multiple_of(3) {
        headers.push(TRACEPARENT_HEADER, SpanContext::new(ids, 1, ids.is_multiple_of(2)).traceparent());
    }
    Message {
        partition: TopicPartition::new(topic, partition_for_key(key.as_bytes(), PARTITIONS)),
        key: Some(key.as_bytes().to_vec()),
        value: Some(value),
        headers,
        command: Some(id),
        what,
    }
}

fn id(rng: &mut SmallRng) -> Uuid {
    Uuid::from_u128(rng.random())
}

fn text(rng: &mut SmallRng, longest: usize) -> String {
    let words = ["a", "ticket", "with", "ñandú", "🎫", "and", "more", "words", "@ada", "@bob"];
    let mut text = String::new();
    let length = rng.random_range(0..=longest);
    while text.len() < length {
        text.push_str(words.choose(rng).expect("words"));
        text.push(' ');
    }
    text
}
