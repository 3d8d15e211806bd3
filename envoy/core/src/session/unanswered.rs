//! Messages that are decided by the failure rule, because the decision service gave no answer, and the report about them.

use super::{Now, Session};
use crate::command::{CheckId, Commands, Direction, Level};
use crate::decision::Decision;
use crate::failure::{self, Failure};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;

/// Messages decided by the failure rule since the service last answered. The audit lacks them until they are reported.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    denied: u64,
    risk_reducing: u64,
    why: Option<Failure>,
    lost: Lost,
}

/// Messages of the venue's that became GapFills because the service did not decide them.
#[derive(Debug, Default)]
struct Lost {
    count: u64,
    /// Their lowest and highest MsgSeqNum (34).
    lowest: u64,
    highest: u64,
}

impl Lost {
    fn add(&mut self, seq: u64) {
        self.lowest = if self.count == 0 { seq } else { self.lowest.min(seq) };
        self.highest = self.highest.max(seq);
        self.count += 1;
    }

    /// Returns the text of the report and starts counting anew, or `None` if none was lost.
    fn take(&mut self) -> Option<String> {
        let Self { count, lowest, highest } = std::mem::take(self);
        (count > 0).then(|| {
            format!("{count} messages lost: gap-filled without a decision, MsgSeqNum {lowest} to {highest}")
        })
    }
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
        let why = self.why.take()?;
        let (denied, risk_reducing) =
            (std::mem::take(&mut self.denied), std::mem::take(&mut self.risk_reducing));
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
        if direction == Direction::Inbound {
            self.unanswered.add(failure, &decision);
        }
        decision
    }

    /// Decides by the failure rule about the first message that waits for the Check `id`, which failed.
    pub(super) fn decide_unanswered(
        &mut self,
        direction: Direction,
        id: CheckId,
        msg_type: MsgType,
        failure: Failure,
        out: &mut Commands,
    ) -> Decision {
        if direction == Direction::Outbound {
            self.with_asked(direction, id, |session, message| session.note_lost(message, out));
        }
        self.decide_alone(direction, msg_type, failure, out)
    }

    /// A message of the venue's becomes a GapFill without a decision.
    pub(super) fn note_lost(&mut self, message: &Message<'_>, out: &mut Commands) {
        out.count(Counter::OutboundLost);
        self.unanswered.lost.add(message.seq);
    }

    /// Once the service answers again, reports what was decided without it, for its audit.
    pub(super) fn report_unanswered(&mut self, now: Now, out: &mut Commands) {
        if let Some(reason) = self.unanswered.take() {
            self.report(Direction::Inbound, "unavailable", &reason, now, out);
        }
        if let Some(reason) = self.unanswered.lost.take() {
            self.report(Direction::Outbound, "lost", &reason, now, out);
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
        let verdict = match direction {
            Direction::Outbound => "gap-filled without a decision",
            Direction::Inbound if risk_reducing => "allowed as risk-reducing",
            Direction::Inbound => "denied",
        };
        let direction = direction.as_str();
        out.log(Level::Warn, format!("session {}: {direction} {msg_type} {verdict}: {failure}", self.name));
    }
}
