//! Assignment: who is given which ticket. A sub-topology of its own, keyed by pool.
//!
//! The ticket sub-topology tells a pool of every change of a ticket, membership or policy that concerns it
//! ([`told::pool_input`]): all there is, not what changed. The pool keeps loads and what waits, chooses, and proposes on
//! `ticket.assignments`. The ticket sub-topology has the last word ([`crate::decide_proposal`]): what it accepts it tells the
//! pool as any other change of the ticket, what it declines it declines by a record.
//!
//! All that one project tells its pool lies on one partition in the order in which it came about. So a proposal that does
//! not fit any more was overtaken by something that the pool is told of before it hears that the proposal was declined, and
//! by then has righted the loads.
//!
//! | file | what |
//! |---|---|
//! | `told.rs` | what a pool is told of an event |
//! | `pool.rs` | [`pool::Pool`]: takes it in, and the bookkeeping: loads, what each member has, what waits |
//! | `choice.rs` | the choice of a member; which waiting tickets somebody with room is given |
//! | `order.rs` | ordered entries in groups of equal labels, the first of each class at hand |
//! | `keys.rs`, `stores.rs` | what is stored, and under which keys |
//! | `processor.rs`, `proposals.rs` | the two processors: of the pool's input, and of the proposals in the ticket sub-topology |
//!
//! # What a choice costs
//!
//! Members with the same skills stand in one group, in classes by how much room they have, each class ordered by
//! (load / capacity, last assigned, id). A choice looks at the first of each class of each group: s groups of four classes.
//! Moving the chosen one to its new place costs O(log members). Waiting tickets stand in the same kind of order: groups by
//! labels, classes by priority, ordered by age.

mod choice;
mod keys;
mod order;
mod pool;
mod processor;
mod proposals;
mod stores;
mod told;

pub(crate) use processor::{ASSIGNMENTS_SINK, AssignmentProcessor};
pub(crate) use proposals::ProposalProcessor;
pub(crate) use stores::declare;
pub use stores::{POOL_LOADS, POOL_STORES, POOL_TICKETS};
pub(crate) use told::pool_input;

/// The weight of a ticket of that priority. One that this version does not know weighs as much as the default.
pub(crate) fn weight(priority: &str) -> i64 {
    match priority {
        "LOW" => 1,
        "HIGH" => 3,
        "URGENT" => 5,
        _ => 2,
    }
}
