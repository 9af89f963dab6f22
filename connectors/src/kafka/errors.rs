//! From librdkafka's error codes to the engine's errors.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use topology::broker::BrokerError;

/// What a code means where nothing else is known.
pub(super) fn from_code(code: Code, what: impl std::fmt::Display) -> BrokerError {
    let message = format!("{what}: {code}");
    if is_fenced(code) {
        BrokerError::Fenced(message)
    } else if is_passing(code) {
        BrokerError::Unavailable(message)
    } else {
        BrokerError::Fatal(message)
    }
}

/// What an error means that an operation answered.
pub(super) fn from_error(error: &KafkaError, what: impl std::fmt::Display) -> BrokerError {
    let code = match error {
        // rdkafka has it, and does not tell.
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    };
    match code {
        Some(code) => from_code(code, what),
        None => BrokerError::Fatal(format!("{what}: {error}")),
    }
}

/// Someone else has taken over: a producer of the same transactional id, or the group without this member.
pub(super) fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::InvalidProducerIdMapping
            | Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::RebalanceInProgress
            | Code::FencedInstanceId
            | Code::FencedMemberEpoch
            | Code::StaleMemberEpoch
    )
}

/// The topic or partition is not there, as far as the asked broker knows.
pub(super) fn is_unknown(code: Code) -> bool {
    matches!(code, Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition)
}

/// Another broker is about to answer in the place of this one.
pub(super) fn is_settling(code: Code) -> bool {
    matches!(
        code,
        Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::UnstableOffsetCommit
            | Code::OffsetNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
    )
}

/// Trying again may help.
pub(super) fn is_passing(code: Code) -> bool {
    is_settling(code)
        || matches!(
            code,
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::TimedOutQueue
                | Code::MessageTimedOut
                | Code::RequestTimedOut
                | Code::WaitingForCoordinator
                | Code::WaitCache
                | Code::InProgress
                | Code::PreviousInProgress
                | Code::Retry
                | Code::State
                | Code::BrokerDestroy
                | Code::DestroyBroker
                | Code::Outdated
                | Code::BrokerNotAvailable
                | Code::NetworkException
                | Code::NotController
                | Code::NotEnoughReplicas
                | Code::NotEnoughReplicasAfterAppend
                | Code::ConcurrentTransactions
                | Code::KafkaStorageError
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever starts while the broker that it asks for topics is frozen must wait for it, as for one that is away.
    #[test]
    fn should_try_again_what_an_administrator_is_not_answered_in_time() {
        let unanswered = from_error(&KafkaError::AdminOp(Code::OperationTimedOut), "describing topics");
        assert!(matches!(unanswered, BrokerError::Unavailable(_)), "{unanswered:?}");
        let refused = from_error(&KafkaError::AdminOp(Code::TopicAuthorizationFailed), "describing topics");
        assert!(matches!(refused, BrokerError::Fatal(_)), "{refused:?}");
    }
}
