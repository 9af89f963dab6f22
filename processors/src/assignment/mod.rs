//! Assignment: who is given which ticket. A sub-topology of its own, keyed by pool.
//!
//! The ticket sub-topology tells a pool of every change of a ticket, membership or policy that concerns it
//! ([`told::pool_inputs`]): all there is, not what changed. The pool keeps loads and what waits, chooses, and proposes on
//! `ticket.assignments`. The ticket sub-topology has the last word ([`crate::decide_proposal`]): what it accepts it tells the
//! pool as any other change of the ticket, what it declines it declines by a record.
//!
//! All that one project tells its pool lies on one partition in the order in which it came about. So a proposal that does
//! not fit any more was overtaken by something that the pool is told of before it hears that the proposal was declined, and
//! by then has righted the loads.
//!
//! | file | what |
//! |---|---|
//! | `told.rs` | what pools are told of an event |
//! | `pool_lookups.rs`, `moves.rs` | joining another project's pool: the question to its host; telling the new pool what there is |
//! | `pool.rs` | [`pool::Pool`]: takes in what it is told of tickets and answers, and writes down what becomes of a ticket |
//! | `members.rs` | memberships and loads, and where they put a user in each project of the pool |
//! | `projects.rs` | projects that come, go, or change their policy; what one record was too little for |
//! | `choice.rs` | the choice of a member; which waiting tickets somebody with room is given |
//! | `order.rs` | ordered entries in groups of equal labels, the first of each class at hand |
//! | `keys.rs`, `stores.rs` | what is stored, and under which keys |
//! | `verify.rs` | holds the stores to each other |
//! | `processor.rs`, `proposals.rs` | the two processors: of the pool's input, and of the proposals in the ticket sub-topology |
//!
//! # Pools that projects share
//!
//! A pool is hosted by a project, whose id is the pool's, and is of the host's members. A ticket is given to a member of its
//! project who is the host's member too, may work and is available in both, with the host's capacity and skills. The load
//! is one for all projects of the pool. Who is no member of the host but has tickets by hand has a load there as well.
//!
//! A project that moves tells its former pool that it has left and its new one all there is, both some at a time.
//! Everything that a project tells has the sequence of the move that brought it to the pool (`since`), so what a pool has
//! left of an earlier stay is known for what it is.
//!
//! # What a choice costs
//!
//! For each project of a pool, members with the same skills stand in one group, in classes by how much room they have, each class ordered by
//! (load / capacity, last assigned, id). A choice looks at the first of each class of each group: s groups of four classes.
//! Moving the chosen one to its new place costs O(log members) for each project of the pool that they are a member of. Waiting tickets stand in the same kind of order: groups by
//! labels, classes by priority, ordered by age.

mod choice;
mod keys;
mod members;
mod moves;
mod order;
mod pool;
mod pool_lookups;
mod processor;
mod projects;
mod proposals;
mod stores;
mod told;
mod verify;

pub(crate) use moves::{MoveProcessor, begin as begin_move};
pub(crate) use pool_lookups::{POOL_LOOKUPS, POOL_REPLIES, PoolLookupProcessor, PoolReplyProcessor};
pub(crate) use processor::{ASSIGNMENTS_SINK, AssignmentProcessor, POOL_WORK};
pub(crate) use proposals::ProposalProcessor;
use schemas::ProjectState;
pub(crate) use stores::declare;
pub use stores::{POOL_LOADS, POOL_STORES, POOL_TICKETS};
pub(crate) use told::{moved, pool_inputs};
use uuid::Uuid;
pub use verify::{verify_pools, verify_pools_at_rest};

/// The pool that a project is in.
pub(crate) fn pool_of(project_id: Uuid, project: &ProjectState) -> Uuid {
    project.pool_id.unwrap_or(project_id)
}

/// The weight of a ticket of that priority. One that this version does not know weighs as much as the default.
pub(crate) fn weight(priority: &str) -> i64 {
    match priority {
        "LOW" => 1,
        "HIGH" => 3,
        "URGENT" => 5,
        _ => 2,
    }
}
