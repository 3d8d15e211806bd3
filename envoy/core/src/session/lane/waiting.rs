//! A message that waits for its turn, and what happens to it then.

use crate::command::CheckId;
use crate::decision::{Allowance, Decision, Denial};
use crate::malformed::Fault;
use crate::msg_type::MsgType;
use crate::renewal::UserResponse;
use crate::session::cache::AccountId;
use std::time::Duration;

/// A message in the queue.
#[derive(Debug)]
pub(in crate::session) struct Waiting {
    /// The message, whole.
    pub bytes: Vec<u8>,
    /// Its MsgType (35), for the failure rule.
    pub msg_type: MsgType,
    /// What happens to it, once known.
    pub fate: Fate,
    /// How often services have sent its Check back because of other terms.
    pub met_other_terms: u8,
    /// When a Check about it first failed. Only of an outbound message that is held, see `holding`.
    pub undecided_since: Option<Duration>,
}

impl Waiting {
    /// A message that no Check has failed about.
    pub(super) fn new(bytes: &[u8], msg_type: MsgType, fate: Fate) -> Self {
        Self { bytes: bytes.to_vec(), msg_type, fate, met_other_terms: 0, undecided_since: None }
    }

    /// Whether a Check about it has failed, and none was answered since.
    pub(super) fn is_undecided(&self) -> bool {
        self.undecided_since.is_some() && matches!(self.fate, Fate::Asked(..) | Fate::Again)
    }
}

/// What happens to a message in the queue.
#[derive(Debug)]
pub(in crate::session) enum Fate {
    /// A Check is out since this moment; it may be about several messages.
    Asked(CheckId, Duration),
    /// A Check about it is to be sent as soon as one more may be outstanding.
    Again,
    /// The answer is there.
    Decided(Decision),
    /// A decision that was kept holds for it; it is noted in this account.
    Reuse(AccountId),
    /// The gateway answers it.
    Respond(UserResponse),
    /// A GapFill takes its place.
    Fill,
    /// It is a Logon with which the numbers begin anew, and its credential stands in this tag.
    Reset(Option<u32>),
    /// It is such a Logon, and refused.
    Refuse(Denial),
    /// A session Reject answers it.
    Malformed(Box<Fault>),
    /// The session ends with it, for this reason.
    End(Denial, &'static str),
    /// It needs no decision, only its turn.
    Pass,
    /// The gateway wrote it in place of the venue's message: it only needs its turn, and no change asks about it anew.
    Own,
    /// The Logout takes its place that ends the session with the gateway.
    Retire,
}

impl Fate {
    /// The decision on a message that is passed on, or replaced for its denial.
    pub fn decision(self) -> Decision {
        match self {
            Self::Decided(decision) => decision,
            _ => Decision::Forward(Allowance::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_undecided_from_its_first_failure_until_it_is_decided() {
        let is_undecided = |fate, since| {
            let waiting = Waiting { undecided_since: since, ..Waiting::new(b"x", MsgType::LOGON, fate) };
            waiting.is_undecided()
        };
        let failed = Some(Duration::ZERO);
        assert!(is_undecided(Fate::Again, failed) && is_undecided(Fate::Asked(1, Duration::ZERO), failed));
        assert!(!is_undecided(Fate::Again, None) && !is_undecided(Fate::Asked(1, Duration::ZERO), None));
        assert!(!is_undecided(Fate::Pass, failed) && !is_undecided(Fate::Fill, failed));
    }
}
