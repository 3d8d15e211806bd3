//! The failure rule: no usable answer denies. It stands here and nowhere else.
//!
//! One setting softens it on purpose: the types that the decision service named as risk-reducing when it allowed the
//! Logon pass, because a trader must always be able to get flat. A Logon itself is never softened. A message of the venue's is
//! held first (`session/holding.rs`), and comes here only where the settings have it gap-filled after that.

use crate::command::Direction;
use crate::decision::{Allowance, Decision, Denial, NOT_AVAILABLE, Terms};
use crate::msg_type::MsgType;
use crate::stats::Counter;
use std::fmt;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No answer came in time.
    NoAnswer,
    /// The call was not made, because the service answers nothing at the moment.
    HeldBack,
    /// The connection broke while the call was out.
    Reset,
    /// The cluster has no healthy host, or the host takes no connection.
    Unreachable,
    /// A circuit breaker of the cluster is full.
    BreakerFull,
    /// Envoy has no such cluster.
    NoCluster,
    /// Envoy refused the call for another reason.
    NotSent,
    /// An HTTP status other than 200.
    Http(u16),
    /// gRPC's status code, or `None` for an answer that is empty, because Envoy does not show the status that follows it.
    Grpc(Option<u8>),
    /// The answer could not be decoded.
    Undecodable,
    /// The answer contradicts itself.
    Contradictory,
    /// The service answered that it cannot decide (380=4).
    Undecided,
}

impl Failure {
    /// The counter of Checks and watches that failed so.
    pub fn counter(self) -> Counter {
        match self {
            Self::NoAnswer => Counter::CallsTimedOut,
            Self::HeldBack => Counter::CallsHeldBack,
            Self::Reset => Counter::CallsReset,
            Self::Unreachable => Counter::CallsUnreachable,
            Self::BreakerFull => Counter::CallsBreakerFull,
            Self::NoCluster => Counter::CallsNoCluster,
            Self::NotSent => Counter::CallsNotSent,
            Self::Http(_) => Counter::CallsHttpError,
            Self::Grpc(_) => Counter::CallsGrpcError,
            Self::Undecodable | Self::Contradictory | Self::Undecided => Counter::CallsUnusable,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "the decision service did not answer in time",
            Self::HeldBack => "the decision service answers nothing at the moment, so it was not asked",
            Self::Reset => "the connection to the decision service broke",
            Self::Unreachable => "the decision service cannot be reached",
            Self::BreakerFull => "a circuit breaker of the decision service's cluster is full",
            Self::NoCluster => "Envoy has no cluster of the name in `check.cluster`",
            Self::NotSent => "Envoy refused the call to the decision service",
            Self::Http(status) => {
                return write!(f, "the decision service answered with HTTP status {status}");
            }
            Self::Grpc(Some(code)) => {
                return write!(f, "the decision service answered with gRPC status {code}");
            }
            Self::Grpc(None) => "the decision service answered with a gRPC error",
            Self::Undecodable => "the decision service's answer cannot be decoded",
            Self::Contradictory => "the decision service's answer contradicts itself",
            Self::Undecided => "the decision service answered that it cannot decide",
        })
    }
}

/// What the counterparty is told.
const TEXT: &[u8] = b"Authorization service not available";

/// Decides where the service did not.
pub fn decide(direction: Direction, msg_type: MsgType, terms: &Terms) -> Decision {
    if direction == Direction::Inbound && msg_type != MsgType::LOGON && terms.risk_reducing.contains(msg_type)
    {
        return Decision::Forward(Allowance::default());
    }
    Decision::Reject(denial())
}

/// The denial where nothing softens it: a renewal, too.
pub fn denial() -> Denial {
    Denial::new(TEXT, NOT_AVAILABLE, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denies_all_but_the_risk_reducing_of_the_client() {
        let order = MsgType::new(b"D").unwrap_or(MsgType::LOGON);
        let cancel = MsgType::new(b"F").unwrap_or(MsgType::LOGON);
        let risk_reducing = [cancel, MsgType::LOGON].into_iter().collect();
        let terms = Terms { risk_reducing, ..Terms::default() };
        let denied = |direction, msg_type| matches!(decide(direction, msg_type, &terms), Decision::Reject(d) if d.reason == 4);
        assert!(denied(Direction::Inbound, order));
        assert!(denied(Direction::Inbound, MsgType::LOGON));
        assert!(denied(Direction::Outbound, cancel));
        assert!(!denied(Direction::Inbound, cancel));
    }
}
