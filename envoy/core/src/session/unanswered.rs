//! Messages that are decided by the failure rule, because the decision service gave no answer, and the report about them.

use super::{Now, Session};
use crate::command::{Commands, Direction, Level};
use crate::decision::Decision;
use crate::failure::{self, Failure};
use crate::msg_type::MsgType;
use crate::stats::Counter;

/// Messages decided by the failure rule since the service last answered. The audit lacks them until they are reported.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    denied: u64,
    risk_reducing: u64,
    why: Option<Failure>,
}

impl Unanswered {
    pub fn add(&mut self, failure: Failure, decision: &Decision) {
        match decision {
            Decision::Forward(_) => self.risk_reducing += 1,
            Decision::Reject(_) | Decision::Logout(_) | Decision::Disconnect => self.denied += 1,
        }
        self.why = Some(failure);
    }

    /// Returns the text of the report and starts counting anew, or `None` if there is nothing to report.
    fn take(&mut self) -> Option<String> {
        let Self { denied, risk_reducing, why } = std::mem::take(self);
        let why = why?;
        Some(format!(
            "{denied} messages denied and {risk_reducing} risk-reducing ones passed without an answer: {why}"
        ))
    }
}

impl Session {
    /// Decides by the failure rule about a message for which the service gave no answer.
    pub(super) fn decide_alone(
        &mut self,
        direction: Direction,
        msg_type: MsgType,
        failure: Failure,
        out: &mut Commands,
    ) -> Decision {
        let decision = failure::decide(direction, msg_type, &self.terms);
        self.log_failure(direction, &msg_type.to_string(), failure, &decision, out);
        self.unanswered.add(failure, &decision);
        decision
    }

    /// Once the service answers again, reports what was decided without it, for its audit.
    pub(super) fn report_unanswered(&mut self, now: Now, out: &mut Commands) {
        if let Some(reason) = self.unanswered.take() {
            self.report(Direction::Inbound, "unavailable", &reason, now, out);
        }
    }

    /// Writes a failure to Envoy's log, because the service's audit has no line about it yet.
    pub(super) fn log_failure(
        &self,
        direction: Direction,
        msg_type: &str,
        failure: Failure,
        decision: &Decision,
        out: &mut Commands,
    ) {
        let risk_reducing = matches!(decision, Decision::Forward(_));
        if risk_reducing {
            out.count(Counter::RiskReducingForwarded);
        }
        let verdict = if risk_reducing { "allowed as risk-reducing" } else { "denied" };
        let direction = direction.as_str();
        out.log(Level::Warn, format!("session {}: {direction} {msg_type} {verdict}: {failure}", self.name));
    }
}
