//! Messages that are decided by the failure rule, because the decision service gave no answer, and the report about them.

use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction};
use crate::decision::Decision;
use crate::failure::{self, Failure};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;
use std::time::Duration;

/// A session reports what it decided alone when the service answers it again, but at the latest after this time, in
/// milliseconds. The time doubles with each report, up to the longest, until the service answers: an outage must not make
/// more reports than can wait for the service.
const FIRST_MS: u32 = 7_000;
const LONGEST_MS: u32 = 300_000;

/// Messages decided by the failure rule and not reported yet. The audit lacks them until then.
#[derive(Debug)]
pub(super) struct Unanswered {
    denied: u64,
    risk_reducing: u64,
    why: Option<Failure>,
    /// When they are reported at the latest.
    due: Option<Duration>,
    wait_ms: u32,
    lost: Lost,
}

impl Default for Unanswered {
    fn default() -> Self {
        let lost = Lost::default();
        Self { denied: 0, risk_reducing: 0, why: None, due: None, wait_ms: FIRST_MS, lost }
    }
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
        self.due = None;
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
        self.note_failure(direction, failure, &decision, out);
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

    /// Reports what was decided without the service, if that has waited long enough. The report itself then waits until the
    /// service accepts it, so it comes although the session says nothing more.
    pub(super) fn report_unanswered_if_due(&mut self, now: Now, out: &mut Commands) {
        if matches!(self.phase, Phase::Closed) {
            return; // The end of the connection has it reported.
        }
        let Unanswered { why, due, wait_ms, lost, .. } = &mut self.unanswered;
        if why.is_none() && lost.count == 0 {
            return;
        }
        match *due {
            Some(due) if due > now.monotonic => {}
            Some(_) => {
                let wait_ms = wait_ms.saturating_mul(2).min(LONGEST_MS);
                self.report_unanswered(now, out);
                self.unanswered.wait_ms = wait_ms;
            }
            None => {
                *due = Some(now.monotonic + Duration::from_millis(u64::from(*wait_ms)));
                out.push(Command::Tick(*wait_ms));
            }
        }
    }

    /// Reports what was decided without the service, for its audit: the service answers again, or the session is over.
    pub(super) fn report_unanswered(&mut self, now: Now, out: &mut Commands) {
        self.unanswered.wait_ms = FIRST_MS;
        if let Some(reason) = self.unanswered.take() {
            self.report(Direction::Inbound, "unavailable", &reason, now, out);
        }
        if let Some(reason) = self.unanswered.lost.take() {
            self.report(Direction::Outbound, "lost", &reason, now, out);
        }
    }
}
