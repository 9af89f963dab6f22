//! A small project to try the rules on, and short ways to write commands.
#![allow(dead_code, unreachable_pub, clippy::needless_pass_by_value, reason = "each test file uses its part")]

pub mod driver;

use processors::{
    Accepted, Decision, LookedUp, ProjectModel, Refused, Rejection, decide, decide_added_member, decide_joined_pool,
    decide_membership, evolve,
};
use schemas::*;
use uuid::Uuid;

/// Timestamp of every record here.
pub const AT: i64 = 1_700_000_000_000;
pub const OWNER: Uuid = Uuid::from_u128(1);
pub const MAINTAINER: Uuid = Uuid::from_u128(2);
pub const MEMBER: Uuid = Uuid::from_u128(3);
pub const VIEWER: Uuid = Uuid::from_u128(4);
/// Knows nobody here.
pub const STRANGER: Uuid = Uuid::from_u128(5);
/// No member either, but an admin.
pub const ADMIN: Uuid = Uuid::from_u128(6);

pub fn project_id() -> Uuid {
    ids::project_id("SYNC")
}

/// A command of a type, from somebody, with some fields set.
macro_rules! command {
    ($($function:ident: $record:ident),* $(,)?) => {
        $(
            pub fn $function(actor_id: Uuid, set: impl FnOnce(&mut $record)) -> TicketCommand {
                let mut command = $record {
                    command_id: Uuid::from_u128(0xc0ffee),
                    actor_id,
                    actor_admin: actor_id == ADMIN,
                    project_id: project_id(),
                    ..$record::default()
                };
                set(&mut command);
                command.into()
            }
        )*
    };
}

command! {
    raw_create_project: CreateProject, update_project: UpdateProject, configure_assignment: ConfigureAssignment,
    configure_workflow: ConfigureWorkflow, raw_add_member: AddMember, update_member: UpdateMember,
    remove_member: RemoveMember, raw_create: CreateTicket, raw_import: ImportTicket, edit: EditTicket, move_to: MoveTicket,
    assign: AssignTicket, unassign: UnassignTicket, raw_comment: CommentTicket, delete: DeleteTicket,
    watch: WatchTicket, unwatch: UnwatchTicket,
}

pub fn create_project(actor: Uuid, set: impl FnOnce(&mut CreateProject)) -> TicketCommand {
    raw_create_project(actor, |c| {
        c.key = "SYNC".to_owned();
        c.name = "SyncroBoard".to_owned();
        set(c);
    })
}

pub fn add_member(actor: Uuid, set: impl FnOnce(&mut AddMember)) -> TicketCommand {
    raw_add_member(actor, |c| {
        c.user_key = "new@example.org".to_owned();
        c.role = "member".to_owned();
        set(c);
    })
}

pub fn create(actor: Uuid, set: impl FnOnce(&mut CreateTicket)) -> TicketCommand {
    raw_create(actor, |c| {
        c.title = "A title".to_owned();
        set(c);
    })
}

pub fn import(actor: Uuid, set: impl FnOnce(&mut ImportTicket)) -> TicketCommand {
    raw_import(actor, |c| {
        c.title = "A title".to_owned();
        c.status = "DONE".to_owned();
        c.created_at = 1_600_000_000_000;
        c.external_source = "github:o/r".to_owned();
        c.external_id = "99".to_owned();
        set(c);
    })
}

pub fn comment(actor: Uuid, set: impl FnOnce(&mut CommentTicket)) -> TicketCommand {
    raw_comment(actor, |c| {
        c.content = "A comment".to_owned();
        set(c);
    })
}

/// Does the same to a command of any type.
macro_rules! each_command {
    ($command:expr, |$c:ident| $do:expr) => {
        each_command!(
            @ $command, $c, $do, CreateProject UpdateProject ConfigureAssignment ConfigureWorkflow AddMember UpdateMember RemoveMember CreateTicket ImportTicket
            EditTicket MoveTicket AssignTicket UnassignTicket CommentTicket WatchTicket UnwatchTicket DeleteTicket
        )
    };
    (@ $command:expr, $c:ident, $do:expr, $($variant:ident)*) => {
        match $command {
            $(TicketCommand::$variant($c) => $do,)*
        }
    };
}

/// SYNC with one member of each role; ticket 1 OPEN, assigned to MEMBER and commented; 2 IN_PROGRESS (version 2);
/// 3 deleted; 4 imported as `github:o/r` 77.
pub fn world() -> ProjectModel {
    let mut model = ProjectModel::default();
    accept(&mut model, 1, create_project(OWNER, |_| {}));
    for (n, (user, role)) in
        [(MAINTAINER, "maintainer"), (MEMBER, "member"), (VIEWER, "viewer")].into_iter().enumerate()
    {
        let command = add_member(OWNER, |c| role.clone_into(&mut c.role));
        let TicketCommand::AddMember(command) = with_id(command, 10 + n as u128) else { unreachable!() };
        let user = LookedUp { user_id: user, suggested_handle: Some(role), deactivated: false };
        let accepted = decide_added_member(&model, command, Some(user), AT).unwrap();
        accepted.events.iter().for_each(|e| evolve(&mut model, e).unwrap());
    }
    accept(&mut model, 21, create(MEMBER, |c| c.assignee_id = Some(MEMBER)));
    accept(&mut model, 22, create(MEMBER, |_| {}));
    accept(&mut model, 23, create(MEMBER, |_| {}));
    accept(&mut model, 24, import(OWNER, |c| c.external_id = "77".to_owned()));
    accept(&mut model, 25, comment(MEMBER, |c| c.number = 1));
    accept(&mut model, 26, move_to(MEMBER, |c| (c.number, c.status) = (2, "IN_PROGRESS".to_owned())));
    accept(&mut model, 27, delete(OWNER, |c| c.number = 3));
    model
}

/// The comment on ticket 1 of [`world`].
pub fn known_comment() -> Uuid {
    ids::comment_id(Uuid::from_u128(25))
}

/// Tells a project that a user was deactivated, or reactivated; whether that changes anything.
pub fn tell_activity(model: &mut ProjectModel, user_id: Uuid, deactivated: bool) -> bool {
    let told = UserActivityTold { user_id, deactivated, changed_by: ADMIN, ..UserActivityTold::default() };
    let event = decide_membership(model, project_id(), &told, AT).unwrap();
    event.inspect(|event| evolve(model, event).unwrap()).is_some()
}

/// Decides and applies.
pub fn accept(model: &mut ProjectModel, id: u128, command: TicketCommand) -> Accepted {
    match decide(model, with_id(command, id), AT) {
        Ok(Decision::Accepted(accepted)) => {
            accepted.events.iter().for_each(|e| evolve(model, e).unwrap());
            accepted
        }
        other => panic!("{other:?}"),
    }
}

/// A project that does not exist.
pub fn no_project() -> Uuid {
    ids::project_id("NONE")
}

/// A project whose pool others may join. Any third one's is not open.
pub fn open_project() -> Uuid {
    ids::project_id("OPEN")
}

/// Why a command is refused; AddMember is answered with a known user (gone@example.org is deactivated), the question for a pool as the project's name says.
pub fn refusal(model: &ProjectModel, command: TicketCommand) -> Option<Rejection> {
    let refused = match decide(model, command, AT) {
        Ok(Decision::Accepted(_)) => return None,
        Ok(Decision::LookUpUser(command)) => {
            let user = Some(ids::user_id(&command.user_key)).filter(|_| command.user_key != "nobody@example.org");
            let user = if command.user_key == "member@example.org" { Some(MEMBER) } else { user };
            let deactivated = command.user_key == "gone@example.org";
            let user = user.map(|user_id| LookedUp { user_id, suggested_handle: Some("new"), deactivated });
            match decide_added_member(model, *command, user, AT) {
                Ok(_) => return None,
                Err(refused) => refused,
            }
        }
        Ok(Decision::LookUpPool(command)) => {
            let (known, open) = (command.pool != Some(no_project()), command.pool == Some(open_project()));
            match decide_joined_pool(model, &command, known, open, AT) {
                Ok(_) => return None,
                Err(refused) => refused,
            }
        }
        Err(refused) => refused,
    };
    match refused {
        Refused::Rejected(rejection) => Some(rejection),
        Refused::Fault(fault) => panic!("{fault}"),
    }
}

/// The same command about another project.
pub fn about(project_id: Uuid, mut command: TicketCommand) -> TicketCommand {
    each_command!(&mut command, |c| c.project_id = project_id);
    command
}

pub fn with_id(mut command: TicketCommand, id: u128) -> TicketCommand {
    each_command!(&mut command, |c| c.command_id = Uuid::from_u128(id));
    command
}
