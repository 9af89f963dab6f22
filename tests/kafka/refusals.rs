//! What a broker may answer to a request of a transaction.
//!
//! Kafka's codes: 6 not the leader; 7 timed out; 14 the coordinator loads, 15 is not available, 16 is another; 22 another generation
//! of the group; 25 not a member; 29 not allowed; 47 an old epoch; 48 not in this state; 51 the last transaction is not over;
//! 82 another has the instance's id; 90 a newer producer has the transactional id.

use crate::wire::api;

/// The broker's answer to one of a producer that has been succeeded. librdkafka only says that the transaction must be aborted, where
/// it concerns offsets.
pub(crate) const PRODUCER_FENCED: i16 = 90;

/// By kind of request: errors after which one tries again, and those that end something.
pub(crate) const REFUSALS: [(i16, &[i16]); 7] = [
    (api::PRODUCE, &[6, 7, 29, 47, 48]),
    (api::ADD_PARTITIONS_TO_TXN, &[14, 15, 29, 48, 51, PRODUCER_FENCED]),
    (api::ADD_OFFSETS_TO_TXN, &[14, 15, 16, 48, 51, PRODUCER_FENCED]),
    (api::TXN_OFFSET_COMMIT, &[14, 15, 16, 22, 25, 82, PRODUCER_FENCED]),
    (api::END_TXN, &[14, 15, 16, 47, 48, 51, PRODUCER_FENCED]),
    (api::INIT_PRODUCER_ID, &[14, 15, 16, 51, PRODUCER_FENCED]),
    (api::FIND_COORDINATOR, &[15]),
];

/// By kind of request: errors in the place of the answer to what was done.
pub(crate) const DENIALS: [(i16, &[i16]); 5] = [
    (api::PRODUCE, &[7]),
    (api::ADD_PARTITIONS_TO_TXN, &[51, PRODUCER_FENCED]),
    (api::ADD_OFFSETS_TO_TXN, &[51, PRODUCER_FENCED]),
    (api::TXN_OFFSET_COMMIT, &[14, 25, PRODUCER_FENCED]),
    (api::END_TXN, &[14, 47, 48, 51, PRODUCER_FENCED]),
];
