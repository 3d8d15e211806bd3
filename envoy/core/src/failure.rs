//! The failure rule: no usable answer denies. It stands here and nowhere else.
//!
//! One setting softens it on purpose: the types that the decision service named as risk-reducing when it allowed the
//! Logon pass, because a trader must always be able to get flat. A Logon itself is never softened. A message of the venue's is
//! held first (`session/holding.rs`), and comes here only where the settings have it gap-filled after that.

use crate::command::Direction;
use crate::decision::{Allowance, Decision, Denial, NOT_AVAILABLE, Terms};
use crate::msg_type::MsgType;
use std::fmt;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The call could not be made: no such cluster, or no healthy host.
    Unreachable,
    /// The call was reset or timed out.
    NoAnswer,
    /// gRPC reported an error.
    Grpc,
    /// The answer could not be decoded.
    Undecodable,
    /// The answer contradicts itself.
    Contradictory,
    /// The service answered that it cannot decide (380=4).
    Undecided,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the decision service cannot be reached",
            Self::NoAnswer => "the decision service did not answer in time",
            Self::Grpc => "the decision service answered with a gRPC error",
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
