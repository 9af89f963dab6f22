//! The kinds of faults, and which of them go with which site.

use std::fmt;

use crate::wire::api;

/// What runs apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Worker,
    Sink,
    Api,
    Mailer,
    Webhooks,
}

impl Part {
    pub(crate) const ALL: [Self; 5] = [Self::Worker, Self::Sink, Self::Api, Self::Mailer, Self::Webhooks];

    /// Its command.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Sink => "sink",
            Self::Api => "api",
            Self::Mailer => "mailer",
            Self::Webhooks => "webhooks",
        }
    }
}

/// What becomes of one request to Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    RequestLost,
    AnswerLost,
    Late,
    /// Longer than a transaction may last.
    TooLate,
    /// All connections of all clients are cut instead.
    Cut,
    /// An error in the place of doing it.
    Refused,
    /// It is done, and an error is the answer.
    Denied,
}

/// A server beside Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Postgres,
    Redis,
    Mail,
}

/// How a server is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Away {
    Killed,
    Stopped,
    Frozen,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Killed(Part),
    /// And killed once more while it starts.
    KilledTwice,
    AllWorkersKilled,
    /// Exactly at one of the points that have names.
    HeldAndKilled(Part),
    StoppedInOrder,
    /// One worker less for a while, then one more than ever.
    Scaled,
    /// For longer than its session.
    Frozen,
    /// Another process with the same instance id.
    Twin,
    /// What happens to a dead worker's stores.
    Damaged,
    Request(i16, Wire),
    /// Held, cut off, tried again by the client, and released when the next transaction is open.
    LateEnd,
    /// For longer than a session.
    KafkaFrozen,
    ConnectionsCut,
    Server(Side, Away),
    ReceiverRefuses,
    ReceiverSilent,
    /// One of three.
    Broker(Away),
}

const REQUESTS: [(i16, &str); 7] = [
    (api::PRODUCE, "Produce"),
    (api::ADD_PARTITIONS_TO_TXN, "AddPartitionsToTxn"),
    (api::ADD_OFFSETS_TO_TXN, "AddOffsetsToTxn"),
    (api::TXN_OFFSET_COMMIT, "TxnOffsetCommit"),
    (api::END_TXN, "EndTxn"),
    (api::INIT_PRODUCER_ID, "InitProducerId"),
    (api::FIND_COORDINATOR, "FindCoordinator"),
];

impl Kind {
    /// Those that any site has, with their weights.
    fn everywhere(twins: bool) -> Vec<(Self, u32)> {
        let mut kinds: Vec<_> =
            Part::ALL.map(|part| (Self::Killed(part), if part == Part::Worker { 40 } else { 6 })).into();
        kinds.extend([
            (Self::KilledTwice, 8),
            (Self::AllWorkersKilled, 3),
            (Self::StoppedInOrder, 3),
            (Self::Scaled, 2),
            (Self::Frozen, 2),
            (Self::Damaged, 6),
        ]);
        if twins {
            kinds.push((Self::Twin, 2));
        }
        if cfg!(feature = "kill-points") {
            kinds.extend([(Self::HeldAndKilled(Part::Worker), 20), (Self::HeldAndKilled(Part::Sink), 4)]);
        }
        kinds
    }

    /// Those of a site with one broker behind a proxy.
    pub(crate) fn proxied(twins: bool) -> Vec<(Self, u32)> {
        let mut kinds = Self::everywhere(twins);
        for (api, _) in REQUESTS {
            kinds.extend(
                [Wire::RequestLost, Wire::AnswerLost, Wire::Late, Wire::Refused]
                    .map(|wire| (Self::Request(api, wire), 1)),
            );
            if api != api::INIT_PRODUCER_ID && api != api::FIND_COORDINATOR {
                kinds.push((Self::Request(api, Wire::Denied), 1));
            }
        }
        for api in [api::PRODUCE, api::END_TXN] {
            kinds.extend([Wire::TooLate, Wire::Cut].map(|wire| (Self::Request(api, wire), 1)));
        }
        for side in [Side::Postgres, Side::Redis, Side::Mail] {
            kinds.extend([Away::Killed, Away::Stopped, Away::Frozen].map(|away| (Self::Server(side, away), 1)));
        }
        kinds.extend([
            (Self::LateEnd, 6),
            (Self::KafkaFrozen, 1),
            (Self::ConnectionsCut, 3),
            (Self::ReceiverRefuses, 1),
            (Self::ReceiverSilent, 1),
        ]);
        kinds
    }

    /// Those of a site with three brokers.
    pub(crate) fn clustered(twins: bool) -> Vec<(Self, u32)> {
        let mut kinds = Self::everywhere(twins);
        kinds.extend([Away::Killed, Away::Stopped, Away::Frozen].map(|away| (Self::Broker(away), 8)));
        kinds
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed(part) => write!(f, "{} killed", part.command()),
            Self::KilledTwice => f.write_str("worker killed, and again while it starts"),
            Self::AllWorkersKilled => f.write_str("all workers killed at once"),
            Self::HeldAndKilled(part) => write!(f, "{} killed at a named point", part.command()),
            Self::StoppedInOrder => f.write_str("worker stopped in order and started again"),
            Self::Scaled => f.write_str("workers scaled in and out"),
            Self::Frozen => f.write_str("worker frozen past its session"),
            Self::Twin => f.write_str("two workers with one instance id"),
            Self::Damaged => f.write_str("worker killed, its stores damaged"),
            Self::Request(api, wire) => {
                let name = REQUESTS.iter().find(|(known, _)| known == api).map_or("?", |(_, name)| name);
                let what = match wire {
                    Wire::RequestLost => "request lost",
                    Wire::AnswerLost => "answer lost",
                    Wire::Late => "late",
                    Wire::TooLate => "later than a transaction lasts",
                    Wire::Cut => "all connections cut in its place",
                    Wire::Refused => "refused with an error",
                    Wire::Denied => "done and denied",
                };
                write!(f, "{name}: {what}")
            }
            Self::LateEnd => f.write_str("EndTxn: held, tried again, released into the next transaction"),
            Self::KafkaFrozen => f.write_str("Kafka frozen past sessions"),
            Self::ConnectionsCut => f.write_str("all connections to Kafka cut"),
            Self::Server(side, away) => write!(f, "{side:?} {away}, a worker and a sink killed meanwhile"),
            Self::ReceiverRefuses => f.write_str("receiver of webhooks refuses"),
            Self::ReceiverSilent => f.write_str("receiver of webhooks is silent"),
            Self::Broker(away) => write!(f, "one of three brokers {away}, processes killed meanwhile"),
        }
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Frozen => "frozen",
        })
    }
}
