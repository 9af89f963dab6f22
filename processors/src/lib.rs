//! The domain: every rule about tickets, projects, members and users, and the one pipeline made of them.
//!
//! No IO, no clock, no randomness: times and ids come in with the record, so a replay decides as the first run did.
//! Neither Kafka, SQL nor HTTP is known here, only `topology` (the engine) and `schemas` (the records).
//!
//! | module | what |
//! |---|---|
//! | `decide/` | [`decide`]: (state, command, timestamp) to events or a [`Rejection`]; one file a command, guards in order |
//! | `evolve.rs` | [`evolve`]: (state, event) to state, the only way state changes |
//! | `view.rs`, `model.rs`, `stores.rs` | the state as the rules see it; in memory; in a task's stores |
//! | `fields.rs`, `role.rs`, `workflow.rs`, `guard.rs` | rules of single fields, roles, states; guards that commands share |
//! | `user.rs`, `activity.rs` | the same for users; for those who may do nothing any more |
//! | `assignment/` | who is given which ticket: loads, orders of members and of waiting tickets, proposals |
//! | `notifications/` | who must know of which event: recipients, inboxes |
//! | `ticket_processor.rs`, `user_processor.rs` | the processors: command memory, routing, outcomes around the rules |
//! | `pipeline.rs` | [`pipeline`]: the topology that worker, tests and simulation all run |
//! | `fold.rs`, `verify.rs` | what stores and read model should hold, recomputed from the events, and every difference |
//!
//! ```
//! use processors::{Decision, ProjectModel, decide, evolve};
//! use schemas::{CreateProject, TicketCommand, ids};
//!
//! let mut project = ProjectModel::default();
//! let command = CreateProject {
//!     project_id: ids::project_id("SYNC"),
//!     key: "SYNC".to_owned(),
//!     name: "SyncroBoard".to_owned(),
//!     ..CreateProject::default()
//! };
//! let Decision::Accepted(accepted) = decide(&project, TicketCommand::from(command), 1_700_000_000_000)? else {
//!     unreachable!("only AddMember has to look up a user")
//! };
//! for event in &accepted.events {
//!     evolve(&mut project, event)?;
//! }
//! assert_eq!(project.counters.sequence, 2, "the project, and its owner's membership");
//! # Ok::<(), processors::Refused>(())
//! ```

mod activity;
mod assignment;
#[cfg(feature = "injected-bugs")]
pub mod bugs;
mod decide;
mod decision;
mod desk;
mod digest;
mod evolve;
mod failed;
pub mod fields;
mod fold;
mod guard;
pub mod keys;
mod memory;
mod model;
mod notifications;
mod outcome;
mod pipeline;
mod policy;
mod rejection;
mod reply_processor;
mod role;
mod serdes;
pub mod stores;
mod ticket_processor;
mod user;
mod user_processor;
mod verify;
mod view;
pub mod workflow;

pub use activity::{ActivityChange, decide_activity, decide_membership};
pub use assignment::{POOL_LOADS, POOL_STORES, POOL_TICKETS, verify_pools, verify_pools_at_rest};
pub use decide::{LookedUp, decide, decide_added_member, decide_joined_pool, decide_proposal};
pub use decision::{Accepted, Decision, TicketRef};
pub use evolve::evolve;
pub use fold::{Fold, HistorySum};
pub use memory::{COMMAND_MEMORY, PENDING_COMMANDS, USER_COMMAND_MEMORY};
pub use model::ProjectModel;
pub use notifications::{
    EMAIL_MODES, FAN_OUT_STORES, GATHERED, INBOX_STORES, INBOXES, KINDS, LOCALES, Reason, WATCHERS_AT_ONCE,
};
pub use outcome::{Answer, repeated};
pub use pipeline::{COMMAND_MEMORY_MS, OUTCOMES_KEPT_MS, PipelineConfig, pipeline, topic_specs};
pub use policy::Policy;
pub use rejection::{Needed, Rejection, Unmet};
pub use role::Role;
pub use user::{decide_preferences, decide_user, evolve_user, handle_of};
pub use user_processor::USERS;
pub use verify::{Difference, Problem, fold, verify_log, verify_read_model, verify_stores};
pub use view::{Fault, ProjectStateMut, ProjectView, Refused};
